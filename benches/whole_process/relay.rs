//! A relay that makes loopback as slow as a line: every byte takes half a round trip, and the set-up of a
//! connection takes a whole one before the first byte may go.
//!
//! The kernel answers `connect` on loopback at once; what a client sends is held back by the round trip that
//! the connection would have cost instead, which comes to the same time until the answer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Listens on a free port of loopback and relays to `target` until the process ends.
pub fn start(target: SocketAddr, round_trip: Duration) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that is gone again is no reason to stop for the others.
            let _ = relay(client, target, round_trip);
        }
    });
    Ok(address)
}

fn relay(client: TcpStream, target: SocketAddr, round_trip: Duration) -> io::Result<()> {
    let connected = Instant::now() + round_trip;
    let server = TcpStream::connect(target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    direction(client.try_clone()?, server.try_clone()?, connected, round_trip / 2);
    direction(server, client, connected, round_trip / 2);
    Ok(())
}

/// Carries bytes one way; nothing sets off before `connected`.
fn direction(from: TcpStream, to: TcpStream, connected: Instant, delay: Duration) {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || read(from, &sender, connected, delay));
    thread::spawn(move || write(to, &receiver));
}

type Parcel = (Instant, Vec<u8>);

fn read(mut from: TcpStream, sender: &Sender<Parcel>, connected: Instant, delay: Duration) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).unwrap_or(0);
        let due = Instant::now().max(connected) + delay;
        // The empty parcel carries the end of the stream.
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if sender.send((due, bytes)).is_err() || length == 0 {
            return;
        }
    }
}

fn write(mut to: TcpStream, receiver: &Receiver<Parcel>) {
    for (due, bytes) in receiver {
        wait_until(due);
        if bytes.is_empty() || to.write_all(&bytes).is_err() {
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
    }
}

/// Sleeps, and stays awake for the last bit: a sleeper wakes up late, which would be counted as the line's.
fn wait_until(due: Instant) {
    const AWAKE: Duration = Duration::from_micros(300);
    thread::sleep(due.saturating_duration_since(Instant::now()).saturating_sub(AWAKE));
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}
