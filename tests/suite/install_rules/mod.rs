//! The rules of the built installer, one by one; without a Codex.

#[cfg(unix)]
mod links;
mod ownership;
mod places;
#[cfg(windows)]
mod windows;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::install_support::{Home, Run, program};

const INSTALL: [&str; 5] = ["install", "--scope", "user", "--no-trust", "--skip-smoketest"];

fn with(arguments: &[&'static str]) -> Vec<&'static str> {
    [&INSTALL, arguments].concat()
}

#[test]
fn without_a_codex_that_can_be_asked_it_succeeds_and_says_what_to_do() {
    let home = Home::new();
    let said = home.run(&INSTALL).succeeds("install");
    assert!(said.contains("\nREGISTERED, NOT PROVEN: do this\n") && said.contains("/hooks"), "{said}");
    assert!(!said.contains("PROTECTED"), "{said}");
    assert_eq!(fs::read(home.binary()).unwrap(), fs::read(program()).unwrap());
}

#[test]
fn without_a_proof_it_fails_where_protection_is_required() {
    let home = Home::new();
    let run = home.run(&with(&["--require-protected"]));
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert!(run.stdout.contains("is registered for this user"), "{}", run.stdout);
    assert_eq!(home.run(&INSTALL).code, Some(0));
}

#[test]
fn what_a_doctor_that_was_killed_left_is_removed_with_the_rest() {
    use f5_guard::internals::proof::{Message, Moment, Nonce, NonceFile, Pending};
    let home = Home::new();
    home.run(&INSTALL).succeeds("install");
    let message = Message { target: Message::TARGETS[0], nonce: Nonce::random().unwrap() };
    let pending = Pending { message, greets: false, written: Moment::now().unwrap() };
    let file = NonceFile::of(&home.codex());
    std::mem::forget(file.write(&pending).unwrap());
    let path = file.path(message.nonce);
    let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(61);
    fs::File::options().write(true).open(&path).unwrap().set_modified(earlier).unwrap();
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    assert!(!path.exists());
}

#[test]
fn the_binary_alone_is_placed_without_a_registration_and_removed_again() {
    let home = Home::new();
    let said = home.run(&["install", "--scope", "user", "--binary-only"]).succeeds("install");
    assert!(said.contains("installed, but not registered"), "{said}");
    assert_eq!(fs::read(home.binary()).unwrap(), fs::read(program()).unwrap());
    assert!(!home.codex().join("config.toml").exists());
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    assert!(!home.binary().exists());
    let refused = home.run(&["install", "--scope", "project", "--binary-only"]).refuses();
    assert!(refused.contains("--scope user"), "{refused}");
}

#[cfg(unix)]
#[test]
fn nobody_else_may_write_to_the_folder_that_the_hooks_are_run_from_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let install = home.command(&INSTALL);
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(install.get_program()).args(install.get_args());
    shell.env_clear().current_dir(home.path());
    shell.envs(install.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert!(shell.stdin(Stdio::null()).output().unwrap().status.success());
    for place in [home.binary().as_path(), home.binary().parent().unwrap(), &home.codex().join("hooks")] {
        let mode = fs::metadata(place).unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "{}: {mode:o}", place.display());
    }
}

#[test]
fn an_unusable_value_is_an_error_that_changes_nothing() {
    for arguments in [
        &["--base-url", "http://example.com"][..],
        &["--timeout", "0"],
        &["--project-id", ""],
        &["--ca-bundle", "missing.pem"],
        &["--matcher", ""],
        &["--managed-dir", "/opt/x"],
        &["some-folder"],
    ] {
        let home = Home::new();
        let before = home.contents();
        let said = home.run(&with(arguments)).refuses();
        assert!(said.starts_with("f5-guard install: ") && !said.contains(".."), "{said}");
        home.is_as(&before, &format!("{arguments:?}"));
    }
    for arguments in [&["--fail-mode", "close"][..], &["--post-strict=perhaps"]] {
        let home = Home::new();
        let before = home.contents();
        assert_eq!(home.run(&with(arguments)).code, Some(2), "a word that is not one of the known ones");
        home.is_as(&before, &format!("{arguments:?}"));
    }
}

#[test]
fn a_file_that_codex_could_not_read_is_refused_with_line_and_column() {
    for (name, bytes, place) in [
        ("config.toml", &b"model = \"x\"\nmodel =\n"[..], "config.toml"),
        ("hooks.json", b"{\n  \"hooks\": [\n", "hooks.json"),
        ("config.toml", b"a = \"\xff\"\n", "config.toml"),
        ("hooks.json", b"{\"others\": 1, \"hooks\": {\"Stop\": []}}", "hooks.json"),
    ] {
        let home = Home::new();
        home.write(name, bytes);
        let before = home.contents();
        let said = home.run(&INSTALL).refuses();
        assert!(said.contains(place), "{said}");
        home.is_as(&before, name);
    }
    let home = Home::new();
    home.write("config.toml", b"model = \"x\"\nmodel =\n");
    let said = home.run(&INSTALL).refuses();
    assert!(said.contains("line 2"), "{said}");
}

#[test]
fn enforcement_stands_in_the_commands_with_an_absolute_ca_bundle() {
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    let api = f5_stand_in::f5::F5::builder().tls().never_called().start();
    api.write_ca(&ca);
    home.run(&with(&["--fail-mode", "closed", "--timeout", "50", "--ca-bundle", "ca.pem"]))
        .succeeds("install");
    let text = home.read("config.toml");
    let count = |ca: &Path| {
        let flags = format!("--fail-mode closed --timeout 50 --ca-bundle {}", ca.display());
        text.matches(&flags).count()
    };
    // A process can see its folder with the links in its path resolved.
    assert_eq!(count(&ca).max(count(&ca.canonicalize().unwrap())), 5, "{text}");
    assert_eq!(text.matches("timeout = 75").count(), 5, "{text}");
}

#[test]
fn installing_again_without_the_options_of_the_first_time_weakens_nothing() {
    let home = Home::new();
    home.run(&with(&["--fail-mode", "closed", "--timeout", "30"])).succeeds("install");
    let before = home.read("config.toml");

    let said = home.run(&with(&["--dry-run"])).succeeds("dry run");
    assert!(said.contains("No file of Codex's would change"), "{said}");
    assert!(!said.contains("would be copied"), "it is there already: {said}");
    let said = home.run(&INSTALL).succeeds("again");

    assert!(
        said.contains("Kept from the existing registration") && said.contains("--fail-mode closed"),
        "{said}"
    );
    assert_eq!(home.read("config.toml"), before);
    home.run(&with(&["--fail-mode", "open"])).succeeds("changed");
    let text = home.read("config.toml");
    assert_eq!(text.matches("--fail-mode open --timeout 30").count(), 5, "{text}");
}

#[test]
fn a_kept_value_that_no_longer_works_is_refused_with_where_it_stands() {
    let home = Home::new();
    let ca = home.path().join("ca.pem");
    let api = f5_stand_in::f5::F5::builder().tls().never_called().start();
    api.write_ca(&ca);
    home.run(&with(&["--ca-bundle", "ca.pem"])).succeeds("install");
    fs::remove_file(&ca).unwrap();
    let before = home.contents();

    let said = home.run(&INSTALL).refuses();

    assert!(
        said.contains("--ca-bundle") && said.contains("It comes from the existing registration"),
        "{said}"
    );
    assert!(!said.contains(".."), "{said}");
    home.is_as(&before, "refused");
}

#[test]
fn the_python_integration_is_taken_over_and_its_scripts_are_named_and_stay() {
    let home = Home::new();
    let scripts = home.codex().join("hooks/f5_guardrails");
    fs::create_dir_all(&scripts).unwrap();
    fs::write(scripts.join("stop.py"), "print()").unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/configs/json/python.json");
    home.write("hooks.json", &fs::read(fixture).unwrap());
    let before = home.contents();

    let said = home.run(&INSTALL).succeeds("install");

    assert!(said.contains("of the Python integration in") && said.contains("stop.py"), "{said}");
    assert!(!home.read("hooks.json").contains(".py"), "{}", home.read("hooks.json"));
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    home.is_as(&before, "after uninstall");
}

#[test]
fn uninstall_leaves_what_only_resembles_ours_and_names_it_and_the_log() {
    let home = Home::new();
    let lookalike =
        "[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\ncommand = \"f5-guard-wrapper stop\"\n";
    home.write("config.toml", lookalike.as_bytes());
    fs::create_dir(home.codex().join("logs")).unwrap();
    fs::write(home.codex().join("logs/f5_guardrails.log"), "{}\n").unwrap();
    home.run(&INSTALL).succeeds("install");
    let said = home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    assert!(said.contains("f5-guard-wrapper stop") && said.contains("f5_guardrails.log"), "{said}");
    assert_eq!(home.read("config.toml"), lookalike);
    assert!(!home.binary().exists());
    assert!(said.contains("Sessions of Codex that are open still call"), "{said}");
    let again = home.run(&["uninstall", "--scope", "user"]).succeeds("again");
    assert!(again.contains("nothing to remove of this user's registration"), "{again}");
    assert!(!again.contains("Sessions of Codex"), "{again}");
}

#[test]
fn uninstall_takes_what_hooks_remembered_with_it() {
    let home = Home::new();
    let before = home.contents();
    home.run(&INSTALL).succeeds("install");
    let payload = home.path().join("payload.json");
    fs::write(&payload, include_bytes!("../../samples/codex/stop.json")).unwrap();
    // Without a token, which the session is shown once.
    let mut hook = Command::new(home.binary());
    hook.arg("stop").env_clear().envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
    hook.env("CODEX_HOME", home.codex()).env("F5_GUARDRAILS_LOG_FILE", "off");
    let said = hook.stdin(fs::File::open(&payload).unwrap()).output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("No API token"), "{said:?}");
    assert!(home.codex().join("f5_guardrails").join("outage.json").exists());
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    home.is_as(&before, "after uninstall");
}

/// A hook of another tool, with what a terminal should not see in its command.
fn another_tools_hook(name: &str) -> String {
    format!(
        "\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\ncommand = \"{name} \\u001b[31m{}\"\n",
        "x".repeat(5000)
    )
}

#[test]
fn uninstall_names_a_hook_of_another_tool_that_it_moves() {
    let home = Home::new();
    home.write("config.toml", another_tools_hook("before").as_bytes());
    home.run(&INSTALL).succeeds("install");
    let text = home.read("config.toml");
    home.write("config.toml", format!("{text}{}", another_tools_hook("behind")).as_bytes());

    let dry = home.run(&["uninstall", "--scope", "user", "--dry-run"]).succeeds("dry run");
    // The lines of a note, and the last one of all.
    let dry = dry.replace("\n# ", " ").replace(" WARNING", "\n# WARNING");
    let said = home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");

    for (said, start) in [(dry, "# WARNING: "), (said, "  note    WARNING: ")] {
        let note = said.lines().find(|line| line.starts_with(start)).expect(&said);
        assert!(note.contains("Stop `behind [31mxxx") && note.contains("config.toml"), "{note}");
        assert!(note.contains("start `codex` and trust it again under /hooks"), "{note}");
        assert!(!note.contains('\u{1b}') && note.chars().count() < 700 && !note.contains("before"), "{note}");
    }
}

#[test]
fn install_names_a_hook_of_another_tool_that_it_moves() {
    let python = "\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\n\
                  command = \"python3 ~/.codex/hooks/f5_guardrails/stop.py\"\n";
    for (file, moves) in [
        (format!("{python}{python}{}", another_tools_hook("behind")), true),
        (format!("{python}{}{python}", another_tools_hook("between")), false),
        (another_tools_hook("before"), false),
    ] {
        let home = Home::new();
        home.write("config.toml", file.as_bytes());
        let dry = home.run(&with(&["--dry-run"])).succeeds("dry run");
        let said = home.run(&INSTALL).succeeds("install");
        assert_eq!(dry.contains("# WARNING: This moves a hook of another tool"), moves, "{dry}");
        assert_eq!(said.contains("note    WARNING: This moves a hook of another tool"), moves, "{said}");
    }
}

#[test]
fn of_two_hooks_that_it_replaces_install_keeps_the_one_that_moves_nobody() {
    let home = Home::new();
    home.run(&INSTALL).succeeds("install");
    let python = "[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\n\
                  command = \"python3 ~/.codex/hooks/f5_guardrails/stop.py\"\n";
    let text = home.read("config.toml");
    home.write("config.toml", format!("{python}{}\n{text}", another_tools_hook("between")).as_bytes());

    let said = home.run(&INSTALL).succeeds("again");

    assert!(!said.contains("WARNING: This moves"), "{said}");
    let text = home.read("config.toml");
    assert_eq!(text.matches("[[hooks.Stop]]").count(), 2, "{text}");
    assert!(text.find(" stop").unwrap() < text.find("between").unwrap(), "{text}");
}

#[test]
fn a_projects_trust_goes_with_it_and_nothing_else_does() {
    for registered in [false, true] {
        let home = Home::new();
        let project = home.path().join("repo");
        fs::create_dir(&project).unwrap();
        home.write("config.toml", b"\xef\xbb\xbf# mine\r\nmodel = \"x\"\r\n");
        if registered {
            home.run(&INSTALL).succeeds("a user installation");
        }
        let before = home.contents();
        let scope = ["--scope", "project", project.to_str().unwrap()];
        home.run(&[&["install"][..], &scope, &["--no-trust", "--skip-smoketest"]].concat())
            .succeeds("install");
        let text = home.read("config.toml");
        let file = project.canonicalize().unwrap().join(".codex").join("config.toml");
        // Codex names a file on Windows without the prefix that resolving its links brings.
        let file = file.display().to_string();
        let file = file.strip_prefix(r"\\?\").unwrap_or(&file);
        let key = |event: &str| format!("\r\n[hooks.state.'{file}:{event}:0:0']\r\n");
        let hash = "trusted_hash = \"sha256:1\"\r\n";
        let trusted = format!("{text}{}{hash}{}enabled = false\r\n", key("stop"), key("pre_tool_use"));
        home.write("config.toml", trusted.as_bytes());

        home.run(&[&["uninstall"][..], &scope].concat()).succeeds("uninstall");

        assert_eq!(home.read("config.toml"), text, "registered for the user: {registered}");
        home.is_as(&before, "nothing is left");
        assert!(!project.join(".codex").join("config.toml").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_symlinked_dotfile_stays_a_link_and_a_write_protected_one_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = Home::new();
    let dotfiles = home.path().join("dotfiles.toml");
    fs::write(&dotfiles, "model = \"x\"\n").unwrap();
    symlink(&dotfiles, home.codex().join("config.toml")).unwrap();
    home.run(&INSTALL).succeeds("install");
    assert!(home.codex().join("config.toml").is_symlink());
    assert!(fs::read_to_string(&dotfiles).unwrap().contains("pre-tool-use"));
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    assert_eq!(fs::read_to_string(&dotfiles).unwrap(), "model = \"x\"\n");

    fs::set_permissions(&dotfiles, fs::Permissions::from_mode(0o444)).unwrap();
    let said = home.run(&INSTALL).refuses();
    assert!(said.contains("write-protected"), "{said}");
    assert_eq!(fs::read_to_string(&dotfiles).unwrap(), "model = \"x\"\n");
}

#[test]
fn two_installations_at_once_leave_one_whole_registration() {
    let home = Home::new();
    home.write("config.toml", b"model = \"x\"\n");
    let before = home.contents();
    let mut runs: Vec<_> = (0..4)
        .map(|_| home.command(&INSTALL).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    for run in &mut runs {
        assert!(run.wait().unwrap().success());
    }
    let stop = format!("f5-guard{} stop", std::env::consts::EXE_SUFFIX);
    assert_eq!(home.read("config.toml").matches(&stop).count(), 2, "for the agent and its sub-agents");
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    home.is_as(&before, "after uninstall");
}

#[test]
fn a_kill_at_any_moment_leaves_whole_files_and_an_installation_that_can_be_taken_back() {
    let old = "# mine\r\nmodel = \"x\"\r\n";
    let mut installed = None;
    for step in 0..40_u64 {
        let home = Home::new();
        home.write("config.toml", old.as_bytes());
        let before = home.contents();
        let mut run = home.command(&INSTALL).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        // Not a synchronisation: each moment is as good as another, and every one must leave a whole file.
        std::thread::sleep(std::time::Duration::from_millis(step));
        let _ = run.kill();
        let _ = run.wait();
        let text = home.read("config.toml").replace(home.path().to_str().unwrap(), "HOME");
        if text != old {
            assert_eq!(*installed.get_or_insert(text.clone()), text, "old or new, never a part");
            assert_eq!(
                fs::read(home.binary()).unwrap(),
                fs::read(program()).unwrap(),
                "registered and there"
            );
        }
        home.run(&INSTALL).succeeds("the next run");
        home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
        assert_eq!(home.read("config.toml"), old, "step {step}");
        let left: Vec<_> = home.contents().into_keys().filter(|path| !before.contains_key(path)).collect();
        let named = |path: &Path| path.display().to_string();
        // What the killed run was writing may lie there under a temporary name; nothing else.
        assert!(
            left.iter()
                .all(|path| named(path).contains(".tmp") || path.is_dir() || named(path).contains(".bak-")),
            "{left:?}"
        );
    }
}

#[test]
fn the_repositorys_hook_files_are_what_print_writes() {
    let home = Home::new();
    for (file, more) in [("hooks.json", &[][..]), ("hooks-windows.json", &["--for-windows"])] {
        let line = [&["install", "--scope", "project", "--print", "hooks-json"], more].concat();
        let printed = home.run(&line).succeeds(file);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            printed,
            "{file}: write it again with f5-guard {}",
            line.join(" ")
        );
        assert!(!printed.contains(home.path().to_str().unwrap()));
    }
}

#[test]
fn print_serves_a_fleet_of_both_systems_and_changes_nothing() {
    use base64::Engine as _;
    let home = Home::new();
    let before = home.contents();
    let toml =
        home.run(&["install", "--print", "requirements-toml", "--fail-mode", "closed"]).succeeds("print");
    for part in [
        "managed_dir = \"/opt/f5-guard\"",
        r"windows_managed_dir = 'C:\ProgramData\f5-guard'",
        "command_windows",
        "--fail-mode closed",
    ] {
        assert!(toml.contains(part), "{part}: {toml}");
    }
    let mdm = home.run(&["install", "--print", "mdm-base64", "--fail-mode", "closed"]).succeeds("print");
    let decoded = base64::engine::general_purpose::STANDARD.decode(mdm.trim()).unwrap();
    assert_eq!(String::from_utf8(decoded).unwrap(), toml);
    home.is_as(&before, "print");
}

#[test]
fn a_projects_registration_warns_of_a_second_scan() {
    let home = Home::new();
    let project = home.path().join("repo");
    fs::create_dir(&project).unwrap();
    let line = ["install", "--scope", "project", project.to_str().unwrap(), "--skip-smoketest"];
    let said = home.run(&line).succeeds("install");
    assert!(!said.contains("WARNING"), "{said}");
    home.run(&INSTALL).succeeds("a user installation");
    let said = home.run(&line).succeeds("again");
    assert!(said.contains("WARNING: Your own Codex registers f5-guard too"), "{said}");
}

/// Ends the installer at the `number`th call of `call`; whether it got that far.
#[cfg(target_os = "linux")]
fn killed_at(home: &Home, call: &str, number: usize) -> bool {
    let plain = home.command(&INSTALL);
    let mut command = std::process::Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={call}"));
    command.arg("-e").arg(format!("inject={call}:signal=KILL:when={number}"));
    command.arg(plain.get_program()).args(plain.get_args()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(home.path());
    let done = command.stdin(Stdio::null()).output().expect("strace has to be installed");
    !done.status.success()
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs strace, and a kernel that allows it"]
fn a_kill_at_each_step_of_writing_leaves_the_old_or_the_new_file() {
    let old = "# mine\r\nmodel = \"x\"\r\n";
    let mut new = None;
    let mut kills = 0;
    for call in ["mkdir", "openat", "write", "fchmod", "fsync", "rename", "unlink"] {
        for number in 1..400 {
            let home = Home::new();
            home.write("config.toml", old.as_bytes());
            let was_killed = killed_at(&home, call, number);
            let text = home.read("config.toml").replace(home.path().to_str().unwrap(), "HOME");
            if text != old {
                assert_eq!(
                    *new.get_or_insert(text.clone()),
                    text,
                    "{call} {number}: old or new, never a part"
                );
                assert_eq!(fs::read(home.binary()).unwrap(), fs::read(program()).unwrap(), "{call} {number}");
            }
            home.run(&INSTALL).succeeds("the next run");
            home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
            assert_eq!(home.read("config.toml"), old, "{call} {number}");
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 15 && new.is_some(), "{kills} kills");
    println!("killed at {kills} steps");
}
