//! A connection with the server: its addresses, TCP, the proxy on the way, TLS. Each step is watched.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::fault::{Fault, Stage};
use super::peer::Peer;
use super::proxy::{Proxy, Scheme};
use super::tunnel;
use super::verifier::Handshakes;
use super::watch::{Address, AddressOutcome, Session, Watched};
use super::wire::Wire;

/// One address gets no more time than this, so that a silent one leaves some for the next attempt.
const ADDRESS_TIME: Duration = Duration::from_secs(3);
/// The next address is tried this much later, while the ones before it still may answer (RFC 8305).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// More addresses of one name are not tried.
const MOST_ADDRESSES: usize = 8;

/// Opens the way to `target`, through `proxy` if there is one, with TLS at its end if `tls` says so. To a server in
/// plain HTTP a proxy of that kind is given the request itself.
pub(super) async fn open(
    target: &Peer,
    tls: bool,
    proxy: Option<&Proxy>,
    handshakes: &Handshakes,
    watched: &Watched,
) -> Result<Wire, Fault> {
    let wire = open_wire(target, tls, proxy, handshakes, watched).await?;
    if !tls {
        return Ok(wire);
    }
    let config = handshakes.with_server(watched);
    watched.step(Stage::Tls, target, shake_hands(config, target, wire, watched, true)).await
}

/// The same, up to where TLS begins.
pub(super) async fn open_wire(
    target: &Peer,
    tls: bool,
    proxy: Option<&Proxy>,
    handshakes: &Handshakes,
    watched: &Watched,
) -> Result<Wire, Fault> {
    match proxy {
        None => tcp(target, watched).await,
        Some(proxy) => through(proxy, target, tls, handshakes, watched).await,
    }
}

/// A connection with the proxy, and the tunnel through it.
async fn through(
    proxy: &Proxy,
    target: &Peer,
    tls: bool,
    handshakes: &Handshakes,
    watched: &Watched,
) -> Result<Wire, Fault> {
    let address = &proxy.address;
    let at = Peer { host: address.host.clone(), port: address.port };
    let resolved = match (address.scheme.resolves_names(), target.host.parse::<IpAddr>()) {
        (_, Ok(ip)) => Some(SocketAddr::new(ip, target.port)),
        (true, Err(_)) => None,
        (false, Err(_)) => {
            let all = watched.step(Stage::Dns, target, addresses(target)).await?;
            watched.lock().resolved.push(all.clone());
            let usable = all.iter().find(|found| found.is_ipv4() || address.scheme == Scheme::Socks5);
            usable.or(all.first()).copied()
        }
    };
    let mut wire = tcp(&at, watched).await?;
    if address.scheme == Scheme::Https {
        let config = handshakes.with_proxy();
        wire = watched.step(Stage::ProxyTls, &at, shake_hands(config, &at, wire, watched, false)).await?;
    }
    if !tls && !address.scheme.is_socks() {
        return Ok(wire);
    }
    let through = async {
        match address.scheme {
            Scheme::Http | Scheme::Https => tunnel::connect(proxy, target, wire).await,
            _ => tunnel::socks(proxy, target, resolved, wire).await,
        }
    };
    watched.step(Stage::Proxy, &at, through).await
}

async fn addresses(peer: &Peer) -> Result<Vec<SocketAddr>, Fault> {
    let mut found: Vec<SocketAddr> = match peer.host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, peer.port)],
        // On a thread of its own, which is left behind when time is up.
        Err(_) => lookup_host((peer.host.as_str(), peer.port))
            .await
            .map_err(|error| Fault::of_lookup(&error))?
            .collect(),
    };
    found.dedup();
    if found.is_empty() { Err(Fault::NoSuchName) } else { Ok(found) }
}

async fn tcp(peer: &Peer, watched: &Watched) -> Result<Wire, Fault> {
    let addresses = watched.step(Stage::Dns, peer, addresses(peer)).await?;
    watched.lock().resolved.push(addresses.clone());
    watched.step(Stage::Tcp, peer, first_to_answer(&interleaved(addresses), watched)).await
}

/// The two families in turn, beginning with the one that the system puts first.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            all.truncate(MOST_ADDRESSES);
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

/// Connects with the first of `addresses` that answers: each gets its turn a little later than the one before, or at
/// once where that failed.
async fn first_to_answer(addresses: &[SocketAddr], watched: &Watched) -> Result<Wire, Fault> {
    let connect = |index: usize, address: SocketAddr| async move {
        let result = tokio::time::timeout(ADDRESS_TIME, TcpStream::connect(address)).await;
        (index, result.map_err(|_| Fault::NoConnection).and_then(|r| r.map_err(|error| Fault::of_io(&error))))
    };
    let mut waiting = addresses.iter().copied().enumerate();
    let mut running = FuturesUnordered::new();
    let mut begun = Vec::new();
    let mut last = Fault::NoConnection;
    loop {
        let more = match waiting.next() {
            Some((index, address)) => {
                begun.push(Instant::now());
                watched.lock().addresses.push(Address {
                    address,
                    took: Duration::ZERO,
                    outcome: AddressOutcome::Pending,
                });
                running.push(connect(index, address));
                true
            }
            None => false,
        };
        let ended = if more && waiting.len() > 0 {
            tokio::time::timeout(NEXT_ADDRESS, running.next()).await.unwrap_or(None)
        } else {
            running.next().await
        };
        let Some((index, result)) = ended else {
            if running.is_empty() && waiting.len() == 0 {
                return Err(last);
            }
            continue;
        };
        let mut attempt = watched.lock();
        let count = attempt.addresses.len();
        for (noted, begun) in attempt.addresses.iter_mut().skip(count.saturating_sub(begun.len())).zip(&begun)
        {
            if matches!(noted.outcome, AddressOutcome::Pending) {
                noted.took = begun.elapsed();
            }
        }
        let noted = attempt.addresses.get_mut(count.saturating_sub(begun.len()) + index);
        match result {
            Ok(tcp) => {
                if let Some(noted) = noted {
                    noted.outcome = AddressOutcome::Connected;
                }
                // Only a matter of speed: without it the connection still works.
                let _ = tcp.set_nodelay(true);
                return Ok(Box::new(tcp));
            }
            Err(fault) => {
                if let Some(noted) = noted {
                    noted.outcome = AddressOutcome::Failed(fault.clone());
                }
                last = fault;
            }
        }
    }
}

pub(super) async fn shake_hands(
    config: Arc<ClientConfig>,
    peer: &Peer,
    wire: Wire,
    watched: &Watched,
    is_target: bool,
) -> Result<Wire, Fault> {
    let name = ServerName::try_from(peer.host.clone()).map_err(|_| Fault::NoSuchName)?;
    watched.listen_anew();
    let wire = Heard { wire, watched: Some(watched.clone()) };
    let connected = TlsConnector::from(config).connect(name, wire).await;
    let mut stream = connected.map_err(|error| watched.fault(&error))?;
    if is_target {
        watched.lock().tls = Some(Session::of(stream.get_ref().1));
    }
    // From here on it is TLS.
    stream.get_mut().0.watched = None;
    Ok(Box::new(stream))
}

/// Remembers the first bytes that came, to tell what speaks where TLS was due.
struct Heard {
    wire: Wire,
    watched: Option<Watched>,
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.wire).poll_read(context, buffer);
        if let Some(watched) = &self.watched {
            watched.heard(buffer.filled().get(before..).unwrap_or_default());
        }
        result
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_of_addresses_take_turns() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let [a, b, c, d] = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "1.1.1.2:1"].map(address);
        assert_eq!(interleaved(vec![a, b, c, d]), [a, c, b, d]);
        assert_eq!(interleaved(vec![c, d, a]), [c, a, d]);
    }

    /// An address of loopback that answers no attempt to connect, as where a firewall drops them: its queue is full.
    #[cfg(target_os = "linux")]
    fn silent() -> (SocketAddr, impl Drop) {
        struct Full(#[allow(dead_code)] std::net::TcpListener, #[allow(dead_code)] Vec<std::net::TcpStream>);
        impl Drop for Full {
            fn drop(&mut self) {}
        }
        let listener = std::net::TcpListener::bind("127.0.0.7:0").unwrap();
        let backlog = nix::sys::socket::Backlog::new(0).unwrap();
        nix::sys::socket::listen(&listener, backlog).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200));
        let waiting = (0..4).filter_map(|_| connect().ok()).collect();
        (address, Full(listener, waiting))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_silent_address_leaves_its_turn_to_the_next_and_is_noted() {
        let ((silent, _full), good) = (silent(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let good = good.local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let watched = Watched::default();
        assert!(runtime.block_on(first_to_answer(&[silent, good], &watched)).is_ok());
        let tried = watched.lock().addresses.clone();
        assert!(matches!(tried[0].outcome, AddressOutcome::Pending) && tried[0].took >= NEXT_ADDRESS);
        assert!(matches!(tried[1].outcome, AddressOutcome::Connected));

        let alone = runtime.block_on(first_to_answer(&[silent], &Watched::default())).err();
        assert_eq!(alone, Some(Fault::NoConnection));
    }

    #[test]
    fn a_refusing_address_is_passed_at_once() {
        let good = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let watched = Watched::default();
        let all = [refusing, good.local_addr().unwrap()];
        assert!(runtime.block_on(first_to_answer(&all, &watched)).is_ok());
        let tried = watched.lock().addresses.clone();
        assert!(matches!(tried[0].outcome, AddressOutcome::Failed(Fault::Refused)), "{tried:?}");
    }
}
