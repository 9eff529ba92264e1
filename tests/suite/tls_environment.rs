//! The report on the environment, with real files; the environment itself is a table.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;

use crate::tls_support::{issue, leaf_params, pem, root};
use f5_guard::internals::tls_diagnostics::{Environment, FileState, environment_report};
use tempfile::TempDir;

fn report(set: &[(&str, &str)]) -> Environment {
    let set: HashMap<&str, OsString> = set.iter().map(|(key, value)| (*key, OsString::from(value))).collect();
    environment_report(&|name| set.get(name).cloned())
}

fn certificates(count: usize) -> FileState {
    FileState::Certificates { count, unusable: 0, unread: String::new() }
}

fn file(environment: &Environment) -> Option<FileState> {
    environment.set[0].file.clone()
}

#[test]
fn the_certificates_of_a_bundle_are_counted() {
    let folder = TempDir::new().unwrap();
    let bundle = folder.path().join("bundle.pem");
    let text = format!(
        "# a comment\n{}{}{}",
        pem("CERTIFICATE", root("One").der()),
        pem("CERTIFICATE", root("Two").der()),
        pem("CERTIFICATE", b"not a certificate at all")
    );
    fs::write(&bundle, text).unwrap();
    for name in ["F5_GUARDRAILS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"] {
        let found = report(&[(name, bundle.to_str().unwrap())]);
        assert_eq!(found.set[0].name, name);
        assert_eq!(
            file(&found),
            Some(FileState::Certificates {
                count: 2,
                unusable: 0,
                unread: "1 part of it can't be used: a damaged certificate".to_owned()
            })
        );
    }
}

#[test]
fn a_folder_of_certificates_is_counted_by_its_hash_names() {
    let folder = TempDir::new().unwrap();
    for name in ["one", "two"] {
        let file = if name == "one" { "0123abcd.0" } else { "0123abcd.1" };
        fs::write(folder.path().join(file), pem("CERTIFICATE", root(name).der())).unwrap();
    }
    fs::write(folder.path().join("not-hashed.pem"), pem("CERTIFICATE", root("three").der())).unwrap();
    fs::write(folder.path().join("readme"), "nothing").unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    let found = report(&[("SSL_CERT_DIR", folder.path().to_str().unwrap())]);
    assert_eq!(file(&found), Some(certificates(2)));
}

#[test]
fn missing_empty_and_impossible_files_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let der = folder.path().join("0123abcd.0");
    fs::write(&der, root("In DER form").der()).unwrap();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let state = |value: &str| file(&report(&[("SSL_CERT_FILE", value)]));
    assert_eq!(state(&path(&folder.path().join("nowhere"))), Some(FileState::Missing));
    let text = folder.path().join("text.pem");
    fs::write(&text, "no certificate").unwrap();
    assert_eq!(state(&path(&text)), Some(FileState::NoCertificates { instead: String::new() }));
    assert_eq!(state(&path(&der)), Some(certificates(1)));
    assert_eq!(state(&path(folder.path())), Some(certificates(1)));
    assert_eq!(state(""), None);
}

#[test]
fn a_client_key_is_recognised_and_never_shown() {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("key.pem");
    let identity = issue(&leaf_params(), &root("Any"));
    fs::write(&key, identity.key.serialize_pem()).unwrap();
    let found = report(&[("F5_GUARDRAILS_CLIENT_KEY", key.to_str().unwrap())]);
    assert_eq!(file(&found), Some(FileState::PrivateKey));
    let secret = identity.key.serialize_pem().lines().nth(1).unwrap().to_owned();
    assert!(!serde_json::to_string(&found).unwrap().contains(&secret));
    fs::write(&key, "no key").unwrap();
    let found = report(&[("F5_GUARDRAILS_CLIENT_KEY", key.to_str().unwrap())]);
    assert!(matches!(file(&found), Some(FileState::NoPrivateKey { .. })));
}

#[test]
fn a_proxy_is_shown_without_its_login() {
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        for value in ["http://alice:s3cret@proxy:8080", "alice:s3cret@proxy:8080"] {
            assert_eq!(report(&[(name, value)]).set[0].value, "http://proxy:8080 with a login");
        }
        let unusable = report(&[(name, "http://alice:s3cret#1@proxy:8080")]);
        assert!(unusable.set[0].value.starts_with("NOT USABLE"), "{:?}", unusable.set[0]);
        assert!(!format!("{unusable:?}").contains("alice"), "{unusable:?}");
    }
    for name in ["NO_PROXY", "no_proxy"] {
        let found = report(&[(name, "a.example,http://alice:s3cret@proxy:8080")]);
        assert_eq!(found.set[0].value, "2 not shown");
    }
}

#[test]
fn a_key_log_is_a_warning_that_says_whether_it_is_written() {
    let folder = TempDir::new().unwrap();
    let words = |path: &str| file(&report(&[("SSLKEYLOGFILE", path)])).unwrap().to_string();
    let good = words(folder.path().join("keys.log").to_str().unwrap());
    assert!(good.starts_with("WARNING") && good.contains("are written there"), "{good}");
    let bad = words("/nowhere/keys.log");
    assert!(bad.contains("but nothing is written there: "), "{bad}");
}

#[test]
fn nothing_but_the_named_variables_is_asked_for() {
    let asked = std::cell::RefCell::new(Vec::new());
    let found = environment_report(&|name| {
        asked.borrow_mut().push(name.to_owned());
        None
    });
    assert!(found.set.is_empty());
    assert!(asked.borrow().iter().all(|name| !name.contains("TOKEN")), "{asked:?}");
    assert!(found.unset.contains(&"HTTPS_PROXY") && found.unset.contains(&"SSL_CERT_DIR"));
}
