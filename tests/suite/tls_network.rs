//! Networks, servers and proxies that are broken in one way each.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::tls_support::{
    Authority, Served, diagnosis, free_port, issue, leaf_params, mutual, raw, relay, root, says,
    server_config, store, texts, tls,
};
use f5_stand_in::proxy::Proxy;
use rustls::version::{TLS12, TLS13};

const BRIEFLY: Duration = Duration::from_millis(900);

fn good_server() -> (Authority, Served) {
    let ca = root("Good Root");
    let served = tls(server_config(&issue(&leaf_params(), &ca)));
    (ca, served)
}

#[test]
fn plain_http_on_the_port_is_told_from_its_answer() {
    let served = says(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The TLS connection to localhost:{} failed: the server speaks plain HTTP on this port, not TLS.",
            served.port
        )
    );
    assert!(!found.looked());
}

#[test]
fn another_protocol_on_the_port_is_not_tls() {
    let served = says(b"SSH-2.0-OpenSSH_9.2p1\r\n");
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The TLS connection to localhost:{} failed: the server does not speak TLS on this port.",
            served.port
        )
    );
}

#[cfg(unix)] // under Wine it arrives as a plain end
#[test]
fn a_reset_during_the_handshake_is_called_so() {
    // Closing a connection with unread bytes in it resets it.
    let served = raw(|tcp, _| {
        let _ = tcp.peek(&mut [0; 1]);
    });
    let expected =
        format!("The TLS connection to localhost:{} failed: the connection was reset.", served.port);
    assert_eq!(diagnosis(served.port, store(&[])).run().sentence(), expected);
}

#[test]
fn a_server_that_hangs_up_in_the_handshake_is_called_so() {
    let served = says(b"");
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The TLS connection to localhost:{} failed: the connection was closed without an answer.",
            served.port
        )
    );
}

#[test]
fn silence_in_the_handshake_ends_with_the_steps_time() {
    let served = raw(|mut tcp, _| {
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let found = diagnosis(served.port, store(&[])).patience(BRIEFLY).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The scan did not finish within 0.9 s: localhost:{} accepted the connection and said nothing in the TLS \
             handshake.",
            served.port
        )
    );
}

#[test]
fn a_server_that_drips_bytes_does_not_outlive_the_step() {
    let served = raw(|mut tcp, _| {
        // A record that promises 16,000 bytes and never ends.
        let _ = tcp.write_all(&[22, 3, 3, 62, 128, 2, 0, 62, 124]);
        while tcp.write_all(&[3]).is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let found = diagnosis(served.port, store(&[])).patience(BRIEFLY).run();
    assert_eq!(found.kind(), "timed_out");
    assert!(found.sentence().contains("in the TLS handshake"), "{}", found.sentence());
    assert!(!found.fix().concat().contains("F5_GUARDRAILS_TIMEOUT"), "{:?}", found.fix());
}

#[test]
fn an_alert_about_the_version_means_only_old_tls() {
    let served = says(&[21, 3, 1, 0, 2, 2, 70]);
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The TLS connection to localhost:{} failed: the server offers only TLS 1.1 or older, and f5-guard speaks \
             TLS 1.2 and 1.3.",
            served.port
        )
    );
}

#[test]
fn an_alert_about_the_handshake_means_no_common_cipher() {
    let served = says(&[21, 3, 3, 0, 2, 2, 40]);
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The TLS connection to localhost:{} failed: both sides have no cipher suite, key exchange or signature \
             algorithm in common.",
            served.port
        )
    );
}

#[test]
fn a_server_that_does_not_know_the_name_is_called_so() {
    let served = says(&[21, 3, 3, 0, 2, 2, 112]);
    let found = diagnosis(served.port, store(&[])).run();
    assert!(
        found.sentence().ends_with("failed: the server knows no site of this name."),
        "{}",
        found.sentence()
    );
}

#[test]
fn a_closed_port_refuses() {
    let port = free_port();
    let found = diagnosis(port, store(&[])).run();
    assert_eq!(found.sentence(), format!("The connection to localhost:{port} was refused."));
}

#[test]
fn a_name_that_does_not_exist_fails_at_dns() {
    let found = diagnosis(443, store(&[])).host("no-such-host.invalid").run();
    // Without a network the DNS server gives no answer either.
    assert!(["no_such_name", "name_server_silent"].contains(&found.kind()), "{}", found.text());
    assert_eq!(found.stages(), ["dns"]);
    assert!(found.sentence().starts_with("The name of no-such-host.invalid could not be resolved: "));
}

#[test]
fn something_that_is_no_host_name_is_never_looked_up_or_sent() {
    let user = diagnosis(443, store(&[]));
    for host in ["evil\r\nHost: other", "a b", "u:p@h", "h/x"] {
        let said = user.smoketest(&["--tls-diagnostics", "--tls-host", host]);
        assert!(said.stdout.contains("is not a name or an address"), "{}", said.stdout);
        assert!(!said.stdout.contains("evil"), "{}", said.stdout);
    }
}

#[test]
fn a_server_that_never_answers_the_request_is_told_from_a_tls_failure() {
    let ca = root("Good Root");
    let config = std::sync::Arc::new(server_config(&issue(&leaf_params(), &ca)));
    let served = raw(move |mut tcp, _| {
        let mut tls = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).unwrap();
        let _ = tls.complete_io(&mut tcp);
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let found = diagnosis(served.port, store(&[ca.der()])).patience(BRIEFLY).run();
    assert_eq!(
        found.sentence(),
        format!(
            "The scan did not finish within 0.9 s: localhost:{} was connected, but no answer came.",
            served.port
        )
    );
}

#[test]
fn the_way_through_a_proxy_works() {
    let (ca, served) = good_server();
    let proxy = Proxy::start();
    let found = diagnosis(served.port, store(&[ca.der()])).proxy(&proxy.url()).run();
    assert!(found.works(), "{}", found.text());
    assert_eq!(proxy.targets(), [format!("CONNECT localhost:{}", served.port)]);
    assert_eq!(found.stages(), ["dns", "tcp", "proxy", "tls", "request", "body"]);
}

#[test]
fn a_proxy_with_a_login_is_given_it_and_nobody_else_sees_it() {
    let (ca, served) = good_server();
    let proxy = Proxy::builder().login("alice", "s3cret-pw").start();
    let route = &proxy.url_with_login("alice", "s3cret-pw");
    let found = diagnosis(served.port, store(&[ca.der()])).proxy(route).run();
    assert!(found.works(), "{}", found.text());
    for place in [found.text(), found.stderr.clone(), served.heard().concat()] {
        assert!(!place.contains("s3cret") && !place.contains("YWxpY2U6"), "{place}");
    }
}

#[test]
fn a_proxy_that_wants_a_login_says_so() {
    let (ca, served) = good_server();
    let proxy = Proxy::builder().login("alice", "s3cret-pw").start();
    let found = diagnosis(served.port, store(&[ca.der()])).proxy(&proxy.url()).run();
    let who = format!("The proxy {} (from HTTPS_PROXY)", proxy.url());
    assert_eq!(found.sentence(), format!("{who} wants a login (it offers Basic)."));
    let wrong = &proxy.url_with_login("alice", "wrong");
    let found = diagnosis(served.port, store(&[ca.der()])).proxy(wrong).run();
    assert_eq!(found.sentence(), format!("{who} did not accept the login (it offers Basic)."));
}

#[test]
fn a_proxy_that_speaks_only_ntlm_gets_advice_that_can_work() {
    let served = says(b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n\r\n");
    let route = &format!("http://127.0.0.1:{}", served.port);
    let found = diagnosis(443, store(&[])).proxy(route).run();
    assert!(found.sentence().ends_with("wants a login (it offers NTLM)."), "{}", found.sentence());
    assert!(found.fix()[0].contains("helper proxy"), "{:?}", found.fix());
}

#[test]
fn a_proxy_that_refuses_the_target_is_quoted() {
    let served = says(b"HTTP/1.1 403 Forbidden by policy\r\n\r\n");
    let route = &format!("http://127.0.0.1:{}", served.port);
    let found = diagnosis(443, store(&[])).proxy(route).run();
    assert!(found.sentence().ends_with(" (from HTTPS_PROXY) answered HTTP 403."), "{}", found.sentence());
    assert!(found.fix()[0].contains("Ask the proxy's administrator to allow the host"), "{:?}", found.fix());
}

#[test]
fn a_proxy_that_is_not_there_is_told_from_a_server_that_is_not_there() {
    let port = free_port();
    let route = &format!("http://127.0.0.1:{port}");
    let found = diagnosis(443, store(&[])).proxy(route).run();
    assert_eq!(
        found.sentence(),
        format!("The connection to the proxy http://127.0.0.1:{port} (from HTTPS_PROXY) was refused.")
    );
}

#[test]
fn something_else_at_the_proxys_address_is_no_proxy() {
    let served = says(b"SSH-2.0-OpenSSH\r\n\r\n");
    let route = &format!("http://127.0.0.1:{}", served.port);
    let found = diagnosis(443, store(&[])).proxy(route).run();
    assert!(found.sentence().ends_with(" is not such a proxy."), "{}", found.sentence());
}

#[test]
fn a_plain_proxy_behind_an_https_proxy_url_fails_at_the_proxys_own_tls() {
    let proxy = Proxy::start();
    let route = &proxy.url().replace("http://", "https://");
    let found = diagnosis(443, store(&[])).proxy(route).run();
    assert_eq!(*found.stages().last().unwrap(), "proxy_tls", "{}", found.text());
    assert!(found.fix()[0].contains("Most proxies are addressed with http://"), "{:?}", found.fix());
}

#[test]
fn a_proxy_that_itself_speaks_tls_works() {
    let (ca, served) = good_server();
    let config = std::sync::Arc::new(server_config(&issue(&leaf_params(), &ca)));
    let target = served.port;
    // TLS outside, a tunnel inside; one thread for both ways, because rustls streams cannot be split.
    let proxy = raw(move |mut tcp, _| {
        let mut tls = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).unwrap();
        let mut outer = rustls::Stream::new(&mut tls, &mut tcp);
        let mut bytes = vec![0; 20_000];
        let count = outer.read(&mut bytes).unwrap();
        assert!(bytes[..count].starts_with(b"CONNECT localhost:"));
        outer.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut inner = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, target)).unwrap();
        inner.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        outer.sock.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        loop {
            match outer.read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => inner.write_all(&bytes[..count]).unwrap(),
                Err(error) if is_a_pause(&error) => {}
                Err(_) => return,
            }
            match inner.read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => outer.write_all(&bytes[..count]).unwrap(),
                Err(error) if is_a_pause(&error) => {}
                Err(_) => return,
            }
        }
    });
    let route = &format!("https://localhost:{}", proxy.port);
    let found = diagnosis(served.port, store(&[ca.der()])).proxy(route).run();
    assert!(found.works(), "{}", found.text());
    assert_eq!(found.stages()[2], "proxy_tls");
}

/// A read that found nothing in its time: each system has its own word for it.
fn is_a_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// A SOCKS 5 proxy with one scripted answer to the login method and one to the request.
fn socks(method: u8, reply: u8, target: u16) -> Served {
    raw(move |mut tcp, log| {
        let mut bytes = [0; 512];
        let _ = tcp.read(&mut bytes).unwrap();
        tcp.write_all(&[5, method]).unwrap();
        if method == 2 {
            let count = tcp.read(&mut bytes).unwrap();
            log.lock().unwrap().push(String::from_utf8_lossy(&bytes[..count]).into_owned());
            tcp.write_all(&[1, 0]).unwrap();
        }
        let Ok(count @ 1..) = tcp.read(&mut bytes) else { return };
        log.lock().unwrap().push(String::from_utf8_lossy(&bytes[..count]).into_owned());
        tcp.write_all(&[5, reply, 0, 1, 127, 0, 0, 1, 0, 0]).unwrap();
        if reply == 0 {
            let inner = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, target)).unwrap();
            relay(&tcp, &inner);
        }
    })
}

#[test]
fn a_socks_proxy_is_given_the_name_and_the_login() {
    let (ca, served) = good_server();
    let proxy = socks(2, 0, served.port);
    let route = &format!("socks5h://bob:pw@127.0.0.1:{}", proxy.port);
    let found = diagnosis(served.port, store(&[ca.der()])).proxy(route).run();
    assert!(found.works(), "{}", found.text());
    assert_eq!(proxy.heard()[0], "\u{1}\u{3}bob\u{2}pw");
    assert!(proxy.heard()[1].contains("localhost"));
}

#[test]
fn a_socks_proxy_is_given_no_half_of_a_login() {
    let (ca, served) = good_server();
    for login in ["bob@", "bob:@", ":pw@"] {
        let proxy = socks(0, 0, served.port);
        let route = &format!("socks5h://{login}127.0.0.1:{}", proxy.port);
        let found = diagnosis(served.port, store(&[ca.der()])).proxy(route).run();
        assert!(found.works(), "{login} {}", found.text());
        let proxy = socks(0xff, 0, 0);
        let route = &format!("socks5h://{login}127.0.0.1:{}", proxy.port);
        let found = diagnosis(443, store(&[])).proxy(route).run();
        assert!(found.sentence().ends_with(" wants a login."), "{}", found.sentence());
    }
}

#[test]
fn a_blank_beside_a_star_exempts_nothing() {
    let (ca, served) = good_server();
    let proxy = Proxy::start();
    for (list, through) in [("*", false), (" * ", true)] {
        let machine = diagnosis(served.port, store(&[ca.der()])).proxy(&proxy.url()).env("NO_PROXY", list);
        let found = machine.run();
        assert_eq!(found.stages().contains(&"proxy"), through, "{list:?} {}", found.text());
    }
}

#[test]
fn a_socks_proxy_without_name_look_up_is_given_the_address() {
    let (ca, served) = good_server();
    let proxy = socks(0, 0, served.port);
    let route = &format!("socks5://127.0.0.1:{}", proxy.port);
    let found = diagnosis(served.port, store(&[ca.der()])).proxy(route).run();
    assert!(found.works(), "{}", found.text());
    assert!(!proxy.heard()[0].contains("localhost"));
}

#[test]
fn a_socks_proxy_that_refuses_says_why() {
    let proxy = socks(0, 2, 0);
    let route = &format!("socks5h://127.0.0.1:{}", proxy.port);
    let found = diagnosis(443, store(&[])).proxy(route).run();
    assert!(found.sentence().ends_with(" refused: its rules do not allow it."), "{}", found.sentence());
    let proxy = socks(0xff, 0, 0);
    let route = &format!("socks5h://127.0.0.1:{}", proxy.port);
    let found = diagnosis(443, store(&[])).proxy(route).run();
    assert_eq!(found.kind(), "proxy_login");
}

#[test]
fn a_demanded_client_certificate_is_called_so_in_both_versions_of_tls() {
    for version in [&TLS13, &TLS12] {
        let (ca, clients) = (root("Good Root"), root("Client Authority"));
        let served = tls(mutual(&issue(&leaf_params(), &ca), &clients, &[version]));
        let found = diagnosis(served.port, store(&[ca.der()])).run();
        assert_eq!(
            found.sentence(),
            format!(
                "The TLS connection to localhost:{} failed: the server wants a client certificate, and none is set.",
                served.port
            ),
            "{}",
            found.text()
        );
        assert_eq!(texts(&found.json["client_certificate_issuers"]), ["CN=Client Authority"]);
    }
}

#[test]
fn a_configured_client_certificate_is_shown_and_works() {
    for version in [&TLS13, &TLS12] {
        let (ca, clients) = (root("Good Root"), root("Client Authority"));
        let served = tls(mutual(&issue(&leaf_params(), &ca), &clients, &[version]));
        let client = issue(&crate::tls_support::params("Laptop 7"), &clients);
        let found = diagnosis(served.port, store(&[ca.der()])).client(&client).run();
        assert_eq!(found.json["client_certificate_requested"], true);
        assert!(found.works(), "{}", found.text());
    }
}

#[test]
fn a_client_certificate_of_the_wrong_authority_is_refused() {
    for version in [&TLS13, &TLS12] {
        let (ca, clients) = (root("Good Root"), root("Client Authority"));
        let served = tls(mutual(&issue(&leaf_params(), &ca), &clients, &[version]));
        let client = issue(&crate::tls_support::params("Laptop 7"), &root("Another Authority"));
        let found = diagnosis(served.port, store(&[ca.der()])).client(&client).run();
        assert_eq!(found.kind(), "client_certificate", "{}", found.text());
        assert!(
            found.sentence().ends_with("the server refused the client certificate."),
            "{}",
            found.sentence()
        );
    }
}
