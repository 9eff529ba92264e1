//! What is wrong with a server's certificate, as clauses that continue "its certificate …". No word of the
//! certificate itself is in them: they reach the model, and a certificate is a stranger's text.

use serde::Serialize;
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateProblem {
    #[error("was issued by an authority that is not trusted here")]
    UnknownIssuer,
    #[error("was issued under the name of a root that is trusted here, but with another key")]
    SameNameOtherKey,
    #[error("names another certificate as its issuer than the root of that name that is trusted here")]
    SameNameOtherIssue,
    #[error("has expired")]
    Expired,
    #[error("is not valid yet, or this machine's clock is wrong")]
    NotYetValid,
    #[error("is for another name")]
    WrongName,
    #[error("names the IP address as a DNS name, which does not count for an address")]
    AddressAsName,
    #[error("names it only as common name (CN), which no longer counts")]
    OnlyCommonName,
    #[error("has a signature in its chain that does not fit the issuer's key")]
    BadSignature,
    #[error("was shown by a server that does not hold its key")]
    ForeignKey,
    #[error("was issued by a certificate that is trusted here, but {0}")]
    RootMayNotIssue(Obstacle),
    #[error("has an issuer in its chain that {0}")]
    IssuerMayNot(Obstacle),
    #[error("is signed, or an issuer of it, with {algorithm}, which f5-guard can't check")]
    Algorithm { algorithm: String },
    #[error("has an RSA key of {0} bits in its chain, and fewer than 2048 are not secure")]
    KeyTooSmall(usize),
    #[error("has an RSA key of {0} bits in its chain, and f5-guard can't check more than 8192")]
    KeyTooLarge(usize),
    #[error("is not meant for servers (extended key usage)")]
    Purpose,
    #[error("has more than six intermediate certificates in its chain")]
    ChainTooLong,
    #[error("has an issuer that may not issue for this name (name constraints)")]
    NameConstraints,
    #[error(
        "has an issuer with name constraints of a kind that f5-guard can't check (such as directoryName)"
    )]
    UnknownConstraint,
    #[error("has a critical extension in its chain that f5-guard does not know (such as policyConstraints)")]
    CriticalExtension,
    #[error("is a CA's, and not in the CA bundle")]
    CaAsServer,
    #[error("is of X.509 version 1, which names no hosts")]
    Version1,
    #[error("can't be read")]
    Unreadable,
    #[error("is missing: the server showed none")]
    Missing,
    #[error("is not trusted, because every certificate in the CA bundle has expired")]
    BundleExpired,
    #[error("was refused")]
    Other,
}

/// Why a certificate may not issue others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    #[error("is not a CA's (basic constraints)")]
    NotCa,
    #[error("may not sign certificates (key usage)")]
    KeyUsage,
    #[error("is not meant for servers (extended key usage)")]
    Purpose,
    #[error("allows fewer intermediates below it (path length)")]
    PathLength,
    #[error("has expired")]
    Expired,
    #[error("is not valid yet")]
    NotYetValid,
    #[error("has a critical extension that f5-guard does not know")]
    CriticalExtension,
    #[error("can't be read")]
    Unreadable,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Trust on this machine.
    User,
    /// This machine's clock, else the server's operator.
    Clock,
    /// Those who made the certificate: the server's operator, or the administrator of a product that inspects TLS.
    Issuer,
    /// The host in the base URL, else the certificate.
    Name,
}

impl CertificateProblem {
    pub fn party(&self) -> Party {
        match self {
            Self::UnknownIssuer
            | Self::SameNameOtherKey
            | Self::SameNameOtherIssue
            | Self::RootMayNotIssue(_)
            | Self::BundleExpired
            | Self::CaAsServer => Party::User,
            Self::Expired | Self::NotYetValid => Party::Clock,
            Self::WrongName | Self::AddressAsName | Self::OnlyCommonName => Party::Name,
            _ => Party::Issuer,
        }
    }

    /// A chain that leads to nothing that is trusted here: what a company's own root would cure.
    pub fn is_about_trust(&self) -> bool {
        self.party() == Party::User
    }
}
