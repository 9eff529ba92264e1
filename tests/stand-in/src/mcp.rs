//! A stand-in for an MCP server, over MCP's streamable HTTP transport on loopback, so that it needs no program of
//! its own: the test that starts it sees which tools were really called.

use crate::http::{Request, Response};
use crate::loopback;
use crate::server::{Server, lock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A 1×1 PNG in base64.
pub const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A running server. It stops when it is dropped.
pub struct Mcp {
    server: Server,
    called: Arc<Mutex<Vec<(String, Value)>>>,
}

/// What the server offers: tools with the result that each returns, and resources with their contents.
#[derive(Clone, Default)]
pub struct Offer {
    tools: BTreeMap<String, Value>,
    resources: BTreeMap<String, Value>,
}

impl Offer {
    /// A tool, with its `CallToolResult`: `{"content":[…],"structuredContent":…}`.
    pub fn tool(mut self, name: &str, result: Value) -> Self {
        self.tools.insert(name.to_owned(), result);
        self
    }

    /// A text resource.
    pub fn resource(mut self, uri: &str, text: &str) -> Self {
        let contents = json!({ "uri": uri, "mimeType": "text/plain", "text": text });
        self.resources.insert(uri.to_owned(), contents);
        self
    }

    /// A binary resource, in base64.
    pub fn blob(mut self, uri: &str, base64: &str) -> Self {
        let contents = json!({ "uri": uri, "mimeType": "application/octet-stream", "blob": base64 });
        self.resources.insert(uri.to_owned(), contents);
        self
    }
}

impl Mcp {
    /// Starts a server with this offer.
    pub fn offering(offer: Offer) -> Self {
        let called = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&called);
        let server = loopback::serve(move |asked| respond(asked, &offer, &kept));
        Self { server, called }
    }

    /// The `url` for Codex's `[mcp_servers.…]` table.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.server.address())
    }

    /// The tools that were called, in order, with their arguments.
    pub fn called(&self) -> Vec<(String, Value)> {
        lock(&self.called).clone()
    }
}

fn respond(asked: &Request, offer: &Offer, called: &Mutex<Vec<(String, Value)>>) -> Response {
    // No stream from the server's side, no session to delete: the specification's answer for both is 405.
    if asked.method != "POST" {
        return Response::new(405);
    }
    let Some(message) = &asked.json else {
        return loopback::refusal(400, "not JSON");
    };
    let Some(id) = message.get("id") else {
        return Response::new(202); // a notification
    };
    let parameters = &message["params"];
    let outcome = match message["method"].as_str().unwrap_or_default() {
        "initialize" => Ok(json!({
            "protocolVersion": parameters["protocolVersion"],
            "capabilities": { "tools": {}, "resources": {} },
            "serverInfo": { "name": "stand-in", "version": "0" },
        })),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({ "tools": offer.tools.keys().map(|name| tool(name)).collect::<Vec<_>>() })),
        "tools/call" => {
            let name = parameters["name"].as_str().unwrap_or_default();
            let arguments = parameters["arguments"].clone();
            lock(called).push((name.to_owned(), arguments));
            offer.tools.get(name).cloned().ok_or("no such tool")
        }
        "resources/list" => Ok(json!({
            "resources": offer.resources.keys().map(|uri| json!({ "uri": uri, "name": uri })).collect::<Vec<_>>(),
        })),
        "resources/templates/list" => Ok(json!({ "resourceTemplates": [] })),
        "resources/read" => offer
            .resources
            .get(parameters["uri"].as_str().unwrap_or_default())
            .map(|contents| json!({ "contents": [contents] }))
            .ok_or("no such resource"),
        _ => Err("no such method"),
    };
    let answer = match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(why) => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": why } }),
    };
    loopback::ok(&answer)
}

/// A tool that takes any object.
fn tool(name: &str) -> Value {
    json!({
        "name": name, "description": format!("stand-in tool {name}"),
        "inputSchema": { "type": "object", "additionalProperties": true },
        // Without this Codex asks the user before it runs the tool.
        "annotations": { "readOnlyHint": true },
    })
}
