//! Whatever a server sends as its certificates, the description neither panics nor lets a control character through.

mod tls_support;

use std::time::Duration;

use f5_guard::diagnose::{
    Certificate, Chain, ClientCertificate, Environment, Facts, Fault, Os, Outcome, Report, Route, Stage,
    Step, Target, Trust, without_secrets,
};
use f5_guard::printable::printable;
use proptest::prelude::*;
use rustls::pki_types::{CertificateDer, ServerName};
use tls_support::{NOW, issue, leaf_params, root, store};

/// A report in which these bytes are the chain and `text` is what the server said.
fn report(sent: &[Vec<u8>], text: &str, now: i64) -> Report {
    let sent: Vec<CertificateDer<'_>> = sent.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let ca = root("Good Root");
    let host = ServerName::try_from("localhost").unwrap();
    let chain = Chain::analyse(&sent, &host, &store(&[ca.der()]), &[], now);
    let facts = Facts {
        target: Target { host: "localhost".to_owned(), port: 443 },
        clock: now,
        trust: Trust { source: "the test's roots".to_owned(), roots: 1 },
        route: Route::Direct { why: "the test says so".to_owned() },
        steps: vec![Step {
            stage: Stage::Tls,
            peer: "localhost:443".to_owned(),
            took: Duration::from_millis(1),
            outcome: Outcome::Failed(match chain.problems.first() {
                Some(problem) => Fault::Certificate { problem: problem.clone() },
                None => Fault::NotTls { said: printable(text, 80) },
            }),
        }],
        tls: None,
        look: None,
        chain: Some(chain),
        client_certificate: ClientCertificate::default(),
        answer: None,
    };
    Report::new(Environment { set: Vec::new(), unset: Vec::new() }, facts, Os::Windows)
}

fn assert_printable(report: &Report) {
    let text = report.text();
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    let json = serde_json::to_string(report).unwrap();
    assert!(!json.contains("\\u00"), "{json}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_as_certificates_are_described(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        text in any::<String>(),
        now in any::<i64>(),
    ) {
        assert_printable(&report(&sent, &text, now));
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
        assert_printable(&report(&[der.clone(), der], "", i64::try_from(NOW).unwrap()));
    }

    #[test]
    fn any_text_as_a_name_in_a_certificate_is_printable(name in any::<String>()) {
        let mut params = leaf_params();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        assert_printable(&report(&[certificate.der().to_vec()], "", i64::try_from(NOW).unwrap()));
    }

    #[test]
    fn a_login_never_survives_in_a_url(user in "[a-z]{3,9}", password in "[A-Z0-9:/@?#%]{4,20}") {
        let (shown, removed) = without_secrets(&format!("http://{user}:{password}@proxy.example:8080/"));
        prop_assert!(removed);
        prop_assert_eq!(shown, "http://proxy.example:8080/");
    }

    #[test]
    fn a_description_is_the_same_for_the_same_bytes(der in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(Certificate::describe(&der, 0), Certificate::describe(&der, 0));
    }
}
