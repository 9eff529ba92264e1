//! HTTP/1.1 as far as the stand-ins need it: requests with a Content-Length, answers, keep-alive.
//!
//! Written by hand on the bare stream, because the faults have to break exactly what an HTTP library keeps whole.

use std::io::{self, Read, Write};
use std::time::Instant;

use serde_json::Value;

const MAX_HEAD: usize = 256 * 1024;

/// A request as it was received.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// The path without its query; the whole target where it is not a path (as a proxy receives it).
    pub path: String,
    /// What stood behind the `?`, undecoded; empty without one.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body, where it is JSON.
    pub json: Option<Value>,
    /// 1 for the first connection that the stand-in accepted.
    pub connection: usize,
    /// When it had been read whole.
    pub at: Instant,
}

impl Request {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A field at the root of the JSON body.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.json.as_ref()?.get(name)
    }

    /// The text that a scan request wants scanned.
    pub fn input(&self) -> Option<&str> {
        self.field("input")?.as_str()
    }

    /// An entry of a scan request's `externalMetadata`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.field("externalMetadata")?.get(key)?.as_str()
    }

    fn wants_to_stay(&self) -> bool {
        !self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// An answer as it will be sent.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status).header("Content-Type", "application/json").body(body.to_string())
    }

    /// An answer with an HTML body, as a firewall or a gateway in front of the service gives it.
    pub fn html(status: u16, title: &str) -> Self {
        Self::new(status).header("Content-Type", "text/html").body(format!(
            "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1></center>\r\n</body>\r\n</html>\r\n"
        ))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The status line and the headers, without a word about the body's length and without the empty line.
    pub(crate) fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }

    /// Sends it whole, with its length.
    pub(crate) fn send(&self, wire: &mut dyn Write, stay: bool) -> io::Result<()> {
        let connection = if stay { "keep-alive" } else { "close" };
        let head =
            format!("{}Content-Length: {}\r\nConnection: {connection}\r\n\r\n", self.head(), self.body.len());
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        wire.write_all(&bytes)?;
        wire.flush()
    }
}

/// The phrase behind a status code; "Status" for codes that the stand-ins have no phrase for.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        411 => "Length Required",
        413 => "Request Entity Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

/// Reads one connection's requests, one after the other.
pub(crate) struct Reader {
    connection: usize,
    pending: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(connection: usize) -> Self {
        Self { connection, pending: Vec::new() }
    }

    /// The next request, and whether the client wants to keep the connection; `None` where the client has closed it.
    ///
    /// # Errors
    /// The connection broke, or what came is not a request that the stand-ins understand.
    pub(crate) fn next(&mut self, wire: &mut (impl Read + ?Sized)) -> io::Result<Option<(Request, bool)>> {
        let (head_length, mut request, body_length) = loop {
            if let Some(head) = parse_head(&self.pending, self.connection)? {
                break head;
            }
            if self.pending.len() > MAX_HEAD {
                return Err(io::Error::other("the request's head never ends"));
            }
            if !self.fill(wire)? {
                return Ok(None);
            }
        };
        while self.pending.len() < head_length + body_length {
            if !self.fill(wire)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.pending.split_off(head_length + body_length);
        request.body = self.pending.split_off(head_length);
        self.pending = rest;
        request.json = serde_json::from_slice(&request.body).ok();
        request.at = Instant::now();
        let stay = request.wants_to_stay();
        Ok(Some((request, stay)))
    }

    fn fill(&mut self, wire: &mut (impl Read + ?Sized)) -> io::Result<bool> {
        let mut buffer = [0; 64 * 1024];
        let count = wire.read(&mut buffer)?;
        self.pending.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }
}

fn parse_head(bytes: &[u8], connection: usize) -> io::Result<Option<(usize, Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 96];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parsed
            .headers
            .iter()
            .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
            .collect(),
        body: Vec::new(),
        json: None,
        connection,
        at: Instant::now(),
    };
    if request.header("transfer-encoding").is_some() {
        return Err(io::Error::other("the stand-in takes bodies with a Content-Length only"));
    }
    let body_length = match request.header("content-length") {
        Some(value) => value.trim().parse().map_err(io::Error::other)?,
        None => 0,
    };
    Ok(Some((length, request, body_length)))
}
