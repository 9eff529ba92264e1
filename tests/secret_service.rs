//! Stored tokens with the real Secret Service of the Linux desktops: `gnome-keyring-daemon` on a bus of its own.
//!
//! `cargo test --test secret_service -- --ignored` needs `dbus-daemon`, `dbus-send` and `gnome-keyring-daemon` (Debian:
//! dbus-daemon, dbus-bin, gnome-keyring). Nothing of the user's own session is touched.

#![allow(clippy::restriction)] // a test may panic
#![cfg(all(unix, not(target_os = "macos")))]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use f5_stand_in::f5::{F5, TOKEN};
use tempfile::TempDir;

const SECRETS: &str = "org.freedesktop.secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";

/// What the bus starts when somebody asks for the Secret Service.
enum Service {
    /// Nothing: the bus knows of none.
    Absent,
    /// GNOME's, unlocked.
    Keyring,
    /// A program that never comes up.
    NeverThere,
}

/// A user's session: a bus, a home, a service for secrets, and a witness for dialogs.
struct Session {
    home: TempDir,
    bus: Child,
    address: String,
    api: F5,
}

impl Session {
    fn with(service: Service) -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path();
        fs::create_dir(folder.join("services")).unwrap();
        fs::create_dir(folder.join("run")).unwrap();
        fs::set_permissions(folder.join("run"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        // GNOME Keyring asks its questions through this name: what starts it wants to show a dialog.
        let asked = folder.join("asked");
        write_service(folder, "org.gnome.keyring.SystemPrompter", &format!("touch {}", asked.display()));
        match service {
            Service::Absent => {}
            Service::Keyring => write_service(
                folder,
                SECRETS,
                "printf password | gnome-keyring-daemon --foreground --unlock --components=secrets",
            ),
            Service::NeverThere => write_service(folder, SECRETS, "exec sleep 600"),
        }
        let config = folder.join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:dir={0}</listen><auth>EXTERNAL</auth>\
             <servicedir>{0}/services</servicedir><policy context=\"default\"><allow send_destination=\"*\" \
             eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            folder.display()
        );
        fs::write(&config, text).unwrap();
        let mut bus = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address", "--config-file"])
            .arg(&config)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("XDG_RUNTIME_DIR", folder.join("run"))
            .env("XDG_DATA_HOME", folder.join("data"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is installed");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(!address.is_empty(), "the bus is up");
        Self { home, bus, address, api: F5::builder().may_stay_idle().start() }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("CODEX_HOME", self.home.path().join("codex"))
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("F5_GUARDRAILS_BASE_URL", self.api.base_url())
            .env("F5_GUARDRAILS_FAIL_MODE", "closed")
            .current_dir(self.home.path());
        command
    }

    /// What f5-guard said on both streams, and its exit code.
    fn run(&self, arguments: &[&str], stdin: &str) -> (Option<i32>, String) {
        let mut command = self.command(env!("CARGO_BIN_EXE_f5-guard"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let done = child.wait_with_output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(!text.contains(TOKEN), "{text}");
        // However the lines are broken.
        (done.status.code(), text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn hook(&self) -> String {
        self.hook_with(&[])
    }

    fn hook_with(&self, more: &[&str]) -> String {
        let payload = serde_json::json!({"hook_event_name": "UserPromptSubmit", "session_id": "s",
            "turn_id": "t", "cwd": "/", "prompt": "hi"});
        self.run(&[&["user-prompt-submit"], more].concat(), &payload.to_string()).1
    }

    fn logged_in(self) -> Self {
        let (code, said) = self.run(&["login", "--stdin"], TOKEN);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("the Secret Service"), "{said}");
        self
    }

    fn send(&self, arguments: &[&str]) -> String {
        let done = self.command("dbus-send").args(["--session", "--print-reply"]).args(arguments).output();
        String::from_utf8(done.expect("dbus-send is installed").stdout).unwrap()
    }

    fn lock(&self) {
        let method = "org.freedesktop.Secret.Service.Lock";
        let dest = format!("--dest={SECRETS}");
        let said =
            self.send(&[&dest, "/org/freedesktop/secrets", method, &format!("array:objpath:{COLLECTION}")]);
        assert!(said.contains(COLLECTION), "{said}");
    }

    /// The service is there, and says nothing from now on.
    fn stop_the_service(&self) {
        let said = self.send(&[
            "--dest=org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.GetConnectionUnixProcessID",
            &format!("string:{SECRETS}"),
        ]);
        let process = said.split_whitespace().last().unwrap();
        assert!(Command::new("kill").args(["-STOP", process]).status().unwrap().success(), "{said}");
    }

    fn asked(&self) -> PathBuf {
        self.home.path().join("asked")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What hangs on the bus ends with it, but not what was stopped or has never connected.
        let ours = self.home.path().as_os_str();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let home = [b"HOME=", ours.as_encoded_bytes(), b"\0"].concat();
            if environment.windows(home.len()).any(|part| part == home) {
                let _ = Command::new("kill").arg("-KILL").arg(entry.file_name()).status();
            }
        }
        let _ = self.bus.wait();
    }
}

fn write_service(folder: &Path, name: &str, line: &str) {
    let text = format!("[D-BUS Service]\nName={name}\nExec=/bin/sh -c '{line}'\n");
    fs::write(folder.join("services").join(format!("{name}.service")), text).unwrap();
}

#[test]
#[ignore = "needs dbus-daemon and gnome-keyring-daemon: run with --ignored"]
fn an_unlocked_keyring_gives_hooks_the_token_and_gives_it_back() {
    let session = Session::with(Service::Keyring);
    assert!(session.hook().contains("No API token is set."));
    let session = session.logged_in();
    assert_eq!(session.hook(), "");
    let (code, said) = session.run(&["login", "--status"], "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("in the Secret Service"), "{said}");
    let (code, said) = session.run(&["logout"], "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("from the Secret Service"), "{said}");
    assert!(session.hook().contains("No API token is set."));
    assert!(!session.asked().exists(), "no dialog was wanted");
}

#[test]
#[ignore = "needs dbus-daemon and gnome-keyring-daemon: run with --ignored"]
fn one_entry_is_kept_for_each_address() {
    let session = Session::with(Service::Keyring);
    let store = |token: &str, address: &str| {
        let said = session.run(&["login", "--stdin", "--no-verify", "--base-url", address], token);
        assert_eq!(said.0, Some(0), "{}", said.1);
    };
    store("an-old-token", &session.api.base_url());
    store("another", "https://other.example");
    store(TOKEN, &session.api.base_url());
    assert_eq!(session.hook(), "");
    let said = session.run(&["uninstall", "--scope", "user"], "").1;
    assert!(said.contains("Stored tokens stay") && said.contains("https://other.example"), "{said}");
    let said = session.run(&["uninstall", "--scope", "user", "--purge"], "").1;
    assert_eq!(said.matches("(removed from the Secret Service)").count(), 2, "{said}");
    assert!(session.hook().contains("No API token is set."));
}

#[test]
#[ignore = "needs dbus-daemon and gnome-keyring-daemon: run with --ignored"]
fn a_token_for_another_address_is_named_without_a_dialog() {
    let session = Session::with(Service::Keyring);
    let said =
        session.run(&["login", "--stdin", "--no-verify", "--base-url", "https://other.example"], TOKEN);
    assert_eq!(said.0, Some(0), "{}", said.1);
    let (here, other) = (session.api.base_url(), "https://other.example");
    let words = format!("No API token is stored for {here}, only for {other}.");
    assert!(session.hook().contains(&words), "{}", session.hook());
    let said = session.run(&["logout"], "").1;
    assert!(said.contains("`f5-guard logout --base-url https://other.example`"), "{said}");
    // Names can be read of a keyring that is locked.
    session.lock();
    assert!(session.hook().contains(&words), "{}", session.hook());
    assert!(!session.asked().exists(), "nothing may ask for the password");
}

#[test]
#[ignore = "needs dbus-daemon and gnome-keyring-daemon: run with --ignored"]
fn a_global_token_is_kept_apart() {
    let session = Session::with(Service::Keyring);
    let address = session.api.base_url();
    let arguments = ["login", "--global", "--stdin", "--no-verify", "--base-url", &address];
    assert_eq!(session.run(&arguments, "a-global-token").0, Some(0));
    assert!(session.hook().contains("No API token is set."));
    let said = session.run(&["dump-config", "--base-url", &address, "--output", "-"], "").1;
    assert!(!said.contains("No API token is set"), "{said}");
}

#[test]
#[ignore = "needs dbus-daemon and gnome-keyring-daemon: run with --ignored"]
fn a_locked_keyring_is_a_sentence_and_no_dialog() {
    let session = Session::with(Service::Keyring).logged_in();
    session.lock();
    let said = session.hook();
    assert!(
        said.contains("\"decision\":\"block\"") && said.contains("it is locked. Unlock your keyring"),
        "{said}"
    );
    let said = session.run(&["login", "--status"], "").1;
    assert!(said.contains("it is locked"), "{said}");
    let said = session.run(&["smoketest"], "").1;
    assert!(said.contains("it is locked"), "{said}");
    assert!(!session.asked().exists(), "nothing may ask for the password");
    // What asks by right is seen by the witness: it would have seen the others.
    let said = session.run(&["login", "--stdin"], TOKEN);
    assert_eq!(said.0, Some(1), "{}", said.1);
    assert!(session.asked().exists(), "{}", said.1);
}

#[test]
#[ignore = "needs dbus-daemon and gnome-keyring-daemon: run with --ignored"]
fn a_session_without_a_service_has_no_token() {
    let session = Session::with(Service::Absent);
    let said = session.hook();
    assert!(said.contains("No API token is set. Run `f5-guard login`"), "{said}");
    let (code, said) = session.run(&["login", "--stdin"], TOKEN);
    assert_eq!(code, Some(1));
    assert!(said.contains("no Secret Service is running") && said.contains("login --file"), "{said}");
}

#[test]
#[ignore = "needs dbus-daemon and gnome-keyring-daemon: run with --ignored"]
fn a_service_that_never_comes_up_is_given_up() {
    let session = Session::with(Service::NeverThere);
    let said = session.hook();
    assert!(said.contains("\"decision\":\"block\"") && said.contains("did not answer within 2 s"), "{said}");
    let said = session.run(&["login", "--stdin"], TOKEN).1;
    assert!(said.contains("did not answer within 2 s") && said.contains("login --file"), "{said}");
}

#[test]
#[ignore = "needs dbus-daemon and gnome-keyring-daemon: run with --ignored"]
fn a_service_that_hangs_is_given_up_within_the_deadline() {
    let session = Session::with(Service::Keyring).logged_in();
    session.stop_the_service();
    let said = session.hook();
    assert!(said.contains("\"decision\":\"block\"") && said.contains("did not answer within 2 s"), "{said}");
    let said = session.hook_with(&["--timeout", "0.5"]);
    assert!(said.contains("\"decision\":\"block\"") && said.contains("within 0.5 s"), "{said}");
}
