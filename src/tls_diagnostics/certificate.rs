//! One certificate, described: who, by whom, for which names, how long, with which key.
//!
//! A certificate is a stranger's input: whatever the parser does not understand becomes a sentence, never a panic, and
//! every text goes through [`printable`]. Whether a certificate is to be *trusted* is [`super::chain`]'s question.

use serde::Serialize;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::objects::oid_registry;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use super::text::{ip_name, utc};
use crate::printable::printable;
use crate::transport::algorithms::{key_name, signature_name};

/// The longest name shown.
const NAME_CHARS: usize = 200;
/// Certificates of content networks carry hundreds of names; `names_left_out` counts the rest.
const NAMES_SHOWN: usize = 12;
const DAY_SECONDS: i64 = 86_400;

/// A certificate as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// SHA-256 of the DER bytes, colon-separated upper-case hex as browsers and `openssl x509 -fingerprint` show it.
    pub sha256: String,
    #[serde(flatten)]
    pub content: Content,
}

/// What the parser made of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Content {
    Readable(Box<Details>),
    /// Not a certificate that the parser understands, and what it says.
    Unreadable {
        bytes: usize,
        why: String,
    },
}

/// The fields of a readable certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Details {
    /// Distinguished name in RFC 4514 manner.
    pub subject: String,
    pub issuer: String,
    /// DNS names and addresses (kinds other than these carry their kind: `email:…`).
    pub names: Vec<String>,
    /// How many more names there are.
    pub names_left_out: usize,
    /// UTC.
    pub not_before: String,
    pub not_after: String,
    /// Seconds since the Unix epoch, for comparisons.
    #[serde(skip)]
    pub valid_from: i64,
    #[serde(skip)]
    pub valid_to: i64,
    /// Whole days until `not_after`; once it has passed, -1 on the first day, -2 on the second, and so on.
    pub days_left: i64,
    pub key: String,
    pub signature_algorithm: &'static str,
    pub is_ca: bool,
    /// Issuer and subject are the same name, as in every root.
    pub self_issued: bool,
    /// Where the issuer's own certificate can be had (Authority Information Access).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_url: Option<String>,
    /// Carries Certificate Transparency time stamps: issued by a public certificate authority.
    pub in_public_logs: bool,
    /// The names as DER, for comparing byte for byte.
    #[serde(skip)]
    pub subject_der: Vec<u8>,
    #[serde(skip)]
    pub issuer_der: Vec<u8>,
}

impl Certificate {
    /// Describes `der` as seen at `now` (seconds since the Unix epoch).
    pub fn describe(der: &[u8], now: i64) -> Self {
        let content = match X509Certificate::from_der(der) {
            Ok((_, certificate)) => Content::Readable(Box::new(Details::of(&certificate, now))),
            Err(error) => {
                Content::Unreadable { bytes: der.len(), why: printable(&error.to_string(), NAME_CHARS) }
            }
        };
        Self { sha256: fingerprint(der), content }
    }

    /// The fields, if the certificate could be read.
    pub fn details(&self) -> Option<&Details> {
        match &self.content {
            Content::Readable(details) => Some(details),
            Content::Unreadable { .. } => None,
        }
    }
}

impl Details {
    /// Whole days since it expired.
    pub fn days_ago(&self) -> u64 {
        self.days_left.saturating_add(1).min(0).unsigned_abs()
    }

    fn of(certificate: &X509Certificate<'_>, now: i64) -> Self {
        let validity = certificate.validity();
        let (valid_from, valid_to) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let (names, names_left_out) = alternative_names(certificate);
        Self {
            subject: name(certificate.subject()),
            issuer: name(certificate.issuer()),
            names,
            names_left_out,
            not_before: utc(valid_from),
            not_after: utc(valid_to),
            valid_from,
            valid_to,
            days_left: valid_to.saturating_sub(now).div_euclid(DAY_SECONDS),
            key: key_name(certificate),
            signature_algorithm: signature_name(certificate),
            is_ca: certificate.is_ca(),
            self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            issuer_url: issuer_url(certificate),
            in_public_logs: certificate
                .iter_extensions()
                .any(|extension| matches!(extension.parsed_extension(), ParsedExtension::SCT(_))),
            subject_der: certificate.subject().as_raw().to_vec(),
            issuer_der: certificate.issuer().as_raw().to_vec(),
        }
    }
}

/// A distinguished name given as DER, for people.
pub fn name_of_der(der: &[u8]) -> String {
    match X509Name::from_der(der) {
        Ok((_, parsed)) => name(&parsed),
        Err(_) => "(unreadable name)".to_owned(),
    }
}

/// SHA-256 of `der` as `AB:CD:…`.
pub fn fingerprint(der: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, der);
    let bytes: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

fn name(name: &X509Name<'_>) -> String {
    let text = name.to_string_with_registry(oid_registry()).unwrap_or_else(|_| name.to_string());
    let text = printable(&text, NAME_CHARS);
    if text.is_empty() { "(empty name)".to_owned() } else { text }
}

fn alternative_names(certificate: &X509Certificate<'_>) -> (Vec<String>, usize) {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return (Vec::new(), 0) };
    let all = &extension.value.general_names;
    let shown = all.iter().take(NAMES_SHOWN).map(|name| printable(&general_name(name), NAME_CHARS)).collect();
    (shown, all.len().saturating_sub(NAMES_SHOWN))
}

fn general_name(general: &GeneralName<'_>) -> String {
    match general {
        GeneralName::DNSName(dns) => (*dns).to_owned(),
        GeneralName::IPAddress(bytes) => ip_name(bytes).unwrap_or_else(|| "(unreadable address)".to_owned()),
        GeneralName::RFC822Name(mail) => format!("email:{mail}"),
        GeneralName::URI(uri) => format!("URI:{uri}"),
        GeneralName::DirectoryName(directory) => format!("directory:{}", name(directory)),
        _ => "(another kind of name)".to_owned(),
    }
}

fn issuer_url(certificate: &X509Certificate<'_>) -> Option<String> {
    certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => access.accessdescs.iter().find_map(|description| {
            match (description.access_method.to_id_string().as_str(), &description.access_location) {
                ("1.3.6.1.5.5.7.48.2", GeneralName::URI(uri)) => Some(printable(uri, NAME_CHARS)),
                _ => None,
            }
        }),
        _ => None,
    })
}
