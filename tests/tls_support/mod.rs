//! Servers that are broken in one way each, certificates for them, and a short way to diagnose them.
#![allow(dead_code)] // Every test file uses a part of it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use f5_guard::diagnose::{
    ClientIdentity, Environment, Facts, Os, Report, Request, Route, Target, TrustSource, run,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// The local clock of all diagnoses whose certificates are made here: 2026-06-01 00:00:00 UTC.
pub const NOW: u64 = 1_780_272_000;

/// A certificate authority.
pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate with its key.
pub struct Identity {
    /// As the server sends it, the leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    pub key: KeyPair,
}

impl Identity {
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key that rcgen made")
    }

    /// With further certificates sent after the leaf.
    pub fn sending(mut self, more: &[&CertificateDer<'static>]) -> Self {
        self.chain.extend(more.iter().map(|der| (*der).clone()));
        self
    }

    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|der| pem("CERTIFICATE", der)).collect()
    }
}

/// PEM by hand: rcgen keeps only the DER of what was cloned.
pub fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = String::new();
    for group in der.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            base64.push(if place <= group.len() { letter as char } else { '=' });
        }
        if base64.len() % 65 == 64 {
            base64.push('\n');
        }
    }
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64.trim_end())
}

pub fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

pub fn root(name: &str) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap()
}

pub fn intermediate(name: &str, issuer: &Authority) -> Authority {
    CertifiedIssuer::signed_by(authority_params(name), KeyPair::generate().unwrap(), issuer).unwrap()
}

/// For `localhost` and 127.0.0.1.
pub fn leaf_params() -> CertificateParams {
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let dates = params("Test Server");
    (leaf.distinguished_name, leaf.not_before, leaf.not_after) =
        (dates.distinguished_name, dates.not_before, dates.not_after);
    leaf
}

/// Says where the issuer's certificate lies (Authority Information Access), as public authorities do.
pub fn with_issuer_url(mut params: CertificateParams, url: &str) -> CertificateParams {
    let length = u8::try_from(url.len()).unwrap();
    let ca_issuers = [6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2];
    let mut der = vec![0x30, length + 14, 0x30, length + 12];
    der.extend(ca_issuers);
    der.extend([0x86, length]);
    der.extend(url.bytes());
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], der));
    params
}

pub fn issue(params: &CertificateParams, issuer: &Authority) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    Identity { chain: vec![certificate.der().clone()], key }
}

pub fn self_signed(params: &CertificateParams) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Identity { chain: vec![certificate.der().clone()], key }
}

pub fn store(roots: &[&CertificateDer<'static>]) -> RootCertStore {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add((*root).clone()).expect("a usable root");
    }
    store
}

/// A server on loopback; its threads end with the test's process.
pub struct Served {
    pub port: u16,
    /// What clients sent, decrypted where the server speaks TLS; one entry a connection on which anything came.
    pub heard: Arc<Mutex<Vec<String>>>,
}

impl Served {
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Gives every connection to `serve`.
pub fn raw(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let (serve, log) = (Arc::clone(&serve), Arc::clone(&log));
            std::thread::spawn(move || serve(connection, &log));
        }
    });
    Served { port, heard }
}

/// Says `words` to everyone and hangs up.
pub fn says(words: &'static [u8]) -> Served {
    raw(move |mut tcp, _| {
        let mut request = [0; 4096];
        let _ = tcp.read(&mut request);
        let _ = tcp.write_all(words);
        let _ = tcp.shutdown(std::net::Shutdown::Write);
        let _ = tcp.read(&mut request);
    })
}

/// A TLS server that answers 200 to whatever it hears.
pub fn tls(config: ServerConfig) -> Served {
    let config = Arc::new(config);
    raw(move |tcp, log| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), tcp);
        let mut request = [0; 4096];
        if let Ok(count @ 1..) = stream.read(&mut request) {
            log.lock().unwrap().push(String::from_utf8_lossy(&request[..count]).into_owned());
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 2\r\n\r\nok");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    })
}

pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub fn server_config(identity: &Identity) -> ServerConfig {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key_der())
        .unwrap()
}

/// The server's clock, where it has certificates to check.
#[derive(Debug)]
struct TestClock;

impl rustls::time_provider::TimeProvider for TestClock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(NOW)))
    }
}

/// Demands a certificate that `clients` issued.
pub fn mutual(
    identity: &Identity,
    clients: &Authority,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ServerConfig {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store(&[clients.der()])), provider())
        .build()
        .unwrap();
    ServerConfig::builder_with_details(provider(), Arc::new(TestClock))
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain.clone(), identity.key_der())
        .unwrap()
}

/// One diagnosis, in words.
pub struct Diagnosis {
    request: Request,
}

pub struct Diagnosed {
    pub report: Report,
    pub announced: Vec<String>,
}

impl Diagnosed {
    pub fn sentence(&self) -> &str {
        &self.report.verdict.sentence
    }

    pub fn facts(&self) -> &Facts {
        &self.report.facts
    }

    /// The verdict's kind as `--json` has it.
    pub fn kind(&self) -> String {
        let json = serde_json::to_value(&self.report).unwrap();
        json["verdict"]["kind"].as_str().unwrap().to_owned()
    }
}

/// A diagnosis of `localhost` at `port`, under `roots`.
pub fn diagnosis(port: u16, roots: RootCertStore) -> Diagnosis {
    Diagnosis {
        request: Request {
            target: Target { host: "localhost".to_owned(), port },
            trust: TrustSource { source: "the test's roots".to_owned(), roots: Arc::new(roots) },
            alternatives: Vec::new(),
            client: None,
            route: Route::Direct { why: "no proxy is configured for https://".to_owned() },
            now: UNIX_EPOCH + Duration::from_secs(NOW),
            step_timeout: Duration::from_secs(20),
            total_timeout: Duration::from_secs(60),
        },
    }
}

impl Diagnosis {
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.request.target.host);
        self
    }

    pub fn route(mut self, route: Route) -> Self {
        self.request.route = route;
        self
    }

    /// The real clock, for certificates that other programs make.
    pub fn real_clock(mut self) -> Self {
        self.request.now = SystemTime::now();
        self
    }

    pub fn patience(mut self, step: Duration) -> Self {
        self.request.step_timeout = step;
        self
    }

    pub fn other_roots(mut self, source: &str, roots: RootCertStore) -> Self {
        self.request.alternatives.push(TrustSource { source: source.to_owned(), roots: Arc::new(roots) });
        self
    }

    pub fn client(mut self, identity: &Identity) -> Self {
        let key = rustls::crypto::ring::sign::any_supported_type(&identity.key_der()).unwrap();
        let key = Arc::new(rustls::sign::CertifiedKey::new(identity.chain.clone(), key));
        self.request.client =
            Some(ClientIdentity { key, source: "the test's client certificate".to_owned() });
        self
    }

    pub fn run(self) -> Diagnosed {
        let mut announced = Vec::new();
        let facts = run(&self.request, &mut |words| announced.push(words.to_owned()));
        let environment = Environment { set: Vec::new(), unset: Vec::new() };
        let report = Report::new(environment, facts, Os::Linux);
        Diagnosed { report, announced }
    }
}

/// A program of the machine that ends with the test.
pub struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `program` and waits until it accepts connections on `port`. Fails, rather than skipping, where it is missing.
pub fn program(program: &str, arguments: &[&str], port: u16) -> Program {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for this test and cannot be started: {error}"));
    let mut running = Program(child);
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = running.0.try_wait().unwrap() {
            panic!("{program} ended at once: {status}");
        }
        assert!(std::time::Instant::now() < until, "{program} does not listen on {port}");
        std::thread::yield_now();
    }
    running
}

/// A port that nothing listens on, for programs that cannot say which one they took. It lies below the range from which
/// systems hand out ports by themselves, so that no test running beside this one is given it in the meantime.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from((std::process::id() * 64 + step) % 12_000).expect("below 12,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
