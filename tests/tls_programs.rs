//! The same diagnoses against programs that people really run: OpenSSL, nginx and mitmproxy.
//!
//! These tests are ignored by default because they need those programs. Run them with
//! `cargo test --test tls_programs -- --ignored`; a program that is missing then fails the test. mitmproxy's `mitmdump`
//! is taken from `F5_GUARD_TEST_MITMDUMP`, else from `PATH`.

mod tls_support;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use f5_guard::diagnose::{Route, Target, TlsSession};
use hyper_util::client::proxy::matcher::Matcher;
use rcgen::date_time_ymd;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;
use tls_support::{
    Diagnosed, Identity, Program, diagnosis, free_port, intermediate, issue, leaf_params, program, root,
    self_signed, server_config, store, tls,
};

/// Writes the chain and the key into `folder`.
fn write(folder: &Path, identity: &Identity) -> (String, String) {
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    fs::write(&chain, identity.chain_pem()).unwrap();
    fs::write(&key, identity.key.serialize_pem()).unwrap();
    (chain.display().to_string(), key.display().to_string())
}

/// `openssl s_server` with that identity, the chain as it is, and more options.
fn openssl(identity: &Identity, options: &[&str]) -> (Program, u16, TempDir) {
    let folder = TempDir::new().unwrap();
    let (chain, key) = write(folder.path(), identity);
    let port = free_port();
    let accept = format!("127.0.0.1:{port}");
    let mut arguments = vec![
        "s_server",
        "-accept",
        &accept,
        "-cert",
        &chain,
        "-cert_chain",
        &chain,
        "-key",
        &key,
        "-www",
        "-quiet",
    ];
    arguments.extend(options);
    (program("openssl", &arguments, port), port, folder)
}

/// nginx with that identity and more lines in its `server` block.
fn nginx(identity: &Identity, server: &str) -> (Program, u16, TempDir) {
    let folder = TempDir::new().unwrap();
    let (chain, key) = write(folder.path(), identity);
    let port = free_port();
    let here = folder.path().display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {here}/{name};\n"))
        .concat();
    let configuration = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\nevents {{}}\nhttp {{\n\
         access_log off;\n{temporary}server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {chain}; \
         ssl_certificate_key {key};\n{server}\nlocation / {{ return 200 ok; }} }} }}\n"
    );
    let path = folder.path().join("nginx.conf");
    fs::write(&path, configuration).unwrap();
    let arguments = ["-c", path.to_str().unwrap(), "-p", folder.path().to_str().unwrap()];
    (program("nginx", &arguments, port), port, folder)
}

fn version(found: &Diagnosed) -> TlsSession {
    found.facts().tls.clone().unwrap_or_else(|| panic!("{}", found.report.text()))
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_a_good_chain_works_in_both_versions_of_tls() {
    let ca = root("Good Root");
    let middle = intermediate("Good Intermediate", &ca);
    let identity = issue(&leaf_params(), &middle).sending(&[middle.der()]);
    for (option, name) in [("-tls1_2", "TLS 1.2"), ("-tls1_3", "TLS 1.3")] {
        let (_running, port, _folder) = openssl(&identity, &[option]);
        let found = diagnosis(port, store(&[ca.der()])).run();
        assert!(found.report.verdict.verdict.works(), "{}", found.report.text());
        assert_eq!(version(&found).version, name);
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_tls_1_1_only_is_told_to_be_too_old() {
    let ca = root("Good Root");
    let identity = issue(&leaf_params(), &ca);
    for option in ["-tls1_1", "-tls1"] {
        let (_running, port, _folder) = openssl(&identity, &[option, "-cipher", "ALL:@SECLEVEL=0"]);
        let found = diagnosis(port, store(&[ca.der()])).run();
        assert_eq!(
            found.sentence(),
            format!("localhost:{port} offers only TLS 1.1 or older; f5-guard speaks TLS 1.2 and 1.3.")
        );
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_an_old_cipher_only_has_none_in_common() {
    let ca = root("Good Root");
    let identity = issue(&leaf_params(), &ca);
    let (_running, port, _folder) = openssl(&identity, &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA"]);
    let found = diagnosis(port, store(&[ca.der()])).run();
    assert_eq!(
        found.sentence(),
        format!("localhost:{port} and f5-guard have no cipher suite or key exchange in common.")
    );
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_a_key_exchange_of_its_own_has_none_in_common() {
    let ca = root("Good Root");
    let identity = issue(&leaf_params(), &ca);
    let (_running, port, _folder) = openssl(&identity, &["-tls1_3", "-groups", "X448"]);
    let found = diagnosis(port, store(&[ca.der()])).run();
    assert_eq!(found.kind(), "no_common_cipher", "{}", found.report.text());
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_each_broken_certificate_gets_the_verdict_of_that_certificate() {
    let ca = root("Good Root");
    let middle = intermediate("Forgotten Intermediate", &ca);
    let stranger = root("Somebody's Root");
    let mut expired = leaf_params();
    expired.not_after = date_time_ymd(2026, 5, 22);
    let mut future = leaf_params();
    future.not_before = date_time_ymd(2026, 6, 2);
    let mut other = rcgen::CertificateParams::new(vec!["www.example.com".to_owned()]).unwrap();
    (other.not_before, other.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    for (identity, kind) in [
        (issue(&leaf_params(), &stranger).sending(&[stranger.der()]), "unknown_root"),
        (issue(&leaf_params(), &middle), "incomplete_chain"),
        (issue(&expired, &ca), "expired"),
        (issue(&future, &ca), "not_yet_valid"),
        (issue(&other, &ca), "wrong_name"),
        (self_signed(&leaf_params()), "self_signed"),
    ] {
        let (_running, port, _folder) = openssl(&identity, &[]);
        let found = diagnosis(port, store(&[ca.der()])).run();
        assert_eq!(found.kind(), kind, "{}", found.report.text());
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_that_demands_a_client_certificate_is_understood_in_both_versions_of_tls() {
    let (ca, clients) = (root("Good Root"), root("Client Authority"));
    let identity = issue(&leaf_params(), &ca);
    let folder = TempDir::new().unwrap();
    let accepted = folder.path().join("clients.pem");
    fs::write(&accepted, tls_support::pem("CERTIFICATE", clients.der())).unwrap();
    let accepted = accepted.to_str().unwrap();
    for option in ["-tls1_2", "-tls1_3"] {
        let demands =
            [option, "-Verify", "1", "-verify_return_error", "-CAfile", accepted, "-attime", "1780272000"];
        let (_running, port, _folder) = openssl(&identity, &demands);
        let found = diagnosis(port, store(&[ca.der()])).run();
        assert_eq!(
            found.sentence(),
            format!("localhost:{port} demands a client certificate (mTLS) and none is configured."),
            "{}",
            found.report.text()
        );
        assert_eq!(found.facts().client_certificate.accepted_issuers, ["CN=Client Authority"]);
        let client = issue(&tls_support::params("Laptop 7"), &clients);
        let found = diagnosis(port, store(&[ca.der()])).client(&client).run();
        assert!(found.report.verdict.verdict.works(), "{}", found.report.text());
        let client = issue(&tls_support::params("Laptop 8"), &root("Another Authority"));
        let found = diagnosis(port, store(&[ca.der()])).client(&client).run();
        assert_eq!(found.kind(), "client_certificate_refused", "{}", found.report.text());
    }
}

#[test]
#[ignore = "needs nginx"]
fn nginx_with_a_good_chain_works_and_names_itself() {
    let ca = root("Good Root");
    let (_running, port, _folder) = nginx(&issue(&leaf_params(), &ca), "");
    let found = diagnosis(port, store(&[ca.der()])).run();
    assert!(found.report.verdict.verdict.works(), "{}", found.report.text());
    assert!(found.facts().answer.as_ref().unwrap().server.as_ref().unwrap().starts_with("nginx"));
}

#[test]
#[ignore = "needs nginx"]
fn nginx_without_its_intermediate_sends_an_incomplete_chain() {
    let ca = root("Good Root");
    let middle = intermediate("Forgotten Intermediate", &ca);
    let (_running, port, _folder) = nginx(&issue(&leaf_params(), &middle), "");
    let found = diagnosis(port, store(&[ca.der()])).run();
    assert_eq!(found.kind(), "incomplete_chain", "{}", found.report.text());
}

#[test]
#[ignore = "needs nginx"]
fn nginx_that_demands_a_client_certificate_says_so_only_in_its_answer() {
    let (ca, clients) = (root("Good Root"), root("Client Authority"));
    let folder = TempDir::new().unwrap();
    let accepted = folder.path().join("clients.pem");
    fs::write(&accepted, tls_support::pem("CERTIFICATE", clients.der())).unwrap();
    let demands = format!("ssl_client_certificate {}; ssl_verify_client on;", accepted.display());
    let (_running, port, _folder) = nginx(&issue(&leaf_params(), &ca), &demands);
    let found = diagnosis(port, store(&[ca.der()])).run();
    assert_eq!(
        found.sentence(),
        format!("localhost:{port} demands a client certificate (mTLS) and none is configured."),
        "{}",
        found.report.text()
    );
}

#[test]
#[ignore = "needs nginx"]
fn nginx_that_rejects_the_handshake_for_unknown_names_is_understood() {
    let ca = root("Good Root");
    let (_running, port, _folder) = nginx(&issue(&leaf_params(), &ca), "ssl_reject_handshake on;");
    let found = diagnosis(port, store(&[ca.der()])).run();
    assert_eq!(found.sentence(), "The server at this address serves no site named localhost.");
}

#[test]
#[ignore = "needs mitmproxy"]
fn mitmproxy_in_the_way_is_called_by_its_name_and_works_once_its_root_is_trusted() {
    let ca = root("Good Root");
    let served = tls(server_config(&issue(&leaf_params(), &ca)));
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let mitmdump = std::env::var("F5_GUARD_TEST_MITMDUMP").unwrap_or_else(|_| "mitmdump".to_owned());
    let (port_text, confdir) = (port.to_string(), format!("confdir={}", folder.path().display()));
    let arguments =
        ["--listen-host", "127.0.0.1", "-p", &port_text, "--set", &confdir, "--ssl-insecure", "-q"];
    let _running = program(&mitmdump, &arguments, port);
    let target = Target { host: "localhost".to_owned(), port: served.port };
    let matcher = Matcher::builder().https(format!("http://127.0.0.1:{port}")).build();
    let route = Route::choose(&matcher, &target, &|_: &str| -> Option<OsString> { None });

    let found = diagnosis(served.port, store(&[ca.der()])).route(route.clone()).real_clock().run();
    assert_eq!(
        found.sentence(),
        "TLS inspection by mitmproxy stands between this machine and localhost, and its root “CN=mitmproxy, \
         O=mitmproxy” is not among the trusted roots (the test's roots).",
        "{}",
        found.report.text()
    );
    assert_eq!(served.heard(), Vec::<String>::new(), "nothing may be sent on an unverified connection");
    println!("{}", found.report.text());

    let own = fs::read(folder.path().join("mitmproxy-ca-cert.pem")).unwrap();
    let own = CertificateDer::from_pem_slice(&own).unwrap();
    let found = diagnosis(served.port, store(&[&own])).route(route).real_clock().run();
    assert_eq!(
        found.sentence(),
        format!(
            "TLS to localhost:{} works; it is inspected on the way by mitmproxy, whose root this machine trusts.",
            served.port
        )
    );
}
