//! One process, from fork to exit: its time, the processor time and the memory that the system charged it with.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A program with everything it is started with; nothing of this process's environment reaches it.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Vec<u8>,
}

/// What one run cost, and what it said.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub wall: Duration,
    /// User and system time; `None` where the system does not tell.
    pub cpu: Option<Duration>,
    /// The largest resident set, in bytes. On Linux it is never less than that of the process that forked.
    pub peak: Option<u64>,
    pub stdout: String,
    /// It ended with exit code 0, or blocked with exit code 2.
    pub success: bool,
}

impl Program {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), args: Vec::new(), env: Vec::new(), stdin: Vec::new() }
    }

    pub fn args<T: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// The last value for a name counts.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The same program under another one, which is given its path and arguments behind `args`.
    pub fn under<T: AsRef<OsStr>>(&self, path: &Path, args: impl IntoIterator<Item = T>) -> Self {
        let mut outer = Self { path: path.to_owned(), args: Vec::new(), ..self.clone() }.args(args);
        outer.args.push(self.path.clone().into());
        outer.args.extend(self.args.iter().cloned());
        outer
    }

    /// Runs it once.
    pub fn run(&self) -> io::Result<Run> {
        let mut command = Command::new(&self.path);
        command.args(&self.args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        // Pipes, as Codex has them: what is said on stderr counts.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn()?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // The input is taken whole before anything is answered, and an answer fits into the pipe, so that no
        // second thread is needed. A process that reads nothing (`--version`) may close its end early.
        let _ = input.map(|mut pipe| pipe.write_all(&self.stdin));
        let mut run = wait(child, started)?;
        drop(errors);
        if let Some(mut pipe) = output {
            pipe.read_to_string(&mut run.stdout)?;
        }
        Ok(run)
    }

    /// Runs it `count` times at once: the time until the last one is done, their processor time together, and the
    /// memory of the largest.
    pub fn run_at_once(&self, count: usize) -> io::Result<Run> {
        let started = Instant::now();
        let runs: Vec<io::Result<Run>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..count).map(|_| scope.spawn(|| self.run())).collect();
            threads.into_iter().map(|t| t.join().map_err(|_| io::Error::other("panicked"))?).collect()
        });
        let wall = started.elapsed();
        let mut whole = Run { wall, success: true, cpu: Some(Duration::ZERO), ..Run::default() };
        for run in runs {
            let run = run?;
            whole.cpu = whole.cpu.zip(run.cpu).map(|(a, b)| a + b);
            whole.peak = whole.peak.max(run.peak);
            whole.success &= run.success;
            whole.stdout.push_str(&run.stdout);
        }
        Ok(whole)
    }
}

/// Waits for the end of `child` with the system's own account of it.
#[cfg(unix)]
fn wait(child: Child, started: Instant) -> io::Result<Run> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: an all-zero rusage is a valid value of this plain C struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live locals; the process is our child, and nobody else waits for it (`Child`
    // does so only when asked).
    if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } != pid {
        return Err(io::Error::last_os_error());
    }
    let wall = started.elapsed();
    let time = |t: libc::timeval| {
        Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or_default())
            + Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or_default())
    };
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Ok(Run {
        wall,
        cpu: Some(time(usage.ru_utime) + time(usage.ru_stime)),
        peak: u64::try_from(usage.ru_maxrss).ok().map(|size| size * unit),
        stdout: String::new(),
        success: libc::WIFEXITED(status) && matches!(libc::WEXITSTATUS(status), 0 | 2),
    })
}

/// Waits for the end of `child`; Windows gives no account through the standard library.
#[cfg(not(unix))]
fn wait(mut child: Child, started: Instant) -> io::Result<Run> {
    let status = child.wait()?;
    Ok(Run { wall: started.elapsed(), success: status.success(), ..Run::default() })
}
