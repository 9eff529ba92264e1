//! Buses that are missing, silent or broken.

use std::os::unix::net::UnixListener;
use std::thread;

use super::*;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn of(text: &str) -> Vec<Address> {
    addresses(&|name| (name == "DBUS_SESSION_BUS_ADDRESS").then(|| text.into()))
}

/// A bus that answers each read with the next of these.
fn bus(answers: &'static [&'static [u8]]) -> (tempfile::TempDir, Vec<Address>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for answer in answers {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    (folder, vec![Address::Path(path)])
}

#[test]
fn addresses_are_read_as_the_specification_has_them() {
    assert_eq!(of("unix:path=/run/user/7/bus"), [Address::Path("/run/user/7/bus".into())]);
    assert_eq!(
        of("tcp:host=h,port=1;unix:abstract=/tmp/a%2db,guid=00;unix:guid=1,path=/x%20y"),
        [Address::Abstract(b"/tmp/a-b".to_vec()), Address::Path("/x y".into())]
    );
    assert_eq!(of("unixexec:path=/bin/sh"), []);
}

#[test]
fn without_the_variable_the_sessions_usual_place_is_tried() {
    assert_eq!(addresses(&|_| None), []);
    let env = |name: &str| (name == "XDG_RUNTIME_DIR").then(|| "/r".into());
    assert_eq!(addresses(&env), [Address::Path("/r/bus".into())]);
}

#[test]
fn no_bus_is_told_apart_from_a_bus_that_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = [Address::Path(folder.path().join("bus"))];
    assert!(matches!(Bus::connect(&nowhere, 0, soon()), Err(BusError::NoBus(_))));
    let (_folder, silent) = bus(&[]);
    let deadline = Instant::now() + Duration::from_millis(50);
    assert!(matches!(Bus::connect(&silent, 0, deadline), Err(BusError::TimedOut | BusError::Broken(_))));
}

#[test]
fn a_bus_that_refuses_closes_or_talks_nonsense_is_an_error() {
    let (_folder, refuses) = bus(&[b"REJECTED EXTERNAL\r\n"]);
    assert!(matches!(Bus::connect(&refuses, 0, soon()), Err(BusError::NoBus(_))));
    let (_folder, nonsense) = bus(&[b"OK 00\r\n", b"this is not a message at all"]);
    assert!(matches!(Bus::connect(&nonsense, 0, soon()), Err(BusError::Broken(_))));
    let huge: &[u8] = &[b'l', 2, 0, 1, 255, 255, 255, 127, 1, 0, 0, 0, 0, 0, 0, 0];
    let answers: &'static [&'static [u8]] = Box::leak(Box::new([&b"OK 00\r\n"[..], Box::leak(huge.into())]));
    let (_folder, huge) = bus(answers);
    assert!(matches!(Bus::connect(&huge, 0, soon()), Err(BusError::Broken(_))));
}

#[test]
fn a_bus_that_accepts_nobody_any_more_is_given_up() {
    use nix::sys::socket::{Backlog, bind, listen};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let listener = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
    bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    // Until nobody fits into the queue any more.
    let mut waiting = Vec::new();
    let full = loop {
        match connect(&Address::Path(path.clone()), Instant::now() + Duration::from_millis(50)) {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
        assert!(waiting.len() < 100);
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    let deadline = Instant::now() + Duration::from_millis(50);
    assert!(matches!(Bus::connect(&[Address::Path(path)], 0, deadline), Err(BusError::TimedOut)));
}
