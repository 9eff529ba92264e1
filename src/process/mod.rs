//! Runs another program so that it can never hang f5-guard: a deadline, capped output, and an end for the
//! whole group of processes. What is run, and what its answer means, is left to the callers.

#[cfg(windows)]
mod job;

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How much of each output stream is kept; what comes after is read and thrown away.
const OUTPUT_LIMIT: usize = 256 * 1024;

/// How long a process takes at most from the moment at which it can't be joined any more to its end.
const AT_ITS_END: Duration = Duration::from_secs(1);

/// A child process that is ended, with everything it started, when this value goes.
///
/// npm's `codex` is a script that starts the real binary: ending the script alone would leave that behind.
#[derive(Debug)]
pub struct ProcessGroup {
    child: Child,
    /// None where the child had ended before there was one.
    job: Option<JobHandle>,
    ended: Option<ExitStatus>,
}

impl ProcessGroup {
    /// Starts the program as the head of a process group (Unix) or job (Windows) of its own. Its streams have to be
    /// pipes: on Windows it has no window, so nobody would see what it says there.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        #[cfg(windows)]
        crate::windows::console::without_window(command);
        Self::of(command.spawn()?)
    }

    fn of(child: Child) -> io::Result<Self> {
        let job = JobHandle::of(&child);
        let mut group = Self { child, job: None, ended: None };
        match job {
            Ok(job) => group.job = Some(job),
            // Windows takes no process into a job that is at its end already; that is no failure to start it.
            Err(error) if group.wait_until(Instant::now() + AT_ITS_END)?.is_none() => return Err(error),
            Err(_) => {}
        }
        Ok(group)
    }

    /// The child itself, to take its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the child's own end, at most until `deadline`. `None`: it still runs.
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        let mut pause = Duration::from_millis(1);
        loop {
            if self.ended.is_none() {
                self.ended = self.child.try_wait()?;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.ended.is_some() || left.is_zero() {
                return Ok(self.ended);
            }
            // The standard library has no wait with a time limit, so this asks again at growing intervals.
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Ends the child and everything it started. Nothing happens when the child has already ended: its number
    /// may belong to somebody else by then.
    pub fn kill(&mut self) {
        if self.ended.is_some() {
            return;
        }
        match &self.job {
            Some(job) => job.kill(&mut self.child),
            None => drop(self.child.kill()),
        }
        self.ended = self.child.wait().ok();
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The group as the operating system knows it: on Unix the child's process group.
#[cfg(unix)]
#[derive(Debug)]
struct JobHandle;

#[cfg(unix)]
impl JobHandle {
    fn of(_child: &Child) -> io::Result<Self> {
        Ok(Self)
    }

    fn kill(&self, child: &mut Child) {
        use nix::sys::signal::{Signal, killpg};
        use nix::unistd::Pid;
        // Not yet waited for, so the number still is the child's. A failure means that it has just ended.
        if let Ok(pid) = i32::try_from(child.id()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = child.kill();
    }
}

#[cfg(windows)]
use job::Job as JobHandle;

/// What became of a program that was run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub end: End,
    /// Its standard output, at most [`OUTPUT_LIMIT`] bytes.
    pub stdout: Vec<u8>,
    /// Its standard error, at most [`OUTPUT_LIMIT`] bytes.
    pub stderr: Vec<u8>,
    /// From the start to the end of the process and of its output.
    pub duration: Duration,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Code(i32),
    /// Without an exit code: a signal ended it.
    Signal,
    /// It was still running, or something it left behind still held its output, when the time was up.
    TimedOut,
}

/// Runs `command` with `input` on its standard input, for at most `limit`.
///
/// Fails only where the program cannot be started or waited for. A program that does not read all of its
/// input is no failure here.
pub fn run(command: &mut Command, input: &[u8], limit: Duration) -> io::Result<Finished> {
    let started = Instant::now();
    let deadline = started + limit;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = ProcessGroup::start(command)?;
    let child = group.child();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    feed(stdin, input.to_vec());
    let (stdout, stderr) = (Collected::start(stdout), Collected::start(stderr));
    let all_output = stdout.ends_by(deadline) && stderr.ends_by(deadline);
    let end = match group.wait_until(deadline)? {
        Some(status) if all_output => status.code().map_or(End::Signal, End::Code),
        _ => End::TimedOut,
    };
    let duration = started.elapsed();
    group.kill();
    Ok(Finished { end, stdout: stdout.so_far(), stderr: stderr.so_far(), duration })
}

/// Writes on a thread of its own: a child that does not read would block the caller.
fn feed(stdin: Option<ChildStdin>, input: Vec<u8>) {
    if let Some(mut stdin) = stdin {
        thread::spawn(move || stdin.write_all(&input));
    }
}

/// A stream that is read on a thread of its own, capped at [`OUTPUT_LIMIT`]. The thread ends with the stream;
/// it is never joined, since a process left behind may hold the stream open for ever.
#[derive(Debug)]
pub struct Collected {
    kept: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Collected {
    /// Begins to read. `None` counts as a stream that has ended.
    pub fn start(stream: Option<impl Read + Send + 'static>) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (ended, end) = mpsc::channel::<()>();
        if let Some(mut stream) = stream {
            let shared = Arc::clone(&kept);
            thread::spawn(move || {
                let _ended_when_dropped = ended;
                let mut buffer = [0_u8; 8192];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = OUTPUT_LIMIT.saturating_sub(kept.len());
                    kept.extend(buffer.iter().take(read.min(room)));
                }
            });
        }
        Self { kept, end }
    }

    /// What has come so far.
    pub fn so_far(&self) -> Vec<u8> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the stream's end, at most until `deadline`; tells whether it was reached.
    pub fn ends_by(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        self.end.recv_timeout(left) == Err(RecvTimeoutError::Disconnected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line for the system's shell.
    fn shell(unix: &str, windows: &str) -> Command {
        let (program, flag, line) =
            if cfg!(windows) { ("cmd.exe", "/C", windows) } else { ("/bin/sh", "-c", unix) };
        let mut command = Command::new(program);
        command.args([flag, line]);
        command
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn both_outputs_and_the_exit_code_are_kept() {
        let mut command =
            shell("echo hello; echo problem >&2; exit 3", "echo hello& echo problem>&2& exit 3");
        let done = run(&mut command, b"", LONG).unwrap();
        assert_eq!(
            (done.end, done.stdout.trim_ascii(), done.stderr.trim_ascii()),
            (End::Code(3), &b"hello"[..], &b"problem"[..])
        );
    }

    /// Windows refuses a process that has ended a place in a job.
    #[test]
    fn a_program_that_ended_before_it_was_looked_at_has_an_exit_code() {
        let mut child = shell("exit 3", "exit 3").spawn().unwrap();
        child.wait().unwrap();
        let mut group = ProcessGroup::of(child).unwrap();
        let status = group.wait_until(Instant::now() + LONG).unwrap();
        assert_eq!(status.and_then(|status| status.code()), Some(3));
    }

    #[test]
    fn a_program_that_never_reads_its_input_does_not_block_us() {
        let input = vec![b'x'; 1024 * 1024];
        assert_eq!(run(&mut shell("exit 0", "exit 0"), &input, LONG).unwrap().end, End::Code(0));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let error = run(&mut Command::new("/nonexistent/codex"), b"", LONG).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    mod unix {
        use super::*;

        fn sh(script: &str) -> Command {
            shell(script, "")
        }

        #[test]
        fn the_input_arrives() {
            assert_eq!(run(&mut sh("cat"), b"hello", LONG).unwrap().stdout, b"hello");
        }

        #[test]
        fn a_program_that_hangs_is_ended_with_everything_it_started() {
            let done =
                run(&mut sh("echo begun; sleep 1000 & sleep 1000"), b"", Duration::from_millis(300)).unwrap();
            assert_eq!(done.end, End::TimedOut);
        }

        #[test]
        fn a_flood_on_both_streams_neither_blocks_nor_fills_the_memory() {
            let flood = "dd if=/dev/zero bs=1024 count=2000 2>/dev/null; dd if=/dev/zero bs=1024 count=2000 >&2 2>/dev/null";
            let done = run(&mut sh(flood), b"", LONG).unwrap();
            assert_eq!(
                (done.end, done.stdout.len(), done.stderr.len()),
                (End::Code(0), OUTPUT_LIMIT, OUTPUT_LIMIT)
            );
        }

        #[test]
        fn a_signal_is_no_exit_code() {
            assert_eq!(run(&mut sh("kill -9 $$"), b"", LONG).unwrap().end, End::Signal);
        }
    }
}
