//! The built program on Windows: its shells, its user folders, its console and its files that others hold open.

use std::fs::{File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use f5_guard::internals::file_edit::{self, BinaryInstall, BinaryRemoval};
use f5_guard::internals::registration::{Argument, Launcher, is_windows_safe};
use f5_guard::internals::windows::api;
use f5_guard::internals::windows::plain_path::plain_form;
use f5_stand_in::f5::{F5, Scanner, Verdict};

use crate::support::cmd::cmd;
use crate::support::powershell::{self, Statement};
use crate::support::{Event, Hook, program};

const LOG: &str = ".codex/logs/f5_guardrails.log";
const TURNED_OVER: &str = ".codex/logs/f5_guardrails.log.1";
const TOO_LARGE: u64 = 10 << 20;

/// The program where an installation for one user puts it.
fn installed(home: &Path) -> PathBuf {
    let path = home.join(r".codex\hooks\f5_guardrails\f5-guard.exe");
    assert_eq!(file_edit::install_binary(&program(), &path).expect("installed"), BinaryInstall::Written);
    path
}

/// The command that is registered for it.
fn registered(binary: &Path, event: Event) -> String {
    let binary = plain_form(binary, &|part| is_windows_safe(&format!(r"C:\{part}")), &api::short_path)
        .expect("a short path");
    let line = Launcher::Windows { binary: binary.clone() }
        .command(&[Argument::Word(event.subcommand().to_owned())])
        .expect("it needs no quoting");
    let words = vec![binary, event.subcommand().to_owned()];
    assert_eq!(powershell::parse(&line), Ok(Statement::Command(words)), "PowerShell runs it as well");
    line
}

#[test]
fn a_hook_in_a_user_folder_with_a_space_runs_through_cmd() {
    for event in Event::ALL {
        let api = F5::answering(Verdict::blocked());
        let hook = Hook::of_user("John Doe ", event);
        assert!(hook.home().to_string_lossy().contains(' '));
        let line = registered(&installed(hook.home()), event);
        hook.strict().against(&api).through(cmd(&line)).run().blocked();
    }
}

#[test]
fn text_is_utf_8_whatever_the_consoles_code_page() {
    let text = "Grüße, žluťoučký kůň, 你好, \u{1f680}";
    for page in ["437", "1252", "65001"] {
        let api =
            F5::answering(Verdict::flagged().scanners([Scanner::failed("custom").message("Ärger mit 你好")]));
        let hook = Hook::of(Event::UserPromptSubmit).text(text).against(&api);
        let line = registered(&installed(hook.home()), Event::UserPromptSubmit);
        let answer = hook.through(cmd(&format!("chcp {page}>nul & {line}"))).run().blocked();
        assert_eq!(api.inputs(), [text], "code page {page}");
        assert!(answer.codex().shown().contains("Ärger mit 你好"), "code page {page}: {answer:?}");
    }
}

#[test]
fn line_ends_of_windows_reach_the_scanner_as_they_are() {
    let api = F5::start();
    let payload = Event::PreToolUse.payload("dir\r\ntype x.txt\r\n");
    let pretty = serde_json::to_string_pretty(&payload).expect("JSON").replace('\n', "\r\n");
    Hook::pre_tool_use().stdin(format!("{pretty}\r\n")).against(&api).run().allowed();
    assert_eq!(api.inputs(), ["dir\r\ntype x.txt\r\n"]);
}

fn large_log(hook: &Hook) -> PathBuf {
    std::fs::create_dir(hook.home().join(".codex/logs")).expect("a folder");
    let path = hook.file(LOG, "");
    File::options().write(true).open(&path).expect("the log").set_len(TOO_LARGE).expect("it grows");
    path
}

#[test]
fn a_log_that_others_have_open_is_turned_over() {
    let api = F5::answering(Verdict::flagged());
    let hook = Hook::pre_tool_use().against(&api);
    // Another hook has it open like this.
    let _other = OpenOptions::new().append(true).open(large_log(&hook)).expect("the log");
    let answer = hook.run().blocked();
    assert!(answer.log().contains("flagged"), "{answer:?}");
    assert_eq!(std::fs::metadata(answer.home().join(TURNED_OVER)).expect("the old log").len(), TOO_LARGE);
}

#[test]
fn a_log_that_an_editor_holds_is_written_on_in_its_place() {
    const FILE_SHARE_READ_WRITE: u32 = 3; // and not FILE_SHARE_DELETE: nobody may rename it
    let api = F5::answering(Verdict::flagged());
    let hook = Hook::pre_tool_use().against(&api);
    let path = large_log(&hook);
    let editor =
        OpenOptions::new().read(true).share_mode(FILE_SHARE_READ_WRITE).open(&path).expect("the log");
    let answer = hook.run().blocked();
    drop(editor);
    assert!(std::fs::metadata(&path).expect("the log").len() > TOO_LARGE, "{:?}", answer.code);
    assert!(!answer.home().join(TURNED_OVER).exists());
}

#[test]
fn a_running_program_is_replaced_and_the_old_one_ends_in_peace() {
    let api = F5::builder().hold_until(2).always(Verdict::blocked()).start();
    let hook = Hook::pre_tool_use().against(&api);
    let binary = installed(hook.home());
    let line = registered(&binary, Event::PreToolUse);
    let newer = hook.file("newer.exe", b"a newer version");
    let answer = hook.through(cmd(&line)).run_while(|_| {
        while api.requests().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(file_edit::install_binary(&newer, &binary).expect("replaced"), BinaryInstall::Written);
        assert_eq!(std::fs::read(&binary).expect("the new program"), b"a newer version");
        // The second scan that the first is held for.
        Hook::pre_tool_use().against(&api).run().blocked();
    });
    let _home = answer.blocked();
    file_edit::remove_leftovers(&binary);
    assert_eq!(file_edit::remove_binary(&binary).expect("removed"), BinaryRemoval::Deleted);
    let left = std::fs::read_dir(binary.parent().expect("a folder")).expect("the folder").count();
    assert_eq!(left, 0, "the old program is gone as well");
}
