//! Each fault looks on the wire as it says.

mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use f5_stand_in::f5::{F5, Fault, Response, RetryAfter, refusing_url};
use support::{connect, exchange, scan, scan_request};

/// All that comes back until the connection ends, and how it ended.
fn all(api: &F5) -> (String, io::Result<usize>) {
    let mut wire = connect(api.address());
    let mut bytes = Vec::new();
    let mut end = wire.write_all(scan_request("x").as_bytes()).map(|()| 0);
    if end.is_ok() {
        end = wire.read_to_end(&mut bytes);
    }
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

#[test]
fn resets_are_resets() {
    for fault in [Fault::ResetOnConnect, Fault::ResetAfterFirstBytes, Fault::ResetAfterRequest] {
        let api = F5::answering(fault.clone());
        let (received, end) = all(&api);
        let kind = end.expect_err("no orderly end").kind();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{fault:?}: {kind:?}");
        assert_eq!(received, "");
    }
}

#[test]
fn a_connection_closed_without_an_answer_ends_in_good_order() {
    let (received, end) = all(&F5::answering(Fault::CloseAfterRequest));
    assert_eq!((received.as_str(), end.expect("an orderly end")), ("", 0));
}

#[test]
fn hangs_send_no_byte_too_many() {
    for (fault, starts, ends) in [
        (Fault::HangOnConnect, "", ""),
        (Fault::HangAfterRequest, "", ""),
        (Fault::HangAfterHead, "HTTP/1.1 200 OK\r\n", "\r\n\r\n"),
    ] {
        let api = F5::answering(fault.clone());
        let mut wire = connect(api.address());
        wire.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        wire.write_all(scan_request("x").as_bytes()).expect("the request fits the buffers");
        let mut bytes = Vec::new();
        let kind = wire.read_to_end(&mut bytes).expect_err("it never ends").kind();
        assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{fault:?}: {kind:?}");
        let received = String::from_utf8_lossy(&bytes);
        assert!(received.starts_with(starts) && received.ends_with(ends), "{fault:?}: {received}");
    }
}

#[test]
fn dripping_and_endless_bodies_go_on() {
    for fault in [Fault::Drip(Duration::from_millis(1)), Fault::EndlessBody] {
        let api = F5::answering(fault);
        let mut wire = connect(api.address());
        wire.write_all(scan_request("x").as_bytes()).expect("the request fits the buffers");
        let mut received = vec![0; 4096];
        wire.read_exact(&mut received).expect("far more than one verdict");
        assert!(String::from_utf8_lossy(&received).contains("Transfer-Encoding: chunked"));
    }
}

#[test]
fn a_truncated_body_holds_a_whole_verdict_but_not_its_length() {
    let (received, end) = all(&F5::answering(Fault::Truncated));
    end.expect("an orderly end");
    let (head, body) = received.split_once("\r\n\r\n").expect("a head");
    assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
    assert!(head.contains(&format!("Content-Length: {}", body.len() + 10)), "{head}");
    let (received, _) = all(&F5::answering(Fault::TruncatedChunks));
    assert!(!received.contains("\r\n0\r\n"), "{received}");
}

#[test]
fn a_huge_body_is_a_whole_verdict() {
    let api = F5::answering(Fault::HugeBody(9 << 20));
    let answer = scan(&api, "x").expect("an answer");
    assert!(answer.body.len() > 9 << 20);
    assert_eq!(answer.json()["result"]["outcome"], "cleared");
}

#[test]
fn garbage_is_no_http() {
    let (received, _) = all(&F5::answering(Fault::Garbage));
    assert!(!received.starts_with("HTTP/"), "{received}");
}

#[test]
fn retry_after_is_said_in_each_of_its_ways() {
    for (when, expected) in [
        (RetryAfter::Seconds(7), "Retry-After: 7\r\n"),
        (RetryAfter::FAR_FUTURE, " GMT\r\n"),
        (RetryAfter::Text("soon"), "Retry-After: soon\r\n"),
    ] {
        let answer = scan(&F5::answering(Fault::retry_after(429, &when)), "x").expect("an answer");
        assert_eq!(answer.status, 429);
        assert!(answer.head.contains(expected), "{}", answer.head);
    }
    let answer = scan(&F5::answering(Fault::retry_after(429, &RetryAfter::Absent)), "x").expect("an answer");
    assert!(!answer.head.contains("Retry-After"), "{}", answer.head);
}

#[test]
fn who_follows_a_redirect_is_recorded() {
    let api = F5::answering(Fault::redirect(307, "/elsewhere"));
    let answer = scan(&api, "x").expect("an answer");
    assert!(
        answer.head.contains("307 Temporary Redirect\r\n") && answer.head.contains("Location: /elsewhere")
    );
    assert!(api.requests_to("/elsewhere").is_empty());
    exchange(&mut connect(api.address()), &support::post("/elsewhere", &serde_json::json!({})))
        .expect("an answer");
    assert_eq!(api.requests_to("/elsewhere").len(), 1);
}

#[test]
fn a_fault_of_the_connection_takes_one_connection_of_a_sequence() {
    let api = F5::builder().first(Fault::ResetOnConnect).first(Response::new(204)).start();
    assert!(scan(&api, "x").is_err());
    assert_eq!(scan(&api, "x").expect("an answer").status, 204);
    assert_eq!(scan(&api, "x").expect("an answer").status, 200);
}

#[test]
fn nothing_listens_on_a_refusing_url() {
    let url = refusing_url().expect("a port");
    let address = url.strip_prefix("http://").expect("a plain URL");
    assert_eq!(
        std::net::TcpStream::connect(address).expect_err("refused").kind(),
        ErrorKind::ConnectionRefused
    );
}
