//! TLS: what the program trusts, what it says when it does not, and what it shows of itself.

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
fn a_ca_bundle_that_is_missing_is_reported_in_open_mode_and_the_next_is_taken() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().against(&api);
    let (bundle, missing) = (hook.home().join("ca.pem"), hook.home().join("missing.pem"));
    hook.env("F5_GUARDRAILS_CA_BUNDLE", missing)
        .env("SSL_CERT_FILE", bundle)
        .run()
        .allowed()
        .notes(&["missing.pem"]);
}

#[test]
fn in_closed_mode_a_bundle_has_to_be_there_under_a_full_path() {
    for (missing, words) in [(true, "does not exist"), (false, "is not an absolute path")] {
        let api = F5::builder().tls().never_called().start();
        let hook = Hook::pre_tool_use().closed().against(&api);
        let value = if missing { hook.home().join("nowhere.pem") } else { "ca.pem".into() };
        hook.env("F5_GUARDRAILS_CA_BUNDLE", value).run().blocked().says(&[words]);
    }
    for name in
        ["F5_GUARDRAILS_CLIENT_CERT", "F5_GUARDRAILS_CLIENT_KEY", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"]
    {
        let api = F5::builder().tls().never_called().start();
        let hook = Hook::pre_tool_use().closed().against(&api).without("F5_GUARDRAILS_CA_BUNDLE");
        hook.env(name, "x.pem").run().blocked().says(&[&format!("{name} is not an absolute path")]);
    }
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
        api.write_ca(&hook.home().join("store").join("0123abcd.0"));
        hook.run().allowed();
    }
}

/// An administrator switches a root off by taking its hash's name away.
#[test]
fn a_file_that_openssl_would_not_look_at_in_a_folder_is_not_trusted() {
    for name in ["ca.pem", "ca.pem.disabled", "0123abcd.0.disabled", "0123abcd", "0123abcg.0"] {
        let api = F5::builder().tls().never_called().start();
        let hook = with_system_store(Hook::pre_tool_use().closed().against(&api), "store");
        api.write_ca(&hook.home().join("store").join(name));
        hook.run().blocked().says(&["holds no usable certificate"]);
    }
}

#[test]
fn a_server_that_the_systems_store_does_not_know_is_a_scan_error() {
    everywhere(|event, mode| {
        let api = F5::builder().tls().start();
        let hook = with_system_store(Hook::of(event).in_mode(mode).against(&api), "store");
        Authority::new().write_to(&hook.home().join("store").join("0123abcd.0")).unwrap();
        hook.run().failed_in(mode).says(&["certificate"]);
        assert!(api.requests().is_empty());
    });
}

#[test]
fn an_empty_folder_of_roots_trusts_nobody_and_is_told_as_such() {
    everywhere(|event, mode| {
        for choice in ["auto", "true", "false"] {
            let api = F5::builder().tls().never_called().start();
            let hook = with_system_store(Hook::of(event).in_mode(mode).against(&api), "empty");
            hook.env("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", choice)
                .run()
                .failed_in(mode)
                .says(&["(from SSL_CERT_DIR) holds no usable certificate"]);
        }
    });
}

#[test]
fn an_empty_folder_of_roots_is_told_also_where_the_service_is_away() {
    let hook = with_system_store(Hook::pre_tool_use().closed(), "empty");
    let url = f5_stand_in::f5::refusing_url().unwrap().replace("http:", "https:");
    hook.env("F5_GUARDRAILS_BASE_URL", url).run().blocked().says(&["holds no usable certificate"]);
}

#[test]
fn a_root_that_is_no_ca_vouches_only_for_itself() {
    // The certificate of some other server, whose key signed the service's.
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let signer = rcgen::CertifiedIssuer::self_signed(params.clone(), key).unwrap();
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let leaf = params.signed_by(&leaf_key, &signer).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let serving = |certificate: rustls::pki_types::CertificateDer<'static>, key: &rcgen::KeyPair| {
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(std::sync::Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        serve_once(config)
    };
    for name in ["F5_GUARDRAILS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let url = serving(leaf.der().clone(), &leaf_key);
        let hook = Hook::pre_tool_use().closed().without("F5_GUARDRAILS_CA_BUNDLE");
        let folder = hook.home().join("roots");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("0123abcd.0");
        std::fs::write(&file, signer.pem()).unwrap();
        let place = if name == "SSL_CERT_DIR" { folder } else { file };
        let hook = hook.env(name, &place).env("F5_GUARDRAILS_BASE_URL", url);
        hook.run().blocked().says(&["is not a CA's (basic constraints)"]);
        let url = serving(signer.der().clone(), signer.key());
        let hook = Hook::pre_tool_use().closed().without("F5_GUARDRAILS_CA_BUNDLE");
        let file = hook.file("pin.pem", signer.pem());
        hook.env("SSL_CERT_FILE", file).env("F5_GUARDRAILS_BASE_URL", url).run().allowed();
    }
}

/// A TLS server that clears one request; its address.
fn serve_once(config: rustls::ServerConfig) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut tls = rustls::ServerConnection::new(std::sync::Arc::new(config)).unwrap();
        let mut stream = rustls::Stream::new(&mut tls, &mut tcp);
        let mut request = [0; 65536];
        if matches!(stream.read(&mut request), Ok(1..)) {
            let body = f5_stand_in::f5::Verdict::cleared().body("hi", "request", 1).to_string();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.flush();
            let _ = stream.read(&mut request);
        }
    });
    url
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
        hook.run().failed_in(mode).says(&["did not finish within 2 s"]).says(&["TLS handshake"]);
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

#[cfg(unix)]
#[test]
fn the_session_keys_go_through_no_link() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let target = hook.file("target", "x\n");
    let path = hook.home().join("keys.txt");
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let answer = hook.env("SSLKEYLOGFILE", &path).run().allowed();
    assert_eq!(std::fs::read_to_string(target).unwrap(), "x\n", "{answer:?}");
}

#[test]
fn the_session_keys_do_not_go_into_the_sessions_folder() {
    let api = F5::builder().tls().start();
    let answer = Hook::pre_tool_use().closed().against(&api).env("SSLKEYLOGFILE", "keys.txt").run().allowed();
    assert!(!answer.home().join("keys.txt").exists());
}

#[cfg(unix)]
#[test]
fn a_key_log_that_nobody_reads_is_not_waited_for() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let pipe = hook.home().join("keys");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    hook.env("SSLKEYLOGFILE", &pipe).run().allowed().notes(&["SSLKEYLOGFILE can't be written"]);
}

#[test]
fn openssls_file_and_folder_count_together() {
    let api = F5::builder().tls().start();
    let hook = with_system_store(Hook::pre_tool_use().closed().against(&api), "company");
    api.write_ca(&hook.home().join("company").join("0123abcd.0"));
    let public = hook.file("public.pem", Authority::new().pem());
    hook.env("SSL_CERT_FILE", public).run().allowed();
}

#[test]
fn codexs_own_certificates_count_besides_the_systems() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().closed().against(&api).without("F5_GUARDRAILS_CA_BUNDLE");
    let bundle = hook.home().join("ca.pem");
    hook.env("CODEX_CA_CERTIFICATE", bundle).run().allowed();
    // A bundle replaces the system's store, and them with it.
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let (codex, other) = (hook.home().join("ca.pem"), hook.file("other.pem", Authority::new().pem()));
    let hook = hook.env("CODEX_CA_CERTIFICATE", codex).env("F5_GUARDRAILS_CA_BUNDLE", other);
    hook.run().blocked().says(&["certificate"]);
}

#[test]
fn a_client_key_of_another_certificate_is_told_before_anything_is_sent() {
    let api = F5::builder().tls().never_called().start();
    let (own, other) = (Authority::new().client("own"), Authority::new().client("other"));
    for (certificate, words) in [
        (other.certificate_pem.clone(), "its private key is of another certificate"),
        (
            format!("{}{}", other.certificate_pem, own.certificate_pem),
            "its first certificate is not the client's own",
        ),
    ] {
        let hook = Hook::pre_tool_use().closed().against(&api);
        let file = hook.file("client.pem", format!("{certificate}{}", own.key_pem));
        hook.env("F5_GUARDRAILS_CLIENT_CERT", file).run().blocked().says(&[words]);
    }
}
