//! Every fault, on every way: what the hook says, what the smoke test says and what the diagnosis says is one and the
//! same cause with one and the same advice, and where the scan failed nothing that is printed is a success.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crate::tls_support::{
    Authority, Identity, Machine, Roots, Served, cleared, days_from_now, diagnosis, free_port, issue,
    leaf_params, mutual, params, provider, raw_at, relay, root, self_signed, store, texts, tls_answering,
};
use f5_stand_in::proxy::Proxy;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use serde_json::Value;

/// Runs hook, smoke test and diagnosis, and holds them against each other. `cause` is a part of what all say; empty
/// where the scan works.
fn agree(what: &str, machine: &Machine, cause: &str) -> Value {
    let hook = machine.hook();
    let said = machine.smoketest(&["--tls-diagnostics", "--json"]);
    let json: Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{what}: {error} {said:?}"));
    let scan = json["steps"].as_array().unwrap().last().unwrap().clone();
    let verdict = &json["tls_diagnostics"]["verdict"];
    if cause.is_empty() {
        assert_eq!((hook.code, hook.stdout.as_str()), (Some(0), ""), "{what}: {hook:?}");
        assert_eq!((&scan["ok"], &verdict["kind"]), (&true.into(), &"works".into()), "{what}: {json:#}");
        return json;
    }
    let sentence = scan["cause"].as_str().unwrap_or_else(|| panic!("{what}: {json:#}"));
    assert!(sentence.contains(cause), "{what}: {sentence}");
    // The hook may have had its last full stop taken off.
    let hook_said = format!("{}{}", hook.stdout, hook.stderr).replace("\\\"", "\"");
    assert!(hook_said.contains(sentence.trim_end_matches('.')), "{what}: {sentence} | {hook:?}");
    let diagnosed = verdict["sentence"].as_str().unwrap();
    assert!(diagnosed.starts_with(sentence), "{what}: {sentence} | {diagnosed}");
    for claim in ["\"result\": \"cleared\"", " works", "Smoke test passed", "\"passed\": true"] {
        assert!(!said.stdout.contains(claim), "{what}: {claim} in {}", said.stdout);
    }
    let fix = scan["fix"].as_str().unwrap();
    // A hook has less room.
    let first = fix.split("; ").next().unwrap().split(". ").next().unwrap().trim_end_matches('.');
    let advises = hook_said.contains(first) || hook_said.contains("`f5-guard why` says what to do.");
    assert!(advises, "{what}: {fix} | {hook:?}");
    assert!(!texts(&verdict["fix"]).is_empty(), "{what}");
    // What is set as advised is not advised again.
    assert!(!diagnosed.contains("set F5_GUARDRAILS_CA_BUNDLE to"), "{what}");
    assert!(!said.stdout.contains("export F5_GUARDRAILS_CA_BUNDLE"), "{what}: {}", said.stdout);
    if !sentence.contains("answers slowly") && !sentence.contains("began its answer") {
        assert!(!fix.contains("F5_GUARDRAILS_TIMEOUT"), "{what}: {fix}");
    }
    json
}

/// A way to a server on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Via {
    Directly,
    Http,
    Socks5,
}

fn everywhere(each: impl Fn(Via, &'static str) + Sync) {
    std::thread::scope(|scope| {
        for via in [Via::Directly, Via::Http, Via::Socks5] {
            let each = &each;
            scope.spawn(move || {
                for host in ["127.0.0.1", "[::1]"] {
                    each(via, host);
                }
            });
        }
    });
}

/// A SOCKS 5 proxy that connects every address on this machine.
fn socks() -> Served {
    raw_at("127.0.0.1:0", |mut tcp, _| {
        let mut bytes = [0; 512];
        let _ = tcp.read(&mut bytes);
        let _ = tcp.write_all(&[5, 0]);
        let Ok(count) = tcp.read(&mut bytes) else { return };
        let port = u16::from_be_bytes([bytes[count - 2], bytes[count - 1]]);
        let host = if bytes[3] == 4 { "::1" } else { "127.0.0.1" };
        let Ok(inner) = TcpStream::connect((host, port)) else {
            let _ = tcp.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
            return;
        };
        let _ = tcp.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]);
        relay(&tcp, &inner);
    })
}

/// The machine that scans with `host` at `port` on that way, while `then` looks.
fn on_the_way(via: Via, host: &str, port: u16, roots: Roots, then: impl FnOnce(Machine)) {
    let machine = diagnosis(port, roots).host(host);
    match via {
        Via::Directly => then(machine),
        Via::Http => {
            let proxy = Proxy::start();
            then(machine.proxy(&proxy.url()));
        }
        Via::Socks5 => {
            let proxy = socks();
            then(machine.proxy(&format!("socks5h://127.0.0.1:{}", proxy.port)));
        }
    }
}

fn serve(
    host: &str,
    identity: &Identity,
    version: &'static SupportedProtocolVersion,
    answer: &str,
) -> Served {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key_der())
        .unwrap();
    tls_answering(&format!("{host}:0"), config, answer.as_bytes())
}

/// For both addresses of loopback.
fn leaf() -> CertificateParams {
    let mut leaf = leaf_params();
    leaf.subject_alt_names.push(rcgen::SanType::IpAddress("::1".parse().unwrap()));
    leaf
}

/// A server's certificate that is wrong in one way, and the roots to check it with.
fn certificates() -> Vec<(&'static str, Identity, Roots, &'static str)> {
    let trusting = |ca: &Authority| store(&[ca.der()]);
    let issued = |change: fn(&mut CertificateParams)| {
        let ca = root("Good Root");
        let mut params = leaf();
        change(&mut params);
        (issue(&params, &ca), trusting(&ca))
    };
    let under = |change: fn(&mut CertificateParams)| {
        let mut params = params("Odd Root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let ca = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        (issue(&leaf(), &ca), trusting(&ca))
    };
    let mut all = Vec::new();
    let mut add =
        |what, (identity, roots): (Identity, Roots), cause| all.push((what, identity, roots, cause));
    add("good", issued(|_| {}), "");
    add(
        "stranger",
        (issue(&leaf(), &root("Stranger")), trusting(&root("Known"))),
        "authority that is not trusted here",
    );
    add(
        "self-signed",
        (self_signed(&leaf()), trusting(&root("Known"))),
        "authority that is not trusted here",
    );
    let pin = self_signed(&leaf());
    let roots = Roots(pin.chain.clone());
    add("pinned", (pin, roots), "");
    add("expired", issued(|leaf| leaf.not_after = days_from_now(-2)), "its certificate has expired");
    add("early", issued(|leaf| leaf.not_before = days_from_now(2)), "is not valid yet");
    add("another name", issued(|leaf| leaf.subject_alt_names.truncate(1)), "is for another name");
    add(
        "for clients",
        issued(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
        "is not meant for servers",
    );
    add(
        "root without CA",
        under(|root| root.is_ca = IsCa::ExplicitNoCa),
        "is not a CA's (basic constraints)",
    );
    add(
        "root without key usage",
        under(|root| root.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
        "may not sign certificates",
    );
    add(
        "root with an unknown critical extension",
        under(|root| {
            let mut unknown = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            unknown.set_criticality(true);
            root.custom_extensions.push(unknown);
        }),
        "has a critical extension that f5-guard does not know",
    );
    add("expired bundle", under(|root| root.not_after = days_from_now(-2)), "has expired");
    all
}

#[test]
fn each_fault_of_a_certificate_is_one_cause_on_every_way() {
    everywhere(|via, host| {
        for version in [&TLS12, &TLS13] {
            for (what, identity, roots, cause) in certificates() {
                let what = format!("{what} {via:?} {host} {version:?}");
                let served = serve(host, &identity, version, &cleared());
                // A bundle without a single usable certificate is found before anything is connected.
                if what.starts_with("expired bundle") {
                    continue;
                }
                on_the_way(via, host, served.port, roots, |machine| {
                    agree(&what, &machine, cause);
                });
                assert_eq!(served.heard().is_empty(), !cause.is_empty(), "{what}");
            }
        }
    });
}

#[test]
fn a_bundle_of_expired_certificates_is_named_by_all() {
    let mut params = params("Old Root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = days_from_now(-2);
    let ca = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let served = serve("127.0.0.1", &issue(&leaf(), &ca), &TLS13, &cleared());
    let machine = diagnosis(served.port, store(&[ca.der()]));
    let hook = machine.hook();
    assert!(format!("{hook:?}").contains("every certificate in the CA bundle has expired"), "{hook:?}");
    let said = machine.smoketest(&["--tls-diagnostics"]);
    assert!(said.stdout.contains("Every certificate in the CA bundle"), "{}", said.stdout);
    assert!(!said.stdout.contains(" works"), "{}", said.stdout);
    assert_eq!(said.code, Some(1));
}

#[test]
fn client_certificates_are_one_cause_on_every_way() {
    everywhere(|via, host| {
        for version in [&TLS12, &TLS13] {
            let (ca, clients) = (root("Good Root"), root("Client Authority"));
            let server = issue(&leaf(), &ca);
            let good = issue(&params("Laptop 7"), &clients);
            let foreign = issue(&params("Laptop 8"), &root("Another Authority"));
            for (what, client, cause) in [
                ("none", None, "the server wants a client certificate, and none is set"),
                ("good", Some(&good), ""),
                ("foreign", Some(&foreign), "the server refused the client certificate"),
            ] {
                let config = mutual(&server, &clients, &[version]);
                let served = tls_answering(&format!("{host}:0"), config, cleared());
                on_the_way(via, host, served.port, store(&[ca.der()]), |machine| {
                    let machine = match client {
                        Some(client) => machine.client(client),
                        None => machine,
                    };
                    agree(&format!("{what} {via:?} {host} {version:?}"), &machine, cause);
                });
            }
        }
    });
}

#[test]
fn each_fault_of_a_connection_is_one_cause_on_every_way() {
    everywhere(|via, host| {
        for (what, words, cause) in [
            ("hangs up", &b""[..], "closed"),
            ("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n", "does not speak TLS on this port"),
            ("plain HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks plain HTTP on this port"),
            ("old TLS", &[21, 3, 1, 0, 2, 2, 70], "only TLS 1.1 or older"),
            ("no cipher", &[21, 3, 3, 0, 2, 2, 40], "signature algorithm in common"),
            ("no such site", &[21, 3, 3, 0, 2, 2, 112], "knows no site of this name"),
            ("alert", &[21, 3, 3, 0, 2, 2, 80], "the alert “internal error”"),
        ] {
            let served = raw_at(&format!("{host}:0"), move |mut tcp, _| {
                let _ = tcp.read(&mut [0; 4096]);
                let _ = tcp.write_all(words);
                let _ = tcp.shutdown(std::net::Shutdown::Write);
                let _ = tcp.read(&mut [0; 4096]);
            });
            on_the_way(via, host, served.port, store(&[root("Any").der()]), |machine| {
                agree(&format!("{what} {via:?} {host}"), &machine, cause);
            });
        }
        let silent = raw_at(&format!("{host}:0"), |mut tcp, _| drop(tcp.read_to_end(&mut Vec::new())));
        on_the_way(via, host, silent.port, store(&[root("Any").der()]), |machine| {
            let machine = machine.patience(Duration::from_millis(700));
            agree(&format!("silence {via:?} {host}"), &machine, "said nothing in the TLS handshake");
        });
        let cause = match via {
            Via::Directly => "was refused",
            Via::Http => "answered HTTP 502",
            Via::Socks5 => "refused: the server refused its connection",
        };
        on_the_way(via, host, free_port(), store(&[root("Any").der()]), |machine| {
            agree(&format!("nobody {via:?} {host}"), &machine, cause);
        });
    });
}

#[test]
fn each_oddity_of_an_answer_is_one_cause_on_every_way() {
    everywhere(|via, host| {
        let ca = root("Good Root");
        let identity = issue(&leaf(), &ca);
        let body = crate::tls_support::CLEARED;
        let with = |header: &str| {
            format!("HTTP/1.1 200 OK\r\n{header}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        for (what, answer, cause) in [
            ("blank before a colon", with("X-Cache : hit"), ""),
            ("folded header", with("X-Folded: a\r\n  b"), ""),
            ("line without a colon", with("nonsense"), ""),
            ("bare line feeds", with("A: b").replace("\r\n", "\n"), ""),
            (
                "compressed",
                with("Content-Encoding: gzip"),
                "is compressed (gzip), which f5-guard did not ask for",
            ),
            ("no HTTP", "hello\r\n\r\n".to_owned(), "did not answer in valid HTTP"),
            ("cut", "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{".to_owned(), "broke off before its end"),
            (
                "sign in",
                "HTTP/1.1 511 Sign in\r\nContent-Length: 0\r\n\r\n".to_owned(),
                "The network wants you to sign in",
            ),
            ("no token", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n".to_owned(), "HTTP 401"),
            ("a page", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>".to_owned(), "could not be used"),
        ] {
            let served = serve(host, &identity, &TLS13, &answer);
            on_the_way(via, host, served.port, store(&[ca.der()]), |machine| {
                agree(&format!("{what} {via:?} {host}"), &machine, cause);
            });
        }
    });
}

/// A proxy that answers every CONNECT with these bytes, and a tunnel behind where they grant one.
fn scripted(answers: Vec<&'static [u8]>, target: Option<u16>) -> Served {
    let answers = Arc::new(std::sync::Mutex::new(answers));
    raw_at("127.0.0.1:0", move |mut tcp, log| {
        let mut bytes = [0; 4096];
        let Ok(count @ 1..) = tcp.read(&mut bytes) else { return };
        log.lock().unwrap().push(String::from_utf8_lossy(&bytes[..count]).into_owned());
        let answer = {
            let mut answers = answers.lock().unwrap();
            if answers.len() > 1 { answers.remove(0) } else { answers[0] }
        };
        let _ = tcp.write_all(answer);
        let Some(port) = target.filter(|_| answer.windows(4).any(|part| part == b" 200")) else {
            let _ = tcp.shutdown(std::net::Shutdown::Write);
            let _ = tcp.read(&mut bytes);
            return;
        };
        let inner = TcpStream::connect(("127.0.0.1", port)).unwrap();
        relay(&tcp, &inner);
    })
}

#[test]
fn each_answer_of_a_proxy_is_one_cause() {
    let ca = root("Good Root");
    let identity = issue(&leaf(), &ca);
    let served = serve("127.0.0.1", &identity, &TLS13, &cleared());
    let helper = "Run a local helper proxy";
    for (what, answers, cause, advice) in [
        ("granted oddly", vec![&b"HTTP/1.1 200 OK\r\nX-Cache : hit\r\nX-Folded: a\r\n b\r\n\r\n"[..]], "", ""),
        ("not ready once", vec![b"HTTP/1.1 503 Busy\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], "", ""),
        ("not ready", vec![b"HTTP/1.1 503 Busy\r\n\r\n"], "answered HTTP 503", "Try again in a moment"),
        ("limited", vec![b"HTTP/1.1 429 Slow\r\nRetry-After: 0\r\n\r\n"], "answered HTTP 429", "Try again in a moment"),
        ("forbidden", vec![b"HTTP/1.1 403 No\r\n\r\n"], "answered HTTP 403", "administrator to allow the host"),
        (
            "login",
            vec![b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm=\"x, Digest\"\r\n\r\n"],
            "wants a login (it offers Negotiate, NTLM, Basic)",
            "Put user and password into HTTPS_PROXY",
        ),
        ("digest", vec![b"HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=\"x\", nonce=\"Basic \"\r\n\r\n"], "(it offers Digest)", helper),
        ("redirect", vec![b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n"], "wants you to sign in", "in a browser"),
        ("sign in", vec![b"HTTP/1.1 511 Sign in\r\n\r\n"], "wants you to sign in", "in a browser"),
        ("page", vec![b"HTTP/1.1 200 OK\r\n\r\n<!DOCTYPE html><p>Welcome"], "wants you to sign in", "in a browser"),
        ("HTTP page", vec![b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n<html>"], "wants you to sign in", "in a browser"),
        ("SSH", vec![b"SSH-2.0-OpenSSH_9.2p1\r\n"], "is not such a proxy", "Check scheme, host and port in HTTPS_PROXY"),
        ("nothing", vec![b""], "made no connection: the connection was closed", "Check scheme, host and port"),
    ] {
        let tunnels = !matches!(what, "page" | "HTTP page");
        let proxy = scripted(answers, tunnels.then_some(served.port));
        let machine = diagnosis(served.port, store(&[ca.der()]));
        // The hook and the smoke test take their turns with a script.
        let machine = machine.proxy(&format!("http://127.0.0.1:{}", proxy.port));
        let json = agree(what, &machine, cause);
        let said = json["tls_diagnostics"]["verdict"]["fix"].to_string();
        assert!(said.contains(advice), "{what}: {said}");
        assert!(!proxy.heard().is_empty(), "{what}");
    }
}

#[test]
fn each_answer_of_a_socks_proxy_is_one_cause() {
    for (what, method, reply, cause) in [
        ("rules", 0, 2, "refused: its rules do not allow it"),
        ("host", 0, 4, "refused: host unreachable from there"),
        ("address", 0, 8, "refused: it does not know this kind of address"),
        ("no method", 0xff, 0, "wants a login"),
        ("wrong login", 2, 0, "did not accept the login"),
        ("no SOCKS", 72, 0, "is not such a proxy"),
    ] {
        let proxy = raw_at("127.0.0.1:0", move |mut tcp, log| {
            log.lock().unwrap().push(String::new());
            let mut bytes = [0; 512];
            let _ = tcp.read(&mut bytes);
            let _ = tcp.write_all(&[if method == 72 { 72 } else { 5 }, method]);
            if method == 2 {
                let _ = tcp.read(&mut bytes);
                let _ = tcp.write_all(&[1, 1]);
            }
            let _ = tcp.read(&mut bytes);
            let _ = tcp.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]);
        });
        let login = if method == 2 { "u:pw@" } else { "" };
        let machine = diagnosis(443, store(&[root("Any").der()]));
        agree(what, &machine.proxy(&format!("socks5h://{login}127.0.0.1:{}", proxy.port)), cause);
        let once = !matches!(what, "host");
        assert_eq!(
            proxy.heard().len() == 2,
            once,
            "{what} is asked {} times in two runs",
            proxy.heard().len()
        );
    }
}

#[test]
fn a_proxy_that_is_set_and_unusable_is_never_gone_around() {
    let ca = root("Good Root");
    let served = serve("127.0.0.1", &issue(&leaf(), &ca), &TLS13, &cleared());
    // On Windows both spellings are one variable, which has the other name.
    let name = if cfg!(windows) { "HTTPS_PROXY" } else { "https_proxy" };
    for value in [
        "http://jdoe:Winter#2026@127.0.0.1:3128",
        "ftp://127.0.0.1:9",
        "http://",
        "http://h:x",
        "::",
        // Neither curl nor requests takes blanks for nothing.
        " ",
        "\"http://127.0.0.1:3128\"",
    ] {
        let machine = diagnosis(served.port, store(&[ca.der()])).env("https_proxy", value);
        let hook = machine.hook();
        assert!(
            format!("{hook:?}").contains(&format!("{name} is set, but not to a usable proxy address")),
            "{value}: {hook:?}"
        );
        let said = machine.smoketest(&["--tls-diagnostics"]);
        assert!(said.stdout.contains("[FAIL] Proxy"), "{value}: {}", said.stdout);
        assert!(
            !format!("{hook:?}{said:?}").contains("Winter") && !said.stdout.contains(" works"),
            "{value}: {said:?}"
        );
    }
    assert_eq!(served.heard(), Vec::<String>::new());
}

#[test]
fn an_expired_pin_is_called_the_same_by_all() {
    let mut params = leaf();
    params.not_after = days_from_now(-2);
    let pin = self_signed(&params);
    let served = serve("127.0.0.1", &pin, &TLS13, &cleared());
    let machine = diagnosis(served.port, Roots(pin.chain.clone()));
    let hook = machine.hook();
    assert!(format!("{hook:?}").contains("every certificate in the CA bundle has expired"), "{hook:?}");
    let said = machine.smoketest(&["--tls-diagnostics"]);
    assert!(said.stdout.contains("Every certificate in the CA bundle"), "{}", said.stdout);
}
