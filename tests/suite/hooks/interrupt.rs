//! Ctrl-C while a hook waits for its scan: the answer comes all the same.

use std::time::Duration;

use f5_stand_in::f5::{F5, Reply, Verdict};

use crate::support::Hook;

/// Long enough for the signal to arrive first; the assertion does not depend on it.
const SCAN: Duration = Duration::from_millis(400);

fn interrupted(ctrl_c: impl FnOnce(u32)) {
    let api = F5::answering(Reply::from(Verdict::flagged()).after(SCAN));
    let answer = Hook::pre_tool_use().against(&api).run_while(|process| {
        while api.requests().is_empty() {
            std::thread::yield_now();
        }
        ctrl_c(process);
    });
    answer.blocked();
}

#[cfg(unix)]
#[test]
fn ctrl_c_takes_no_answer_away() {
    interrupted(|process| {
        let kill = std::process::Command::new("kill").args(["-INT", &process.to_string()]).status();
        assert!(kill.expect("kill is there").success());
    });
}

/// Ctrl-C reaches all processes of a console, so the test starts itself once more in one of its own.
#[cfg(windows)]
#[test]
fn ctrl_c_takes_no_answer_away() {
    use std::os::windows::process::CommandExt as _;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    let output = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "hooks::interrupt::in_a_console_of_its_own"])
        .creation_flags(CREATE_NO_WINDOW)
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[cfg(windows)]
#[test]
#[ignore = "a part of ctrl_c_takes_no_answer_away, which starts it in a console of its own"]
fn in_a_console_of_its_own() {
    use windows_sys::Win32::System::Console::{
        CTRL_C_EVENT, GenerateConsoleCtrlEvent, SetConsoleCtrlHandler,
    };
    interrupted(|_| {
        // SAFETY: no handler, and no memory is passed. The mark spares this process, not the hook that it has started.
        let sent =
            unsafe { SetConsoleCtrlHandler(None, 1) != 0 && GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0) != 0 };
        assert!(sent, "{}", std::io::Error::last_os_error());
    });
}
