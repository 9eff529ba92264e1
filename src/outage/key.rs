//! Which outage is whose.

use ring::digest::{Context, Digest, SHA256};
use serde::{Deserialize, Serialize};

use crate::printable::hexadecimal;
use crate::settings::Settings;
use crate::transport::proxy::{Route, route};

/// One way to the service: address, project, proxy and token, as a digest.
///
/// Without the token nobody can work it out, so that no record can be made up for a way to the service that was never out of
/// reach. Who can read a real note can copy its key; what keeps others off is that file and folder are the user's alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

/// A session of Codex, as a digest: its id may be of any length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionKey(String);

/// A text, as a short digest that only somebody who has the token can compare with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextDigest(u64);

impl Key {
    /// `None` where the settings lead nowhere, so that nothing is sent.
    pub fn of(settings: &Settings) -> Option<Self> {
        let url = settings.base_url.as_ref().ok()?;
        let token = settings.api_token.as_ref()?;
        let proxy = match route(url.url(), &settings.proxies).ok()? {
            Route::Direct(_) => String::new(),
            Route::Through(proxy) => proxy.to_string(),
        };
        let project = settings.project_id.as_deref().unwrap_or_default();
        Some(Self(digest("outage", [url.as_str(), project, &proxy, token.expose()])))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SessionKey {
    pub fn of(session_id: &str) -> Self {
        Self(digest("session", [session_id]))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TextDigest {
    /// White space around it makes no other text.
    pub fn of(token: &str, text: &str) -> Self {
        let digest = hash("text", [token, text.trim()]);
        Self(digest.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    #[cfg(test)]
    pub(super) const fn number(number: u64) -> Self {
        Self(number)
    }
}

/// 128 bits in hexadecimal digits, of parts that can't run into each other.
fn digest<const N: usize>(what: &str, parts: [&str; N]) -> String {
    hexadecimal(hash(what, parts).as_ref().get(..16).unwrap_or_default())
}

fn hash<const N: usize>(what: &str, parts: [&str; N]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in [what].into_iter().chain(parts) {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    use super::*;
    use crate::settings::Enforced;

    fn key(more: &[(&str, &str)]) -> Option<Key> {
        let mut variables = BTreeMap::from([
            ("F5_GUARDRAILS_API_TOKEN", "token"),
            ("F5_GUARDRAILS_BASE_URL", "https://f5.example"),
        ]);
        variables.extend(more.iter().copied());
        let env = |name: &str| variables.get(name).map(OsString::from);
        Key::of(&Settings::read(&Enforced::default(), &env))
    }

    #[test]
    fn address_project_proxy_and_token_each_make_another_key() {
        let same = key(&[
            ("F5_GUARDRAILS_BASE_URL", "https://f5.example/backend/v1"),
            ("F5_GUARDRAILS_TIMEOUT", "3"),
        ]);
        assert_eq!(key(&[]), same);
        let keys = [
            key(&[]),
            key(&[("F5_GUARDRAILS_API_TOKEN", "other")]),
            key(&[("F5_GUARDRAILS_BASE_URL", "https://other.example")]),
            key(&[("F5_GUARDRAILS_PROJECT_ID", "other")]),
            key(&[("HTTPS_PROXY", "http://127.0.0.1:3128")]),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(key.is_some() && !keys[..index].contains(key), "{index}");
        }
    }

    #[test]
    fn settings_that_lead_nowhere_have_no_key() {
        assert_eq!(key(&[("F5_GUARDRAILS_API_TOKEN", "")]), None);
        assert_eq!(key(&[("F5_GUARDRAILS_BASE_URL", "nonsense")]), None);
        assert_eq!(key(&[("HTTPS_PROXY", "http://")]), None);
    }

    #[test]
    fn a_key_does_not_show_the_token() {
        assert!(!format!("{:?}", key(&[])).contains("token"));
    }

    #[test]
    fn a_text_has_one_digest_for_each_token() {
        let digest = TextDigest::of("token", "text");
        assert_eq!(digest, TextDigest::of("token", " text\n"));
        assert_ne!(digest, TextDigest::of("other", "text"));
        assert_ne!(digest, TextDigest::of("token", "texts"));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(digest("x", ["ab", "c"]), digest("x", ["a", "bc"]));
        assert_ne!(digest("xa", ["b"]), digest("x", ["ab"]));
        assert_eq!(digest("x", ["a"]).len(), 32);
    }
}
