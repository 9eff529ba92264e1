//! What root does with places that somebody else can change: nothing.
//! `cargo test --test as_root -- --ignored`, as root

#![allow(clippy::restriction)] // a test may panic
#![cfg(target_os = "linux")] // users, mount namespaces and setpriv

#[path = "../support/home.rs"]
mod home;
#[path = "../install_support/mod.rs"]
mod install_support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use install_support::program;
use tempfile::TempDir;

/// Somebody who is not root; no user of that number need exist.
const ALICE: u32 = 4711;
const BOB: u32 = 4712;

/// A machine whose `/etc` and `/opt` are its own, and Alice's home on it, which is made to harm those who trust it.
struct Machine(TempDir);

struct Run {
    code: Option<i32>,
    said: String,
}

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(machine.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(program(), machine.path("f5-guard")).unwrap();
        fs::create_dir_all(machine.path("root/.codex")).unwrap();
        machine.script("alice/.local/bin/codex");
        machine.script("alice/.codex/hooks/f5_guardrails/f5-guard");
        let binary = machine.path("alice/.codex/hooks/f5_guardrails/f5-guard");
        let command = format!("command = \"{} stop\"", binary.display());
        machine.write(
            "alice/.codex/config.toml",
            &format!("[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\n{command}\n"),
        );
        machine.give("alice", ALICE);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// A program that plays Codex and f5-guard, and leaves a mark where it was run.
    fn script(&self, name: &str) {
        let text =
            format!("#!/bin/sh\necho \"$0\" >> {}\necho f5-guard 0.0.1\n", self.path("mark").display());
        self.write(name, &text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Gives a file or folder and all in it to a user.
    fn give(&self, name: &str, user: u32) {
        for path in self.tree(name).into_keys() {
            std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
        }
    }

    /// Every file below, with its owner, mode, size and content or target.
    fn tree(&self, name: &str) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut paths = vec![self.path(name)];
        while let Some(path) = paths.pop() {
            let data = fs::symlink_metadata(&path).unwrap();
            let content = if data.is_symlink() {
                format!("{:?}", fs::read_link(&path).unwrap())
            } else if data.is_dir() {
                paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                String::new()
            } else {
                format!("{:?}", fs::read(&path).unwrap())
            };
            found.insert(path, format!("{} {:o} {content}", data.uid(), data.mode()));
        }
        found
    }

    /// Runs a script as root with the environment that Alice had (`sudo -E`). `$G` is f5-guard, `$A` her home, `$T` the
    /// folder of both.
    fn run(&self, script: &str) -> Run {
        let helper = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/as_root/machine.sh");
        let mut command = Command::new(helper);
        command.arg(script).env_clear();
        command.env(
            "PATH",
            format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.path("alice/.local/bin").display()),
        );
        command.env("HOME", self.path("alice")).env("A", self.path("alice")).env("T", self.0.path());
        command.env("G", self.path("f5-guard")).current_dir("/");
        let done = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Run { code: done.status.code(), said: text(&done.stdout) + &text(&done.stderr) }
    }

    /// The same, after which nothing of Alice's was run or changed.
    #[track_caller]
    fn leaves_alice_alone(&self, script: &str) -> Run {
        let before = self.tree("alice");
        let run = self.run(script);
        assert!(!self.path("mark").exists(), "her programs ran: {script}\n{}", run.said);
        let after = self.tree("alice");
        let changed = |path: &&PathBuf| before.get(*path) != after.get(*path);
        let changed: Vec<_> = before.keys().chain(after.keys()).filter(changed).collect();
        assert_eq!(changed, Vec::<&PathBuf>::new(), "{script}\n{}", run.said);
        run
    }
}

impl Run {
    #[track_caller]
    fn ends_with(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.said);
        // Lines are broken to fit a terminal.
        let said = self.said.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(said.contains(word), "{word} is missing: {}", self.said);
        }
        self
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn a_system_installation_touches_no_users_folder() {
    for variables in ["", "CODEX_HOME=$A/.codex", "CODEX_CLI_PATH=$A/.local/bin/codex", "HOME=$T/root"] {
        let machine = Machine::new();
        let script = format!(
            "export {variables} LANG=C; $G install --scope system --skip-smoketest; test -x /opt/f5-guard/f5-guard"
        );
        let run = machine.leaves_alice_alone(&script);
        run.ends_with(
            0,
            &["REGISTERED, NOT PROVEN", "f5-guard uninstall --scope user", "No user's folder was touched"],
        );
        let script = "$G install --scope system --skip-smoketest >/dev/null; $G uninstall --scope system; ls -d /opt/f5-guard /etc/codex";
        machine
            .leaves_alice_alone(&format!("export {variables} LANG=C; {script}"))
            .ends_with(2, &["is removed"]);
        for subcommand in ["install", "uninstall"] {
            let script = format!("export {variables} LANG=C; $G {subcommand} --scope system --dry-run");
            machine.leaves_alice_alone(&script).ends_with(0, &["Nothing was written"]);
        }
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn a_users_folder_that_leads_to_the_machines_own_is_not_followed() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.path("alice/.codex/hooks/f5_guardrails")).unwrap();
    symlink("/opt/f5-guard", machine.path("alice/.codex/hooks/f5_guardrails")).unwrap();
    machine.write("precious", "x");
    let record = format!(
        r#"{{"version":1,"files":{{"{0}/.codex/config.toml":{{"edits":[],"backups":[{{"path":"{1}/precious","edit":null}}]}}}}}}"#,
        machine.path("alice").display(),
        machine.0.path().display()
    );
    machine.write("alice/.codex/hooks/installation.json", &record);
    machine.give("alice", ALICE);
    let script = "$G install --scope system --skip-smoketest; $G install --scope system --skip-smoketest; \
                  test -x /opt/f5-guard/f5-guard; $G uninstall --scope user && exit 9; test -x /opt/f5-guard/f5-guard";
    machine.leaves_alice_alone(script).ends_with(0, &["as that user, without sudo"]);
    assert!(machine.path("precious").exists());
}

#[test]
#[ignore = "needs root and unshare"]
fn root_starts_no_codex_that_others_can_change() {
    let machine = Machine::new();
    machine.script("tool");
    let here = machine.0.path().display().to_string();
    fs::create_dir(machine.path("open")).unwrap();
    machine.script("open/codex");
    fs::set_permissions(machine.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    machine.script("group");
    fs::set_permissions(machine.path("group"), fs::Permissions::from_mode(0o775)).unwrap();
    symlink(machine.path("alice/.local/bin/codex"), machine.path("link")).unwrap();
    symlink(machine.path("alice/link"), machine.path("detour")).unwrap();
    symlink(machine.path("tool"), machine.path("alice/link")).unwrap();
    machine.script("given");
    chown(machine.path("given"), Some(ALICE), Some(ALICE)).unwrap();
    for (name, line) in [
        ("interpreter", "#!/HERE/alice/.local/bin/codex\n"),
        ("env", "#!/usr/bin/env codex\n"),
        ("relative", "#!alice/.local/bin/codex\n"),
    ] {
        machine.write(name, &line.replace("/HERE", &here));
        fs::set_permissions(machine.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let programs = [
        "alice/.local/bin/codex",
        "open/codex",
        "group",
        "link",
        "detour",
        "given",
        "interpreter",
        "env",
        "relative",
    ];
    for program in programs {
        let install = format!("cd $T; $G install --scope system --skip-smoketest --codex $T/{program}");
        machine.leaves_alice_alone(&install).ends_with(1, &["Nothing was registered"]);
        let named = format!("CODEX_CLI_PATH=$T/{program} $G install --scope system --skip-smoketest");
        machine.leaves_alice_alone(&named).ends_with(0, &["REGISTERED, NOT PROVEN"]);
        let doctor = format!("cd $T; HOME=$T/root $G doctor --offline --codex $T/{program}");
        let run = machine.leaves_alice_alone(&doctor);
        assert_ne!(run.code, Some(0), "{}", run.said);
    }
    let run = machine.run("$G install --scope system --skip-smoketest --codex $T/tool");
    run.ends_with(0, &["REGISTERED, NOT PROVEN"]);
    assert!(machine.path("mark").exists(), "one that root alone can change is started");
}

#[test]
#[ignore = "needs root and unshare"]
fn root_registers_nothing_in_a_folder_of_somebody_elses() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("alice/repo/.git")).unwrap();
    fs::create_dir_all(machine.path("mixed/.git")).unwrap();
    fs::create_dir(machine.path("mixed/.codex")).unwrap();
    machine.give("mixed/.codex", ALICE);
    machine.give("alice", ALICE);
    for subcommand in ["install --trust --skip-smoketest", "uninstall"] {
        for more in ["", "--dry-run"] {
            for place in [
                "--scope user",
                "--scope project $A/repo",
                "--scope project $T/mixed",
                "--scope user --codex /bin/false",
            ] {
                for variables in ["", "CODEX_HOME=$A/.codex", "CODEX_HOME=$A/new", "HOME=$A/new/home"] {
                    let script = format!("export {variables} LANG=C; $G {subcommand} {more} {place}");
                    let run = machine.leaves_alice_alone(&script);
                    run.ends_with(1, &["user 4711", "without sudo", "--scope system"]);
                }
            }
            let own = format!("export HOME=$T/root; $G {subcommand} {more} --scope project $A/repo");
            machine.leaves_alice_alone(&own).ends_with(1, &["user 4711", "without sudo"]);
        }
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn who_runs_sudo_for_themselves_is_told_whose_codex_was_registered() {
    let machine = Machine::new();
    let install = "HOME=$T/root $G install --scope user --no-trust --skip-smoketest --codex /bin/false";
    machine
        .leaves_alice_alone(&format!("export SUDO_USER=alice; {install}"))
        .ends_with(0, &["for root", "alice"]);
    let run = machine.leaves_alice_alone(install);
    assert!(!run.said.contains("for root"), "{}", run.said);
}

#[test]
#[ignore = "needs root and unshare"]
fn what_is_registered_for_everybody_is_roots_alone() {
    let machine = Machine::new();
    for prepare in [
        "mkdir /etc/codex; ln -s $A/requirements.toml /etc/codex/requirements.toml",
        "mkdir /etc/codex; ln -s $A/.codex/config.toml /etc/codex/config.toml",
        "ln -s $A/.codex /etc/codex",
        "mkdir /etc/codex; chmod 777 /etc/codex",
        "mkdir /etc/codex; echo > /etc/codex/requirements.toml; chown 4711 /etc/codex/requirements.toml",
        "mkdir $T/mine; ln -s $T/mine /opt/f5-guard; chown 4711 $T/mine",
    ] {
        for line in [
            "install --scope system --skip-smoketest",
            "install --scope system --dry-run",
            "uninstall --scope system",
        ] {
            let script = format!("{prepare}; rm -f $T/none; $G {line}");
            let run = machine.leaves_alice_alone(&script);
            assert_eq!(run.code, Some(1), "{script}\n{}", run.said);
            let _ = fs::remove_dir_all(machine.path("mine"));
        }
    }
    let elsewhere = "$G install --scope system --skip-smoketest --managed-dir $A/managed";
    machine.leaves_alice_alone(elsewhere).ends_with(1, &["user 4711"]);
    let link = "mkdir $T/target; ln -s $T/target /opt/f5-guard; $G install --scope system --skip-smoketest";
    machine.leaves_alice_alone(link).ends_with(1, &["is a link"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn what_everybodys_hooks_trust_is_roots_alone() {
    let machine = Machine::new();
    f5_stand_in::f5::F5::builder().tls().never_called().start().write_ca(&machine.path("ca.pem"));
    fs::write(machine.path("token"), "token\n").unwrap();
    for file in ["ca.pem", "token"] {
        fs::copy(machine.path(file), machine.path(&format!("alice/{file}"))).unwrap();
    }
    machine.give("alice", ALICE);
    for (option, file) in [("--ca-bundle", "ca.pem"), ("--token-file", "token")] {
        let install = format!("$G install --scope system --skip-smoketest {option}");
        machine.leaves_alice_alone(&format!("{install} $A/{file}")).ends_with(1, &[option, "user 4711"]);
        machine
            .leaves_alice_alone(&format!("{install} $T/{file}"))
            .ends_with(0, &["is registered for everybody"]);
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn tokens_in_a_users_folder_are_neither_added_to_nor_removed() {
    const LOGIN: &str = "printf t | $G login --stdin --file --no-verify";
    let machine = Machine::new();
    fs::create_dir_all(machine.path("alice/.config")).unwrap();
    machine.give("alice", ALICE);
    machine.leaves_alice_alone(LOGIN).ends_with(1, &["another user's folder"]);
    // Where it leads is hers, although root's is what is there.
    fs::create_dir(machine.path("roots")).unwrap();
    std::os::unix::fs::symlink(machine.path("roots"), machine.path("alice/.config/f5-guard")).unwrap();
    std::os::unix::fs::lchown(machine.path("alice/.config/f5-guard"), Some(ALICE), Some(ALICE)).unwrap();
    machine.leaves_alice_alone(LOGIN).ends_with(1, &["another user's folder"]);
    assert!(!machine.path("roots/tokens.json").exists());
    fs::remove_file(machine.path("alice/.config/f5-guard")).unwrap();
    machine.write("alice/.config/f5-guard/tokens.json", "{\"version\":1,\"tokens\":{}}");
    machine.give("alice", ALICE);
    machine.leaves_alice_alone(LOGIN).ends_with(1, &["belongs to another user"]);
    machine
        .leaves_alice_alone("$G uninstall --scope system --purge")
        .ends_with(0, &["could not be removed", "another user's folder"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn also_user_belongs_to_the_users_own_installation() {
    let machine = Machine::new();
    let run = machine.leaves_alice_alone("$G install --scope system --also-user --skip-smoketest");
    run.ends_with(1, &["f5-guard install --scope user --also-user"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn roots_doctor_runs_nothing_of_somebody_elses() {
    let machine = Machine::new();
    machine.write("alice/.zshenv", "touch $T/mark\n");
    fs::create_dir_all(machine.path("alice/repo/.codex")).unwrap();
    fs::copy(machine.path("alice/.codex/config.toml"), machine.path("alice/repo/.codex/config.toml"))
        .unwrap();
    machine.give("alice", ALICE);
    let managed = "mkdir /etc/codex; { echo '[hooks]'; echo 'managed_dir = \"/opt\"'; cat $A/.codex/config.toml; } > /etc/codex/requirements.toml";
    for prepare in ["true", managed] {
        for variables in ["", "HOME=$T/root", "CODEX_HOME=$T/root/.codex", "BASH_ENV=$A/.zshenv HOME=$T/root"]
        {
            for folder in ["/", "$A/repo"] {
                let script =
                    format!("{prepare}; export {variables} LANG=C; cd {folder}; $G doctor --offline || true");
                let run = machine.leaves_alice_alone(&script);
                assert!(!run.said.contains("\nPROTECTED"), "{}", run.said);
                if !variables.contains("root") {
                    run.ends_with(0, &["[as-root]", "without sudo"]);
                }
            }
        }
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn roots_doctor_looks_at_the_hooks_that_are_roots_alone() {
    let machine = Machine::new();
    let script = "$G install --scope system --skip-smoketest > /dev/null; export HOME=$T/root; $G doctor --offline --json || true";
    let run = machine.leaves_alice_alone(script);
    let count = |words: &str| run.said.matches(words).count();
    assert!(count("\"binary\": \"this f5-guard\"") >= 4, "{}", run.said);
    assert_eq!(count("\"tried\": false"), 1, "there is no Codex that root may start: {}", run.said);
}

#[test]
#[ignore = "needs root and unshare"]
fn roots_smoketest_runs_no_binary_of_somebody_elses() {
    let machine = Machine::new();
    let run = machine.leaves_alice_alone("$G smoketest");
    run.ends_with(1, &["was not run, because this is root", "without sudo"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn a_message_of_the_doctor_that_somebody_else_wrote_is_ordinary_text() {
    use f5_guard::internals::proof::{Message, Moment, Nonce, NonceFile, Pending};
    for (owner, counts) in [(ALICE, false), (0, true)] {
        let machine = Machine::new();
        let home = machine.path("root/.codex");
        let message = Message { target: Message::TARGETS[0], nonce: Nonce::random().unwrap() };
        let pending = Pending { message, greets: false, written: Moment::now().unwrap() };
        let file = NonceFile::of(&home);
        std::mem::forget(file.write(&pending).unwrap());
        let name = file.path(message.nonce).file_name().unwrap().to_str().unwrap().to_owned();
        machine.give(&format!("root/.codex/{name}"), owner);
        let script = format!(
            "export HOME=$T/root F5_GUARDRAILS_FAIL_MODE=closed; echo '{{\"hook_event_name\":\"UserPromptSubmit\",\
             \"session_id\":\"s\",\"turn_id\":\"t\",\"cwd\":\"/\",\"prompt\":\"{}\"}}' | $G user-prompt-submit 2>&1 || true",
            message.sentence()
        );
        let run = machine.leaves_alice_alone(&script);
        assert_eq!(run.said.contains("f5-guard proof: "), counts, "{}", run.said);
    }
}

const CALL: &str = r#"echo '{"hook_event_name":"UserPromptSubmit","session_id":"s","turn_id":"t","cwd":"/","prompt":"hi"}' | $G user-prompt-submit > $T/answer 2>&1 || true"#;

#[test]
#[ignore = "needs root and unshare"]
fn roots_log_is_not_put_where_others_can_change_anything() {
    let machine = Machine::new();
    fs::create_dir(machine.path("alice/.codex/logs")).unwrap();
    symlink(machine.path("alice/.codex"), machine.path("link")).unwrap();
    machine.write("precious", "x\n");
    symlink(machine.path("precious"), machine.path("alice/.codex/logs/x.log")).unwrap();
    fs::create_dir(machine.path("sticky")).unwrap();
    fs::set_permissions(machine.path("sticky"), fs::Permissions::from_mode(0o1777)).unwrap();
    machine.write("sticky/hers.log", "");
    machine.give("sticky/hers.log", ALICE);
    symlink(machine.path("precious"), machine.path("sticky/link.log")).unwrap();
    fs::hard_link(machine.path("precious"), machine.path("sticky/second-name.log")).unwrap();
    symlink(machine.path("alice"), machine.path("sticky/folder")).unwrap();
    machine.give("alice", ALICE);
    for path in [
        "",
        "$A/x.log",
        "$A/.codex/logs/x.log",
        "$T/link/logs/y.log",
        "$T/sticky/hers.log",
        "$T/sticky/link.log",
        "$T/sticky/second-name.log",
        "$T/sticky/folder/z.log",
        "$T/sticky/new/folder/z.log",
    ] {
        machine
            .leaves_alice_alone(&format!("export F5_GUARDRAILS_LOG_FILE={path}; {CALL}"))
            .ends_with(0, &[]);
        assert_eq!(fs::read_to_string(machine.path("precious")).unwrap(), "x\n", "{path}");
        assert_eq!(fs::read_to_string(machine.path("sticky/hers.log")).unwrap(), "", "{path}");
        assert!(!machine.path("sticky/new").exists());
    }
    for path in ["sticky/own.log", "root/.codex/logs/own.log"] {
        let script = format!("export F5_GUARDRAILS_LOG_FILE=$T/{path}; {CALL}");
        machine.leaves_alice_alone(&script).ends_with(0, &[]);
        assert!(fs::read_to_string(machine.path(path)).unwrap().contains("no_token"), "{path}");
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn roots_dump_is_not_put_where_others_can_change_anything() {
    let machine = Machine::new();
    let dump = "export F5_GLOBAL_API_TOKEN=t F5_GUARDRAILS_BASE_URL=http://127.0.0.1:1";
    for (folder, output) in [("$A", ""), ("/", "--output $A/x.json"), ("$A", "--output x/y.json")] {
        let run = machine.leaves_alice_alone(&format!("{dump}; cd {folder}; $G dump-config {output}"));
        run.ends_with(1, &["user 4711", "--output -"]);
    }
    let run = machine.leaves_alice_alone(&format!("{dump}; cd $T; $G dump-config"));
    run.ends_with(1, &["Nothing could be read"]);
}

#[test]
#[ignore = "needs root and unshare"]
fn roots_session_keys_are_not_put_where_others_can_change_anything() {
    let machine = Machine::new();
    machine.write("precious", "x\n");
    symlink(machine.path("precious"), machine.path("alice/keys")).unwrap();
    symlink(machine.path("precious"), machine.path("link")).unwrap();
    machine.give("alice", ALICE);
    let api = f5_stand_in::f5::F5::builder().tls().start();
    api.write_ca(&machine.path("ca.pem"));
    let service = format!(
        "export F5_GUARDRAILS_API_TOKEN={} F5_GUARDRAILS_BASE_URL={} F5_GUARDRAILS_CA_BUNDLE=$T/ca.pem NO_PROXY=127.0.0.1 HOME=$T/root",
        f5_stand_in::f5::TOKEN,
        api.base_url()
    );
    for path in ["$A/keys", "$A/new", "$T/link"] {
        machine.leaves_alice_alone(&format!("{service} SSLKEYLOGFILE={path}; {CALL}")).ends_with(0, &[]);
        assert_eq!(fs::read_to_string(machine.path("precious")).unwrap(), "x\n", "{path}");
    }
    machine.leaves_alice_alone(&format!("{service} SSLKEYLOGFILE=$T/root/keys; {CALL}")).ends_with(0, &[]);
    assert!(fs::read_to_string(machine.path("root/keys")).unwrap().contains("SECRET"));
}

/// What somebody who reads from a pipe gets during a call of root's with the last of `variables` set to that pipe.
fn read_from_a_pipe(machine: &Machine, variables: &str, owner: u32) -> String {
    let pipe = machine.path(&format!("pipe-of-{owner}"));
    let _ = fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    chown(&pipe, Some(owner), Some(owner)).unwrap();
    // With a writer of its own the other side is there for the whole call, and nothing waits.
    let mut options = fs::OpenOptions::new();
    let mut reader = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&pipe).unwrap();
    machine.leaves_alice_alone(&format!("export {variables}={}; {CALL}", pipe.display())).ends_with(0, &[]);
    let mut read = vec![0; 65536];
    let length = reader.read(&mut read).unwrap_or(0);
    String::from_utf8_lossy(&read[..length]).into_owned()
}

#[test]
#[ignore = "needs root and unshare"]
fn roots_log_and_session_keys_go_into_no_pipe_of_somebody_elses() {
    let machine = Machine::new();
    let api = f5_stand_in::f5::F5::builder().tls().start();
    api.write_ca(&machine.path("ca.pem"));
    for (variable, word) in [("F5_GUARDRAILS_LOG_FILE", "no_token"), ("SSLKEYLOGFILE", "SECRET")] {
        let service = format!(
            "F5_GUARDRAILS_API_TOKEN={} F5_GUARDRAILS_BASE_URL={} F5_GUARDRAILS_CA_BUNDLE=$T/ca.pem NO_PROXY=127.0.0.1 HOME=$T/root",
            f5_stand_in::f5::TOKEN,
            api.base_url()
        );
        let variables = if word == "SECRET" { format!("{service} {variable}") } else { variable.to_owned() };
        assert_eq!(read_from_a_pipe(&machine, &variables, ALICE), "", "{variable}");
        assert!(read_from_a_pipe(&machine, &variables, 0).contains(word), "{variable}: root's own pipe");
    }
}

/// A program is asked by root with no more of the environment than it needs.
#[test]
#[ignore = "needs root and unshare"]
fn a_codex_that_root_starts_finds_only_roots_programs_and_no_users_folder() {
    let machine = Machine::new();
    machine.write("tool", &format!("#!/bin/sh\nenv > {0}.$1\necho 1.2.3\n", machine.path("seen").display()));
    fs::set_permissions(machine.path("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    let script = "export CODEX_HOME=$A/.codex NODE_OPTIONS=x TMPDIR=$A; $G install --scope system --skip-smoketest --codex $T/tool";
    machine.leaves_alice_alone(script).ends_with(0, &["REGISTERED, NOT PROVEN"]);
    for call in ["seen.--version", "seen.app-server"] {
        let seen = fs::read_to_string(machine.path(call)).unwrap();
        assert!(!seen.contains(machine.path("alice").to_str().unwrap()), "{call}: {seen}");
        assert!(!seen.contains("NODE_OPTIONS") && seen.contains("PATH=/usr/sbin:/usr/bin"), "{call}: {seen}");
    }
}

/// Runs f5-guard as Alice, with her home.
fn as_alice(machine: &Machine, arguments: &str) -> Run {
    machine.run(&format!("cd $A; exec setpriv --reuid {ALICE} --regid {ALICE} --clear-groups $G {arguments}"))
}

#[test]
#[ignore = "needs root and unshare"]
fn a_folder_of_another_users_holds_nothing_of_ours() {
    for give in ["alice/.codex/hooks/f5_guardrails", "link"] {
        let machine = Machine::new();
        if give == "link" {
            fs::rename(machine.path("alice/.codex/hooks/f5_guardrails"), machine.path("alice/elsewhere"))
                .unwrap();
            symlink(machine.path("alice/elsewhere"), machine.path("alice/.codex/hooks/f5_guardrails"))
                .unwrap();
            machine.give("alice", ALICE);
        } else {
            machine.give(give, BOB);
        }
        let before = machine.tree("alice");
        for arguments in [
            "install --scope user --no-trust --skip-smoketest --codex /bin/false",
            "uninstall --scope user --codex /bin/false",
        ] {
            let run = as_alice(&machine, arguments);
            run.ends_with(1, &["belongs to f5-guard alone"]);
            assert_eq!(machine.tree("alice"), before, "{give} {arguments}");
        }
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn a_state_file_of_another_users_is_not_believed() {
    let machine = Machine::new();
    let backup = machine.path("alice/.codex/config.toml.bak-20260101T000000Z");
    fs::write(&backup, "").unwrap();
    let file = machine.path("alice/.codex/config.toml");
    let record = format!(
        r#"{{"version":1,"files":{{"{0}":{{"edits":[],"backups":[{{"path":"{1}","edit":null}}]}}}}}}"#,
        file.display(),
        backup.display()
    );
    let state = "alice/.codex/hooks/f5_guardrails/installation.json";
    machine.write(state, &record);
    machine.give("alice", ALICE);
    machine.give(state, BOB);
    let run = as_alice(&machine, "uninstall --scope user --codex /bin/false");
    run.ends_with(0, &["belongs to user 4712", "is removed"]);
    assert!(backup.exists());

    // Her own is believed: the same copy says what the file says, and goes.
    let machine = Machine::new();
    machine.write("alice/.codex/config.toml.bak-20260101T000000Z", "");
    machine.write(state, &record.replace(Machine::name(&file), machine.0.path().to_str().unwrap()));
    machine.give("alice", ALICE);
    as_alice(&machine, "uninstall --scope user --codex /bin/false").ends_with(0, &["is removed"]);
    assert!(!machine.path("alice/.codex/config.toml.bak-20260101T000000Z").exists());
}

impl Machine {
    /// The machine's folder, from a path in Alice's home.
    fn name(path: &Path) -> &str {
        path.ancestors().find(|folder| folder.join("alice").exists() || folder.ends_with("alice")).map_or(
            "",
            |folder| {
                let folder = if folder.ends_with("alice") { folder.parent().unwrap() } else { folder };
                folder.to_str().unwrap()
            },
        )
    }
}

/// A hook in open mode with an address that refuses connections: what it logs is why the text was not scanned.
fn refused_hook(machine: &Machine, who: &str, program: &str, mode: &str, more: &str) -> String {
    machine.write("payload", include_str!("../samples/codex/stop.json"));
    let variables = "F5_GUARDRAILS_API_TOKEN=planted-5b1f0c77 F5_GUARDRAILS_BASE_URL=http://127.0.0.1:1 NO_PROXY=127.0.0.1";
    machine
        .run(&format!(
            "cd /; export CODEX_HOME=$A/.codex; exec {who} env {variables} {program} stop --fail-mode {mode} {more} < $T/payload"
        ))
        .said
}

const AS_ALICE: &str = "setpriv --reuid 4711 --regid 4711 --clear-groups";
const TRIED: &str = "cause=\"network\"";
const SPARED: &str = "cause=\"outage\"";

#[test]
#[ignore = "needs root and unshare"]
fn an_administrators_program_in_open_mode_remembers_outages_only_where_it_is_registered_to() {
    let machine = Machine::new();
    let hook = |mode: &str, more: &str| refused_hook(&machine, AS_ALICE, "$G", mode, more);
    let own = |more: &str| {
        refused_hook(&machine, &format!("{AS_ALICE} env F5_GUARDRAILS_OUTAGE_MEMORY=on"), "$G", "open", more)
    };
    for _ in 0..2 {
        let said = hook("open", "");
        assert!(said.contains(TRIED), "{said}");
        let said = own("");
        assert!(said.contains(TRIED), "a user's variable has no say: {said}");
    }
    assert!(!machine.path("alice/.codex/f5_guardrails").exists());
    let first = hook("open", "--outage-memory on");
    assert!(first.contains(TRIED), "{first}");
    let second = hook("open", "--outage-memory on");
    assert!(second.contains(SPARED), "{second}");
    let without = hook("open", "");
    assert!(without.contains(TRIED), "what others remember has no say: {without}");
    let closed = hook("closed", "");
    assert!(closed.contains("can't reach"), "{closed}");
}

#[test]
#[ignore = "needs root and unshare"]
fn a_users_own_program_remembers_outages_in_open_mode() {
    let machine = Machine::new();
    fs::copy(program(), machine.path("alice/f5-guard")).unwrap();
    machine.give("alice", ALICE);
    let hook = || refused_hook(&machine, AS_ALICE, "$A/f5-guard", "open", "");
    let first = hook();
    assert!(first.contains(TRIED), "{first}");
    let second = hook();
    assert!(second.contains(SPARED), "{second}");
    // Anybody else's record is treated as none.
    for owner in [0, BOB] {
        chown(machine.path("alice/.codex/f5_guardrails/outage.json"), Some(owner), Some(owner)).unwrap();
        let said = hook();
        assert!(said.contains(TRIED), "{said}");
        let said = hook();
        assert!(said.contains(SPARED), "{said}");
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn root_remembers_no_outage_in_a_folder_of_somebody_elses() {
    let machine = Machine::new();
    fs::copy(program(), machine.path("alice/f5-guard")).unwrap();
    machine.give("alice", ALICE);
    let remember = refused_hook(&machine, AS_ALICE, "$A/f5-guard", "open", "");
    assert!(remember.contains(TRIED), "{remember}");
    let before = machine.tree("alice/.codex/f5_guardrails");
    for mode in ["open", "closed"] {
        let said = refused_hook(&machine, "", "$G", mode, "");
        assert!(!said.contains("can't reach"), "{said}");
    }
    assert_eq!(machine.tree("alice/.codex/f5_guardrails"), before);
}

/// Root's own home, in which something is in the way.
const OWN: &str = "mkdir -p $T/own/.codex; echo 'model = \"x\"' > $T/own/.codex/config.toml; export HOME=$T/own LANG=C; \
                   I=\"$G install --scope user --no-trust --skip-smoketest\"";

#[test]
#[ignore = "needs root and unshare"]
fn a_file_that_cannot_be_replaced_is_foreseen_and_nothing_is_left_behind() {
    for (prepare, undo, words) in [
        ("chattr +i $T/own/.codex/config.toml", "chattr -i $T/own/.codex/config.toml", "immutable"),
        ("chattr +i $T/own/.codex", "chattr -i $T/own/.codex", "immutable"),
        ("touch $T/src; mount --bind $T/src $T/own/.codex/config.toml", "true", "mounted by itself"),
        ("mount --bind $T/own $T/own; mount -o remount,ro,bind $T/own", "true", "read-only"),
        ("mount -t tmpfs -o noexec,mode=755 none $T/own/.codex", "true", "noexec"),
    ] {
        let machine = Machine::new();
        let script = format!(
            "{OWN}; {prepare}; for more in --dry-run ''; do $I $more && exit 9; done; \
             find $T/own/.codex -name 'f5*'; {undo}; exit 1"
        );
        let run = machine.run(&script).ends_with(1, &[words, "Nothing was registered"]);
        let refusals = run.said.matches("f5-guard install: ").count();
        assert_eq!(refusals, 2, "the dry run says it, too: {}", run.said);
        assert!(!run.said.contains("/own/.codex/hooks/f5_guardrails\n"), "{prepare}: {}", run.said);
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn a_users_variable_lets_nothing_pass_in_an_administrators_program() {
    let machine = Machine::new();
    fs::copy(program(), machine.path("alice/f5-guard")).unwrap();
    machine.give("alice", ALICE);
    let hook = |program: &str| {
        let who = format!(
            "{AS_ALICE} env F5_GUARDRAILS_ENFORCEMENT=observe F5_GUARDRAILS_FAIL_MODE=closed F5_GUARDRAILS_API_TOKEN=planted-5b1f0c77 F5_GUARDRAILS_BASE_URL=http://127.0.0.1:1"
        );
        machine.write("payload", include_str!("../samples/codex/stop.json"));
        machine
            .run(&format!("cd /; export CODEX_HOME=$A/.codex; exec {who} {program} stop < $T/payload"))
            .said
    };
    let own = hook("$A/f5-guard");
    assert!(own.contains("enforcement observe") && !own.contains("\"continue\":false"), "{own}");
    let managed = hook("$G");
    assert!(managed.contains("\"continue\":false") && !managed.contains("enforcement observe"), "{managed}");
}
