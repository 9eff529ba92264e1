//! A stand-in for the model behind Codex: the Responses API on loopback.
//!
//! A test says what the model answers, request by request, and reads afterwards what the model was given. The
//! stand-in knows nothing of Codex beyond that protocol; starting Codex is the test's business.

mod item;
mod request;
#[cfg(test)]
mod tests;

pub use item::Item;
pub use request::Request;

use crate::http::{self, Response};
use crate::loopback;
use crate::server::{Server, lock};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// Calls after which every further one is refused with HTTP 400, so that a loop ends by itself. A scripted test
/// makes a handful.
pub const MOST_CALLS: usize = 40;

/// A running stand-in. It stops when it is dropped.
///
/// ```
/// use f5_stand_in::model::{Item, Model};
/// let model = Model::playing([vec![Item::exec("ls")], vec![Item::message("There is nothing here.")]]);
/// assert!(model.base_url().starts_with("http://127.0.0.1:"));
/// assert_eq!(model.calls(), 0);
/// ```
pub struct Model {
    server: Server,
    record: Arc<Mutex<Record>>,
}

#[derive(Default)]
struct Record {
    requests: Vec<Request>,
    refused: usize,
}

impl Model {
    /// Answers the first request with the first turn's items, the second with the second's, and so on. Requests
    /// beyond the script get a plain message, and count like any other.
    pub fn playing(turns: impl IntoIterator<Item = Vec<Item>>) -> Self {
        let turns: Vec<Vec<Item>> = turns.into_iter().collect();
        Self::answering(move |index, _| match turns.get(index) {
            Some(items) => items.clone(),
            None => vec![Item::message("(the script is over)")],
        })
    }

    /// Answers by what it is asked: `answer` gets the number of the request, from 0, and the request. For scripts
    /// in which the order of the requests is not known, as with sub-agents.
    pub fn answering(answer: impl Fn(usize, &Request) -> Vec<Item> + Send + Sync + 'static) -> Self {
        let record = Arc::new(Mutex::new(Record::default()));
        let kept = Arc::clone(&record);
        let server = loopback::serve(move |asked| respond(asked, &kept, &answer));
        Self { server, record }
    }

    /// The `base_url` for Codex's `[model_providers.…]` table.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.server.address())
    }

    /// How often the model was asked for an answer, refused calls included.
    pub fn calls(&self) -> usize {
        let record = lock(&self.record);
        record.requests.len() + record.refused
    }

    /// True when more than [`MOST_CALLS`] came: Codex was in a loop.
    pub fn overran(&self) -> bool {
        lock(&self.record).refused > 0
    }

    /// Every answered request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.record).requests.clone()
    }

    /// The user messages that the model was given in its last request (which repeats all earlier ones).
    pub fn user_texts(&self) -> Vec<String> {
        self.of_last(Request::user_texts)
    }

    /// The developer messages that the model was given in its last request.
    pub fn developer_texts(&self) -> Vec<String> {
        self.of_last(Request::developer_texts)
    }

    /// The tool outputs that the model was given in its last request.
    pub fn function_outputs(&self) -> Vec<String> {
        self.of_last(Request::function_outputs)
    }

    /// True when `text` stood anywhere in any request: instructions, messages, tool outputs.
    pub fn was_given(&self, text: &str) -> bool {
        lock(&self.record).requests.iter().any(|request| request.mentions(text))
    }

    fn of_last(&self, texts: impl Fn(&Request) -> Vec<String>) -> Vec<String> {
        lock(&self.record).requests.last().map(texts).unwrap_or_default()
    }
}

fn respond(
    asked: &http::Request,
    record: &Mutex<Record>,
    answer: &impl Fn(usize, &Request) -> Vec<Item>,
) -> Response {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/v1/responses") => {}
        // Codex may look for the provider's models; an empty catalogue leaves it with its own.
        ("GET", "/v1/models") => {
            let none = json!({ "object": "list", "data": [], "models": [] });
            return loopback::ok(&none);
        }
        (method, path) => {
            return loopback::refusal(404, &format!("no {method} {path} in this stand-in"));
        }
    }
    let Some(body) = asked.json.clone() else {
        return loopback::refusal(400, "not JSON");
    };
    let request = Request::new(body, asked.at);
    let index = {
        let mut record = lock(record);
        if record.requests.len() >= MOST_CALLS {
            record.refused += 1;
            return loopback::refusal(400, "more calls than any script needs: a loop?");
        }
        record.requests.push(request.clone());
        record.requests.len() - 1
    };
    Response::new(200)
        .header("Content-Type", "text/event-stream")
        .body(event_stream(index, &answer(index, &request)))
}

/// One whole answer as server-sent events: created, one event an item, completed.
fn event_stream(index: usize, items: &[Item]) -> String {
    let id = format!("resp_{index}");
    let usage = json!({
        "input_tokens": 1, "input_tokens_details": null,
        "output_tokens": 1, "output_tokens_details": null, "total_tokens": 2,
    });
    let mut events = vec![json!({ "type": "response.created", "response": { "id": id } })];
    events.extend(items.iter().enumerate().map(|(place, item)| {
        json!({ "type": "response.output_item.done", "item": item.to_json(&format!("call_{index}_{place}")) })
    }));
    events.push(json!({ "type": "response.completed", "response": { "id": id, "usage": usage } }));
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
        .collect()
}
