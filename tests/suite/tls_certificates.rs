//! Certificates that are wrong in one way each, served by real TLS servers on loopback.

use crate::tls_support::{
    Served, days_from_now, diagnosis, intermediate, issue, leaf_params, root, self_signed, server_config,
    store, texts, tls, with_issuer_url,
};
use rcgen::{DnType, ExtendedKeyUsagePurpose};

/// No TLS application data came, in particular no token.
fn assert_nothing_was_sent(served: &Served) {
    assert_eq!(served.heard(), Vec::<String>::new());
}

/// How the sentence begins: as the scan's own.
fn refused(port: u16, how: &str) -> String {
    format!("The TLS connection to localhost:{port} failed: its certificate {how}. ")
}
const UNTRUSTED: &str = "was issued by an authority that is not trusted here";

#[test]
fn a_good_certificate_works_without_an_unverified_look() {
    let ca = root("Good Root");
    let middle = intermediate("Good Intermediate", &ca);
    let served = tls(server_config(&issue(&leaf_params(), &middle).sending(&[middle.der()])));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert!(found.works(), "{}", found.text());
    assert_eq!(
        found.sentence(),
        format!(
            "TLS to localhost:{} works: its certificate is accepted and the server answers.",
            served.port
        )
    );
    let tls = &found.json["tls"];
    assert_eq!((&tls["version"], &tls["key_exchange"]), (&"TLS 1.3".into(), &"X25519".into()));
    assert_eq!(tls["hello_retry"], false);
    let chain = &found.json["chain"];
    assert_eq!(chain["end"]["subject"], "CN=Good Root");
    let leaf = &chain["certificates"][0];
    assert_eq!(texts(&leaf["names"]), ["localhost", "127.0.0.1"]);
    // A day begins when the certificate was made.
    assert!(leaf["days_left"].as_i64().is_some_and(|days| [264, 265].contains(&days)), "{leaf}");
    assert_eq!(leaf["key"], "P-256");
    assert_eq!(leaf["signature_algorithm"], "ECDSA with SHA-256");
    // The scan itself is what was watched.
    assert_eq!(served.heard().len(), 1);
    assert!(served.heard()[0].starts_with("POST /backend/v1/scans HTTP/1.1\r\n"), "{:?}", served.heard());
}

#[test]
fn an_unknown_root_is_named() {
    let ca = root("Somebody's Root");
    let served = tls(server_config(&issue(&leaf_params(), &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Another Root").der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "{}It ends in “CN=Somebody's Root”, which is not among the trusted roots ({}).",
            refused(served.port, UNTRUSTED),
            found.json["trust"]["source"].as_str().unwrap()
        )
    );
    // It is set already: what helps is another certificate in its file.
    let fix = found.fix().concat();
    assert!(fix.contains("add its root certificate to the file that F5_GUARDRAILS_CA_BUNDLE names"), "{fix}");
    assert!(!fix.contains("export F5_GUARDRAILS_CA_BUNDLE"), "{fix}");
    assert_nothing_was_sent(&served);
}

#[test]
fn an_inspecting_product_is_called_by_its_name() {
    let mut names = crate::tls_support::params("Zscaler Intermediate Root CA (zscaler.net)");
    names.distinguished_name.push(DnType::OrganizationName, "Zscaler Inc.");
    let ca = root("Zscaler Root CA");
    let served = tls(server_config(&issue(&leaf_params(), &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "{}TLS inspection by Zscaler stands between this machine and localhost, and its root “CN=Zscaler Root CA” \
             is not among the trusted roots ({}).",
            refused(served.port, UNTRUSTED),
            found.json["trust"]["source"].as_str().unwrap()
        )
    );
}

#[test]
fn inspection_is_named_also_where_its_root_is_trusted() {
    let ca = root("Netskope Root");
    let served = tls(server_config(&issue(&leaf_params(), &ca)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert_eq!(found.json["verdict"]["inspection"], "Netskope");
    assert!(found.works(), "{}", found.text());
}

#[test]
fn a_missing_intermediate_is_an_incomplete_chain() {
    let ca = root("Real Root");
    let middle = intermediate("Forgotten Intermediate", &ca);
    let leaf = with_issuer_url(leaf_params(), "http://ca.example/middle.crt");
    let served = tls(server_config(&issue(&leaf, &middle)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "{}The server sends an incomplete chain: the certificate of the issuer “CN=Forgotten Intermediate” is \
             missing, and it is not among the trusted roots ({}) either.",
            refused(served.port, UNTRUSTED),
            found.json["trust"]["source"].as_str().unwrap()
        )
    );
    assert_eq!(found.json["chain"]["end"]["url"], "http://ca.example/middle.crt");
    assert!(found.fix()[0].contains("has to send it too (the full chain)"));
    assert_nothing_was_sent(&served);
}

#[test]
fn an_issuer_that_may_be_a_private_root_is_not_called_a_missing_intermediate() {
    let served = tls(server_config(&issue(&leaf_params(), &root("Acme Root"))));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "{}Its issuer “CN=Acme Root” is neither among the trusted roots ({}) nor sent along: it is a private root \
             that this machine does not trust, or an intermediate that the server leaves out (incomplete chain).",
            refused(served.port, UNTRUSTED),
            found.json["trust"]["source"].as_str().unwrap()
        )
    );
    let fix = found.fix();
    assert!(fix.iter().any(|step| step.contains("F5_GUARDRAILS_CA_BUNDLE")), "{fix:?}");
    assert!(fix.iter().any(|step| step.contains("full chain")), "{fix:?}");
}

#[test]
fn a_root_that_is_not_sent_is_unknown_rather_than_a_missing_intermediate() {
    let ca = root("Private Root");
    let middle = intermediate("Private Intermediate", &ca);
    let served = tls(server_config(&issue(&leaf_params(), &middle).sending(&[middle.der()])));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    assert!(found.sentence().contains("ends in “CN=Private Root”"), "{}", found.sentence());
}

#[test]
fn a_root_of_the_same_name_with_another_key_is_told_apart() {
    let (old, new) = (root("Renewed Root"), root("Renewed Root"));
    let served = tls(server_config(&issue(&leaf_params(), &new).sending(&[new.der()])));
    let found = diagnosis(served.port, store(&[old.der()])).run();
    assert!(
        found.sentence().contains("under the name of a root that is trusted here, but with another key."),
        "{}",
        found.sentence()
    );
}

#[test]
fn a_root_that_only_another_store_knows_is_found_there() {
    let ca = root("Corporate Root");
    let served = tls(server_config(&issue(&leaf_params(), &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Bundle Root").der()]))
        .bundle("CURL_CA_BUNDLE", &store(&[ca.der()]))
        .bundle("REQUESTS_CA_BUNDLE", &store(&[root("Other").der()]))
        .run();
    let trusted_by = texts(&found.json["chain"]["trusted_by"]);
    assert_eq!(trusted_by.len(), 1, "{trusted_by:?}");
    assert!(trusted_by[0].ends_with("(from CURL_CA_BUNDLE)"), "{trusted_by:?}");
    assert!(found.fix()[0].contains("would be accepted by CA bundle"), "{:?}", found.fix());
}

#[test]
fn an_expired_certificate_says_since_when_and_shows_the_local_clock() {
    let ca = root("Good Root");
    for (hours, ago) in [(1, "less than a day ago"), (25, "1 day ago"), (241, "10 days ago")] {
        let mut leaf = leaf_params();
        leaf.not_after = days_from_now(0) - time::Duration::hours(hours);
        let served = tls(server_config(&issue(&leaf, &ca)));
        let found = diagnosis(served.port, store(&[ca.der()])).run();
        let words = found.sentence();
        assert!(words.starts_with(&refused(served.port, "has expired")), "{words}");
        assert!(words.contains("“CN=Test Server” expired on "), "{words}");
        assert!(words.contains(&format!(", {ago} by the local clock (")), "{words}");
        assert!(found.also().is_empty());
        assert_nothing_was_sent(&served);
    }
}

#[test]
fn an_expired_certificate_of_an_unknown_root_is_reported_with_both() {
    let ca = root("Somebody's Root");
    let mut leaf = leaf_params();
    leaf.not_after = days_from_now(-10);
    let served = tls(server_config(&issue(&leaf, &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Another Root").der()])).run();
    assert_eq!(found.kind(), "expired");
    assert_eq!(found.also(), [format!("The certificate {UNTRUSTED}.")]);
}

#[test]
fn a_certificate_of_the_future_points_at_the_local_clock() {
    let ca = root("Good Root");
    let mut leaf = leaf_params();
    leaf.not_before = days_from_now(2);
    let served = tls(server_config(&issue(&leaf, &ca)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    let words = found.sentence();
    assert!(
        words.starts_with(&refused(served.port, "is not valid yet, or this machine's clock is wrong")),
        "{words}"
    );
    assert!(
        words.contains("“CN=Test Server” is valid only from ")
            && words.contains(", and the local clock says ")
    );
    assert_nothing_was_sent(&served);
}

#[test]
fn a_certificate_for_another_name_says_for_which() {
    let ca = root("Good Root");
    let mut leaf = rcgen::CertificateParams::new(vec!["www.example.com".to_owned()]).unwrap();
    (leaf.not_before, leaf.not_after) = (days_from_now(-9), days_from_now(9));
    let served = tls(server_config(&issue(&leaf, &ca)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "{}It is not for localhost: it names www.example.com.",
            refused(served.port, "is for another name")
        )
    );
    assert_nothing_was_sent(&served);
}

#[test]
fn a_self_signed_certificate_is_called_so() {
    let served = tls(server_config(&self_signed(&leaf_params())));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "{}It is self-signed, and not among the trusted certificates ({}).",
            refused(served.port, UNTRUSTED),
            found.json["trust"]["source"].as_str().unwrap()
        )
    );
    let fix = found.fix();
    assert!(
        fix[0].ends_with("exactly that one: add it to the file that F5_GUARDRAILS_CA_BUNDLE names."),
        "{fix:?}"
    );
    assert_nothing_was_sent(&served);
}

#[test]
fn a_self_signed_certificate_authority_as_a_server_is_self_signed_too() {
    let mut leaf = leaf_params();
    leaf.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let served = tls(server_config(&self_signed(&leaf)));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    assert_eq!(found.kind(), "self_signed", "{}", found.text());
}

#[test]
fn a_certificate_for_another_purpose_is_not_accepted_and_says_why() {
    let ca = root("Good Root");
    let mut leaf = leaf_params();
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let served = tls(server_config(&issue(&leaf, &ca)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert!(found.sentence().contains("is not meant for servers (extended key usage)"), "{}", found.text());
}

#[test]
fn a_terminal_escape_in_a_certificate_does_not_reach_the_terminal() {
    let mut evil = crate::tls_support::params("Nice\u{1b}]0;owned\u{7}\u{202e}Root");
    evil.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = rcgen::CertifiedIssuer::self_signed(evil, rcgen::KeyPair::generate().unwrap()).unwrap();
    let served = tls(server_config(&issue(&leaf_params(), &ca)));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    let text = found.text();
    assert!(text.contains("Nice]0;ownedRoot"), "{text}");
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
}

#[test]
fn a_name_from_a_certificate_never_stands_in_a_command_to_paste() {
    let ca = root("Zscaler\"; rm -rf ~ #");
    let served = tls(server_config(&issue(&leaf_params(), &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    let steps = found.fix();
    assert!(!steps.is_empty() && steps.iter().all(|step| !step.contains("rm -rf")), "{steps:?}");
}

#[test]
fn a_second_key_share_is_reported_as_a_hello_retry() {
    let ca = root("Good Root");
    let identity = issue(&leaf_params(), &ca);
    let mut provider = rustls::crypto::ring::default_provider();
    provider.kx_groups = vec![rustls::crypto::ring::kx_group::SECP384R1];
    let mut config = rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key_der())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let served = tls(config);
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    let session = &found.json["tls"];
    assert_eq!((&session["hello_retry"], &session["key_exchange"]), (&true.into(), &"P-384".into()));
}
