//! Servers that are broken in one way each, certificates for them, and a short way to diagnose them.
#![allow(dead_code)] // Every test file uses a part of it.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use tempfile::TempDir;
use time::OffsetDateTime;

pub const BINARY: &str = env!("CARGO_BIN_EXE_f5-guard");
pub const TOKEN: &str = "tok-7f3a-of-the-tests";
/// What the service says of a harmless text.
pub const CLEARED: &str = r#"{"id":"019fb483-2087-7078-b24c-fa57585a52c7","result":{"outcome":"cleared","scannerResults":[{"scannerId":"01915be3-2087-7078-b24c-fa57585a52c7","outcome":"passed","data":{"type":"prompt_injection"}}]}}"#;

/// So many days from now, without fractions of a second.
pub fn days_from_now(days: i64) -> OffsetDateTime {
    (OffsetDateTime::now_utc() + time::Duration::days(days)).replace_nanosecond(0).unwrap()
}

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
    params.not_before = days_from_now(-100);
    params.not_after = days_from_now(265);
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

/// Certificates to trust.
#[derive(Default)]
pub struct Roots(pub Vec<CertificateDer<'static>>);

pub fn store(roots: &[&CertificateDer<'static>]) -> Roots {
    Roots(roots.iter().map(|root| (*root).clone()).collect())
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
    raw_at("127.0.0.1:0", serve)
}

/// The same at that address.
pub fn raw_at(
    address: &str,
    serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static,
) -> Served {
    let listener = TcpListener::bind(address).unwrap();
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

/// Carries bytes both ways until both sides have hung up.
pub fn relay(one: &TcpStream, other: &TcpStream) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::copy(&mut &*one, &mut &*other);
            let _ = other.shutdown(std::net::Shutdown::Both);
        });
        let _ = std::io::copy(&mut &*other, &mut &*one);
        let _ = one.shutdown(std::net::Shutdown::Both);
    });
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

/// A TLS server that clears whatever it hears.
pub fn tls(config: ServerConfig) -> Served {
    tls_at("127.0.0.1:0", config)
}

pub fn tls_at(address: &str, config: ServerConfig) -> Served {
    tls_answering(address, config, cleared())
}

/// The service's answer to a harmless text.
pub fn cleared() -> String {
    format!("HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: {}\r\n\r\n{CLEARED}", CLEARED.len())
}

pub fn tls_answering(address: &str, config: ServerConfig, answer: impl Into<Vec<u8>>) -> Served {
    let (config, answer) = (Arc::new(config), answer.into());
    raw_at(address, move |tcp, log| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), tcp);
        let request = whole_request(&mut stream);
        if !request.is_empty() {
            log.lock().unwrap().push(request);
            let _ = stream.write_all(&answer);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    })
}

/// Reads a request with its body.
fn whole_request(stream: &mut impl Read) -> String {
    let (mut request, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut bytes) {
            Ok(count @ 1..) => request.extend_from_slice(&bytes[..count]),
            _ => return String::from_utf8_lossy(&request).into_owned(),
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
    }
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

/// Demands a certificate that `clients` issued.
pub fn mutual(
    identity: &Identity,
    clients: &Authority,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ServerConfig {
    let mut accepted = RootCertStore::empty();
    accepted.add(clients.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(accepted), provider()).build().unwrap();
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain.clone(), identity.key_der())
        .unwrap()
}

/// A user's machine: a home, roots to trust, and variables.
pub struct Machine {
    home: TempDir,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A diagnosis, as it was printed.
pub struct Diagnosed {
    pub json: Value,
    pub stderr: String,
    whole: Value,
}

impl Diagnosed {
    pub fn sentence(&self) -> &str {
        self.json["verdict"]["sentence"].as_str().unwrap_or_else(|| panic!("{:#}", self.whole))
    }

    /// The verdict's kind; of a failure that says all itself, the fault.
    pub fn kind(&self) -> &str {
        let verdict = &self.json["verdict"];
        match verdict["kind"].as_str() {
            Some("failed") => verdict["fault"].as_str().unwrap_or("failed"),
            Some(kind) => kind,
            None => panic!("{:#}", self.whole),
        }
    }

    pub fn works(&self) -> bool {
        self.kind() == "works"
    }

    pub fn fix(&self) -> Vec<String> {
        texts(&self.json["verdict"]["fix"])
    }

    pub fn also(&self) -> Vec<String> {
        texts(&self.json["verdict"]["also"])
    }

    pub fn looked(&self) -> bool {
        self.stderr.contains("Now an unverified look")
    }

    /// The stages of the steps, in order.
    pub fn stages(&self) -> Vec<&str> {
        self.json["steps"].as_array().unwrap().iter().map(|step| step["stage"].as_str().unwrap()).collect()
    }

    /// Everything, for messages.
    pub fn text(&self) -> String {
        format!("{:#}", self.whole)
    }
}

pub fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// A user who scans with `localhost` at `port` and trusts `roots` and nothing else.
pub fn diagnosis(port: u16, roots: Roots) -> Machine {
    let machine = Machine { home: TempDir::new().unwrap(), variables: Vec::new(), arguments: Vec::new() };
    let machine =
        machine.base_url(&format!("https://localhost:{port}")).env("F5_GUARDRAILS_API_TOKEN", TOKEN);
    // A generous time, so that a busy machine decides nothing.
    let machine = machine.env("F5_GUARDRAILS_TIMEOUT", "12");
    if roots.0.is_empty() {
        machine.env("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", "false")
    } else {
        machine.bundle("F5_GUARDRAILS_CA_BUNDLE", &roots)
    }
}

impl Machine {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(set, _)| set != name);
        self
    }

    pub fn base_url(self, url: &str) -> Self {
        self.env("F5_GUARDRAILS_BASE_URL", url)
    }

    pub fn host(self, host: &str) -> Self {
        let url = self.variables.iter().find(|(name, _)| name == "F5_GUARDRAILS_BASE_URL");
        let url = url.unwrap().1.replace("localhost", host);
        self.base_url(&url)
    }

    pub fn proxy(self, url: &str) -> Self {
        self.env("HTTPS_PROXY", url)
    }

    /// The longest that a scan may take.
    pub fn patience(self, time: Duration) -> Self {
        self.env("F5_GUARDRAILS_TIMEOUT", &time.as_secs_f64().to_string())
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Diagnoses a request without a token to `localhost` at that port, for servers that answer no scans.
    pub fn only_asking(self, port: u16) -> Self {
        let asking = self.without("F5_GUARDRAILS_API_TOKEN");
        asking.argument("--tls-host").argument("localhost").argument("--tls-port").argument(&port.to_string())
    }

    /// Whether curl gets any answer with the same roots and proxy.
    pub fn curl_manages(&self, url: &str, options: &[&str]) -> bool {
        let set =
            |name: &str| self.variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let mut command = Command::new("curl");
        command.env_clear().env("PATH", "/usr/bin:/bin").args(["-sS", "-m", "10", "-o", "/dev/null"]);
        if let Some(bundle) = set("F5_GUARDRAILS_CA_BUNDLE") {
            command.args(["--cacert", bundle]);
        }
        if let Some(proxy) = set("HTTPS_PROXY") {
            command.env("HTTPS_PROXY", proxy);
        }
        let output = command.args(options).arg(url).output().expect("curl is needed for this test");
        println!("curl {url}: {} {}", output.status, String::from_utf8_lossy(&output.stderr));
        output.status.success()
    }

    pub fn variables(&self) -> Vec<(String, String)> {
        let mut all = self.variables.clone();
        all.push(("HOME".to_owned(), self.home().display().to_string()));
        all
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file in the home.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A variable that names a file with these certificates.
    pub fn bundle(self, name: &str, roots: &Roots) -> Self {
        let text: String = roots.0.iter().map(|der| pem("CERTIFICATE", der)).collect();
        let path = self.file(&format!("{name}.pem"), text).display().to_string();
        self.env(name, &path)
    }

    pub fn client(self, identity: &Identity) -> Self {
        let both = format!("{}{}", identity.chain_pem(), identity.key.serialize_pem());
        let path = self.file("client.pem", both).display().to_string();
        self.env("F5_GUARDRAILS_CLIENT_CERT", &path)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .env_clear()
            // Windows programs do not start without it.
            .envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)))
            .env("HOME", self.home())
            .env("CODEX_HOME", self.home().join("codex"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn smoketest(&self, arguments: &[&str]) -> Said {
        let mut all = vec!["smoketest"];
        all.extend(self.arguments.iter().map(String::as_str));
        all.extend(arguments);
        said(self.command(&all).stdin(Stdio::null()).output().unwrap())
    }

    /// A prompt, in closed mode.
    pub fn hook(&self) -> Said {
        let mut child = self
            .command(&["user-prompt-submit", "--fail-mode", "closed"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let payload = r#"{"hook_event_name":"UserPromptSubmit","session_id":"s","turn_id":"t","cwd":"/","prompt":"hi"}"#;
        let _ = child.stdin.take().unwrap().write_all(payload.as_bytes());
        said(child.wait_with_output().unwrap())
    }

    /// Scans, and diagnoses the scan. What is printed may not contradict it.
    pub fn run(self) -> Diagnosed {
        let Said { stdout, stderr, .. } = self.smoketest(&["--tls-diagnostics", "--json"]);
        let whole: Value =
            serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
        let json = whole["tls_diagnostics"].clone();
        let scan = &whole["steps"].as_array().unwrap().last().unwrap().clone();
        let verdict = json["verdict"]["sentence"].as_str().unwrap_or_default();
        match scan["cause"].as_str() {
            // With arguments something else than the scan is diagnosed.
            Some(cause) if !cause.starts_with("not tried") && self.arguments.is_empty() => {
                assert!(verdict.starts_with(cause), "{cause} | {verdict}");
                assert_ne!(json["verdict"]["kind"], "works", "{stdout}");
            }
            _ => {}
        }
        assert!(!stdout.contains(TOKEN) && !stderr.contains(TOKEN), "{stdout}{stderr}");
        Diagnosed { json, stderr, whole }
    }
}

fn said(output: Output) -> Said {
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
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
    program_at(program, arguments, ("127.0.0.1", port))
}

pub fn program_at(program: &str, arguments: &[&str], at: (&str, u16)) -> Program {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for this test and cannot be started: {error}"));
    let mut running = Program(child);
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while !listens(at) {
        if let Some(status) = running.0.try_wait().unwrap() {
            panic!("{program} ended at once: {status}");
        }
        assert!(std::time::Instant::now() < until, "{program} does not listen on {at:?}");
        std::thread::yield_now();
    }
    running
}

/// Whether somebody accepts connections. Where the system hands the very port to the connecting side, that side meets
/// itself (a simultaneous open): nobody listens then.
fn listens(at: (&str, u16)) -> bool {
    TcpStream::connect(at).is_ok_and(|stream| stream.local_addr().is_ok_and(|local| local.port() != at.1))
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
