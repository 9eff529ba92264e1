//! A client that says exactly the bytes it is told to say.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use f5_stand_in::f5::{F5, SCANS, TOKEN};
use serde_json::{Value, json};

/// What came back: status, whole head, body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// `detail[0].loc` of a 422.
    pub fn location(&self) -> String {
        assert_eq!(self.status, 422, "{self:?}");
        self.json()["detail"][0]["loc"].to_string()
    }
}

/// The bytes of a proper scan request for `input`.
pub fn scan_request(input: &str) -> String {
    post(SCANS, &json!({"input": input}))
}

/// The bytes of a proper POST.
pub fn post(path: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: test/1\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Scans one text on a connection of its own.
pub fn scan(api: &F5, input: &str) -> io::Result<Answer> {
    exchange(&mut connect(api.address()), &scan_request(input))
}

pub fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("the stand-in listens")
}

/// Sends bytes and reads one answer with a Content-Length.
pub fn exchange(wire: &mut (impl Read + Write), request: &str) -> io::Result<Answer> {
    wire.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(wire, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let length: usize = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))
        .map_or(0, |value| value.parse().expect("a length"));
    while bytes.len() < head_end + length {
        read_more(wire, &mut bytes)?;
    }
    Ok(Answer {
        status: head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"),
        body: String::from_utf8_lossy(&bytes[head_end..]).into_owned(),
        head,
    })
}

fn read_more(wire: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    match wire.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}
