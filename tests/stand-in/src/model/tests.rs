//! The stand-in itself: what it plays, what it keeps, and that a loop ends.

use super::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Posts one request and returns the status and the whole answer.
fn post(model: &Model, body: &Value) -> (u16, String) {
    let base_url = model.base_url();
    let (address, _) = base_url.trim_start_matches("http://").split_once('/').expect("a path");
    let mut connection = TcpStream::connect(address).expect("the stand-in listens");
    let body = body.to_string();
    let head =
        format!("POST /v1/responses HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.write_all((head + &body).as_bytes()).expect("the request is read");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
    (status, answer)
}

fn asking(text: &str) -> Value {
    let content = json!([{ "type": "input_text", "text": text }]);
    json!({ "instructions": "be kind", "input": [
        { "type": "message", "role": "user", "content": content },
        { "type": "message", "role": "developer", "content": [{ "type": "input_text", "text": "a note" }] },
        { "type": "function_call", "call_id": "c", "name": "exec_command", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "c", "output": "an output" },
        { "type": "custom_tool_call_output", "call_id": "d", "output": [{ "text": "x" }] },
    ] })
}

#[test]
fn each_request_gets_the_next_turn_of_the_script() {
    let model =
        Model::playing([vec![Item::exec("ls")], vec![Item::message("first"), Item::message("second")]]);

    let (_, command) = post(&model, &asking("one"));
    let (_, messages) = post(&model, &asking("two"));
    let (_, beyond) = post(&model, &asking("three"));

    assert!(command.contains(r#""arguments":"{\"cmd\":\"ls\"}""#), "{command}");
    assert!(messages.contains("first") && messages.contains("second"), "{messages}");
    assert!(beyond.contains("the script is over"), "{beyond}");
    assert_eq!(model.calls(), 3);
}

#[test]
fn what_the_model_was_given_is_kept_by_kind() {
    let model = Model::playing([]);

    post(&model, &asking("a question"));

    assert_eq!(model.user_texts(), ["a question"]);
    assert_eq!(model.developer_texts(), ["a note"]);
    assert_eq!(model.function_outputs(), ["an output", r#"[{"text":"x"}]"#]);
    assert!(model.was_given("be kind"));
    assert!(!model.was_given("a note that nobody wrote"));
}

#[test]
fn a_loop_is_refused_and_counted() {
    let model = Model::playing([]);

    for _ in 0..MOST_CALLS {
        assert_eq!(post(&model, &asking("again")).0, 200);
    }

    assert!(!model.overran());
    assert_eq!(post(&model, &asking("again")).0, 400);
    assert!(model.overran());
    assert_eq!(model.calls(), MOST_CALLS + 1);
}
