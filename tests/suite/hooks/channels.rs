//! How a "no" leaves the process: by exit code 2 and a line on stderr, by JSON on stdout, or both, whatever a shell's
//! start-up file or a registered command has done to the two streams.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use f5_stand_in::f5::{F5, Verdict};

use crate::support::codex_answer::{self, Effect};
use crate::support::{Answer, Event, FailMode, Hook, program};

const BY_EXIT_CODE: [Event; 3] = [Event::UserPromptSubmit, Event::PreToolUse, Event::PostToolUse];
const AT_THE_END: [Event; 2] = [Event::Stop, Event::SubagentStop];

/// A call that can't be scanned, from a shell: `hook` in the script stands for the program with its subcommand.
fn run_in(event: Event, mode: FailMode, script: &str) -> Answer {
    let script = format!("hook() {{ \"$f5_guard\" {}; }}\n{script}", event.subcommand());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script]);
    let hook = Hook::of(event).in_mode(mode).without("F5_GUARDRAILS_API_TOKEN").env("f5_guard", program());
    hook.through(shell).run()
}

fn closed(event: Event, script: &str) -> Answer {
    run_in(event, FailMode::Closed, script)
}

#[test]
fn a_block_survives_what_others_write_to_stdout() {
    for event in BY_EXIT_CODE {
        for script in [
            "echo noise; hook",
            "hook; s=$?; echo noise; exit $s",
            "hook >/dev/null",
            "hook >&-",
            "hook 3>&1",
        ] {
            let answer = closed(event, script);
            assert_eq!(answer.code, Some(2), "{script}: {answer:?}");
            // As Codex does with exit code 2, without a look at stdout.
            codex_answer::read(event, answer.code, "", &answer.stderr)
                .unwrap_or_else(|why| panic!("{why}: {answer:?}"));
        }
    }
}

#[test]
fn a_block_survives_a_shell_that_takes_its_exit_code_away() {
    for event in BY_EXIT_CODE {
        closed(event, "trap 'exit 0' EXIT; hook").blocked_by_json();
        closed(event, "hook || true").blocked_by_json();
    }
}

#[test]
fn a_block_is_json_where_codex_does_not_read_stderr() {
    for event in BY_EXIT_CODE {
        for script in [
            "hook 2>/dev/null",
            "hook 2>&-",
            "hook 2>>$HOME/errors",
            "hook 2>/dev/full",
            "exec 2>/dev/null; hook",
        ] {
            closed(event, script).blocked_by_json();
        }
    }
}

#[test]
fn the_end_of_a_turn_is_json_wherever_stderr_leads() {
    for event in AT_THE_END {
        for script in ["hook", "hook 2>/dev/null", "hook 2>&-", "hook 2>>$HOME/errors"] {
            closed(event, script).blocked_by_json();
        }
    }
}

#[test]
fn a_notice_is_json_and_never_an_exit_code() {
    for event in Event::ALL {
        for script in ["hook", "hook 2>/dev/null", "hook 2>&-"] {
            run_in(event, FailMode::Open, script).warned();
        }
    }
}

#[test]
fn a_notice_that_cannot_be_given_blocks_nothing() {
    for event in Event::ALL {
        let answer = run_in(event, FailMode::Open, "hook >/dev/null");
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(1), ""), "{answer:?}");
        assert!(answer.stderr.contains("did NOT scan"), "{answer:?}");
    }
}

#[test]
fn a_warning_about_flagged_output_that_cannot_be_given_withholds_it() {
    let api = F5::answering(Verdict::flagged());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "\"$f5_guard\" post-tool-use >/dev/null"]);
    let answer = Hook::post_tool_use().env("f5_guard", program()).through(shell).against(&api).run();
    let read = codex_answer::read(Event::PostToolUse, answer.code, &answer.stdout, &answer.stderr);
    assert!(read.is_ok_and(|read| read.shown().contains("prompt injection")), "{answer:?}");
}

/// With neither stream nothing reaches Codex, whatever the exit code. What is left is not to hang.
#[test]
fn without_any_stream_the_exit_code_still_says_no() {
    for event in BY_EXIT_CODE {
        for script in ["hook >/dev/null 2>/dev/null", "hook >&- 2>&-"] {
            assert_eq!(closed(event, script).code, Some(2));
        }
    }
    assert_eq!(closed(Event::Stop, "hook >&- 2>&-").code, Some(1));
}

/// What the answers to events that are blocked by exit code begin with.
const FIRST_WORDS: [&str; 3] =
    ["Your prompt was not sent.", "Stopped before it ran: ", "Withheld from the agent: "];

#[test]
fn stderr_holds_one_line_and_no_log_next_to_exit_code_2() {
    for event in BY_EXIT_CODE {
        let api = F5::answering(Verdict::flagged());
        let hook = Hook::of(event)
            .strict()
            .env("F5_GUARDRAILS_LOG_LEVEL", "trace")
            .env("F5_GUARDRAILS_TIMEOUT", "ten");
        let answer = hook.against(&api).run().blocked();
        assert!(
            FIRST_WORDS.iter().any(|words| answer.stderr.starts_with(words))
                && !answer.stderr.contains('\u{1b}'),
            "{answer:?}"
        );
        assert!(
            answer.log().contains("decision") && answer.log().contains("F5_GUARDRAILS_TIMEOUT"),
            "{answer:?}"
        );
    }
}

/// A pipe by its two ends.
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    fn new() -> Self {
        let mut ends = [0; 2];
        // SAFETY: `pipe` and `pipe2` fill both numbers, which are nobody else's.
        unsafe {
            // No process of another test gets it, or its end would be waited for.
            #[cfg(target_os = "linux")]
            let made = libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC);
            #[cfg(not(target_os = "linux"))]
            let made = libc::pipe(ends.as_mut_ptr());
            assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
            #[cfg(not(target_os = "linux"))]
            ends.iter().for_each(|end| assert_eq!(libc::fcntl(*end, libc::F_SETFD, libc::FD_CLOEXEC), 0));
            Self { read: OwnedFd::from_raw_fd(ends[0]), write: OwnedFd::from_raw_fd(ends[1]) }
        }
    }

    /// One that takes no byte more.
    fn full() -> Self {
        let pipe = Self::new();
        let mut file = File::from(pipe.write.try_clone().expect("a duplicate"));
        let blocking = |on: libc::c_int| {
            // SAFETY: sets a flag of an open file.
            unsafe { libc::fcntl(pipe.write.as_raw_fd(), libc::F_SETFL, on) };
        };
        blocking(libc::O_NONBLOCK);
        while file.write(&[b'x'; 512]).is_ok() {}
        while file.write(b"x").is_ok() {}
        blocking(0);
        pipe
    }

    fn number(&self) -> u64 {
        File::from(self.write.try_clone().expect("a duplicate")).metadata().expect("its status").ino()
    }

    /// What was written into it, once nobody writes any more.
    fn text(self) -> String {
        drop(self.write);
        std::io::read_to_string(File::from(self.read)).expect("text")
    }
}

/// Runs a blocked call on these streams to its end.
fn run_on(event: Event, stdin: Pipe, stdout: &Pipe, stderr: &Pipe) -> Option<i32> {
    let home = tempfile::tempdir().expect("a home");
    let end = |pipe: &Pipe| Stdio::from(pipe.write.try_clone().expect("a duplicate"));
    let mut command = Command::new(program());
    command.arg(event.subcommand()).args(["--fail-mode", "closed"]).env_clear().env("HOME", home.path());
    command.stdin(stdin.read).stdout(end(stdout)).stderr(end(stderr));
    let mut child = command.spawn().expect("the program starts");
    drop(command);
    let payload = event.payload("please").to_string();
    File::from(stdin.write).write_all(payload.as_bytes()).expect("the payload is taken");
    child.wait().expect("it ends").code()
}

#[test]
fn a_stream_that_nobody_reads_holds_nothing_up_and_the_other_one_blocks() {
    for event in BY_EXIT_CODE {
        let (stdout, stderr) = (Pipe::new(), Pipe::full());
        let code = run_on(event, Pipe::new(), &stdout, &stderr);
        assert!(
            codex_answer::read(event, code, &stdout.text(), "")
                .is_ok_and(|read| read.effect == Effect::Block)
        );
        assert_eq!(code, Some(0));

        let (stdout, stderr) = (Pipe::full(), Pipe::new());
        let code = run_on(event, Pipe::new(), &stdout, &stderr);
        assert!(
            codex_answer::read(event, code, "", &stderr.text())
                .is_ok_and(|read| read.effect == Effect::Block)
        );
    }
    let stderr = Pipe::new();
    assert_eq!(run_on(Event::Stop, Pipe::new(), &Pipe::full(), &stderr), Some(1));
    assert_eq!(run_on(Event::PreToolUse, Pipe::new(), &Pipe::full(), &Pipe::full()), Some(2));
}

#[test]
fn a_stream_whose_reader_is_gone_is_none() {
    let broken = || Pipe { read: File::open("/dev/null").expect("/dev/null").into(), ..Pipe::new() };
    for event in BY_EXIT_CODE {
        let stdout = Pipe::new();
        let code = run_on(event, Pipe::new(), &stdout, &broken());
        let stdout = stdout.text();
        assert!(
            codex_answer::read(event, code, &stdout, "").is_ok_and(|read| read.effect == Effect::Block),
            "{stdout}"
        );
        let stderr = Pipe::new();
        let code = run_on(event, Pipe::new(), &broken(), &stderr);
        let stderr = stderr.text();
        assert!(
            codex_answer::read(event, code, "", &stderr).is_ok_and(|read| read.effect == Effect::Block),
            "{stderr}"
        );
        assert_eq!(run_on(event, Pipe::new(), &broken(), &broken()), Some(2));
    }
}

/// Pipes for stdin, stdout and stderr, made one after the other with none of another thread's in between.
fn in_order() -> [Pipe; 3] {
    loop {
        let pipes = [Pipe::new(), Pipe::new(), Pipe::new()];
        if pipes.windows(2).all(|pair| pair[0].number() + 1 == pair[1].number()) {
            return pipes;
        }
    }
}

fn is_blocked_by_stdout(event: Event, stdin: Pipe, pipe: Pipe) {
    let code = run_on(event, stdin, &pipe, &pipe);
    let said = pipe.text();
    let read = codex_answer::read(event, code, &said, "");
    assert!(read.is_ok_and(|read| read.effect == Effect::Block), "{said}");
}

fn is_blocked_by_stderr(event: Event, stdin: Pipe, pipe: Pipe) {
    let code = run_on(event, stdin, &pipe, &pipe);
    let said = pipe.text();
    let read = codex_answer::read(event, code, "", &said);
    assert!(read.is_ok_and(|read| read.effect == Effect::Block), "{said}");
}

/// Which pipe Codex has made for which stream shows in their numbers.
#[cfg(target_os = "linux")]
#[test]
fn streams_that_are_one_say_no_in_the_way_of_the_one_that_is_left() {
    for event in BY_EXIT_CODE {
        // `exec 2>&1`
        let [stdin, stdout, _] = in_order();
        is_blocked_by_stdout(event, stdin, stdout);
        // `exec 1>&2`
        let [stdin, _, stderr] = in_order();
        is_blocked_by_stderr(event, stdin, stderr);
    }
}

/// `2>&1 | tee log`, or a wrapper's, or Codex's own where other pipes were made in between.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_of_unknown_origin_is_taken_for_stdout() {
    for event in BY_EXIT_CODE {
        let ([stdin, ..], [_, _, other]) = (in_order(), in_order());
        is_blocked_by_stdout(event, stdin, other);
    }
}
