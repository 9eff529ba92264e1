//! Real TLS, its failures, and the proxy.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use f5_stand_in::f5::{F5, Fault};
use f5_stand_in::proxy::Proxy;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::{Answer, connect, exchange, scan_request};

fn trusting(api: &F5) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(api.ca_pem().as_bytes()).expect("PEM")).expect("a root");
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows them")
        .with_root_certificates(roots)
}

fn over_tls(wire: TcpStream, config: ClientConfig) -> std::io::Result<Answer> {
    let name = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    exchange(&mut StreamOwned::new(session, wire), &scan_request("x"))
}

#[test]
fn a_client_that_trusts_the_authority_gets_its_answer() {
    let api = F5::builder().tls().start();
    let answer = over_tls(connect(api.address()), trusting(&api).with_no_client_auth()).expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(api.base_url().starts_with("https://127.0.0.1:"));
}

#[test]
fn the_authority_can_be_written_to_a_file() {
    let api = F5::builder().tls().may_stay_idle().start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ca.pem");
    api.write_ca(&path);
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), api.ca_pem());
}

#[test]
fn another_name_or_an_expired_certificate_is_not_trusted() {
    for (builder, complaint) in [
        (F5::builder().tls_for(&["other.example"]), "not valid for name"),
        (F5::builder().tls_expired(), "expired"),
    ] {
        let api = builder.start();
        let error =
            over_tls(connect(api.address()), trusting(&api).with_no_client_auth()).expect_err("no trust");
        assert!(error.to_string().contains(complaint), "{error}");
        // The client's alert needs a moment to be read: `Drop` waits for it before it looks whether anybody called.
        drop(api);
    }
}

#[test]
fn a_client_certificate_is_asked_for() {
    let api = F5::builder().tls_with_client_certificate().start();
    assert!(over_tls(connect(api.address()), trusting(&api).with_no_client_auth()).is_err());
    let certificate = CertificateDer::from_pem_slice(api.client().certificate_pem.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(api.client().key_pem.as_bytes()).expect("PEM");
    let config = trusting(&api).with_client_auth_cert(vec![certificate], key).expect("they belong together");
    assert_eq!(over_tls(connect(api.address()), config).expect("an answer").status, 200);
}

#[test]
fn faults_in_the_handshake_break_it() {
    for fault in [Fault::ResetOnConnect, Fault::ResetAfterFirstBytes, Fault::PlainHttp] {
        let api = F5::builder().tls().always(fault.clone()).start();
        assert!(
            over_tls(connect(api.address()), trusting(&api).with_no_client_auth()).is_err(),
            "{fault:?} let a client through"
        );
    }
}

#[test]
fn a_truncated_body_ends_without_the_close_of_tls() {
    let api = F5::builder().tls().always(Fault::Truncated).start();
    let error =
        over_tls(connect(api.address()), trusting(&api).with_no_client_auth()).expect_err("truncated");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn the_proxy_tunnels_and_records_the_target() {
    let api = F5::builder().tls().start();
    let proxy = Proxy::builder().everything_to(api.address()).start();
    let mut wire = connect(proxy.url().strip_prefix("http://").expect("http").parse().expect("an address"));
    wire.write_all(b"CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n").expect("sent");
    let mut established = [0; 39];
    wire.read_exact(&mut established).expect("the proxy answers");
    assert_eq!(&established, b"HTTP/1.1 200 Connection established\r\n\r\n");
    assert_eq!(over_tls(wire, trusting(&api).with_no_client_auth()).expect("an answer").status, 200);
    assert_eq!(proxy.targets(), ["CONNECT far.example:443"]);
}

#[test]
fn the_proxy_passes_plain_requests_on_and_asks_for_its_login() {
    let api = F5::start();
    let proxy = Proxy::builder().login("dev", "pass").start();
    let address = proxy.url().strip_prefix("http://").expect("http").parse().expect("an address");
    let request = scan_request("x").replace("POST /", &format!("POST {}/", api.base_url()));
    assert_eq!(exchange(&mut connect(address), &request).expect("an answer").status, 407);
    assert_eq!(api.connections(), 0);
    let with_login = request.replace("Host: x", "Host: x\r\nProxy-Authorization: Basic ZGV2OnBhc3M=");
    assert_eq!(exchange(&mut connect(address), &with_login).expect("an answer").status, 200);
    assert_eq!(api.only_scan().header("proxy-authorization"), None);
    assert_eq!(proxy.targets()[0], format!("POST {}{}", api.base_url(), f5_stand_in::f5::SCANS));
}

#[test]
fn the_proxy_never_leaves_the_machine() {
    let proxy = Proxy::start();
    let address = proxy.url().strip_prefix("http://").expect("http").parse().expect("an address");
    let request = "CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n";
    assert_eq!(exchange(&mut connect(address), request).expect("an answer").status, 502);
}
