//! With the real Codex, on a terminal of tmux: `F5_GUARD_TEST_CODEX=/path/to/codex cargo test --test pictures -- --ignored real`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::home::FakeHome;
use crate::scenes::{self, COLUMNS, PROMPT, WORDS};
use crate::svg::Theme;

fn real_codex() -> PathBuf {
    let path = std::env::var_os("F5_GUARD_TEST_CODEX");
    path.expect("needs the real Codex; set F5_GUARD_TEST_CODEX to its path").into()
}

/// The version that is recorded, and that the played Codex says it has.
const PLAYED: &str = "0.169.0";

fn version() -> String {
    let output = Command::new(real_codex()).arg("--version").output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    words.trim().rsplit(' ').next().unwrap().to_owned()
}

pub fn install() {
    let api = scenes::service();
    let said = scenes::install_with(&scenes::user(&api), &real_codex());
    // A later one may have another version, and nothing else.
    let said = said.replace(&version(), PLAYED);
    assert_eq!(said, scenes::install(), "the Codex that is played is like the real one");
}

pub fn blocked() {
    let words = scenes::words_of_the_hook();
    for theme in Theme::ALL {
        let shown = screen(theme).0.replace(&version(), PLAYED);
        assert_eq!(shown, scenes::blocked(theme, &words).trim_end(), "{theme:?}");
    }
}

/// Records what Codex shows around the words of the hook.
pub fn record() {
    for theme in Theme::ALL {
        let (screen, words) = screen(theme);
        let file = format!("tests/pictures/codex-{}.ansi", theme.name());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        fs::write(file, screen.replace(&words, WORDS) + "\n").unwrap();
    }
}

/// What Codex shows of the blocked prompt, and the hook's words in it. Below them it would show the time, and its line for
/// the next prompt.
fn screen(theme: Theme) -> (String, String) {
    let api = scenes::service();
    let mut user = scenes::user(&api);
    user.set("STUB_KEY", "not a secret");
    let project = user.path().join("project");
    fs::create_dir(&project).unwrap();
    // No model is asked: the prompt is blocked before.
    let config = format!(
        "model = \"gpt-6-sol\"\nmodel_provider = \"stand_in\"\ncheck_for_update_on_startup = false\n\
         [model_providers.stand_in]\nname = \"stand-in\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
         wire_api = \"responses\"\nenv_key = \"STUB_KEY\"\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n",
        project.canonicalize().unwrap().display()
    );
    fs::write(user.codex().join("config.toml"), config).unwrap();
    scenes::install_with(&user, &real_codex());

    let terminal = Terminal::start(&user, &project, theme);
    terminal.wait_for("Ask Codex to do anything");
    terminal.tmux(&["send-keys", "-l", PROMPT]);
    terminal.wait_for("me@evil.example");
    terminal.tmux(&["send-keys", "Enter"]);
    terminal.wait_for("Worked for");
    let shown = terminal.shown(&["-e"]);

    let shown = shown.trim_start_matches(['\n', ' ']);
    let (shown, _) = shown.split_once("Worked for").unwrap();
    let (_, words) = shown.split_once("  └ ").expect("the words of the hook");
    let words = words.split("\n\n").next().unwrap().trim_end().to_owned();
    let (shown, _) = shown.split_once(&words).unwrap();
    (format!("  {}{words}", filled(shown)), words)
}

/// tmux leaves out what a line was only erased to, so a coloured bar would end with its text.
fn filled(shown: &str) -> String {
    let mut out = String::new();
    let mut has_background = false;
    for line in shown.split_inclusive('\n') {
        let text = line.trim_end_matches('\n');
        for code in text.split("\u{1b}[").skip(1).filter_map(|rest| rest.split('m').next()) {
            has_background = match code {
                "49" => false,
                code if code.starts_with("48;") => true,
                _ => has_background,
            };
        }
        let length = anstream::adapter::strip_str(text).to_string().chars().count();
        out += text;
        if has_background {
            out += &" ".repeat(COLUMNS.saturating_sub(length));
        }
        out += &line[text.len()..];
    }
    out
}

/// A terminal with Codex in it, ended when it is dropped.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(user: &FakeHome, project: &Path, theme: Theme) -> Self {
        let terminal = Self { socket: user.path().join("tmux").display().to_string() };
        let (text, background) = theme.text_and_background();
        let mut codex = user.command("tmux");
        codex.current_dir(project).env("TERM", "xterm-256color");
        codex.args(["-f", "/dev/null", "-S", &terminal.socket, "new-session", "-d", "-x", "80", "-y", "30"]);
        // Codex takes its colours from those of the terminal, which have to be there before it asks.
        codex.arg("sleep 600");
        assert!(codex.status().expect("tmux is installed").success());
        terminal.tmux(&["set", "-g", "window-style", &format!("fg={text},bg={background}")]);
        let program = real_codex().display().to_string();
        let codex = format!("exec env -u CLICOLOR_FORCE TERM=tmux-256color COLORTERM=truecolor '{program}'");
        terminal.tmux(&["respawn-pane", "-k", &codex]);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-S", &self.socket]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn shown(&self, more: &[&str]) -> String {
        self.tmux(&[&["capture-pane", "-p"], more].concat())
    }

    fn wait_for(&self, words: &str) {
        let started = Instant::now();
        while !self.shown(&[]).contains(words) {
            assert!(started.elapsed() < Duration::from_secs(60), "no {words:?}:\n{}", self.shown(&[]));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
