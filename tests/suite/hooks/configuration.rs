//! Settings that nothing can be scanned with: token, URL, certificates.

use f5_stand_in::f5::F5;
use f5_stand_in::proxy::Proxy;
use f5_stand_in::tls::{Authority, Validity};

use crate::support::{FailMode, Hook, everywhere};

/// Runs `prepare` on each event in both modes; nobody may be called, and the cause is told.
fn is_a_scan_error(prepare: impl Fn(Hook) -> Hook + Sync, causes: &[&str]) {
    everywhere(|event, mode| {
        let api = F5::builder().never_called().start();
        prepare(Hook::of(event).in_mode(mode).against(&api)).run().failed_in(mode).says(causes);
    });
}

#[test]
fn no_token_is_a_scan_error() {
    is_a_scan_error(|hook| hook.without("F5_GUARDRAILS_API_TOKEN"), &["F5_GUARDRAILS_API_TOKEN"]);
}

#[test]
fn a_blank_token_is_a_scan_error() {
    for blank in ["", "  "] {
        is_a_scan_error(|hook| hook.env("F5_GUARDRAILS_API_TOKEN", blank), &["F5_GUARDRAILS_API_TOKEN"]);
    }
}

#[test]
fn a_token_that_no_header_can_carry_is_a_scan_error() {
    for token in ["first\nX-Header: second", "with\u{1}control", "first\r\nsecond"] {
        is_a_scan_error(
            |hook| hook.env("F5_GUARDRAILS_API_TOKEN", token),
            &["F5_GUARDRAILS_API_TOKEN", "token"],
        );
    }
}

#[test]
fn a_token_read_from_a_file_with_its_last_newline_works() {
    let api = F5::start();
    let token = format!("{}\n", f5_stand_in::f5::TOKEN);
    Hook::pre_tool_use().closed().against(&api).env("F5_GUARDRAILS_API_TOKEN", token).run().allowed();
}

#[test]
fn an_unusable_url_is_a_scan_error() {
    for url in ["not a url", "ftp://127.0.0.1/", "http://", "file:///etc/passwd", "127.0.0.1"] {
        is_a_scan_error(|hook| hook.env("F5_GUARDRAILS_BASE_URL", url), &["F5_GUARDRAILS_BASE_URL", "url"]);
    }
}

#[test]
fn a_url_with_a_login_is_a_scan_error_that_does_not_repeat_it() {
    everywhere(|event, mode| {
        let api = F5::builder().never_called().start();
        let url = api.base_url().replace("http://", "http://user:hunter2@");
        let answer = Hook::of(event)
            .in_mode(mode)
            .against(&api)
            .env("F5_GUARDRAILS_BASE_URL", url)
            .run()
            .failed_in(mode)
            .says(&["F5_GUARDRAILS_BASE_URL", "url"]);
        assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
    });
}

#[test]
fn plain_http_is_for_loopback_only() {
    // The addresses belong to nobody (RFC 5737, RFC 6761), and a proxy that reaches loopback only stands before them.
    let proxy = Proxy::start();
    for host in [
        "192.0.2.1",
        "guardrails.invalid",
        "127.0.0.1.invalid",
        "localhost.invalid",
        "0.0.0.0",
        "[2001:db8::1]",
    ] {
        let prepare = |hook: Hook| {
            hook.env("HTTP_PROXY", proxy.url()).env("F5_GUARDRAILS_BASE_URL", format!("http://{host}"))
        };
        is_a_scan_error(prepare, &["F5_GUARDRAILS_ALLOW_HTTP"]);
    }
    assert!(proxy.targets().is_empty(), "{:?}", proxy.targets());
}

#[test]
fn plain_http_goes_anywhere_where_it_is_allowed() {
    let api = F5::start();
    let proxy = Proxy::builder().everything_to(api.address()).start();
    let hook =
        Hook::pre_tool_use().closed().env("HTTP_PROXY", proxy.url()).env("F5_GUARDRAILS_ALLOW_HTTP", "true");
    hook.env("F5_GUARDRAILS_BASE_URL", "http://guardrails.invalid").run().allowed();
    assert_eq!(proxy.targets(), ["POST http://guardrails.invalid/backend/v1/scans"]);
}

#[test]
fn plain_http_works_on_every_spelling_of_loopback() {
    let api = F5::start();
    let port = api.address().port();
    for host in ["127.0.0.1", "localhost"] {
        let hook = Hook::pre_tool_use().closed();
        hook.env("F5_GUARDRAILS_BASE_URL", format!("http://{host}:{port}")).run().allowed();
    }
}

#[test]
fn the_base_url_may_carry_the_api_path_and_slashes() {
    for tail in ["", "/", "/backend/v1", "/backend/v1/"] {
        let api = F5::start();
        let url = format!("{}{tail}", api.base_url());
        Hook::pre_tool_use().closed().env("F5_GUARDRAILS_BASE_URL", url).run().allowed();
        api.only_scan();
    }
}

#[test]
fn a_ca_bundle_without_certificates_is_a_scan_error() {
    everywhere(|event, mode| {
        for content in
            ["", "no certificate here", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"]
        {
            let api = F5::builder().tls().may_stay_idle().start();
            let hook = Hook::of(event).in_mode(mode).against(&api);
            let bundle = hook.file("broken.pem", content);
            hook.env("F5_GUARDRAILS_CA_BUNDLE", bundle)
                .run()
                .failed_in(mode)
                .says(&["F5_GUARDRAILS_CA_BUNDLE", "broken.pem"]);
            assert!(api.requests().is_empty(), "the token went to a server that nothing vouches for");
        }
    });
}

#[test]
fn an_unusable_client_certificate_is_a_scan_error() {
    let authority = Authority::new();
    let one = authority.server(&["one"], Validity::Now);
    let two = authority.server(&["two"], Validity::Now);
    everywhere(|event, mode| {
        for (certificate, key) in [
            ("no certificate", "no key"),
            (one.certificate_pem.as_str(), "no key"),
            (one.certificate_pem.as_str(), two.key_pem.as_str()),
        ] {
            let api = F5::builder().tls().may_stay_idle().start();
            let hook = Hook::of(event).in_mode(mode).against(&api);
            let (certificate, key) = (hook.file("client.pem", certificate), hook.file("client.key", key));
            let hook =
                hook.env("F5_GUARDRAILS_CLIENT_CERT", certificate).env("F5_GUARDRAILS_CLIENT_KEY", key);
            hook.run().failed_in(mode).says(&["F5_GUARDRAILS_CLIENT", "client certificate"]);
            assert!(api.requests().is_empty(), "it went on without the certificate it was told to show");
        }
    });
}

#[test]
fn a_client_certificate_that_is_not_there_is_a_scan_error() {
    for mode in FailMode::ALL {
        let api = F5::builder().tls().may_stay_idle().start();
        let hook = Hook::pre_tool_use().in_mode(mode).against(&api);
        let missing = hook.home().join("missing.pem");
        hook.env("F5_GUARDRAILS_CLIENT_CERT", missing)
            .run()
            .failed_in(mode)
            .says(&["F5_GUARDRAILS_CLIENT_CERT", "missing.pem"]);
    }
}
