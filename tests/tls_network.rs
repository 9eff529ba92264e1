//! Networks, servers and proxies that are broken in one way each.

mod tls_support;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use f5_guard::diagnose::{ProxyScheme, Route, Stage, Target, Verdict};
use f5_stand_in::proxy::Proxy;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::version::{TLS12, TLS13};
use tls_support::{
    Authority, Served, diagnosis, free_port, issue, leaf_params, mutual, raw, root, says, server_config,
    store, tls,
};

const BRIEFLY: Duration = Duration::from_millis(300);

fn no_environment(_: &str) -> Option<OsString> {
    None
}

fn through(proxy_url: &str, port: u16) -> Route {
    let target = Target { host: "localhost".to_owned(), port };
    Route::choose(&Matcher::builder().https(proxy_url).build(), &target, &no_environment)
}

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
            "localhost:{} speaks plain HTTP, not TLS, on this port (it answered HTTP/1.1 400 Bad Request).",
            served.port
        )
    );
    assert!(found.announced.is_empty());
}

#[test]
fn plain_http_is_found_out_also_where_the_server_hangs_up_on_tls() {
    let served = raw(|mut tcp, _| {
        let mut request = [0; 4096];
        let count = tcp.read(&mut request).unwrap_or(0);
        if request[..count].starts_with(b"HEAD / HTTP/1.1") {
            let _ = tcp.write_all(b"HTTP/1.1 301 Moved\r\n\r\n");
        }
    });
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.report.verdict.verdict,
        Verdict::PlainHttp { line: "HTTP/1.1 301 Moved".to_owned() },
        "{}",
        found.report.text()
    );
}

#[test]
fn another_protocol_on_the_port_is_quoted() {
    let served = says(b"SSH-2.0-OpenSSH_9.2p1\r\n");
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!(
            "localhost:{} speaks something other than TLS on this port (SSH-2.0-OpenSSH_9.2p1).",
            served.port
        )
    );
}

#[test]
fn a_reset_during_the_handshake_is_called_so() {
    // Closing a connection with unread bytes in it resets it.
    let served = raw(|tcp, _| {
        let _ = tcp.peek(&mut [0; 1]);
    });
    let expected = format!(
        "The connection to localhost:{} was reset during the TLS handshake: a firewall on the way, or the server, \
         does not let it through.",
        served.port
    );
    // Wine's server now and then takes note of a reset before the program asks, which is then told of a plain end.
    let attempts = if cfg!(windows) { 10 } else { 1 };
    let mut told = (0..attempts).map(|_| diagnosis(served.port, store(&[])).run().sentence().to_string());
    assert!(told.any(|sentence| sentence == expected), "never said: {expected}");
}

#[test]
fn a_server_that_hangs_up_in_the_handshake_is_called_so() {
    let served = says(b"");
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!("localhost:{} closed the connection during the TLS handshake without a word.", served.port)
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
        format!("localhost:{} accepts connections but says nothing during the TLS handshake.", served.port)
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
    assert_eq!(found.kind(), "handshake_silence");
}

#[test]
fn an_alert_about_the_version_means_only_old_tls() {
    let served = says(&[21, 3, 1, 0, 2, 2, 70]);
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!("localhost:{} offers only TLS 1.1 or older; f5-guard speaks TLS 1.2 and 1.3.", served.port)
    );
}

#[test]
fn an_alert_about_the_handshake_means_no_common_cipher() {
    let served = says(&[21, 3, 3, 0, 2, 2, 40]);
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!("localhost:{} and f5-guard have no cipher suite or key exchange in common.", served.port)
    );
}

#[test]
fn a_server_that_does_not_know_the_name_is_called_so() {
    let served = says(&[21, 3, 3, 0, 2, 2, 112]);
    let found = diagnosis(served.port, store(&[])).run();
    assert_eq!(found.sentence(), "The server at this address serves no site named localhost.");
}

#[test]
fn a_closed_port_refuses() {
    let port = free_port();
    let found = diagnosis(port, store(&[])).run();
    assert_eq!(
        found.sentence(),
        format!("localhost:{port} refuses the connection: nothing listens on that port.")
    );
}

#[test]
fn a_name_that_does_not_exist_fails_at_dns() {
    let found = diagnosis(443, store(&[])).host("no-such-host.invalid").run();
    assert_eq!(found.sentence(), "The name of no-such-host.invalid cannot be resolved by DNS.");
    assert_eq!(found.facts().failure().unwrap().0.stage, Stage::Dns);
}

#[test]
fn something_that_is_no_host_name_is_never_looked_up_or_sent() {
    let found = diagnosis(443, store(&[])).host("evil\r\nHost: other").run();
    assert_eq!(found.kind(), "name_not_resolved");
    assert!(!found.report.text().contains("evil\r"));
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
        format!("TLS to localhost:{} works, but no HTTP answer came: no answer in time.", served.port)
    );
}

#[test]
fn the_way_through_a_proxy_works() {
    let (ca, served) = good_server();
    let proxy = Proxy::start();
    let found = diagnosis(served.port, store(&[ca.der()])).route(through(&proxy.url(), served.port)).run();
    assert!(found.report.verdict.verdict.works(), "{}", found.report.text());
    assert_eq!(proxy.targets(), [format!("CONNECT localhost:{}", served.port)]);
    let stages: Vec<Stage> = found.facts().steps.iter().map(|step| step.stage).collect();
    assert_eq!(stages, [Stage::Dns, Stage::Tcp, Stage::Proxy, Stage::Tls, Stage::FirstByte]);
}

#[test]
fn a_proxy_with_a_login_is_given_it_and_nobody_else_sees_it() {
    let (ca, served) = good_server();
    let proxy = Proxy::builder().login("alice", "s3cret-pw").start();
    let route = through(&proxy.url_with_login("alice", "s3cret-pw"), served.port);
    let found = diagnosis(served.port, store(&[ca.der()])).route(route).run();
    assert!(found.report.verdict.verdict.works(), "{}", found.report.text());
    let seen = [
        found.report.text(),
        serde_json::to_string(&found.report).unwrap(),
        format!("{:?}", found.report),
        served.heard().concat(),
    ];
    for place in seen {
        assert!(!place.contains("s3cret") && !place.contains("YWxpY2U6"), "{place}");
    }
}

#[test]
fn a_proxy_that_wants_a_login_says_so() {
    let (ca, served) = good_server();
    let proxy = Proxy::builder().login("alice", "s3cret-pw").start();
    let found = diagnosis(served.port, store(&[ca.der()])).route(through(&proxy.url(), served.port)).run();
    assert_eq!(found.sentence(), "The proxy needs a login (it offers Basic) and none is configured.");
    let wrong = through(&proxy.url_with_login("alice", "wrong"), served.port);
    let found = diagnosis(served.port, store(&[ca.der()])).route(wrong).run();
    assert_eq!(found.sentence(), "The proxy does not accept the configured login (it offers Basic).");
}

#[test]
fn a_proxy_that_speaks_only_ntlm_gets_advice_that_can_work() {
    let served = says(b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n\r\n");
    let route = through(&format!("http://127.0.0.1:{}", served.port), 443);
    let found = diagnosis(443, store(&[])).route(route).run();
    assert_eq!(found.sentence(), "The proxy needs a login (it offers NTLM) and none is configured.");
    assert!(found.report.verdict.fix[0].contains("helper proxy"), "{:?}", found.report.verdict.fix);
}

#[test]
fn a_proxy_that_refuses_the_target_is_quoted() {
    let served = says(b"HTTP/1.1 403 Forbidden by policy\r\n\r\n");
    let route = through(&format!("http://127.0.0.1:{}", served.port), 443);
    let found = diagnosis(443, store(&[])).route(route).run();
    assert_eq!(
        found.sentence(),
        "The proxy refuses to connect to localhost:443: it answered HTTP/1.1 403 Forbidden by policy."
    );
}

#[test]
fn a_proxy_that_is_not_there_is_told_from_a_server_that_is_not_there() {
    let port = free_port();
    let route = through(&format!("http://127.0.0.1:{port}"), 443);
    let found = diagnosis(443, store(&[])).route(route).run();
    assert_eq!(
        found.sentence(),
        format!("The proxy 127.0.0.1:{port} refuses the connection: nothing listens on that port.")
    );
}

#[test]
fn something_else_at_the_proxys_address_is_no_proxy() {
    let served = says(b"SSH-2.0-OpenSSH\r\n\r\n");
    let route = through(&format!("http://127.0.0.1:{}", served.port), 443);
    let found = diagnosis(443, store(&[])).route(route).run();
    assert_eq!(
        found.sentence(),
        "What answers at the configured proxy address is no such proxy (SSH-2.0-OpenSSH)."
    );
}

#[test]
fn a_plain_proxy_behind_an_https_proxy_url_fails_at_the_proxys_own_tls() {
    let proxy = Proxy::start();
    let route = through(&proxy.url().replace("http://", "https://"), 443);
    let found = diagnosis(443, store(&[])).route(route).run();
    assert_eq!(found.kind(), "proxy_tls", "{}", found.report.text());
    assert!(found.report.verdict.fix[0].contains("http:// in HTTPS_PROXY"));
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
    let route = through(&format!("https://localhost:{}", proxy.port), served.port);
    let found = diagnosis(served.port, store(&[ca.der()])).route(route).run();
    assert!(found.report.verdict.verdict.works(), "{}", found.report.text());
    assert_eq!(found.facts().steps[2].stage, Stage::ProxyTls);
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
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let _ = std::io::copy(&mut &tcp, &mut &inner);
                    let _ = inner.shutdown(std::net::Shutdown::Both);
                });
                let _ = std::io::copy(&mut &inner, &mut &tcp);
                let _ = tcp.shutdown(std::net::Shutdown::Both);
            });
        }
    })
}

#[test]
fn a_socks_proxy_is_given_the_name_and_the_login() {
    let (ca, served) = good_server();
    let proxy = socks(2, 0, served.port);
    let route = through(&format!("socks5h://bob:pw@127.0.0.1:{}", proxy.port), served.port);
    let found = diagnosis(served.port, store(&[ca.der()])).route(route).run();
    assert!(found.report.verdict.verdict.works(), "{}", found.report.text());
    assert_eq!(proxy.heard()[0], "\u{1}\u{3}bob\u{2}pw");
    assert!(proxy.heard()[1].contains("localhost"));
}

#[test]
fn a_socks_proxy_without_name_look_up_is_given_the_address() {
    let (ca, served) = good_server();
    let proxy = socks(0, 0, served.port);
    let route = through(&format!("socks5://127.0.0.1:{}", proxy.port), served.port);
    let found = diagnosis(served.port, store(&[ca.der()])).route(route).run();
    assert!(found.report.verdict.verdict.works(), "{}", found.report.text());
    assert!(!proxy.heard()[0].contains("localhost"));
}

#[test]
fn a_socks_proxy_that_refuses_says_why() {
    let proxy = socks(0, 2, 0);
    let route = through(&format!("socks5h://127.0.0.1:{}", proxy.port), 443);
    let found = diagnosis(443, store(&[])).route(route).run();
    assert_eq!(
        found.sentence(),
        "The proxy refuses to connect to localhost:443: it answered SOCKS 5: not allowed by the rules (2)."
    );
    let proxy = socks(0xff, 0, 0);
    let route = through(&format!("socks5h://127.0.0.1:{}", proxy.port), 443);
    let found = diagnosis(443, store(&[])).route(route).run();
    assert_eq!(found.kind(), "proxy_needs_login");
}

#[test]
fn a_demanded_client_certificate_is_called_so_in_both_versions_of_tls() {
    for version in [&TLS13, &TLS12] {
        let (ca, clients) = (root("Good Root"), root("Client Authority"));
        let served = tls(mutual(&issue(&leaf_params(), &ca), &clients, &[version]));
        let found = diagnosis(served.port, store(&[ca.der()])).run();
        assert_eq!(
            found.sentence(),
            format!("localhost:{} demands a client certificate (mTLS) and none is configured.", served.port),
            "{}",
            found.report.text()
        );
        assert_eq!(found.facts().client_certificate.accepted_issuers, ["CN=Client Authority"]);
    }
}

#[test]
fn a_configured_client_certificate_is_shown_and_works() {
    for version in [&TLS13, &TLS12] {
        let (ca, clients) = (root("Good Root"), root("Client Authority"));
        let served = tls(mutual(&issue(&leaf_params(), &ca), &clients, &[version]));
        let client = issue(&tls_support::params("Laptop 7"), &clients);
        let found = diagnosis(served.port, store(&[ca.der()])).client(&client).run();
        assert!(found.facts().client_certificate.requested);
        assert!(found.report.verdict.verdict.works(), "{}", found.report.text());
    }
}

#[test]
fn a_client_certificate_of_the_wrong_authority_is_refused() {
    for version in [&TLS13, &TLS12] {
        let (ca, clients) = (root("Good Root"), root("Client Authority"));
        let served = tls(mutual(&issue(&leaf_params(), &ca), &clients, &[version]));
        let client = issue(&tls_support::params("Laptop 7"), &root("Another Authority"));
        let found = diagnosis(served.port, store(&[ca.der()])).client(&client).run();
        assert_eq!(found.kind(), "client_certificate_refused", "{}", found.report.text());
    }
}

fn environment(set: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<OsString> {
    move |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
}

fn chosen(matcher: Matcher, set: &'static [(&'static str, &'static str)]) -> String {
    let target = Target { host: "f5.example.com".to_owned(), port: 443 };
    match Route::choose(&matcher, &target, &environment(set)) {
        Route::Direct { why } => format!("direct: {why}"),
        Route::Proxy(proxy) => format!("{}: {}", proxy.url(), proxy.why),
    }
}

#[test]
fn the_reason_for_the_choice_of_a_proxy_is_told() {
    let proxy = "http://u:p@proxy.example.com:8080";
    for (matcher, set, words) in [
        (Matcher::builder(), &[][..], "direct: no proxy is configured for https://"),
        (
            Matcher::builder().https(proxy),
            &[("HTTPS_PROXY", "http://u:p@proxy.example.com:8080")][..],
            "http://proxy.example.com:8080: HTTPS_PROXY says so",
        ),
        (
            Matcher::builder().all("socks5h://proxy.example.com"),
            &[("all_proxy", "socks5h://proxy.example.com")][..],
            "socks5h://proxy.example.com:1080: all_proxy says so",
        ),
        (
            Matcher::builder().https(proxy),
            &[][..],
            "http://proxy.example.com:8080: the system's proxy settings say so",
        ),
        (
            Matcher::builder().https(proxy).no(".example.com"),
            &[("https_proxy", "http://u:p@proxy.example.com:8080"), ("NO_PROXY", ".example.com")][..],
            "direct: NO_PROXY excludes this host from https_proxy",
        ),
        (
            Matcher::builder().https("ftp://u:p@proxy.example.com"),
            &[("HTTPS_PROXY", "ftp://u:p@proxy.example.com")][..],
            "direct: HTTPS_PROXY is not a usable proxy address (ftp://proxy.example.com), so it is ignored",
        ),
        (
            Matcher::builder(),
            &[("HTTPS_PROXY", "http://proxy.example.com"), ("REQUEST_METHOD", "GET")][..],
            "direct: REQUEST_METHOD is set, as in a CGI script, so HTTPS_PROXY is ignored",
        ),
    ] {
        assert_eq!(chosen(matcher.build(), set), words);
    }
}

#[test]
fn a_proxy_with_an_ipv6_address_keeps_its_address() {
    let Route::Proxy(proxy) = through("http://[::1]:8080", 443) else { panic!("no proxy") };
    assert_eq!((proxy.scheme, &*proxy.host, proxy.port), (ProxyScheme::Http, "::1", 8080));
    assert_eq!(proxy.url(), "http://[::1]:8080");
}

#[test]
fn a_star_in_no_proxy_exempts_addresses_too_as_it_does_for_scans() {
    let matcher = Matcher::builder().https("http://proxy.example.com:8080").no("a.example, *").build();
    let target = Target { host: "192.0.2.1".to_owned(), port: 443 };
    let set = environment(&[("HTTPS_PROXY", "http://proxy.example.com:8080"), ("no_proxy", "a.example, *")]);
    let Route::Direct { why } = Route::choose(&matcher, &target, &set) else { panic!("a proxy") };
    assert_eq!(why, "no_proxy excludes every host");
}
