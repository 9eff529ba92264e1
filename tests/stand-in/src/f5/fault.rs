//! What can go wrong between a client and the service, and how to make it go wrong on a real connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use socket2::SockRef;

use super::{Reply, Verdict, contract};
use crate::http::Response;
use crate::server::Stop;

/// Something other than a proper answer.
///
/// Bodies of broken answers hold a `cleared` verdict wherever that is possible: a client that is taken in by one lets
/// something pass that nobody has scanned.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection is reset before anything was read: on TLS, before the handshake.
    ResetOnConnect,
    /// The connection is accepted, and never a byte is read or sent: on TLS, silence in the handshake.
    HangOnConnect,
    /// The connection is reset once the client has said something: on TLS, in the midst of the handshake.
    ResetAfterFirstBytes,
    /// The answer is plain HTTP, whatever was asked for.
    PlainHttp,
    /// The request is read, then the connection is reset.
    ResetAfterRequest,
    /// The request is read, then the connection is closed in good order without an answer.
    CloseAfterRequest,
    /// The request is read, and never answered.
    HangAfterRequest,
    /// The head of the answer is sent, and never a byte of its body.
    HangAfterHead,
    /// A cleared verdict is sent with a byte for each of these intervals; it has no end.
    Drip(Duration),
    /// A cleared verdict is followed by white space without an end, as fast as the client takes it.
    EndlessBody,
    /// A cleared verdict of at least this many bytes.
    HugeBody(usize),
    /// A whole cleared verdict in a body that was announced to be longer, then the end of the connection.
    Truncated,
    /// The first half of a cleared verdict in chunks, then the end of the connection instead of the last chunk.
    TruncatedChunks,
    /// Bytes that are no HTTP at all.
    Garbage,
    /// A proper HTTP answer that is not a verdict.
    Answer(Response),
}

/// How `Retry-After` says when to come back.
#[derive(Debug, Clone)]
pub enum RetryAfter {
    Absent,
    Seconds(u64),
    /// That long from now, as an HTTP date.
    DateIn(Duration),
    Text(&'static str),
}

impl RetryAfter {
    /// In ten years.
    pub const FAR_FUTURE: Self = Self::DateIn(Duration::from_secs(10 * 365 * 24 * 3600));

    fn value(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Seconds(seconds) => Some(seconds.to_string()),
            Self::DateIn(time) => Some(httpdate::fmt_http_date(SystemTime::now() + *time)),
            Self::Text(text) => Some((*text).to_owned()),
        }
    }
}

impl Fault {
    /// An error status with the kind of body that it usually has; 422 complains about `project`.
    pub fn status(status: u16) -> Self {
        Self::Answer(match status {
            401 => Response::json(401, &json!({"detail": "Invalid token"})),
            403 => Response::html(403, "Forbidden"),
            404 => Response::json(404, &json!({"detail": "Not Found"})),
            422 => contract::unprocessable(&["body", "project"], "Project not found", "value_error"),
            _ => Response::html(status, "Something is wrong"),
        })
    }

    /// An error status whose body nevertheless says that the input was cleared.
    pub fn status_with_verdict(status: u16) -> Self {
        Self::Answer(Response::json(status, &cleared()))
    }

    /// An error status with `Retry-After`.
    pub fn retry_after(status: u16, when: &RetryAfter) -> Self {
        let mut response = Response::html(status, "Please come back later");
        if let Some(value) = when.value() {
            response = response.header("Retry-After", &value);
        }
        Self::Answer(response)
    }

    /// A redirect; its own body says that the input was cleared.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::Answer(Response::json(status, &cleared()).header("Location", location))
    }

    /// Status 200 with this body.
    pub fn body(body: &str) -> Self {
        Self::Answer(Response::new(200).header("Content-Type", "application/json").body(body))
    }

    /// Status 200 with an HTML page, such as the login page of a captive portal.
    pub fn html_page() -> Self {
        Self::Answer(Response::html(200, "Please log in to the guest network"))
    }

    /// Bodies with status 200 that are no verdict: empty, not JSON, of other types, without an outcome.
    pub fn bad_bodies() -> Vec<(&'static str, Self)> {
        [
            ("empty", ""),
            ("white space", " \n"),
            ("not JSON", "cleared"),
            ("cut JSON", r#"{"result":{"outcome":"cleared""#),
            ("two objects", r#"{"result":{"outcome":"cleared"}}{"result":{"outcome":"cleared"}}"#),
            ("null", "null"),
            ("a string", r#""cleared""#),
            ("an array", r#"[{"result":{"outcome":"cleared"}}]"#),
            ("an empty object", "{}"),
            ("result is a string", r#"{"result":"cleared"}"#),
            ("result is null", r#"{"result":null}"#),
            ("no outcome", r#"{"result":{"scannerResults":[]}}"#),
            ("outcome at the root", r#"{"outcome":"cleared"}"#),
            ("outcome is null", r#"{"result":{"outcome":null}}"#),
            ("outcome is true", r#"{"result":{"outcome":true}}"#),
            ("outcome is an array", r#"{"result":{"outcome":["cleared"]}}"#),
            ("outcome is an object", r#"{"result":{"outcome":{"cleared":true}}}"#),
        ]
        .into_iter()
        .map(|(name, body)| (name, Self::body(body)))
        .collect()
    }

    /// Waits before it happens.
    pub fn after(self, delay: Duration) -> Reply {
        Reply::from(self).after(delay)
    }

    /// Whether it happens before a request is read, and so to whole connections.
    pub fn is_of_the_connection(&self) -> bool {
        matches!(
            self,
            Self::ResetOnConnect | Self::HangOnConnect | Self::ResetAfterFirstBytes | Self::PlainHttp
        )
    }

    /// Does it to a connection of which nothing was read yet.
    pub(super) fn strike_connection(&self, tcp: &TcpStream, stop: &Stop) -> io::Result<()> {
        match self {
            Self::ResetOnConnect => reset(tcp),
            Self::HangOnConnect => stop.wait_until(|| false),
            Self::ResetAfterFirstBytes => {
                read_some(tcp)?;
                reset(tcp);
            }
            Self::PlainHttp => {
                read_some(tcp)?;
                Response::html(400, "The plain HTTP request was sent to HTTPS port")
                    .send(&mut &*tcp, false)?;
                close_in_order(tcp);
            }
            _ => {}
        }
        Ok(())
    }

    /// Does it to a connection of which a request was read. Afterwards the connection is of no use, unless the answer
    /// was a proper one: then `Ok(true)`.
    pub(super) fn strike(
        &self,
        wire: &mut dyn Write,
        tcp: &TcpStream,
        stop: &Stop,
        stay: bool,
    ) -> io::Result<bool> {
        let verdict = cleared().to_string();
        match self {
            Self::Answer(response) => {
                response.send(wire, stay)?;
                return Ok(stay);
            }
            Self::ResetOnConnect | Self::ResetAfterFirstBytes | Self::ResetAfterRequest => reset(tcp),
            Self::CloseAfterRequest => {}
            Self::HangOnConnect | Self::HangAfterRequest => stop.wait_until(|| false),
            Self::HangAfterHead => {
                send(wire, &format!("{}Content-Length: {}\r\n\r\n", head(), verdict.len()))?;
                stop.wait_until(|| false);
            }
            Self::Drip(interval) => {
                send(wire, &format!("{}Transfer-Encoding: chunked\r\n\r\n", head()))?;
                for byte in verdict.chars().chain(std::iter::repeat(' ')) {
                    send(wire, &format!("1\r\n{byte}\r\n"))?;
                    stop.wait(*interval);
                    if stop.is_stopped() {
                        break;
                    }
                }
            }
            Self::EndlessBody => {
                send(wire, &format!("{}Transfer-Encoding: chunked\r\n\r\n", head()))?;
                send(wire, &format!("{:x}\r\n{verdict}\r\n", verdict.len()))?;
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                while !stop.is_stopped() {
                    send(wire, &chunk)?;
                }
            }
            Self::HugeBody(bytes) => {
                // By hand: a JSON library without optimisation takes its time for megabytes.
                let whole = verdict.strip_suffix('}').unwrap_or(&verdict);
                let body = format!("{whole},\"padding\":\"{}\"}}", "x".repeat(*bytes));
                Response::new(200).header("Content-Type", "application/json").body(body).send(wire, false)?;
                close_in_order(tcp);
            }
            Self::Truncated => {
                send(wire, &format!("{}Content-Length: {}\r\n\r\n{verdict}", head(), verdict.len() + 10))?;
            }
            Self::TruncatedChunks => {
                let half: String = verdict.chars().take(verdict.len() / 2).collect();
                send(
                    wire,
                    &format!("{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{half}\r\n", head(), half.len()),
                )?;
            }
            Self::Garbage => {
                send(wire, "\u{1}\u{2}SSH-2.0-not http at all\r\n\r\n{\"result\":{\"outcome\":\"cleared\"}}")?
            }
            Self::PlainHttp => {
                Response::html(400, "The plain HTTP request was sent to HTTPS port")
                    .send(&mut &*tcp, false)?;
            }
        }
        Ok(false)
    }
}

fn cleared() -> Value {
    Verdict::cleared().body("", "request", 0)
}

fn head() -> String {
    Response::new(200).header("Content-Type", "application/json").head()
}

fn send(wire: &mut dyn Write, text: &str) -> io::Result<()> {
    wire.write_all(text.as_bytes())?;
    wire.flush()
}

/// Has the connection end with RST instead of FIN; it takes effect when the connection is closed.
fn reset(tcp: &TcpStream) {
    let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
}

/// Waits for the client's first bytes.
fn read_some(mut tcp: &TcpStream) -> io::Result<()> {
    tcp.read(&mut [0; 16 * 1024]).map(|_| ())
}

/// Says that no more will come and takes what the client still has to say: closing with bytes unread would reset the
/// connection, and the client might lose the answer.
fn close_in_order(mut tcp: &TcpStream) {
    let _ = tcp.shutdown(Shutdown::Write);
    let mut buffer = [0; 16 * 1024];
    while matches!(tcp.read(&mut buffer), Ok(count) if count > 0) {}
}
