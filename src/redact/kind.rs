//! What kind of thing was redacted, and how often: the tally that goes into the dump and to stderr.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// Why a value is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The token that this very process signs its requests with, wherever it is echoed.
    OwnToken,
    /// `value` of an API token object.
    TokenValue,
    /// A value under a key that names a credential (`apiKey`, `password`, `x-api-key` …).
    Credential,
    /// A request header in a provider's template.
    Header,
    /// A query parameter, in a template or in a URL.
    QueryParameter,
    /// A provider's `inputs`.
    Input,
    /// A provider's `awsAuth`.
    AwsAuth,
    /// A provider's `ociAuth`.
    OciAuth,
    /// A secret that a scanner is to look for.
    UserSecret,
    /// Who a person is: a user's name, `createdBy`.
    Person,
    /// An e-mail address.
    Email,
    /// A PEM block.
    PemBlock,
    /// A JSON Web Token.
    Jwt,
    /// A token whose prefix gives its issuer away (`sk-`, `AKIA`, `ghp_` …).
    KnownToken,
    /// A long string that looks random.
    HighEntropy,
    /// User name and password in a URL.
    UrlUserInfo,
}

impl Kind {
    /// The name under which the dump counts this kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnToken => "ownToken",
            Self::TokenValue => "tokenValue",
            Self::Credential => "credential",
            Self::Header => "header",
            Self::QueryParameter => "queryParameter",
            Self::Input => "input",
            Self::AwsAuth => "awsAuth",
            Self::OciAuth => "ociAuth",
            Self::UserSecret => "userSecret",
            Self::Person => "person",
            Self::Email => "email",
            Self::PemBlock => "pemBlock",
            Self::Jwt => "jwt",
            Self::KnownToken => "knownToken",
            Self::HighEntropy => "highEntropy",
            Self::UrlUserInfo => "urlUserInfo",
        }
    }
}

/// How many values of each kind were redacted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Kind, u64>);

impl Counts {
    /// Counts one more value of `kind`.
    pub fn add(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Adds the tally of another value.
    pub fn merge(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(*kind).or_default() += count;
        }
    }

    /// How many values of `kind` were redacted.
    #[cfg(test)]
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(&kind).copied().unwrap_or_default()
    }

    /// How many values were redacted in all.
    #[cfg(test)]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Every kind that occurred, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(kind, count)| (kind.as_str(), count)))
    }
}
