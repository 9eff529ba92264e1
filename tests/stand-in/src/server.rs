//! A listener on loopback that serves each connection on a thread of its own and ends all of them when it is dropped.
//!
//! What is said on a connection is the business of the handler that it is given.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One accepted connection.
pub(crate) struct Connection {
    /// 1 for the first connection that the server accepted.
    pub(crate) number: usize,
    pub(crate) tcp: Arc<TcpStream>,
    pub(crate) stop: Arc<Stop>,
}

impl Connection {
    /// The connection as a stream that ends when the server goes.
    pub(crate) fn wire(&self) -> Wire {
        if cfg!(windows) {
            let _ = self.tcp.set_read_timeout(Some(POLL));
        }
        Wire { tcp: Arc::clone(&self.tcp), stop: Arc::clone(&self.stop) }
    }
}

/// On Windows a shutdown wakes nobody who already waits in a read, so reads look up this often.
const POLL: Duration = Duration::from_millis(500);

/// See [`Connection::wire`].
pub(crate) struct Wire {
    tcp: Arc<TcpStream>,
    stop: Arc<Stop>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&*self.tcp).read(buffer) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
                        && !self.stop.is_stopped() => {}
                result => return result,
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.tcp).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.tcp).flush()
    }
}

/// A running listener; dropping it ends every connection.
pub(crate) struct Server {
    address: SocketAddr,
    stop: Arc<Stop>,
    accepting: Option<JoinHandle<()>>,
}

/// Tells the connections that the server is going away, and lets them wait for that or for something else.
#[derive(Default)]
pub(crate) struct Stop {
    stopped: AtomicBool,
    /// The connection by which `Server::drop` wakes the accepting thread; whatever came before it is still served.
    waker: Mutex<Option<SocketAddr>>,
    turn: Mutex<()>,
    turned: Condvar,
    connections: Mutex<Vec<Weak<TcpStream>>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    accepted: AtomicUsize,
}

impl Server {
    /// Listens on a free port of 127.0.0.1 and calls `serve` on a new thread for each connection.
    pub(crate) fn start(serve: impl Fn(Connection) + Send + Sync + 'static) -> io::Result<Self> {
        Self::start_at(0, serve)
    }

    /// The same on this port; 0 is any free one.
    pub(crate) fn start_at(
        port: u16,
        serve: impl Fn(Connection) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(Stop::default());
        let accepting = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || accept_all(&listener, &stop, Arc::new(serve))
        });
        Ok(Self { address, stop, accepting: Some(accepting) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn stop(&self) -> &Arc<Stop> {
        &self.stop
    }

    /// Accepts the connections that are still in the queue, then ends every connection and waits for its thread.
    pub(crate) fn shut_down(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        {
            let mut waker = lock(&self.stop.waker);
            self.stop.stopped.store(true, Ordering::SeqCst);
            // Without a connection to wake it the thread cannot be joined: better a leaked thread than a test that hangs.
            let Ok(connection) = TcpStream::connect(self.address) else { return };
            *waker = connection.local_addr().ok();
        }
        self.stop.poke();
        let _ = accepting.join();
        for connection in lock(&self.stop.connections).drain(..) {
            if let Some(tcp) = connection.upgrade() {
                let _ = tcp.shutdown(Shutdown::Both);
            }
        }
        let workers: Vec<_> = lock(&self.stop.workers).drain(..).collect();
        for worker in workers {
            let _ = worker.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn accept_all(
    listener: &TcpListener,
    stop: &Arc<Stop>,
    serve: Arc<impl Fn(Connection) + Send + Sync + 'static>,
) {
    loop {
        let (tcp, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(_) if stop.is_stopped() => return,
            Err(_) => continue,
        };
        if stop.is_stopped() && *lock(&stop.waker) == Some(peer) {
            return;
        }
        let number = stop.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        let _ = tcp.set_nodelay(true);
        let tcp = Arc::new(tcp);
        {
            let mut connections = lock(&stop.connections);
            connections.retain(|connection| connection.strong_count() > 0);
            connections.push(Arc::downgrade(&tcp));
        }
        let connection = Connection { number, tcp, stop: Arc::clone(stop) };
        let serve = Arc::clone(&serve);
        let worker = std::thread::spawn(move || serve(connection));
        let mut workers = lock(&stop.workers);
        workers.retain(|worker| !worker.is_finished());
        workers.push(worker);
    }
}

impl Stop {
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// How many connections were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Has every waiter look at its condition again.
    pub(crate) fn poke(&self) {
        let _turn = lock(&self.turn);
        self.turned.notify_all();
    }

    /// Returns when `condition` holds or the server stops.
    pub(crate) fn wait_until(&self, condition: impl Fn() -> bool) {
        let turn = lock(&self.turn);
        let _turn = self
            .turned
            .wait_while(turn, |()| !self.is_stopped() && !condition())
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// Returns after `time`, or earlier when the server stops.
    pub(crate) fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut turn = lock(&self.turn);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_stopped() {
                return;
            }
            turn = self.turned.wait_timeout(turn, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A lock that a panicking thread left behind still holds whole data here: every update is a single step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
