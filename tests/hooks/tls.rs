//! TLS: whom the program trusts, what it says when it does not, and what it shows of itself.

use f5_stand_in::f5::{F5, Fault};
use f5_stand_in::tls::Authority;

use crate::support::{Event, FailMode, Hook, everywhere};

#[test]
fn a_server_of_the_ca_bundle_is_trusted() {
    for event in Event::ALL {
        let api = F5::builder().tls().start();
        Hook::of(event).closed().against(&api).run().allowed();
    }
}

#[test]
fn each_variable_for_a_ca_bundle_is_taken_in_its_turn() {
    let names = ["F5_GUARDRAILS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"];
    let stranger = Authority::new();
    for (position, name) in names.iter().enumerate() {
        let api = F5::builder().tls().start();
        let mut hook = Hook::pre_tool_use().closed().against(&api).without("F5_GUARDRAILS_CA_BUNDLE");
        let bundle = hook.home().join("ca.pem");
        let other = hook.file("other.pem", stranger.pem());
        for later in &names[position + 1..] {
            hook = hook.env(later, &other);
        }
        hook.env(name, bundle).run().allowed();
    }
}

#[test]
fn a_ca_bundle_that_is_missing_is_reported_and_the_next_is_taken() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let (bundle, missing) = (hook.home().join("ca.pem"), hook.home().join("missing.pem"));
    hook.env("F5_GUARDRAILS_CA_BUNDLE", missing)
        .env("SSL_CERT_FILE", bundle)
        .run()
        .allowed()
        .notes(&["missing.pem"]);
}

#[test]
fn an_unknown_issuer_is_a_scan_error_and_not_tried_again() {
    everywhere(|event, mode| {
        let api = F5::builder().tls().start();
        let hook = Hook::of(event).in_mode(mode).against(&api);
        let bundle = hook.file("other.pem", Authority::new().pem());
        hook.env("F5_GUARDRAILS_CA_BUNDLE", bundle).run().failed_in(mode).says(&["certificate"]);
        assert_eq!(api.connections(), 1, "a TLS failure is not tried again");
        assert!(api.requests().is_empty());
    });
}

#[test]
fn the_bundled_roots_trust_no_private_authority() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().closed().against(&api).without("F5_GUARDRAILS_CA_BUNDLE");
    hook.env("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", "false").run().blocked().says(&["certificate"]);
    assert!(api.requests().is_empty());
}

/// A hook that finds the system's store in this folder of its home.
fn with_system_store(hook: Hook, folder: &str) -> Hook {
    let folder = hook.home().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    hook.without("F5_GUARDRAILS_CA_BUNDLE").env("SSL_CERT_DIR", folder)
}

#[test]
fn a_server_of_the_systems_store_is_trusted() {
    for event in Event::ALL {
        let api = F5::builder().tls().start();
        let hook = with_system_store(Hook::of(event).closed().against(&api), "store");
        api.write_ca(&hook.home().join("store").join("ca.pem"));
        hook.run().allowed();
    }
}

#[test]
fn a_server_that_the_systems_store_does_not_know_is_a_scan_error() {
    everywhere(|event, mode| {
        let api = F5::builder().tls().start();
        let hook = with_system_store(Hook::of(event).in_mode(mode).against(&api), "store");
        Authority::new().write_to(&hook.home().join("store").join("other.pem")).unwrap();
        hook.run().failed_in(mode).says(&["certificate"]);
        assert!(api.requests().is_empty());
    });
}

#[test]
fn an_empty_system_store_is_told_as_such() {
    everywhere(|event, mode| {
        let api = F5::builder().tls().may_stay_idle().start();
        let hook = with_system_store(Hook::of(event).in_mode(mode).against(&api), "empty");
        hook.env("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", "true")
            .run()
            .failed_in(mode)
            .says(&["The system's certificate store holds no usable certificate."]);
        assert!(api.requests().is_empty());
    });
}

#[test]
fn an_empty_system_store_is_told_also_where_the_service_is_away() {
    let hook = with_system_store(Hook::pre_tool_use().closed(), "empty");
    let url = f5_stand_in::f5::refusing_url().unwrap().replace("http:", "https:");
    hook.env("F5_GUARDRAILS_BASE_URL", url)
        .env("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", "true")
        .run()
        .blocked()
        .says(&["The system's certificate store holds no usable certificate."]);
}

#[test]
fn an_empty_system_store_is_noted_where_the_built_in_roots_take_its_place() {
    let api = F5::builder().tls().start();
    let hook = with_system_store(Hook::pre_tool_use().closed().against(&api), "empty");
    hook.run().blocked().says(&["authority that is not trusted"]).notes(&["built-in roots are used"]);
}

#[test]
fn a_certificate_for_another_name_is_a_scan_error() {
    everywhere(|event, mode| {
        let api = F5::builder().tls_for(&["other.example"]).start();
        Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode).says(&["certificate", "name"]);
        assert!(api.requests().is_empty());
    });
}

#[test]
fn an_expired_certificate_is_a_scan_error() {
    everywhere(|event, mode| {
        let api = F5::builder().tls_expired().start();
        Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode).says(&["expired"]);
        assert!(api.requests().is_empty());
    });
}

#[test]
fn a_broken_handshake_is_a_scan_error() {
    for fault in [Fault::ResetOnConnect, Fault::ResetAfterFirstBytes, Fault::PlainHttp] {
        everywhere(|event, mode| {
            let api = F5::builder().tls().always(fault.clone()).start();
            Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode).says(&[
                "tls",
                "connection",
                "reset",
                "handshake",
                "reach",
            ]);
        });
    }
}

#[test]
fn silence_in_the_handshake_runs_into_the_deadline() {
    everywhere(|event, mode| {
        let api = F5::builder().tls().always(Fault::HangOnConnect).start();
        let hook = Hook::of(event).in_mode(mode).against(&api).env("F5_GUARDRAILS_TIMEOUT", "2");
        hook.run().failed_in(mode).says(&["timeout", "timed out", "in time", "deadline"]);
    });
}

#[test]
fn https_on_a_plain_port_is_a_scan_error() {
    for mode in FailMode::ALL {
        let api = F5::builder().always(Fault::PlainHttp).start();
        let hook = Hook::pre_tool_use().in_mode(mode);
        let url = api.base_url().replace("http:", "https:");
        hook.env("F5_GUARDRAILS_BASE_URL", url).run().failed_in(mode).says(&["tls", "https", "connection"]);
    }
}

#[test]
fn a_body_cut_short_under_tls_is_a_scan_error() {
    for fault in [Fault::Truncated, Fault::TruncatedChunks] {
        everywhere(|event, mode| {
            let api = F5::builder().tls().always(fault.clone()).start();
            Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode);
        });
    }
}

#[test]
fn a_client_certificate_is_shown_where_the_server_asks_for_one() {
    let api = F5::builder().tls_with_client_certificate().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let certificate = hook.file("client.pem", &api.client().certificate_pem);
    let key = hook.file("client.key", &api.client().key_pem);
    hook.env("F5_GUARDRAILS_CLIENT_CERT", certificate).env("F5_GUARDRAILS_CLIENT_KEY", key).run().allowed();
}

#[test]
fn the_key_may_be_in_the_file_of_the_client_certificate() {
    let api = F5::builder().tls_with_client_certificate().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let both = format!("{}{}", api.client().certificate_pem, api.client().key_pem);
    let both = hook.file("client.pem", both);
    hook.env("F5_GUARDRAILS_CLIENT_CERT", both).run().allowed();
}

#[test]
fn a_server_that_wants_a_client_certificate_and_gets_none_is_a_scan_error() {
    for mode in FailMode::ALL {
        let api = F5::builder().tls_with_client_certificate().start();
        Hook::pre_tool_use()
            .in_mode(mode)
            .against(&api)
            .run()
            .failed_in(mode)
            .says(&["client certificate", "tls"]);
        assert!(api.requests().is_empty());
    }
}

#[test]
fn the_session_keys_are_logged_where_it_is_asked_for() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let path = hook.home().join("keys.txt");
    let answer = hook.env("SSLKEYLOGFILE", &path).run().allowed();
    let keys = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert!(keys.contains("CLIENT_TRAFFIC_SECRET_0 "), "{keys}");
}
