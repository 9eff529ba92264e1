//! Whatever a server sends as its certificates, and whatever somebody writes into the variables for proxies: the
//! description neither panics nor lets a control character or a part of a login through.

use crate::tls_support::{diagnosis, issue, leaf_params, root, store};
use f5_guard::internals::printable::printable;
use f5_guard::internals::tls_diagnostics::{Certificate, Chain};
use f5_guard::internals::transport::roots::RootSet;
use proptest::prelude::*;
use rustls::pki_types::{CertificateDer, ServerName};

const NOW: i64 = 1_780_272_000;

fn assert_described(sent: &[Vec<u8>], now: i64) {
    let sent: Vec<CertificateDer<'_>> = sent.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let ca = root("Good Root");
    let host = ServerName::try_from("localhost").unwrap();
    let chain = Chain::analyse(&sent, &host, &RootSet::new([ca.der().clone()]), &Vec::new, now);
    assert_printable(&serde_json::to_value(&chain).unwrap());
}

/// No text in it holds a control character.
fn assert_printable(value: &serde_json::Value) {
    match value {
        serde_json::Value::String(text) => assert!(!text.chars().any(char::is_control), "{text:?}"),
        serde_json::Value::Array(items) => items.iter().for_each(assert_printable),
        serde_json::Value::Object(fields) => fields.values().for_each(assert_printable),
        _ => {}
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_as_certificates_are_described(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        now in any::<i64>(),
    ) {
        assert_described(&sent, now);
    }

    #[test]
    fn a_certificate_with_any_bytes_changed_is_described(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut der = issue(&leaf_params(), &root("Some Root")).chain[0].to_vec();
        for (at, byte) in changes {
            let at = at.index(der.len());
            der[at] = byte;
        }
        if let Some(cut) = cut {
            der.truncate(cut.index(der.len()));
        }
        assert_described(&[der.clone(), der], NOW);
    }

    #[test]
    fn any_text_as_a_name_in_a_certificate_is_printable(name in any::<String>()) {
        let mut params = leaf_params();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        assert_described(&[certificate.der().to_vec()], NOW);
    }

    #[test]
    fn a_description_is_the_same_for_the_same_bytes(der in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(Certificate::describe(&der, 0), Certificate::describe(&der, 0));
        prop_assert_eq!(printable("a\u{1b}b", 9), "ab");
    }
}

/// An address of a proxy as people misspell it, around a login of `USER` and `SECRET` that are easy to find again.
fn misspelt() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec![
        "",
        "http://",
        "http:/",
        "http:",
        "https://",
        "socks5://",
        "socks://",
        "ftp://",
        "HTTP://",
        "://",
        "//",
        " http://",
    ]);
    let junk = || {
        prop::collection::vec(
            prop::sample::select("#/?%\\^|\"' :@&=+,;[]{}<>~`!$*()ö\t".chars().collect::<Vec<_>>()),
            0..4,
        )
    };
    let host =
        prop::sample::select(vec!["127.0.0.1:9", "localhost:9", "[::1]:9", "", "h:99999", "h:x", "a b"]);
    (scheme, junk(), junk(), junk(), prop::sample::select(vec!["@", "%40", "@@", ""]), host).prop_map(
        |(scheme, a, b, c, at, host)| {
            let [a, b, c] = [a, b, c].map(|junk| junk.into_iter().collect::<String>());
            format!("{scheme}{a}USERqx7{b}:SECRETqx7{c}{at}{host}")
        },
    )
}

#[test]
fn no_part_of_a_proxys_login_is_ever_shown_or_logged() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let names = prop::sample::select(vec![
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ]);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&(misspelt(), names), |(value, name)| {
        let user = diagnosis(9, store(&[])).env(name, &value).env("F5_GUARDRAILS_LOG_LEVEL", "trace");
        let user = user.env("F5_GUARDRAILS_TIMEOUT", "1").base_url("https://127.0.0.1:9");
        let (hook, check) = std::thread::scope(|scope| {
            let hook = scope.spawn(|| user.hook());
            let check = user.smoketest(&["--tls-diagnostics", "--json", "--verbose-http=body"]);
            (hook.join().expect("no panic"), check)
        });
        let log =
            std::fs::read_to_string(user.home().join("codex/logs/f5_guardrails.log")).unwrap_or_default();
        for place in [&hook.stdout, &hook.stderr, &check.stdout, &check.stderr, &log] {
            // Where there is no login at all, what was written is a host, and said to be one.
            let is_host = !value.contains('@');
            prop_assert!(
                is_host || !place.contains("SECRETqx7") && !place.contains("USERqx7"),
                "{value}: {place}"
            );
            prop_assert!(!place.to_lowercase().contains("secretqx7"), "{value}: {place}");
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
