//! The client's side of a WebSocket (RFC 6455) over a stream of this machine: lines of text, one a message. No extensions, and
//! no compression, because none is offered.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::system::random;

/// The longest head of the server's first answer.
const LONGEST_HEAD: u64 = 16 * 1024;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Shakes hands, and gives the two ends of a conversation: what is sent, and what comes. Both end with the stream.
///
/// # Errors
/// The stream's, and an answer that is no WebSocket's.
pub fn open<R, W>(reader: R, writer: W, longest: u64) -> io::Result<(Sender<String>, Receiver<String>)>
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    let mut reader = BufReader::new(reader);
    let mut writer = writer;
    shake_hands(&mut reader, &mut writer)?;
    let writer = Arc::new(Mutex::new(writer));
    let (requests, outbox) = mpsc::channel::<String>();
    let (inbox, lines) = mpsc::sync_channel(64);
    let answers = Arc::clone(&writer);
    thread::spawn(move || {
        let sent = outbox.iter().try_for_each(|text| send(&writer, TEXT, text.trim_end().as_bytes()));
        // The other side then closes, which ends the thread that reads.
        sent.and_then(|()| send(&writer, CLOSE, &[]))
    });
    thread::spawn(move || {
        while let Ok(Some(text)) = next_text(&mut reader, &answers, longest) {
            if inbox.send(text).is_err() {
                return;
            }
        }
    });
    Ok((requests, lines))
}

fn shake_hands(reader: &mut impl BufRead, writer: &mut impl Write) -> io::Result<()> {
    let key = STANDARD.encode(random::<16>()?);
    write!(
        writer,
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )?;
    writer.flush()?;
    let mut head = reader.take(LONGEST_HEAD);
    let mut line = String::new();
    head.read_line(&mut line)?;
    if line.split(' ').nth(1) != Some("101") {
        return Err(io::Error::other("it is no WebSocket"));
    }
    while line.trim_end() != "" {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// One frame, masked as a client's must be.
fn send(writer: &Mutex<impl Write>, kind: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![0x80 | kind];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    let mask = random::<4>()?;
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    writer.write_all(&frame)?;
    writer.flush()
}

/// The next message of text, put together; `None` where the other side has closed.
fn next_text(
    reader: &mut impl Read,
    answers: &Mutex<impl Write>,
    longest: u64,
) -> io::Result<Option<String>> {
    let mut message = Vec::new();
    loop {
        let [first, second] = exactly::<2>(reader)?;
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes(exactly(reader)?)),
            127 => u64::from_be_bytes(exactly(reader)?),
            short => u64::from(short),
        };
        // A server masks nothing.
        if second & 0x80 != 0 || length.saturating_add(message.len() as u64) > longest {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut payload = Vec::new();
        if reader.take(length).read_to_end(&mut payload)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match first & 0x0f {
            CLOSE => return Ok(None),
            PING => send(answers, PONG, &payload)?,
            PONG => {}
            _ => {
                message.append(&mut payload);
                if first & 0x80 != 0 {
                    return Ok(Some(String::from_utf8_lossy(&message).into_owned()));
                }
            }
        }
    }
}

fn exactly<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HELLO: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";

    /// A frame as a server sends it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..=125 => frame.push(length as u8),
            length @ 126..=65535 => {
                frame.push(126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        [frame, payload.to_vec()].concat()
    }

    fn texts(bytes: Vec<u8>, longest: u64) -> Vec<String> {
        let stream = io::Cursor::new([HELLO.to_vec(), bytes].concat());
        let (_requests, lines) = open(stream, io::sink(), longest).unwrap();
        lines.iter().collect()
    }

    #[test]
    fn fragments_are_one_message_and_pings_between_them_none() {
        let parts = [frame(0x01, b"{\"a\""), frame(0x89, b"p"), frame(0x80, b":1}"), frame(0x81, b"[]")];
        assert_eq!(texts(parts.concat(), 100), ["{\"a\":1}", "[]"]);
    }

    #[test]
    fn the_end_is_where_the_other_side_closes_or_says_too_much() {
        assert_eq!(texts([frame(0x81, b"a"), frame(0x88, b""), frame(0x81, b"b")].concat(), 100), ["a"]);
        assert_eq!(texts([frame(0x81, b"a"), frame(0x81, &[b'x'; 200])].concat(), 100), ["a"]);
        assert!(texts(vec![0x81, 0x05, b'x'], 100).is_empty(), "it ends in the middle");
    }

    #[test]
    fn what_is_no_websocket_is_refused() {
        for answer in [&b"HTTP/1.1 404 Not Found\r\n\r\n"[..], b"", b"\0\0\0", b"HTTP/1.1 101 x\r\nno: end"] {
            assert!(open(io::Cursor::new(answer.to_vec()), io::sink(), 10).is_err(), "{answer:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_can_be_read_by_a_server(length in prop_oneof![0usize..300, 65530usize..65540]) {
            let written = Mutex::new(Vec::new());
            let text = vec![b'x'; length];
            send(&written, TEXT, &text).unwrap();
            let written = written.into_inner().unwrap();
            let head = match length { 0..=125 => 2, 126..=65535 => 4, _ => 10 };
            let (mask, masked) = written[head..].split_at(4);
            let read: Vec<u8> = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            prop_assert_eq!(read, text);
            prop_assert!(written[1] & 0x80 != 0, "a client masks");
        }

        #[test]
        fn no_bytes_of_the_other_side_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = texts(bytes, 1000);
        }
    }
}
