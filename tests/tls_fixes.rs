//! Every verdict comes with a way out, on every operating system.

use f5_guard::diagnose::{ClientCertificate, Facts, Os, Route, Stage, Target, Trust, Verdict, fix};

fn facts() -> Facts {
    Facts {
        target: Target { host: "f5.example.com".to_owned(), port: 443 },
        clock: 1_780_272_000,
        trust: Trust { source: "the test's roots".to_owned(), roots: 1 },
        route: Route::Direct { why: "the test says so".to_owned() },
        steps: Vec::new(),
        tls: None,
        look: None,
        chain: None,
        client_certificate: ClientCertificate::default(),
        answer: None,
    }
}

fn verdicts() -> Vec<Verdict> {
    let text = || "something".to_owned();
    let mut all = vec![
        Verdict::HandshakeReset,
        Verdict::HandshakeClosed,
        Verdict::HandshakeSilence,
        Verdict::OldTlsOnly,
        Verdict::NoCommonCipher,
        Verdict::UnknownServerName,
        Verdict::ClientCertificateDemanded,
        Verdict::ClientCertificateRefused { why: text() },
        Verdict::ProxyRefuses { line: text() },
        Verdict::NotAProxy { said: text() },
        Verdict::ProxyTls { why: text() },
        Verdict::PlainHttp { line: text() },
        Verdict::NotTls { said: text() },
        Verdict::SelfSigned { subject: text() },
        Verdict::Expired { subject: text(), not_after: text(), days_ago: 3 },
        Verdict::NotYetValid { subject: text(), not_before: text() },
        Verdict::WrongName { names: vec![text()], inspection: None },
        Verdict::CertificateNotAccepted { why: text() },
        Verdict::NoAnswer { why: text() },
        Verdict::Failed { why: text() },
        unknown_root(None),
        unknown_root(Some("Zscaler")),
    ];
    for flag in [false, true] {
        all.extend([
            Verdict::NameNotResolved { host: text(), proxy: flag },
            Verdict::ConnectionRefused { peer: text(), proxy: flag },
            Verdict::Unreachable { peer: text(), proxy: flag, why: text() },
            Verdict::Timeout { peer: text(), proxy: flag, during: Stage::Tcp },
            Verdict::ProxyNeedsLogin { sent: flag, scheme: "Basic".to_owned() },
            Verdict::IncompleteChain { missing: text(), url: None, certain: flag, trusted_by: Vec::new() },
        ]);
    }
    all
}

fn unknown_root(inspection: Option<&'static str>) -> Verdict {
    Verdict::UnknownRoot {
        issuer: "CN=Root".to_owned(),
        inspection,
        same_name_trusted: false,
        trusted_by: Vec::new(),
    }
}

#[test]
fn every_verdict_but_success_has_a_sentence_and_a_fix_on_every_system() {
    for verdict in verdicts() {
        let sentence = verdict.sentence(&facts());
        assert!(
            sentence.ends_with('.') && !sentence.contains("..") && !sentence.contains('\n'),
            "{sentence}"
        );
        for os in [Os::Linux, Os::MacOs, Os::Windows] {
            let steps = fix(&verdict, &facts(), os);
            assert!(!steps.is_empty(), "{verdict:?} on {os:?}");
            assert!(steps.iter().all(|step| step.ends_with(['.', ')'])), "{steps:?}");
        }
    }
    assert!(fix(&Verdict::Works { inspection: None }, &facts(), Os::Linux).is_empty());
}

#[test]
fn the_way_to_export_and_set_a_root_is_that_of_the_system() {
    let steps = |os| fix(&unknown_root(Some("Zscaler")), &facts(), os).join("\n");
    let linux = steps(Os::Linux);
    assert!(linux.contains("export F5_GUARDRAILS_CA_BUNDLE=/etc/ssl/corporate-root.pem"), "{linux}");
    assert!(linux.contains("update-ca-certificates") && linux.contains("update-ca-trust"), "{linux}");
    let mac = steps(Os::MacOs);
    assert!(mac.contains("security find-certificate -a -c \"Zscaler\" -p"), "{mac}");
    assert!(mac.contains("launchctl setenv F5_GUARDRAILS_CA_BUNDLE"), "{mac}");
    let windows = steps(Os::Windows);
    assert!(windows.contains("certmgr.msc") && windows.contains("“Zscaler”"), "{windows}");
    assert!(
        windows.contains(r#"setx F5_GUARDRAILS_CA_BUNDLE "C:\ProgramData\corporate-root.pem""#),
        "{windows}"
    );
    assert!(!windows.contains("export ") && !windows.contains("sudo"), "{windows}");
}

#[test]
fn a_wrong_clock_is_set_with_the_systems_own_tool() {
    let verdict = Verdict::NotYetValid { subject: "s".to_owned(), not_before: "t".to_owned() };
    for (os, tool) in [(Os::Linux, "timedatectl"), (Os::MacOs, "sntp"), (Os::Windows, "w32tm")] {
        assert!(fix(&verdict, &facts(), os)[0].contains(tool));
    }
}

#[test]
fn a_proxy_is_suggested_only_where_none_is_in_use() {
    let verdict = Verdict::Timeout { peer: "f5.example.com".to_owned(), proxy: false, during: Stage::Tcp };
    assert!(fix(&verdict, &facts(), Os::Linux).iter().any(|step| step.contains("HTTPS_PROXY")));
    let verdict = Verdict::Timeout { peer: "proxy:8080".to_owned(), proxy: true, during: Stage::Tcp };
    assert!(!fix(&verdict, &facts(), Os::Linux).iter().any(|step| step.contains("lets traffic out only")));
}
