//! The streams on Unix, by calls that a signal handler may make, too.

use std::ffi::CStr;
use std::fs::Metadata;
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::{BlockBy, Stream};

/// A write of no more bytes than this to a pipe that has room does not wait (POSIX; the smallest on our systems).
const CHUNK: usize = 512;
/// Enough to see what a text begins with, after a byte order mark and blanks.
const PEEK: usize = 64;

/// What [`keep_stderr_for_the_answer`] found and did.
static JOINED: AtomicU8 = AtomicU8::new(NOT_JOINED);
/// Stderr is what it was.
const NOT_JOINED: u8 = 0;
/// Stderr was stdout under another name, and is the null device now. Blocks go out as JSON.
const JOINED_BY_JSON: u8 = 1;
/// The same, where they go out by exit code.
const JOINED_BY_EXIT_CODE: u8 = 2;

pub(super) fn keep_stderr_for_the_answer() {
    if !stderr_is_stdout() {
        return;
    }
    let joined = match block_by() {
        BlockBy::Json => JOINED_BY_JSON,
        BlockBy::ExitCode => JOINED_BY_EXIT_CODE,
    };
    // SAFETY: the path ends in a NUL, and the numbers are of open files.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if null >= 0 && libc::dup2(null, libc::STDERR_FILENO) >= 0 {
            JOINED.store(joined, Ordering::Release);
        }
        if null > libc::STDERR_FILENO {
            libc::close(null);
        }
    }
}

pub(super) fn give_stderr_back() {
    if JOINED.swap(NOT_JOINED, Ordering::AcqRel) != NOT_JOINED {
        // SAFETY: the numbers are of open files.
        unsafe { libc::dup2(libc::STDOUT_FILENO, libc::STDERR_FILENO) };
    }
}

/// Whether `path` leads to this process's stdout. By identity and not by name, because there are many names
/// (`/dev/stdout`, `/proc/self/fd/1`, links).
pub fn is_stdout(path: &Path) -> bool {
    match (Status::of(libc::STDOUT_FILENO), std::fs::metadata(path)) {
        (Some(stdout), Ok(file)) => stdout.is(&file),
        _ => false,
    }
}

/// Whether `path` is one of the system's names for a device or for something that this process has open, such as
/// `/dev/stderr`. Many of them are links, which only the system can make there.
pub fn is_systems_name(path: &Path) -> bool {
    let folders = ["/dev", "/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"];
    path.parent().is_some_and(|folder| folders.iter().any(|known| folder == Path::new(known)))
}

/// Whether what is written to stderr comes out among the answer, as with `2>&1` in the registered command. On a
/// terminal it may: there it is for a person. Async-signal-safe.
pub fn stderr_is_stdout() -> bool {
    if JOINED.load(Ordering::Acquire) != NOT_JOINED {
        return true;
    }
    match (Status::of(libc::STDOUT_FILENO), Status::of(libc::STDERR_FILENO)) {
        (Some(stdout), Some(stderr)) => {
            // SAFETY: asks about a number, and changes nothing.
            stdout.same_as(&stderr) && unsafe { libc::isatty(libc::STDOUT_FILENO) } == 0
        }
        _ => false,
    }
}

/// Whether what is written to stdout is lost: it is the null device, which Rust's runtime also opens where
/// stdout is closed. Async-signal-safe.
pub fn stdout_is_lost() -> bool {
    match (Status::of(libc::STDOUT_FILENO), Status::at(c"/dev/null")) {
        (Some(stdout), Some(null)) => stdout.is_device(&null),
        (None, _) => true,
        (Some(_), None) => false,
    }
}

/// Codex reads stderr from a pipe. A start-up file can have put a file, a terminal or the null device there, or
/// made it one with stdout.
pub(super) fn block_by() -> BlockBy {
    match JOINED.load(Ordering::Acquire) {
        JOINED_BY_JSON => return BlockBy::Json,
        JOINED_BY_EXIT_CODE => return BlockBy::ExitCode,
        _ => {}
    }
    let (stdout, stderr) = (Status::of(libc::STDOUT_FILENO), Status::of(libc::STDERR_FILENO));
    match (stdout, stderr) {
        (_, None) => BlockBy::Json,
        (_, Some(stderr)) if !stderr.is_pipe() => BlockBy::Json,
        (Some(stdout), Some(stderr)) if stdout.same_as(&stderr) && was_made_for_stdout(&stderr) => {
            BlockBy::Json
        }
        _ => BlockBy::ExitCode,
    }
}

/// Whether the pipe that both streams are (`exec 1>&2`, `exec 2>&1`) counts as the one that Codex made for stdout. It makes
/// them for stdin, stdout and stderr in this order, and Linux numbers pipes in the order in which they are made. Only the
/// second pipe after stdin's is taken for stderr's. Any other that is not the first may be stdout's, where others were made
/// in between, or `tee`'s behind it, and `2>&1` is what people write.
#[allow(clippy::useless_conversion, reason = "the types differ between systems")]
fn was_made_for_stdout(pipe: &Status) -> bool {
    let stdin = Status::of(libc::STDIN_FILENO).filter(Status::is_pipe);
    !cfg!(target_os = "linux")
        || stdin.is_none_or(|stdin| !is_second_after(stdin.0.st_ino.into(), pipe.0.st_ino.into()))
}

/// Whether Linux gave out the number `later` as the second one after `first`. Each processor takes 1024 numbers at a time,
/// so that behind a multiple of it the next can be any that is one more than a multiple.
fn is_second_after(first: u64, later: u64) -> bool {
    const BATCH: u64 = 1024;
    match first % BATCH {
        0 => later > first && later % BATCH == 2,
        1023 => later > first && later % BATCH == 1,
        _ => first.checked_add(2) == Some(later),
    }
}

/// What the system knows of an open file.
struct Status(libc::stat);

impl Status {
    fn of(descriptor: libc::c_int) -> Option<Self> {
        // SAFETY: `fstat` fills the structure that it is given, or fails.
        Self::filled_by(|status| unsafe { libc::fstat(descriptor, status) })
    }

    fn at(path: &CStr) -> Option<Self> {
        // SAFETY: the path ends in a NUL; `stat` fills the structure that it is given, or fails.
        Self::filled_by(|status| unsafe { libc::stat(path.as_ptr(), status) })
    }

    fn filled_by(call: impl FnOnce(*mut libc::stat) -> libc::c_int) -> Option<Self> {
        // SAFETY: the structure is made of integers, for which zero is a value.
        let mut status: libc::stat = unsafe { std::mem::zeroed() };
        (call(&raw mut status) == 0).then_some(Self(status))
    }

    fn kind(&self) -> libc::mode_t {
        self.0.st_mode & libc::S_IFMT
    }

    fn is_pipe(&self) -> bool {
        matches!(self.kind(), libc::S_IFIFO | libc::S_IFSOCK)
    }

    fn same_as(&self, other: &Self) -> bool {
        (self.0.st_dev, self.0.st_ino) == (other.0.st_dev, other.0.st_ino)
    }

    fn is_device(&self, other: &Self) -> bool {
        self.kind() == libc::S_IFCHR && other.kind() == libc::S_IFCHR && self.0.st_rdev == other.0.st_rdev
    }

    #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
    fn is(&self, file: &Metadata) -> bool {
        (self.0.st_dev as u64, self.0.st_ino as u64) == (file.dev(), file.ino())
    }
}

/// Waits until the stream is ready for `events`, or has an error to report.
fn ready(descriptor: libc::c_int, events: libc::c_short, until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(Instant::now()).as_millis();
        let mut asked = libc::pollfd { fd: descriptor, events, revents: 0 };
        // SAFETY: one structure is passed, and its number.
        let found =
            unsafe { libc::poll(&raw mut asked, 1, libc::c_int::try_from(left).unwrap_or(libc::c_int::MAX)) };
        if found >= 0 || !is_interrupted() {
            return found > 0;
        }
    }
}

fn is_interrupted() -> bool {
    io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
}

pub(super) fn write_within(stream: Stream, bytes: &[u8], limit: Duration) -> usize {
    let descriptor = match stream {
        // What was stderr is found under this number alone.
        Stream::Stderr if JOINED.load(Ordering::Acquire) != NOT_JOINED => libc::STDOUT_FILENO,
        Stream::Stdout => libc::STDOUT_FILENO,
        Stream::Stderr => libc::STDERR_FILENO,
    };
    let until = Instant::now() + limit;
    let mut rest = bytes;
    while !rest.is_empty() && ready(descriptor, libc::POLLOUT, until) {
        let chunk = rest.get(..CHUNK).unwrap_or(rest);
        match usize::try_from(write(descriptor, chunk)) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(_) if is_interrupted() => {}
            Err(_) => break,
        }
    }
    bytes.len() - rest.len()
}

/// One write that does not wait. A socket can be ready and yet have less room than a chunk needs.
fn write(descriptor: libc::c_int, chunk: &[u8]) -> libc::ssize_t {
    // SAFETY: pointer and length are those of the chunk.
    unsafe {
        match libc::send(descriptor, chunk.as_ptr().cast(), chunk.len(), libc::MSG_DONTWAIT) {
            -1 if io::Error::last_os_error().raw_os_error() == Some(libc::ENOTSOCK) => {
                libc::write(descriptor, chunk.as_ptr().cast(), chunk.len())
            }
            sent => sent,
        }
    }
}

pub(super) fn drain_stdin_within(limit: Duration) {
    let until = Instant::now() + limit;
    let mut bytes = [0_u8; 4096];
    while ready(libc::STDIN_FILENO, libc::POLLIN, until) {
        // SAFETY: pointer and length are those of `bytes`.
        let count = unsafe { libc::read(libc::STDIN_FILENO, bytes.as_mut_ptr().cast(), bytes.len()) };
        if count == 0 || (count < 0 && !is_interrupted()) {
            break;
        }
    }
}

/// Whether the next thing on stdin is, or may be, a JSON object, as a hook's payload is. A terminal is not asked;
/// elsewhere the first bytes are waited for. On Linux nothing is taken from stdin, which may be somebody's script or
/// list.
pub fn json_waits_on_stdin(limit: Duration) -> bool {
    if io::stdin().is_terminal() || !ready(libc::STDIN_FILENO, libc::POLLIN, Instant::now() + limit) {
        return false;
    }
    let mut bytes = [0; PEEK];
    match peek(&mut bytes) {
        Peeked::Bytes(count) => {
            let found = bytes.get(..count).unwrap_or_default();
            let text = found.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(found);
            // Behind nothing but blanks an object may still come.
            !found.is_empty() && text.trim_ascii_start().first().is_none_or(|first| *first == b'{')
        }
        Peeked::Unknown => true,
    }
}

/// What a look at stdin brought.
enum Peeked {
    Bytes(usize),
    /// Here nothing can be seen that is not taken, so it is assumed.
    Unknown,
}

fn peek(bytes: &mut [u8; PEEK]) -> Peeked {
    let stdin = libc::STDIN_FILENO;
    let kind = Status::of(stdin).map(|status| status.kind());
    // SAFETY: pointer and length are those of `bytes`; where the file is at is asked and not changed.
    let count = unsafe {
        match kind {
            Some(libc::S_IFREG) => {
                libc::pread(stdin, bytes.as_mut_ptr().cast(), PEEK, libc::lseek(stdin, 0, libc::SEEK_CUR))
            }
            Some(libc::S_IFSOCK) => {
                libc::recv(stdin, bytes.as_mut_ptr().cast(), PEEK, libc::MSG_PEEK | libc::MSG_DONTWAIT)
            }
            Some(libc::S_IFIFO) => return peek_into_pipe(bytes),
            // The null device, and what is nothing at all.
            _ => 0,
        }
    };
    Peeked::Bytes(usize::try_from(count).unwrap_or_default())
}

/// `tee` copies from pipe to pipe and leaves what it copies.
#[cfg(target_os = "linux")]
fn peek_into_pipe(bytes: &mut [u8; PEEK]) -> Peeked {
    let mut ends = [0; 2];
    // SAFETY: `pipe2` fills both numbers; all pipes are open where they are used, and pointer and length of the read are
    // those of `bytes`. So many bytes are in the copy that reading them does not wait.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Peeked::Unknown;
        }
        let [copy, end] = ends;
        let copied = libc::tee(libc::STDIN_FILENO, end, PEEK, libc::SPLICE_F_NONBLOCK);
        let found = match copied {
            1.. => libc::read(copy, bytes.as_mut_ptr().cast(), PEEK),
            nothing => nothing,
        };
        libc::close(copy);
        libc::close(end);
        usize::try_from(found).map_or(Peeked::Unknown, Peeked::Bytes)
    }
}

#[cfg(not(target_os = "linux"))]
fn peek_into_pipe(_bytes: &mut [u8; PEEK]) -> Peeked {
    Peeked::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_number_is_found_across_a_batchs_end() {
        for (first, later) in [(5, 7), (1022, 1024), (1023, 1025), (1023, 4097), (1024, 1026), (1024, 3074)] {
            assert!(is_second_after(first, later), "{first} {later}");
        }
        for (first, later) in
            [(5, 6), (5, 8), (1022, 1025), (1023, 1024), (1024, 1025), (1024, 3073), (5, 3074)]
        {
            assert!(!is_second_after(first, later), "{first} {later}");
        }
        assert!(!is_second_after(4096, 2) && !is_second_after(u64::MAX - 1, 0));
    }
}
