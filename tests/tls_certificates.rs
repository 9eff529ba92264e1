//! Certificates that are wrong in one way each, served by real TLS servers on loopback.

mod tls_support;

use f5_guard::diagnose::{ChainEnd, LOOK_ANNOUNCEMENT, Verdict};
use rcgen::{DnType, ExtendedKeyUsagePurpose, date_time_ymd};
use tls_support::{
    Diagnosed, diagnosis, intermediate, issue, leaf_params, root, self_signed, server_config, store, tls,
    with_issuer_url,
};

/// No TLS application data came, in particular no token, although the chain was looked at.
fn assert_only_looked_at(found: &Diagnosed, served: &tls_support::Served) {
    assert_eq!(found.announced, [LOOK_ANNOUNCEMENT]);
    assert!(found.facts().look.is_some());
    assert_eq!(served.heard(), Vec::<String>::new());
}

#[test]
fn a_good_certificate_works_without_an_unverified_look() {
    let ca = root("Good Root");
    let middle = intermediate("Good Intermediate", &ca);
    let served = tls(server_config(&issue(&leaf_params(), &middle).sending(&[middle.der()])));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert_eq!(found.report.verdict.verdict, Verdict::Works { inspection: None }, "{}", found.report.text());
    assert!(found.announced.is_empty() && found.facts().look.is_none());
    let session = found.facts().tls.clone().unwrap();
    assert_eq!((&*session.version, &*session.key_exchange), ("TLS 1.3", "X25519"));
    assert!(!session.hello_retry);
    let chain = found.facts().chain.clone().unwrap();
    assert_eq!(chain.end, ChainEnd::TrustedRoot { subject: "CN=Good Root".to_owned() });
    let leaf = chain.leaf().unwrap();
    assert_eq!(leaf.names, ["localhost", "127.0.0.1"]);
    assert_eq!((leaf.days_left, &*leaf.key), (214, "EC P-256"));
    assert_eq!(leaf.signature_algorithm, "ecdsa-with-SHA256");
    let request = served.heard().concat();
    assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
    assert!(!request.to_lowercase().contains("authorization"), "{request}");
}

#[test]
fn an_unknown_root_is_named() {
    let ca = root("Somebody's Root");
    let served = tls(server_config(&issue(&leaf_params(), &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Another Root").der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The certificate of localhost:{} ends in “CN=Somebody's Root”, which is not among the trusted roots (the \
             test's roots).",
            served.port
        )
    );
    assert!(found.report.verdict.fix.iter().any(|step| step.contains("F5_GUARDRAILS_CA_BUNDLE")));
    assert_only_looked_at(&found, &served);
}

#[test]
fn an_inspecting_product_is_called_by_its_name() {
    let mut names = tls_support::params("Zscaler Intermediate Root CA (zscaler.net)");
    names.distinguished_name.push(DnType::OrganizationName, "Zscaler Inc.");
    let ca = root("Zscaler Root CA");
    let served = tls(server_config(&issue(&leaf_params(), &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    assert_eq!(
        found.sentence(),
        "TLS inspection by Zscaler stands between this machine and localhost, and its root “CN=Zscaler Root CA” is not \
         among the trusted roots (the test's roots)."
    );
}

#[test]
fn inspection_is_named_also_where_its_root_is_trusted() {
    let ca = root("Netskope Root");
    let served = tls(server_config(&issue(&leaf_params(), &ca)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert_eq!(found.report.verdict.verdict, Verdict::Works { inspection: Some("Netskope") });
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
            "localhost:{} sends an incomplete chain: the certificate of the issuer “CN=Forgotten Intermediate” is \
             missing, and it is not among the trusted roots either.",
            served.port
        )
    );
    assert!(found.report.text().contains("its certificate is said to be at http://ca.example/middle.crt"));
    assert!(found.report.verdict.fix[0].contains("has to send it too (the full chain)"));
    assert_only_looked_at(&found, &served);
}

#[test]
fn an_issuer_that_may_be_a_private_root_is_not_called_a_missing_intermediate() {
    let served = tls(server_config(&issue(&leaf_params(), &root("Acme Root"))));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The issuer “CN=Acme Root” of the certificate of localhost:{} is neither among the trusted roots nor sent \
             along: it is a private root that this machine does not trust, or an intermediate that the server leaves \
             out (incomplete chain).",
            served.port
        )
    );
    let fix = &found.report.verdict.fix;
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
        found.sentence().ends_with("but with another key than the trusted root of that name."),
        "{}",
        found.sentence()
    );
}

#[test]
fn a_root_that_only_another_store_knows_is_found_there() {
    let ca = root("Corporate Root");
    let served = tls(server_config(&issue(&leaf_params(), &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Bundle Root").der()]))
        .other_roots("the operating system's store", store(&[ca.der()]))
        .other_roots("Mozilla's roots", store(&[root("Mozilla").der()]))
        .run();
    assert_eq!(found.facts().chain.as_ref().unwrap().trusted_by, ["the operating system's store"]);
    assert!(found.report.verdict.fix[0].contains("would be accepted by the operating system's store"));
}

#[test]
fn an_expired_certificate_says_since_when_and_shows_the_local_clock() {
    let ca = root("Good Root");
    let mut leaf = leaf_params();
    leaf.not_after = date_time_ymd(2026, 5, 22);
    let served = tls(server_config(&issue(&leaf, &ca)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The certificate “CN=Test Server” of localhost:{} expired on 2026-05-22 00:00:00 UTC, 10 days ago by the \
             local clock (2026-06-01 00:00:00 UTC).",
            served.port
        )
    );
    assert!(found.report.verdict.also.is_empty());
    assert_only_looked_at(&found, &served);
}

#[test]
fn an_expired_certificate_of_an_unknown_root_is_reported_with_both() {
    let ca = root("Somebody's Root");
    let mut leaf = leaf_params();
    leaf.not_after = date_time_ymd(2026, 5, 22);
    let served = tls(server_config(&issue(&leaf, &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Another Root").der()])).run();
    assert_eq!(found.kind(), "expired");
    assert_eq!(found.report.verdict.also, ["its issuer is unknown"]);
}

#[test]
fn a_certificate_of_the_future_points_at_the_local_clock() {
    let ca = root("Good Root");
    let mut leaf = leaf_params();
    leaf.not_before = date_time_ymd(2026, 6, 2);
    let served = tls(server_config(&issue(&leaf, &ca)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The certificate “CN=Test Server” of localhost:{} is valid only from 2026-06-02 00:00:00 UTC, and the local \
             clock says 2026-06-01 00:00:00 UTC.",
            served.port
        )
    );
    assert_only_looked_at(&found, &served);
}

#[test]
fn a_certificate_for_another_name_says_for_which() {
    let ca = root("Good Root");
    let mut leaf = rcgen::CertificateParams::new(vec!["www.example.com".to_owned()]).unwrap();
    (leaf.not_before, leaf.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    let served = tls(server_config(&issue(&leaf, &ca)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The certificate of localhost:{} is not for localhost: it names www.example.com.",
            served.port
        )
    );
    assert_only_looked_at(&found, &served);
}

#[test]
fn a_self_signed_certificate_is_called_so() {
    let served = tls(server_config(&self_signed(&leaf_params())));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "localhost:{} shows a self-signed certificate that is not among the trusted roots.",
            served.port
        )
    );
    assert_only_looked_at(&found, &served);
}

#[test]
fn a_self_signed_certificate_authority_as_a_server_is_self_signed_too() {
    let mut leaf = leaf_params();
    leaf.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let served = tls(server_config(&self_signed(&leaf)));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    assert_eq!(found.kind(), "self_signed", "{}", found.report.text());
}

#[test]
fn a_certificate_for_another_purpose_is_not_accepted_and_says_why() {
    let ca = root("Good Root");
    let mut leaf = leaf_params();
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let served = tls(server_config(&issue(&leaf, &ca)));
    let found = diagnosis(served.port, store(&[ca.der()])).run();
    assert_eq!(found.kind(), "certificate_not_accepted", "{}", found.report.text());
}

#[test]
fn a_terminal_escape_in_a_certificate_does_not_reach_the_terminal() {
    let mut evil = tls_support::params("Nice\u{1b}]0;owned\u{7}\u{202e}Root");
    evil.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = rcgen::CertifiedIssuer::self_signed(evil, rcgen::KeyPair::generate().unwrap()).unwrap();
    let served = tls(server_config(&issue(&leaf_params(), &ca)));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    let text = found.report.text();
    assert!(text.contains("Nice]0;ownedRoot"), "{text}");
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
}

#[test]
fn a_name_from_a_certificate_never_stands_in_a_command_to_paste() {
    let ca = root("Zscaler\"; rm -rf ~ #");
    let served = tls(server_config(&issue(&leaf_params(), &ca).sending(&[ca.der()])));
    let found = diagnosis(served.port, store(&[root("Public Root").der()])).run();
    for os in [f5_guard::diagnose::Os::Linux, f5_guard::diagnose::Os::MacOs, f5_guard::diagnose::Os::Windows]
    {
        let steps = f5_guard::diagnose::fix(&found.report.verdict.verdict, found.facts(), os);
        assert!(!steps.is_empty() && steps.iter().all(|step| !step.contains("rm -rf")), "{steps:?}");
    }
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
    let session = found.facts().tls.clone().unwrap();
    assert!(session.hello_retry);
    assert_eq!((&*session.key_exchange, session.alpn.as_deref()), ("secp384r1", Some("http/1.1")));
}
