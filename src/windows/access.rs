//! Whether ordinary users can change a file or folder, and so what a managed hook runs.
//!
//! Pure: descriptors come in as SDDL text (on Windows from [`super::api::descriptor`]).

use std::io;
use std::path::{Path, PathBuf};

use super::sddl::{self, Dacl};

/// Reads the security descriptor of a path as SDDL.
pub type DescriptorOf<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Somebody who is no administrator and can change what lies at the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The path itself, or a folder above it that can be exchanged or given other rights.
    pub path: PathBuf,
    /// SID or SDDL alias, such as `BU` for the built-in users.
    pub trustee: String,
    pub how: How,
}

/// What gives somebody the power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The access list grants it.
    Granted,
    /// An owner can always change the access list.
    Owner,
    /// There is no access list that could be read.
    NoList,
}

/// Whose folder it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Administrators and the system change it, everybody reads it.
    Everyone,
    /// The user with this SID, administrators and the system, and nobody else.
    User(String),
}

impl Audience {
    /// The descriptor that a new folder for it gets, inherited by all that is created in it.
    ///
    /// The owner is named, as an owner could otherwise change the list; and `S-1-3-4` (owner rights) takes that power
    /// from any later owner of a file in it.
    pub fn sddl(&self) -> String {
        const ADMINISTRATORS: &str = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";
        match self {
            Self::Everyone => {
                format!("O:BAG:BAD:P{ADMINISTRATORS}(A;OICI;0x1200a9;;;BU)(A;OICI;0x1200a9;;;S-1-3-4)")
            }
            Self::User(sid) => format!("O:{sid}D:P{ADMINISTRATORS}(A;OICI;FA;;;{sid})"),
        }
    }

    fn trusts(&self, trustee: &str) -> bool {
        ADMINISTRATIVE.contains(&trustee) || matches!(self, Self::User(sid) if sid == trustee)
    }
}

/// Those who can change everything anyway, and placeholders that never stand for a person who asks for access.
const ADMINISTRATIVE: [&str; 14] = [
    "SY",
    "S-1-5-18", // the system
    "BA",
    "S-1-5-32-544", // administrators
    "LA",
    "DA",
    "EA", // the built-in, the domain's and the enterprise's administrators
    "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464", // TrustedInstaller
    "CO",
    "S-1-3-0",
    "CG",
    "S-1-3-1", // creator owner and group, for inheritance only
    "OW",
    "S-1-3-4", // owner rights: judged with the owner
];

/// Writing, appending, extended attributes, deleting (also of children), attributes, access list, owner.
const CHANGES: u32 = 0x2 | 0x4 | 0x10 | 0x40 | 0x100 | 0x1_0000 | 0x4_0000 | 0x8_0000;
/// What lets somebody exchange a folder in it: deleting (also of children), access list, owner.
const EXCHANGES: u32 = 0x40 | 0x1_0000 | 0x4_0000 | 0x8_0000;

/// Everybody outside the audience's administrators who can change the path, or exchange a folder above it.
///
/// # Errors
/// A descriptor can't be read; then nothing is known, and the path must not be trusted.
pub fn writers(path: &Path, audience: &Audience, descriptor: DescriptorOf<'_>) -> io::Result<Vec<Writer>> {
    let mut found = Vec::new();
    for (place, rights) in path.ancestors().zip(std::iter::once(CHANGES).chain(std::iter::repeat(EXCHANGES)))
    {
        if place.as_os_str().is_empty() {
            break;
        }
        let mut add = |trustee: &str, how| {
            found.push(Writer { path: place.to_owned(), trustee: trustee.to_owned(), how });
        };
        let descriptor = sddl::parse(&descriptor(place)?);
        let Dacl::Entries(entries) = descriptor.dacl else {
            add("WD", How::NoList);
            continue;
        };
        let effective = || entries.iter().filter(|entry| !entry.inherit_only);
        let owner = descriptor.owner.as_deref().unwrap_or("unknown");
        let mut owner_rights =
            effective().filter(|entry| matches!(entry.trustee.as_str(), "OW" | "S-1-3-4")).peekable();
        let owner_changes =
            owner_rights.peek().is_none() || owner_rights.any(|entry| entry.rights & rights != 0);
        if owner_changes && !audience.trusts(owner) {
            add(owner, How::Owner);
        }
        effective()
            .filter(|entry| entry.rights & rights != 0 && !audience.trusts(&entry.trustee))
            .for_each(|entry| add(&entry.trustee, How::Granted));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    // As Windows 11 sets them up.
    const ROOT: &str = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464D:PAI(A;;LC;;;AU)\
        (A;OICIIO;SDGXGWGR;;;AU)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)";
    const PROGRAM_DATA: &str = "O:SYG:SYD:PAI(A;OICIIO;GA;;;CO)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)\
        (A;CI;DCLCRPCR;;;BU)(A;OICI;0x1200a9;;;BU)";
    const USER: &str = "S-1-5-21-1004336348-1177238915-682003330-1001";

    /// `/` stands for the drive, so that the test runs everywhere.
    fn judged(folder: &str, audience: &Audience) -> Vec<Writer> {
        let descriptor = |path: &Path| {
            Ok(match path.to_str() {
                Some("/") => ROOT.to_owned(),
                Some("/ProgramData") => PROGRAM_DATA.to_owned(),
                Some("/ProgramData/f5-guard") => folder.to_owned(),
                other => panic!("not asked for: {other:?}"),
            })
        };
        writers(Path::new("/ProgramData/f5-guard"), audience, &descriptor).unwrap()
    }

    #[test]
    fn what_we_create_can_only_be_changed_by_administrators() {
        assert_eq!(judged(&Audience::Everyone.sddl(), &Audience::Everyone), []);
    }

    #[test]
    fn a_users_own_folder_is_closed_to_the_others_and_not_for_everyone() {
        let user = Audience::User(USER.into());
        assert_eq!(judged(&user.sddl(), &user), []);
        let by = judged(&user.sddl(), &Audience::Everyone);
        assert!(by.iter().all(|writer| writer.trustee == USER), "{by:?}");
        assert_eq!(by.iter().map(|writer| writer.how).collect::<Vec<_>>(), [How::Owner, How::Granted]);
    }

    #[test]
    fn a_folder_that_inherits_from_program_data_lets_users_write() {
        let inherited =
            "O:BAD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;CIID;DCLCRPCR;;;BU)(A;OICIID;0x1200a9;;;BU)";
        let by = judged(inherited, &Audience::Everyone);
        assert_eq!(by.len(), 1);
        assert_eq!((by[0].trustee.as_str(), by[0].how), ("BU", How::Granted));
    }

    #[test]
    fn a_folder_that_a_user_made_first_is_seen_by_its_owner() {
        let squatted = format!("O:{USER}D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)");
        let by = judged(&squatted, &Audience::Everyone);
        assert_eq!((by[0].trustee.as_str(), by[0].how), (USER, How::Owner));
    }

    #[test]
    fn an_owner_without_owner_rights_cannot_change_it() {
        let limited = format!("O:{USER}D:P(A;;FA;;;BA)(A;;0x1200a9;;;S-1-3-4)");
        assert_eq!(judged(&limited, &Audience::Everyone), []);
        let full = format!("O:{USER}D:P(A;;FA;;;BA)(A;;WD;;;OW)");
        assert_eq!(judged(&full, &Audience::Everyone).len(), 1);
    }

    #[test]
    fn a_folder_above_that_lets_users_delete_is_told() {
        let descriptor = |path: &Path| {
            let own = Audience::Everyone.sddl();
            Ok(if path == Path::new("/open") { format!("{own}(A;;DT;;;AU)") } else { own })
        };
        let by = writers(Path::new("/open/f5-guard"), &Audience::Everyone, &descriptor).unwrap();
        assert_eq!(by, [Writer { path: "/open".into(), trustee: "AU".into(), how: How::Granted }]);
    }

    #[test]
    fn no_access_list_means_everybody() {
        assert_eq!(judged("O:BAD:NO_ACCESS_CONTROL", &Audience::Everyone)[0].how, How::NoList);
    }

    #[test]
    fn a_descriptor_that_cannot_be_read_is_an_error() {
        let refuse = |_: &Path| -> io::Result<String> { Err(io::ErrorKind::PermissionDenied.into()) };
        assert!(writers(Path::new("/x"), &Audience::Everyone, &refuse).is_err());
    }
}
