//! Reads the text form of a security descriptor (SDDL), as far as owner and access list go.
//!
//! The form is Microsoft's "Security Descriptor String Format". Whatever is not understood is read as more access, not
//! less: the only question asked of it is who could change a file.

/// Owner and discretionary access list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Descriptor {
    /// SID or two-letter alias.
    pub owner: Option<String>,
    pub dacl: Dacl,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dacl {
    /// No list at all: everybody may do everything.
    Absent,
    Entries(Vec<Entry>),
}

/// An entry that grants access. Entries that deny are left out, which can only overstate what is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// SID or two-letter alias.
    pub trustee: String,
    /// Access mask with the generic rights of files spelled out.
    pub rights: u32,
    /// Counts for what is created below, not for the object itself.
    pub inherit_only: bool,
}

const ALL: u32 = 0x001f_01ff;
const READ: u32 = 0x0012_0089;
const WRITE: u32 = 0x0012_0116;
const EXECUTE: u32 = 0x0012_00a0;

/// Reads a descriptor; one that can't be read has no list, so that everybody counts as able to write.
pub(super) fn parse(text: &str) -> Descriptor {
    let owner = section(text, "O:").map(str::to_owned).filter(|owner| !owner.is_empty());
    let dacl = match section(text, "D:") {
        Some(list) if !list.contains("NO_ACCESS_CONTROL") => {
            entries(list).map_or(Dacl::Absent, Dacl::Entries)
        }
        _ => Dacl::Absent,
    };
    Descriptor { owner, dacl }
}

/// The text between a section's letter and the next section outside of brackets.
fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut depth = 0_u32;
    let mut start = None;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            'O' | 'G' | 'D' | 'S' if depth == 0 && text.get(at + 1..at + 2) == Some(":") => {
                if let Some(start) = start {
                    return text.get(start..at);
                }
                if text.get(at..at + 2) == Some(name) {
                    start = Some(at + 2);
                }
            }
            _ => {}
        }
    }
    text.get(start?..)
}

fn entries(list: &str) -> Option<Vec<Entry>> {
    let mut found = Vec::new();
    let mut rest = list.trim_start_matches(|c| c != '(');
    while let Some(body) = rest.strip_prefix('(') {
        // A conditional entry has brackets of its own, behind the fields that count here.
        let end = matching(body)?;
        let fields: Vec<&str> = body.get(..end)?.split(';').collect();
        let [kind, flags, rights, _, _, trustee, ..] = fields.as_slice() else { return None };
        if matches!(*kind, "A" | "XA" | "OA" | "ZA") {
            found.push(Entry {
                trustee: (*trustee).to_owned(),
                rights: mask(rights),
                inherit_only: flags.as_bytes().chunks(2).any(|flag| flag == b"IO"),
            });
        }
        rest = body.get(end + 1..)?;
    }
    rest.is_empty().then_some(found)
}

/// Where the bracket that is already open is closed.
fn matching(body: &str) -> Option<usize> {
    let mut depth = 1_u32;
    body.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

fn mask(rights: &str) -> u32 {
    if let Some(hex) = rights.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).map_or(ALL, generic);
    }
    if let Ok(number) = rights.parse::<u32>() {
        return generic(number);
    }
    rights.as_bytes().chunks(2).fold(0, |sum, code| {
        sum | match code {
            b"FR" | b"GR" => READ,
            b"FW" | b"GW" => WRITE,
            b"FX" | b"GX" => EXECUTE,
            b"RC" => 0x2_0000,
            b"SD" => 0x1_0000,
            b"WD" => 0x4_0000,
            b"WO" => 0x8_0000,
            b"CC" => 0x1,
            b"DC" => 0x2,
            b"LC" => 0x4,
            b"SW" => 0x8,
            b"RP" => 0x10,
            b"WP" => 0x20,
            b"DT" => 0x40,
            b"LO" => 0x80,
            b"CR" => 0x100,
            _ => ALL, // FA, GA, and whatever is new
        }
    })
}

/// Generic bits as what they mean for files.
fn generic(mask: u32) -> u32 {
    [(0x8000_0000, READ), (0x4000_0000, WRITE), (0x2000_0000, EXECUTE), (0x1000_0000, ALL)]
        .into_iter()
        .fold(mask, |mask, (bit, meaning)| if mask & bit == 0 { mask } else { mask | meaning })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn owner_and_entries_are_read() {
        let descriptor = parse("O:S-1-5-18G:SYD:PAI(A;OICIIO;FA;;;CO)(D;;WD;;;BU)(A;CI;DCLC;;;BU)S:AI");
        assert_eq!(descriptor.owner.as_deref(), Some("S-1-5-18"));
        let entry =
            |trustee: &str, rights, inherit_only| Entry { trustee: trustee.into(), rights, inherit_only };
        assert_eq!(descriptor.dacl, Dacl::Entries(vec![entry("CO", ALL, true), entry("BU", 0x6, false)]));
    }

    #[test]
    fn a_protected_or_empty_list_grants_nothing() {
        assert_eq!(parse("O:BAD:P").dacl, Dacl::Entries(vec![]));
        assert_eq!(parse("D:PAI(D;;FA;;;WD)").dacl, Dacl::Entries(vec![]));
    }

    #[test]
    fn no_list_and_one_that_cannot_be_read_count_as_no_limit() {
        for text in ["", "O:BA", "D:NO_ACCESS_CONTROL", "D:(A;;FA", "D:(A;;FA;;)", "D:(A;;FR;;;WD)x"] {
            assert_eq!(parse(text).dacl, Dacl::Absent, "{text}");
        }
    }

    #[test]
    fn hexadecimal_generic_and_unknown_rights_are_not_understated() {
        assert_eq!(mask("0x1200a9"), 0x1200a9);
        assert_eq!(mask("0x10000000") & ALL, ALL);
        assert_eq!(mask("GXGWGR"), READ | WRITE | EXECUTE);
        assert_eq!(mask("ZZ"), ALL);
        assert_eq!(mask("0xnonsense"), ALL);
    }

    #[test]
    fn a_conditional_entry_counts_as_granted() {
        let descriptor = parse(r#"D:(XA;;FX;;;S-1-1-0;(@User.Title=="PM" && (@User.A==1)))(A;;FR;;;BA)"#);
        assert!(matches!(descriptor.dacl, Dacl::Entries(entries) if entries.len() == 2));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[ODGS:();A-Z0-9x-]{0,60}|\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
