//! What is in a file of certificates: PEM in all the forms that OpenSSL reads, or one certificate as DER. What can't be
//! read is counted and named, never dropped in silence.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, Oid, Sequence};
use x509_parser::prelude::FromDer;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// id-kp-serverAuth and anyExtendedKeyUsage.
const FOR_SERVERS: [&[u8]; 2] = [&[0x2b, 6, 1, 5, 5, 7, 3, 1], &[0x55, 0x1d, 0x25, 0]];

/// The certificates of a file, and what else was in it.
#[derive(Debug, Default)]
pub struct Contents {
    pub certificates: Vec<CertificateDer<'static>>,
    /// Each block that is no usable certificate, as a clause: "a PKCS#7 container".
    pub unread: Vec<&'static str>,
    /// Marked as not for servers: that counts also where the same certificate is there without the mark.
    distrusted: Vec<Vec<u8>>,
}

impl Contents {
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = without_bom(bytes);
        if let Some(form) = other_form(bytes) {
            return Self { unread: vec![form], ..Self::default() };
        }
        let mut contents = Self::default();
        if bytes.first() == Some(&0x30) {
            contents.add(b"CERTIFICATE", bytes.to_vec());
            return contents;
        }
        for block in blocks(bytes) {
            match block.der {
                Some(der) => contents.add(block.label, der),
                None if block.label.ends_with(b"CERTIFICATE") => contents.unread.push("a damaged block"),
                None => {}
            }
        }
        contents.leave_distrusted_out();
        contents
    }

    /// Adds what another file of the same place holds.
    pub fn merge(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.unread.extend(other.unread);
        self.distrusted.extend(other.distrusted);
        self.leave_distrusted_out();
    }

    fn leave_distrusted_out(&mut self) {
        if !self.distrusted.is_empty() {
            self.certificates.retain(|found| !self.distrusted.iter().any(|other| **other == **found));
        }
    }

    /// `2 parts of it can't be read: a PKCS#7 container, a damaged block`; empty where all could.
    pub fn unread_words(&self) -> String {
        let mut kinds = self.unread.clone();
        kinds.sort_unstable();
        kinds.dedup();
        match self.unread.len() {
            0 => String::new(),
            1 => format!("1 part of it can't be used: {}", kinds.join(", ")),
            count => format!("{count} parts of it can't be used: {}", kinds.join(", ")),
        }
    }

    fn add(&mut self, label: &[u8], mut der: Vec<u8>) {
        match label {
            // What is inside is for those to judge who use it: a hook has a hundred of them to read.
            b"CERTIFICATE" | b"X509 CERTIFICATE" | b"TRUSTED CERTIFICATE" => match Sequence::from_der(&der) {
                Ok((rest, _)) if !serves_servers(rest) => {
                    self.unread.push("a certificate marked as not for servers");
                    der.truncate(der.len() - rest.len());
                    self.distrusted.push(der);
                }
                Ok((rest, _)) => {
                    der.truncate(der.len() - rest.len());
                    self.certificates.push(CertificateDer::from(der));
                }
                Err(_) => self.unread.push("a damaged certificate"),
            },
            b"PKCS7" | b"CMS" => self.unread.push("a PKCS#7 container"),
            b"X509 CRL" => self.unread.push("a revocation list"),
            b"CERTIFICATE REQUEST" | b"NEW CERTIFICATE REQUEST" => self.unread.push("a certificate request"),
            // Keys and parameters belong to other programs.
            _ => {}
        }
    }
}

/// PEM with a byte order mark of UTF-8 is what some editors make of it.
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// What the bytes are, where they are neither PEM nor a certificate.
pub fn other_form(bytes: &[u8]) -> Option<&'static str> {
    let looks_wide = bytes.starts_with(&[0xff, 0xfe])
        || bytes.starts_with(&[0xfe, 0xff])
        || bytes.starts_with(&[b'-', 0, b'-', 0])
        || bytes.starts_with(&[0, b'-', 0, b'-']);
    if looks_wide {
        return Some("UTF-16 text (save it as ASCII or UTF-8)");
    }
    let (_, outer) = Sequence::from_der(bytes).ok()?;
    let content = outer.content.as_ref();
    // ContentInfo with signedData; PFX of version 3.
    if content.starts_with(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7]) {
        Some("a PKCS#7 container (convert it with openssl pkcs7 -print_certs)")
    } else if content.starts_with(&[2, 1, 3, 0x30]) {
        Some("a PKCS#12 container (convert it with openssl pkcs12)")
    } else {
        None
    }
}

/// What begins a block on the line that ends another.
const NEXT: &[u8] = b"----------BEGIN ";

struct Block<'a> {
    label: &'a [u8],
    /// `None` where it is no base64 or has no end.
    der: Option<Vec<u8>>,
}

/// A hook has a hundred of them to read: bytes are looked at one by one only where a block needs it.
fn blocks(bytes: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        // Files put together may have a mark each.
        let line = without_bom(rest.get(..end).unwrap_or_default().trim_ascii());
        rest = rest.get(end + 1..).unwrap_or_default();
        let mark = if line.starts_with(b"-----") { line.strip_suffix(b"-----") } else { None };
        if let Some(label) = mark.and_then(|mark| mark.strip_prefix(b"-----BEGIN ")) {
            if let Some((label, _)) = open.replace((label, Vec::new())) {
                blocks.push(Block { label, der: None });
            }
        } else if let Some(label) = mark.and_then(|mark| mark.strip_prefix(b"-----END ")) {
            blocks.push(match open.take() {
                Some((label, text)) => Block { label, der: decoded(text) },
                None => Block { label, der: None },
            });
            // Files put together, the first without a line feed at its end.
            let next = memchr::memmem::find(label, NEXT).and_then(|at| label.get(at + NEXT.len()..));
            open = next.map(|label| (label, Vec::new()));
        } else if let Some((_, text)) = &mut open {
            text.extend_from_slice(line);
        }
    }
    blocks.extend(open.map(|(label, _)| Block { label, der: None }));
    blocks
}

/// White space within a line is rare.
fn decoded(mut text: Vec<u8>) -> Option<Vec<u8>> {
    LENIENT.decode(&text).ok().or_else(|| {
        text.retain(|byte| !byte.is_ascii_whitespace());
        LENIENT.decode(text).ok()
    })
}

/// What OpenSSL writes after a `TRUSTED CERTIFICATE`: purposes it is trusted for, and purposes it is not.
fn serves_servers(auxiliary: &[u8]) -> bool {
    if auxiliary.is_empty() {
        return true;
    }
    let Ok((_, outer)) = Sequence::from_der(auxiliary) else { return false };
    let mut rest = outer.content.as_ref();
    while let Ok((after, part)) = Any::from_der(rest) {
        let names_servers = || {
            let mut inner = part.data;
            let mut found = false;
            while let Ok((after, oid)) = Oid::from_der(inner) {
                found |= FOR_SERVERS.contains(&oid.as_bytes());
                inner = after;
            }
            found
        };
        match part.header.raw_tag().and_then(|tag| tag.first()) {
            // The first list may be left out; then everything is allowed that is not in the second.
            Some(0x30) if !names_servers() => return false,
            Some(0xa0) if names_servers() => return false,
            _ => {}
        }
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use f5_stand_in::tls::Authority;

    fn found(bytes: &[u8]) -> (usize, Vec<&'static str>) {
        let contents = Contents::of(bytes);
        (contents.certificates.len(), contents.unread)
    }

    #[test]
    fn certificates_are_read_in_each_form_of_pem() {
        let pem = Authority::new().pem().to_owned();
        for text in [
            pem.clone(),
            format!("\u{feff}{pem}"),
            pem.replace("CERTIFICATE", "X509 CERTIFICATE"),
            pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
            pem.replace('\n', "\r\n"),
            format!("Bag Attributes\n  friendlyName: x\n{pem}# end"),
            pem.replace("-----\n", "-----  \n"),
            pem.replacen("MI", "M I", 1),
            pem.replace('\n', "\r"),
        ] {
            assert_eq!(found(text.as_bytes()), (1, vec![]), "{text}");
        }
    }

    #[test]
    fn files_that_were_put_together_are_read_to_the_end() {
        let [one, two] = [Authority::new(), Authority::new()].map(|authority| authority.pem().to_owned());
        for text in [format!("{one}\u{feff}{two}"), format!("{}{two}", one.trim_end())] {
            assert_eq!(found(text.as_bytes()), (2, vec![]), "{text}");
        }
    }

    #[test]
    fn a_mark_against_a_certificate_counts_for_its_twin_too() {
        let pem = Authority::new().pem().to_owned();
        let der = blocks(pem.as_bytes()).remove(0).der.unwrap();
        // Rejected for servers: SEQUENCE { [0] { serverAuth } }.
        let auxiliary = [0x30, 12, 0xa0, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
        let text = base64::prelude::BASE64_STANDARD.encode([&der[..], &auxiliary].concat());
        let marked =
            format!("-----BEGIN TRUSTED CERTIFICATE-----\n{text}\n-----END TRUSTED CERTIFICATE-----\n");
        for text in [format!("{pem}{marked}"), format!("{marked}{pem}")] {
            assert_eq!(
                found(text.as_bytes()),
                (0, vec!["a certificate marked as not for servers"]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_can_not_be_read_is_counted_and_named() {
        let pem = Authority::new().pem().to_owned();
        let cut = pem.replace("-----END CERTIFICATE-----", "");
        assert_eq!(found(format!("{cut}{pem}").as_bytes()), (1, vec!["a damaged block"]));
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(found(format!("{pem}{damaged}").as_bytes()), (1, vec!["a damaged certificate"]));
        let headless = pem.replace("-----BEGIN CERTIFICATE-----", "");
        assert_eq!(found(format!("{headless}{pem}").as_bytes()), (1, vec!["a damaged block"]));
        let pkcs7 = pem.replace("CERTIFICATE", "PKCS7");
        assert_eq!(found(pkcs7.as_bytes()), (0, vec!["a PKCS#7 container"]));
        let utf16: Vec<u8> =
            "\u{feff}".chars().chain(pem.chars()).flat_map(|c| (c as u16).to_le_bytes()).collect();
        assert_eq!(found(&utf16).1, ["UTF-16 text (save it as ASCII or UTF-8)"]);
    }

    #[test]
    fn words_on_what_was_left_out_name_each_kind_once() {
        let contents = Contents { unread: vec!["b", "a", "b"], ..Contents::default() };
        assert_eq!(contents.unread_words(), "3 parts of it can't be used: a, b");
    }
}
