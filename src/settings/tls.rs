//! Whom to trust in TLS, and what to show to others.

use std::path::PathBuf;

use super::policy::fail_mode;
use super::values::{FailMode, SystemStore};
use super::{Enforced, Given, RelativePath, Setting};
use crate::system::{Env, non_empty};

/// Trust and identity for TLS.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// CA bundles in the order in which they are tried; the places of one count together.
    pub ca_bundles: Vec<Vec<Setting<PathBuf>>>,
    /// Trusted besides the system's store: what Codex itself trusts so.
    pub codex_ca: Vec<Setting<PathBuf>>,
    pub system_store: Setting<SystemStore>,
    pub client_cert: Setting<Option<PathBuf>>,
    pub client_key: Setting<Option<PathBuf>>,
    /// Where `SSLKEYLOGFILE` asks for the session keys to be written.
    pub key_log: Option<PathBuf>,
    /// In closed mode what is set has to be usable.
    pub strict: bool,
    /// Sentences on paths that are ignored.
    pub problems: Vec<String>,
}

impl TlsSettings {
    pub(super) fn read(enforced: &Enforced, env: Env<'_>, relative: &mut Vec<RelativePath>) -> Self {
        let mut problems = Vec::new();
        let mut place = |given: Given| {
            let Setting { value, source, problem } = given.absolute_or_none(env, relative);
            problems.extend(problem);
            Some(Setting { value: value?, source, problem: None })
        };
        let mut one = |given: Option<Given>| given.and_then(&mut place).into_iter().collect::<Vec<_>>();
        // A bundle that the registered command names is the only one: falling back to a user's variable
        // would let that variable decide whom to trust.
        let ca_bundles = match enforced.flag("--ca-bundle", &enforced.ca_bundle) {
            Some(given) => vec![one(Some(given))],
            None => {
                // OpenSSL reads both; the folders are a list as in PATH.
                let folders = Given::of_variable("SSL_CERT_DIR", env).into_iter().flat_map(|folders| {
                    let source = folders.source;
                    let paths: Vec<PathBuf> = std::env::split_paths(&folders.text).collect();
                    paths.into_iter().map(move |path| Given { text: path.into(), source })
                });
                let mut openssl = one(Given::of_variable("SSL_CERT_FILE", env));
                openssl.extend(folders.flat_map(|folder| one(Some(folder))));
                let [ours, requests, curl] =
                    ["F5_GUARDRAILS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
                        .map(|name| one(Given::of_variable(name, env)));
                vec![ours, requests, openssl, curl]
            }
        };
        let ca_bundles = ca_bundles.into_iter().filter(|places| !places.is_empty()).collect();
        let codex_ca = one(Given::of_variable("CODEX_CA_CERTIFICATE", env));
        let mut path = |name| match Given::of_variable(name, env) {
            Some(given) => {
                let setting = given.absolute_or_none(env, relative);
                problems.extend(setting.problem.clone());
                setting
            }
            None => Setting::default_value(None),
        };
        let (client_cert, client_key) = (path("F5_GUARDRAILS_CLIENT_CERT"), path("F5_GUARDRAILS_CLIENT_KEY"));
        Self {
            ca_bundles,
            codex_ca,
            system_store: Setting::read(
                "F5_GUARDRAILS_USE_SYSTEM_CERT_STORE",
                None,
                env,
                SystemStore::parse,
                SystemStore::Auto,
                "auto, true or false",
                "auto is used",
            ),
            client_cert,
            client_key,
            key_log: non_empty(env, "SSLKEYLOGFILE").map(PathBuf::from),
            strict: *fail_mode(enforced.fail_mode.as_ref(), env) == FailMode::Closed,
            problems,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, rooted};
    use super::*;

    #[test]
    fn ca_bundles_are_tried_in_the_documented_order() {
        let settings = read(
            &Enforced::default(),
            &[
                ("CURL_CA_BUNDLE", &rooted("/4")),
                ("SSL_CERT_FILE", &rooted("/3")),
                ("REQUESTS_CA_BUNDLE", &rooted("/2")),
                ("F5_GUARDRAILS_CA_BUNDLE", "~/1"),
                ("HOME", &rooted("/home/u")),
            ],
        );
        let paths: Vec<_> = settings
            .tls
            .ca_bundles
            .iter()
            .flatten()
            .map(|bundle| bundle.to_string_lossy().into_owned())
            .collect();
        assert_eq!(paths, [rooted("/home/u/1").as_str(), &rooted("/2"), &rooted("/3"), &rooted("/4")]);
    }
}
