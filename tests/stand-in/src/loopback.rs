//! Plain HTTP on loopback with one function that answers every request: the base of the model and of the MCP server.

use crate::http::{Reader, Request, Response};
use crate::server::{Connection, Server};
use serde_json::{Value, json};
use std::io;

/// Starts a server on a free port that answers each request by calling `answer`.
///
/// # Panics
/// Where loopback has no port left.
pub(crate) fn serve(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Server {
    Server::start(move |connection| {
        // The client may hang up at any time, for instance when it is killed: nothing to report.
        let _ = converse(&connection, &answer);
    })
    .expect("a free port on loopback")
}

fn converse(connection: &Connection, answer: &impl Fn(&Request) -> Response) -> io::Result<()> {
    let mut reader = Reader::new(connection.number);
    let mut wire = connection.wire();
    while let Some((request, stay)) = reader.next(&mut wire)? {
        answer(&request).send(&mut wire, stay)?;
        if !stay {
            break;
        }
    }
    Ok(())
}

/// A JSON body with status 200.
pub(crate) fn ok(body: &Value) -> Response {
    Response::json(200, body)
}

/// An error that says why, in the form that OpenAI's API has for it.
pub(crate) fn refusal(status: u16, why: &str) -> Response {
    Response::json(status, &json!({ "error": { "message": why } }))
}
