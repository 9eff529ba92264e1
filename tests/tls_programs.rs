//! The same diagnoses against programs that people really run: OpenSSL, nginx, squid, microsocks, dnsmasq and mitmproxy,
//! with what curl does on the same input beside them.
//!
//! These tests are ignored by default because they need those programs. Run them with
//! `cargo test --test tls_programs -- --ignored`; a program that is missing then fails the test. Each test's name begins
//! with the program that it needs besides openssl and curl, so that `--skip squid_` leaves its tests out. mitmproxy's
//! `mitmdump` is taken from `F5_GUARD_TEST_MITMDUMP`, else from `PATH`.

#![allow(clippy::restriction)] // a test may panic

mod tls_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;
use tls_support::{
    CLEARED, Identity, Machine, Program, Roots, days_from_now, diagnosis, free_port, intermediate, issue,
    leaf_params, program, root, self_signed, server_config, store, texts, tls,
};

/// Writes the chain and the key into `folder`.
fn write(folder: &Path, identity: &Identity) -> (String, String) {
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    fs::write(&chain, identity.chain_pem()).unwrap();
    fs::write(&key, identity.key.serialize_pem()).unwrap();
    (chain.display().to_string(), key.display().to_string())
}

/// `openssl s_server` with that chain and key, and more options.
fn s_server(chain: &str, key: &str, options: &[&str]) -> (Program, u16) {
    let port = free_port();
    let accept = format!("127.0.0.1:{port}");
    let mut arguments = vec![
        "s_server",
        "-accept",
        &accept,
        "-cert",
        chain,
        "-cert_chain",
        chain,
        "-key",
        key,
        "-www",
        "-quiet",
    ];
    arguments.extend(options);
    (program("openssl", &arguments, port), port)
}

fn openssl(identity: &Identity, options: &[&str]) -> (Program, u16, TempDir) {
    let folder = TempDir::new().unwrap();
    let (chain, key) = write(folder.path(), identity);
    let (running, port) = s_server(&chain, &key, options);
    (running, port, folder)
}

/// A folder in which the `openssl` command makes keys and certificates that rcgen can't.
struct Workshop(TempDir);

impl Workshop {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn run(&self, arguments: &str) {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let output =
            Command::new("openssl").args(&arguments).current_dir(self.0.path()).output().expect("openssl");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// `ca.pem` with a key of that kind, and `leaf.pem` with a P-256 key, or one of its own kind, issued by it.
    fn chain(&self, ca_key: &str, ca_options: &str, leaf_key: &str, leaf_names: &str) {
        fs::write(self.path("leaf.ext"), format!("{leaf_names}basicConstraints=CA:FALSE\n")).unwrap();
        self.run(&format!("genpkey {ca_key} -out ca.key"));
        self.run(&format!("req -x509 -new -key ca.key -subj /CN=Company -days 30 -out ca.pem {ca_options}"));
        self.run(&format!("genpkey {leaf_key} -out leaf.key"));
        self.run("req -new -key leaf.key -subj /CN=localhost -out leaf.csr");
        self.run(&format!(
            "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 20 -out leaf.pem -extfile leaf.ext {ca_options}"
        ));
    }

    fn serve(&self) -> (Program, u16) {
        s_server(&self.path("leaf.pem"), &self.path("leaf.key"), &["-cipher", "ALL:@SECLEVEL=0"])
    }

    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn user(&self, port: u16) -> Machine {
        diagnosis(port, store(&[&self.certificate("ca.pem")])).only_asking(port)
    }
}

const P256: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
const P384: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384";
const P521: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-521";
const LOCALHOST: &str = "subjectAltName=DNS:localhost\n";

/// nginx with that identity and more lines in its `server` block; it clears what it is given.
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
         access_log off;\n{temporary}server {{ listen 127.0.0.1:{port} ssl; listen [::1]:{port} ssl; ssl_certificate {chain}; \
         ssl_certificate_key {key};\n{server}\nlocation / {{ return 200 '{CLEARED}'; }} }} }}\n"
    );
    let path = folder.path().join("nginx.conf");
    fs::write(&path, configuration).unwrap();
    let arguments = ["-c", path.to_str().unwrap(), "-p", folder.path().to_str().unwrap()];
    (program("nginx", &arguments, port), port, folder)
}

fn url(port: u16) -> String {
    format!("https://localhost:{port}/")
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_a_good_chain_works_in_both_versions_of_tls() {
    let ca = root("Good Root");
    let middle = intermediate("Good Intermediate", &ca);
    let identity = issue(&leaf_params(), &middle).sending(&[middle.der()]);
    for (option, name) in [("-tls1_2", "TLS 1.2"), ("-tls1_3", "TLS 1.3")] {
        let (_running, port, _folder) = openssl(&identity, &[option]);
        let user = diagnosis(port, store(&[ca.der()])).only_asking(port);
        assert!(user.curl_manages(&url(port), &[]));
        let found = user.run();
        assert!(found.works(), "{}", found.text());
        assert_eq!(found.json["tls"]["version"], name);
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_old_tls_or_foreign_ciphers_has_nothing_in_common() {
    let ca = root("Good Root");
    let identity = issue(&leaf_params(), &ca);
    for (options, kind) in [
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..], "old_tls"),
        (&["-tls1", "-cipher", "ALL:@SECLEVEL=0"], "old_tls"),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA"], "nothing_in_common"),
        (&["-tls1_3", "-groups", "X448"], "nothing_in_common"),
    ] {
        let (_running, port, _folder) = openssl(&identity, options);
        let found = diagnosis(port, store(&[ca.der()])).run();
        assert_eq!(found.kind(), kind, "{options:?} {}", found.text());
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_each_broken_certificate_gets_the_verdict_of_that_certificate() {
    let ca = root("Good Root");
    let middle = intermediate("Forgotten Intermediate", &ca);
    let stranger = root("Somebody's Root");
    let mut expired = leaf_params();
    expired.not_after = days_from_now(-10);
    let mut future = leaf_params();
    future.not_before = days_from_now(2);
    let mut other = rcgen::CertificateParams::new(vec!["www.example.com".to_owned()]).unwrap();
    (other.not_before, other.not_after) = (days_from_now(-9), days_from_now(9));
    for (identity, kind) in [
        (issue(&leaf_params(), &stranger).sending(&[stranger.der()]), "unknown_root"),
        (issue(&leaf_params(), &middle), "incomplete_chain"),
        (issue(&expired, &ca), "expired"),
        (issue(&future, &ca), "not_yet_valid"),
        (issue(&other, &ca), "wrong_name"),
        (self_signed(&leaf_params()), "self_signed"),
    ] {
        let (_running, port, _folder) = openssl(&identity, &[]);
        let user = diagnosis(port, store(&[ca.der()]));
        assert!(!user.curl_manages(&url(port), &[]), "{kind}");
        let found = user.run();
        assert_eq!(found.kind(), kind, "{}", found.text());
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
        let demands = [option, "-Verify", "1", "-verify_return_error", "-CAfile", accepted];
        let (_running, port, _folder) = openssl(&identity, &demands);
        let user = || diagnosis(port, store(&[ca.der()])).only_asking(port);
        let found = user().run();
        assert!(
            found.sentence().ends_with("the server wants a client certificate, and none is set."),
            "{}",
            found.text()
        );
        assert_eq!(texts(&found.json["client_certificate_issuers"]), ["CN=Client Authority"]);
        let found = user().client(&issue(&tls_support::params("Laptop 7"), &clients)).run();
        assert!(found.works(), "{}", found.text());
        let foreign = issue(&tls_support::params("Laptop 8"), &root("Another Authority"));
        let found = user().client(&foreign).run();
        assert!(found.sentence().ends_with("the server refused the client certificate."), "{}", found.text());
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_signs_with_algorithms_that_are_named_where_they_can_not_be_checked() {
    for (ca_key, options, words) in [
        (P521, "-sha512", "ECDSA with SHA-512 by a key of the kind P-521"),
        (P256, "-sha512", "ECDSA with SHA-512 by a key of the kind P-256"),
        (P384, "-sha512", "ECDSA with SHA-512 by a key of the kind P-384"),
        ("-algorithm ED448", "", "with Ed448, "),
        (
            "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20",
            "RSASSA-PSS by a key of the kind RSA 2048",
        ),
    ] {
        let workshop = Workshop::new();
        workshop.chain(ca_key, options, P256, LOCALHOST);
        let (_running, port) = workshop.serve();
        let user = workshop.user(port);
        assert!(user.curl_manages(&url(port), &[]), "{words}");
        let found = user.run();
        let sentence = found.sentence();
        assert!(sentence.contains(words) && sentence.contains("which f5-guard can't check"), "{sentence}");
        assert!(found.fix()[0].contains("inspecting product's administrator"), "{:?}", found.fix());
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_a_key_that_can_not_be_used_is_looked_at_again() {
    for (leaf_key, words) in [
        (P521, "a key of the kind P-521"),
        ("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "a key of the kind RSASSA-PSS"),
        ("-algorithm ED448", "a key of the kind Ed448"),
    ] {
        let workshop = Workshop::new();
        workshop.chain(P256, "-sha256", leaf_key, LOCALHOST);
        let (_running, port) = workshop.serve();
        let user = workshop.user(port);
        assert!(user.curl_manages(&url(port), &[]), "{words}");
        let found = user.run();
        assert!(found.sentence().contains(words), "{}", found.text());
        assert!(found.looked(), "{}", found.stderr);
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_a_small_key_or_a_name_in_the_wrong_place_is_told_so() {
    let small = "-algorithm RSA -pkeyopt rsa_keygen_bits:1024";
    for (ca_key, names, host, words) in [
        (small, LOCALHOST, "localhost", "an RSA key of 1024 bits"),
        (P256, "", "localhost", "names it only as common name (CN)"),
        (P256, "subjectAltName=DNS:127.0.0.1\n", "127.0.0.1", "names the IP address as a DNS name"),
    ] {
        let workshop = Workshop::new();
        workshop.chain(ca_key, "-sha256", P256, names);
        let (_running, port) = workshop.serve();
        let user = diagnosis(port, store(&[&workshop.certificate("ca.pem")])).host(host);
        user.curl_manages(&format!("https://{host}:{port}/"), &[]);
        let found = user.run();
        assert!(found.sentence().contains(words), "{}", found.text());
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_with_a_small_key_of_the_server_is_not_called_a_stranger() {
    let workshop = Workshop::new();
    workshop.chain(P256, "-sha256", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024", LOCALHOST);
    let (_running, port) = workshop.serve();
    let trusting = |name: &str| diagnosis(port, store(&[&workshop.certificate(name)]));
    for user in [trusting("ca.pem"), trusting("leaf.pem")] {
        assert!(!user.curl_manages(&url(port), &[]));
        let found = user.run();
        assert!(found.sentence().contains("an RSA key of 1024 bits"), "{}", found.text());
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_and_curl_refuse_a_root_with_a_critical_extension_as_we_do() {
    let workshop = Workshop::new();
    workshop.chain(P256, "-sha256", P256, LOCALHOST);
    // The same root again, with an extension more.
    workshop.run(
        "req -x509 -new -key ca.key -subj /CN=Company -days 30 -out ca.pem -addext 1.2.3.4=critical,DER:0500",
    );
    let (_running, port) = workshop.serve();
    let user = workshop.user(port);
    assert!(!user.curl_manages(&url(port), &[]));
    let found = user.run();
    assert!(
        found.sentence().contains("a critical extension that f5-guard does not know"),
        "{}",
        found.text()
    );
}

#[test]
#[ignore = "needs openssl"]
fn openssl_makes_a_self_signed_certificate_that_works_as_a_pin() {
    let workshop = Workshop::new();
    // CA:TRUE, as openssl makes them by itself.
    workshop.run("req -x509 -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.pem -subj /CN=localhost -days 30 -addext subjectAltName=DNS:localhost");
    let (_running, port) = workshop.serve();
    let pinned = diagnosis(port, store(&[&workshop.certificate("leaf.pem")])).only_asking(port);
    assert!(pinned.curl_manages(&url(port), &[]));
    let found = pinned.run();
    assert!(found.works(), "{}", found.text());
    let found = diagnosis(port, store(&[root("Another").der()])).run();
    assert_eq!(found.kind(), "self_signed");
    assert!(found.fix()[0].contains("trust exactly that one"), "{:?}", found.fix());
}

#[test]
#[ignore = "needs openssl"]
fn openssl_marks_certificates_as_trusted_or_not() {
    let workshop = Workshop::new();
    workshop.chain(P256, "-sha256", P256, LOCALHOST);
    workshop.run("x509 -in ca.pem -addtrust serverAuth -out trusted.pem");
    workshop.run("x509 -in ca.pem -addtrust clientAuth -out other.pem");
    workshop.run("x509 -in ca.pem -addreject serverAuth -out rejected.pem");
    workshop.run("crl2pkcs7 -nocrl -certfile ca.pem -outform DER -out ca.p7b");
    workshop.run("pkcs12 -export -nokeys -in ca.pem -passout pass: -out ca.p12");
    let (_running, port) = workshop.serve();
    let with = |name: &str| {
        diagnosis(port, Roots::default())
            .env("F5_GUARDRAILS_CA_BUNDLE", &workshop.path(name))
            .only_asking(port)
    };
    assert!(with("trusted.pem").curl_manages(&url(port), &[]));
    assert!(with("trusted.pem").run().works());
    for (name, words) in [
        ("other.pem", "marked as not for servers"),
        ("rejected.pem", "marked as not for servers"),
        ("ca.p7b", "a PKCS#7 container"),
        ("ca.p12", "a PKCS#12 container"),
    ] {
        assert!(!with(name).curl_manages(&url(port), &[]), "{name}");
        let said = with(name).smoketest(&["--tls-diagnostics"]);
        assert!(
            said.stdout.contains("holds no usable certificate, but ") && said.stdout.contains(words),
            "{}",
            said.stdout
        );
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_and_curl_refuse_a_root_that_is_no_ca_as_we_do() {
    let workshop = Workshop::new();
    fs::write(workshop.path("snakeoil.ext"), "basicConstraints=CA:FALSE\n").unwrap();
    workshop.run(&format!("genpkey {P256} -out ca.key"));
    workshop.run("req -x509 -new -key ca.key -subj /CN=snakeoil -days 30 -out ca.pem -addext basicConstraints=critical,CA:FALSE");
    fs::write(workshop.path("leaf.ext"), LOCALHOST).unwrap();
    workshop.run(&format!("genpkey {P256} -out leaf.key"));
    workshop.run("req -new -key leaf.key -subj /CN=localhost -out leaf.csr");
    workshop.run("x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 20 -out leaf.pem -extfile leaf.ext");
    let (_running, port) = workshop.serve();
    let user = workshop.user(port);
    assert!(!user.curl_manages(&url(port), &[]));
    let found = user.run();
    assert!(found.sentence().contains("but is not a CA's (basic constraints)"), "{}", found.text());
}

#[test]
#[ignore = "needs nginx"]
fn nginx_with_a_good_chain_works_and_names_itself() {
    let ca = root("Good Root");
    let (_running, port, _folder) = nginx(&issue(&leaf_params(), &ca), "");
    let user = diagnosis(port, store(&[ca.der()]));
    assert!(user.curl_manages(&url(port), &[]));
    let found = user.run();
    assert!(found.works(), "{}", found.text());
    assert!(found.json["answer"]["server"].as_str().unwrap().starts_with("nginx"));
}

#[test]
#[ignore = "needs nginx"]
fn nginx_without_its_intermediate_sends_an_incomplete_chain() {
    let ca = root("Good Root");
    let middle = intermediate("Forgotten Intermediate", &ca);
    let (_running, port, _folder) = nginx(&issue(&leaf_params(), &middle), "");
    let found = diagnosis(port, store(&[ca.der()])).run();
    assert_eq!(found.kind(), "incomplete_chain", "{}", found.text());
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
    assert!(
        found.sentence().ends_with("the server wants a client certificate, and none is set."),
        "{}",
        found.text()
    );
}

#[test]
#[ignore = "needs nginx"]
fn nginx_that_rejects_the_handshake_for_unknown_names_is_understood() {
    let ca = root("Good Root");
    let (_running, port, _folder) = nginx(&issue(&leaf_params(), &ca), "ssl_reject_handshake on;");
    let found = diagnosis(port, store(&[ca.der()])).run();
    assert_eq!(found.kind(), "unknown_server_name", "{}", found.text());
}

#[test]
#[ignore = "needs nginx"]
fn nginx_compresses_only_for_those_who_ask() {
    let ca = root("Good Root");
    let gzip = "gzip on; gzip_min_length 1; gzip_types *; default_type application/json;";
    let (_running, port, _folder) = nginx(&issue(&leaf_params(), &ca), gzip);
    let found = diagnosis(port, store(&[ca.der()])).run();
    assert!(found.works(), "{}", found.text());
}

/// squid with these rules.
fn squid(rules: &str) -> (Program, u16, TempDir) {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let here = folder.path().display();
    let text = format!(
        "http_port 127.0.0.1:{port}\npid_filename none\ncache_log {here}/cache.log\naccess_log none\ncache_store_log none\n\
         coredump_dir {here}\nnetdb_filename none\nshutdown_lifetime 0 seconds\npinger_enable off\nworkers 1\n\
         cache_effective_user {}\n{rules}\n",
        owner()
    );
    let path = folder.path().join("squid.conf");
    fs::write(&path, text).unwrap();
    let running = program("squid", &["-N", "-f", path.to_str().unwrap()], port);
    (running, port, folder)
}

/// squid wants a user other than root to run as.
fn owner() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    let name = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    if name == "root" { "nobody".to_owned() } else { name }
}

#[test]
#[ignore = "needs squid and nginx"]
fn squid_carries_scans_to_names_and_addresses_of_both_families() {
    let ca = root("Good Root");
    let mut leaf = leaf_params();
    leaf.subject_alt_names.push(rcgen::SanType::IpAddress("::1".parse().unwrap()));
    let (_server, port, _folder) = nginx(&issue(&leaf, &ca), "");
    let (_running, proxy, _folder) = squid("http_access allow all");
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        for address in [format!("http://127.0.0.1:{proxy} "), format!("127.0.0.1:{proxy}")] {
            let user = diagnosis(port, store(&[ca.der()])).host(host).proxy(&address);
            // curl 7.88 takes no blank at the end, requests does.
            assert_eq!(user.curl_manages(&format!("https://{host}:{port}/"), &[]), !address.ends_with(' '));
            let found = user.run();
            assert!(found.works(), "{host} {address} {}", found.text());
            assert!(found.stages().contains(&"proxy"));
        }
    }
}

#[test]
#[ignore = "needs squid and nginx"]
fn squid_that_refuses_or_wants_a_login_is_understood() {
    let ca = root("Good Root");
    let (_server, port, _folder) = nginx(&issue(&leaf_params(), &ca), "");
    let (_running, proxy, _folder) = squid("http_access deny all");
    let user = diagnosis(port, store(&[ca.der()])).proxy(&format!("http://127.0.0.1:{proxy}"));
    assert!(!user.curl_manages(&url(port), &[]));
    let found = user.run();
    assert!(found.sentence().ends_with("(from HTTPS_PROXY) answered HTTP 403."), "{}", found.text());

    let login = "auth_param basic program /usr/lib/squid/basic_fake_auth\nacl known proxy_auth REQUIRED\n\
                 http_access allow known\nhttp_access deny all";
    let (_running, proxy, _folder) = squid(login);
    let without = diagnosis(port, store(&[ca.der()])).proxy(&format!("http://127.0.0.1:{proxy}"));
    assert!(!without.curl_manages(&url(port), &[]));
    let found = without.run();
    assert!(found.sentence().ends_with("wants a login (it offers Basic)."), "{}", found.text());
    for login in [r"CORP\jd:pw", "jd:a^b|c\"dö", "jd:p%40ss%23"] {
        let user = diagnosis(port, store(&[ca.der()])).proxy(&format!("http://{login}@127.0.0.1:{proxy}"));
        assert!(user.curl_manages(&url(port), &[]), "{login}");
        let found = user.run();
        assert!(found.works(), "{login} {}", found.text());
    }
}

#[test]
#[ignore = "needs squid"]
fn squid_that_reaches_nobody_is_asked_again_and_named() {
    let (_running, proxy, _folder) = squid("http_access allow all");
    let port = free_port();
    let user = diagnosis(port, store(&[root("Any").der()])).proxy(&format!("http://127.0.0.1:{proxy}"));
    assert!(!user.curl_manages(&url(port), &[]));
    let found = user.run();
    assert!(found.sentence().contains("answered HTTP 503"), "{}", found.text());
    assert_eq!(found.json["earlier_attempts"], 2);
}

fn microsocks(options: &[&str]) -> (Program, u16) {
    let port = free_port();
    let text = port.to_string();
    let mut arguments = vec!["-i", "127.0.0.1", "-p", &text];
    arguments.extend(options);
    (program("microsocks", &arguments, port), port)
}

#[test]
#[ignore = "needs microsocks and nginx"]
fn microsocks_carries_scans_with_and_without_a_login() {
    let ca = root("Good Root");
    let mut leaf = leaf_params();
    leaf.subject_alt_names.push(rcgen::SanType::IpAddress("::1".parse().unwrap()));
    let (_server, port, _folder) = nginx(&issue(&leaf, &ca), "");
    let (_running, open) = microsocks(&[]);
    let (_running_too, closed) = microsocks(&["-u", "bob", "-P", "p^w"]);
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        for address in [
            format!("socks5://127.0.0.1:{open}"),
            format!("socks5h://127.0.0.1:{open}"),
            format!("socks5h://bob:p^w@127.0.0.1:{closed}"),
        ] {
            let user = diagnosis(port, store(&[ca.der()])).host(host).proxy(&address);
            assert!(user.curl_manages(&format!("https://{host}:{port}/"), &[]), "{host} {address}");
            let found = user.run();
            assert!(found.works(), "{host} {address} {}", found.text());
        }
    }
    for address in [format!("socks5h://127.0.0.1:{closed}"), format!("socks5h://bob:no@127.0.0.1:{closed}")] {
        let user = diagnosis(port, store(&[ca.der()])).proxy(&address);
        assert!(!user.curl_manages(&url(port), &[]));
        let found = user.run();
        assert_eq!(found.kind(), "proxy_login", "{}", found.text());
        assert_eq!(found.json["earlier_attempts"], 0);
    }
}

/// dnsmasq on an address of loopback, and a command line that lets a program ask it and nobody else.
fn dnsmasq(options: &[&str]) -> (Program, TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let address = format!("127.0.{}.{}", std::process::id() % 200 + 1, free_port() % 200 + 1);
    let listen = format!("--listen-address={address}");
    let mut arguments = vec![
        "--keep-in-foreground",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--conf-file=/dev/null",
        &listen,
    ];
    arguments.extend(options);
    let user = format!("--user={}", owner());
    arguments.push(&user);
    let running = tls_support::program_at("dnsmasq", &arguments, (&*address, 53));
    let configuration = folder.path().join("resolv.conf");
    fs::write(&configuration, format!("nameserver {address}\noptions timeout:1 attempts:1\n")).unwrap();
    (running, folder, configuration)
}

/// Diagnoses with that file as /etc/resolv.conf, in a mount namespace of its own.
fn diagnosed_with(user: &Machine, resolv_conf: &Path) -> serde_json::Value {
    let script = format!(
        "mount --bind {} /etc/resolv.conf && exec {} smoketest --tls-diagnostics --json --no-fail",
        resolv_conf.display(),
        tls_support::BINARY
    );
    let mut command = Command::new("unshare");
    let output =
        command.args(["--mount", "sh", "-c", &script]).envs(user.variables()).output().expect("unshare");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
#[ignore = "needs dnsmasq and nginx, as root"]
fn dnsmasq_that_names_a_silent_address_first_costs_a_moment_only() {
    let ca = root("Good Root");
    let mut leaf = leaf_params();
    leaf.subject_alt_names = vec![rcgen::SanType::DnsName("f5.test".try_into().unwrap())];
    let (_server, port, _folder) = nginx(&issue(&leaf, &ca), "");
    // Nothing on this machine answers for the first; the system may put them in either order.
    let (_running, _folder, resolv) =
        dnsmasq(&["--host-record=f5.test,240.0.0.1", "--host-record=f5.test,127.0.0.1"]);
    let user = diagnosis(port, store(&[ca.der()])).base_url(&format!("https://f5.test:{port}"));
    let json = diagnosed_with(&user, &resolv);
    assert_eq!(json["tls_diagnostics"]["verdict"]["kind"], "works", "{json:#}");
    assert_eq!(
        json["tls_diagnostics"]["addresses"].as_array().unwrap().last().unwrap()["address"],
        format!("127.0.0.1:{port}")
    );
}

#[test]
#[ignore = "needs dnsmasq, as root"]
fn dnsmasq_that_never_answers_is_named_and_one_that_knows_no_such_name_is_told_apart() {
    let user = || diagnosis(443, store(&[root("Any").der()])).base_url("https://f5.test");
    // Its questions go to a server that says nothing.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let upstream = format!("--server=127.0.0.1#{}", silent.local_addr().unwrap().port());
    let (_running, _folder, resolv) = dnsmasq(&[&upstream]);
    let json = diagnosed_with(&user(), &resolv);
    let sentence = json["tls_diagnostics"]["verdict"]["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with(
            "The name of f5.test could not be resolved: the DNS server did not answer. The DNS server 127.0."
        ),
        "{sentence}"
    );
    // It knows the one kind of address, and waits for somebody else to tell the other.
    let (_running, _folder, resolv) = dnsmasq(&[&upstream, "--host-record=f5.test,127.0.0.1"]);
    fs::write(&resolv, fs::read_to_string(&resolv).unwrap().replace("timeout:1", "timeout:20")).unwrap();
    let json = diagnosed_with(&user().patience(std::time::Duration::from_secs(2)), &resolv);
    let sentence = json["tls_diagnostics"]["verdict"]["sentence"].as_str().unwrap();
    assert!(
        sentence.contains(": the DNS server did not say which address f5.test has. The DNS server 127.0."),
        "{sentence}"
    );
    assert!(sentence.contains("or not for both kinds of address (A and AAAA)"), "{sentence}");
    let (_running, _folder, resolv) = dnsmasq(&["--local=/test/"]);
    let json = diagnosed_with(&user(), &resolv);
    let sentence = json["tls_diagnostics"]["verdict"]["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("The name of f5.test could not be resolved: the name has no address."),
        "{sentence}"
    );
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
    let proxy = format!("http://127.0.0.1:{port}");

    let user = diagnosis(served.port, store(&[ca.der()])).proxy(&proxy);
    assert!(!user.curl_manages(&url(served.port), &[]));
    let found = user.run();
    assert!(
        found.sentence().contains("TLS inspection by mitmproxy stands between this machine and localhost, and its root “CN=mitmproxy, O=mitmproxy”"),
        "{}",
        found.text()
    );
    assert_eq!(served.heard(), Vec::<String>::new(), "nothing may be sent on an unverified connection");

    let own = fs::read(folder.path().join("mitmproxy-ca-cert.pem")).unwrap();
    let own = CertificateDer::from_pem_slice(&own).unwrap();
    let user = diagnosis(served.port, store(&[&own])).proxy(&proxy);
    assert!(user.curl_manages(&url(served.port), &[]));
    let found = user.run();
    assert_eq!(
        found.sentence(),
        format!(
            "TLS to localhost:{} works; it is inspected on the way by mitmproxy, whose root this machine trusts.",
            served.port
        )
    );
}
