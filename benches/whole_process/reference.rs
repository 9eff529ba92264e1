//! What f5-guard is held against: a process that does nothing, a bare TCP and a bare TLS client, and a Python process.
//!
//! All but the last are played by the benchmark's own binary, started with `reference …`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::Outcome;
use crate::process::Program;

/// Plays a reference if the arguments ask for one.
pub fn played(args: &[String]) -> Option<ExitCode> {
    if args.first().map(String::as_str) != Some("reference") {
        return None;
    }
    let done = match args.get(1..)? {
        [what] if what == "nothing" => Ok(()),
        [what, address] if what == "round-trips" => round_trips(address).map_err(Into::into),
        [what, address] if what == "tls-client" => tls_client(address),
        _ => Err("unknown reference".into()),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reference: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Does nothing: what a process costs at least.
pub fn nothing() -> Outcome<Program> {
    Ok(Program::new(&std::env::current_exe()?).args(["reference", "nothing"]))
}

/// Three round trips of a line, with nothing but TCP: what a cold HTTPS call costs there at least.
pub fn three_round_trips(echo: SocketAddr) -> Outcome<Program> {
    Ok(Program::new(&std::env::current_exe()?).args(["reference", "round-trips", &echo.to_string()]))
}

fn round_trips(address: &str) -> io::Result<()> {
    // The first is the connection's.
    let mut tcp = TcpStream::connect(address)?;
    tcp.set_nodelay(true)?;
    for _ in 0..2 {
        tcp.write_all(b"?")?;
        tcp.read_exact(&mut [0])?;
    }
    Ok(())
}

/// Posts one scan with nothing but rustls and the system's roots.
pub fn bare_client(api: SocketAddr) -> Outcome<Program> {
    Ok(Program::new(&std::env::current_exe()?).args(["reference", "tls-client", &api.to_string()]))
}

fn tls_client(address: &str) -> Outcome<()> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address: SocketAddr = address.parse()?;
    let session = ClientConnection::new(Arc::new(config), ServerName::from(address.ip()))?;
    let tcp = TcpStream::connect(address)?;
    tcp.set_nodelay(true)?;
    let mut stream = StreamOwned::new(session, tcp);
    let body = r#"{"input":"hello"}"#;
    write!(
        stream,
        "POST {} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: reference\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        f5_stand_in::f5::SCANS,
        f5_stand_in::f5::TOKEN,
        body.len(),
    )?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // The stand-in ends a connection without TLS's farewell.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
        _ => {}
    }
    if !answer.windows(9).any(|window| window == b"\"cleared\"") {
        return Err("no verdict".into());
    }
    Ok(())
}

const PYTHON: &str = "\
import requests, sys
r = requests.post(sys.argv[1], json={'input': 'hello'}, headers={'Authorization': 'Bearer ' + sys.argv[2]}, verify=sys.argv[3])
sys.exit(0 if r.json()['result']['outcome'] == 'cleared' else 1)
";

/// Imports `requests` and posts one scan; `None` where Python or `requests` is not there.
pub fn python(api: SocketAddr, ca: &Path) -> Option<Program> {
    // The interpreter itself, and not a version manager's wrapper in front of it.
    let found =
        Command::new("python3").args(["-c", "import requests, sys; print(sys.executable)"]).output().ok()?;
    let interpreter = PathBuf::from(String::from_utf8(found.stdout).ok()?.trim_end());
    if !found.status.success() || !interpreter.is_file() {
        return None;
    }
    let url = format!("https://{api}{}", f5_stand_in::f5::SCANS);
    Some(
        Program::new(&interpreter)
            .args(["-c", PYTHON, &url, f5_stand_in::f5::TOKEN])
            .args([ca])
            .env("NO_PROXY", "*"),
    )
}
