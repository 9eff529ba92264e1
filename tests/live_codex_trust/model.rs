//! The least model that satisfies `codex exec`: it answers every turn with one short message.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::{Value, json};

/// A model on loopback; its thread ends with the test process.
pub struct Model {
    address: SocketAddr,
}

impl Model {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Codex may hang up in the middle; the next request matters then.
                let _ = answer(stream);
            }
        });
        Self { address }
    }

    /// The options that make `codex exec` use this model.
    pub fn codex_options(&self) -> Vec<String> {
        let provider = format!(
            "{{name=\"stub\",base_url=\"http://{}/v1\",wire_api=\"responses\",env_key=\"STUB_KEY\",\
             request_max_retries=0,stream_max_retries=0}}",
            self.address
        );
        [
            "model=\"gpt-5.5\"".to_owned(),
            "model_provider=\"stub\"".to_owned(),
            format!("model_providers.stub={provider}"),
        ]
        .into_iter()
        .flat_map(|setting| ["-c".to_owned(), setting])
        .collect()
    }
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.to_ascii_lowercase());
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    reader.take(length.unwrap_or(0)).read_to_end(&mut Vec::new())?;
    let mut stream = stream;
    if !lines.first().is_some_and(|line| line.starts_with("post")) {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let body: String =
        events().iter().map(|event| format!("event: {}\ndata: {event}\n\n", text(event))).collect();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn text(event: &Value) -> &str {
    event["type"].as_str().unwrap()
}

fn events() -> [Value; 3] {
    let message = json!({"type": "message", "role": "assistant", "id": "m1",
        "content": [{"type": "output_text", "text": "hi"}]});
    let usage = json!({"input_tokens": 1, "input_tokens_details": null, "output_tokens": 1,
        "output_tokens_details": null, "total_tokens": 2});
    [
        json!({"type": "response.created", "response": {"id": "r1"}}),
        json!({"type": "response.output_item.done", "item": message}),
        json!({"type": "response.completed", "response": {"id": "r1", "usage": usage}}),
    ]
}
