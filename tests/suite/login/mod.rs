//! `login`, `logout` and where hooks find the token, with the built program in a home of its own. The store of the
//! system has a suite of its own (`secret_service`); here it is out of reach, and tokens go into the file.

mod elsewhere;
#[cfg(unix)]
mod terminal;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::home::one_line;
use crate::install_support::Home;
use f5_stand_in::f5::{F5, Fault, TOKEN, Verdict};

const FLAGGED: &str = "text that a scanner minds";

/// What a command said, and how it ended.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

struct User {
    home: Home,
}

impl User {
    /// Of this service, in an environment that names nothing but its address.
    fn of(api: &F5) -> Self {
        Self { home: Home::new().set("F5_GUARDRAILS_BASE_URL", &api.base_url()) }
    }

    fn set(self, name: &str, value: &str) -> Self {
        Self { home: self.home.set(name, value) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(crate::install_support::program());
        command.args(arguments);
        // The environment of the home, without the option that only some subcommands have.
        let template = self.home.command(&[]);
        command.env_clear().current_dir(self.home.path());
        command.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("APPDATA", self.home.path().join(".config"));
        command
    }

    fn run(&self, arguments: &[&str], stdin: &str) -> Said {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Some end before they read it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let done = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Said {
            code: done.status.code(),
            stdout: text(done.stdout),
            stderr: one_line(&text(done.stderr)),
        };
        assert!(
            !said.stdout.contains(TOKEN) && !said.stderr.contains(TOKEN),
            "{}\n{}",
            said.stdout,
            said.stderr
        );
        said
    }

    /// Logs in, into the file.
    fn login(&self, more: &[&str], token: &str) -> Said {
        self.run(&[&["login", "--stdin", "--file"], more].concat(), token)
    }

    fn logged_in(self) -> Self {
        let said = self.login(&[], TOKEN);
        assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
        self
    }

    /// The answer to a prompt.
    fn prompt(&self, text: &str, more: &[&str]) -> Said {
        let payload = serde_json::json!({"hook_event_name": "UserPromptSubmit", "session_id": "s",
            "turn_id": "t", "cwd": "/", "prompt": text});
        self.run(&[&["user-prompt-submit"], more].concat(), &payload.to_string())
    }

    fn tokens(&self) -> PathBuf {
        self.home.path().join(".config").join("f5-guard").join("tokens.json")
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn service() -> F5 {
    F5::builder().when(FLAGGED, Verdict::flagged()).start()
}

fn idle() -> F5 {
    F5::builder().may_stay_idle().start()
}

#[test]
fn a_hook_without_a_variable_scans_with_the_stored_token() {
    let api = service();
    let user = User::of(&api).logged_in();
    let said = user.prompt(FLAGGED, &["--fail-mode", "closed"]);
    assert!(
        said.stdout.contains("\"decision\":\"block\"") && said.stdout.contains("F5 Guardrails found"),
        "{}",
        said.stdout
    );
    assert_eq!(user.prompt("a harmless prompt", &["--fail-mode", "closed"]).stdout, "");
}

#[test]
fn a_token_is_sent_to_the_address_that_it_was_stored_for_alone() {
    let (api, elsewhere) = (service(), idle());
    let user = User::of(&api).logged_in();
    let said = user.prompt("hello", &["--base-url", &elsewhere.base_url(), "--fail-mode", "closed"]);
    assert!(said.stdout.contains("No API token is stored for"), "{}", said.stdout);
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn the_address_and_who_chose_it_are_shown_first() {
    let api = service();
    let user = User::of(&api);
    let said = user.login(&[], TOKEN);
    let first = format!("Service  {} (from the variable F5_GUARDRAILS_BASE_URL)\n", api.base_url());
    assert!(said.stdout.starts_with(&first), "{}", said.stdout);
    let said = user.login(&["--base-url", &api.base_url()], TOKEN);
    assert!(said.stdout.contains("(from --base-url)"), "{}", said.stdout);
    let nobody = User { home: Home::new() };
    let said = nobody.login(&["--no-verify"], TOKEN);
    assert!(
        said.stdout.starts_with("Service  https://www.us1.calypsoai.app (the default)\n"),
        "{}",
        said.stdout
    );
}

#[test]
fn the_users_registered_hooks_choose_the_address_and_a_projects_do_not() {
    let (api, other) = (service(), idle());
    let user = User { home: Home::new() };
    user.home
        .run(&["install", "--no-trust", "--skip-smoketest", "--base-url", &api.base_url()])
        .succeeds("install");
    let project = user.home.path().join("project");
    fs::create_dir_all(project.join(".git")).unwrap();
    let registered = user.home.read("config.toml").replace(&api.base_url(), &other.base_url());
    fs::create_dir(project.join(".codex")).unwrap();
    fs::write(project.join(".codex").join("config.toml"), registered).unwrap();
    let mut command = user.command(&["login", "--status"]);
    let said = command.current_dir(&project).output().unwrap();
    let said = one_line(&String::from_utf8(said.stdout).unwrap());
    let first = format!("Service {} (--base-url of the hooks registered in ", api.base_url());
    assert!(said.starts_with(&first) && !said.contains(&other.base_url()), "{said}");
    let said = user.login(&[], TOKEN);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert_eq!(user.prompt("hello", &["--base-url", &api.base_url(), "--fail-mode", "closed"]).stdout, "");
}

#[test]
fn a_smoke_test_goes_where_the_users_hooks_go_and_says_so() {
    let (api, other) = (service(), service());
    let user = User { home: Home::new() }.set("F5_GUARDRAILS_BASE_URL", &other.base_url());
    let user = user.set("F5_GUARDRAILS_API_TOKEN", TOKEN);
    let key = user.home.path().join("key");
    fs::write(&key, TOKEN).unwrap();
    let options =
        ["--base-url", &api.base_url(), "--project-id", "p-7", "--token-file", key.to_str().unwrap()];
    let install = [&["install", "--no-trust", "--skip-smoketest"], &options[..]].concat();
    user.home.run(&install).succeeds("install");
    let before = api.scans().len();
    let said = user.run(&["smoketest"], "");
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    for words in ["--base-url of the hooks registered in ", "project p-7", "--token-file is set"] {
        assert!(one_line(&said.stdout).contains(words), "{words}: {}", said.stdout);
    }
    assert_eq!((api.scans().len() - before, other.scans().len()), (1, 0));

    // What is given here wins, and is told to be something else.
    let said = user.run(&["smoketest", "--base-url", &other.base_url()], "");
    assert!(said.stdout.contains("(from --base-url)"), "{}", said.stdout);
    assert!(one_line(&said.stdout).contains("use another address"), "{}", said.stdout);
    assert_eq!(other.scans().len(), 1);
}

#[test]
fn a_token_that_the_service_refuses_is_not_stored() {
    let api = service();
    let user = User::of(&api);
    let said = user.login(&[], "another-token");
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("HTTP 401") && said.stdout.contains("--base-url"), "{}", said.stdout);
    assert!(said.stderr.contains("nothing was stored"), "{}", said.stderr);
    assert!(!user.tokens().exists());
}

#[test]
fn a_token_that_could_not_be_tried_is_stored_only_on_demand() {
    let api = F5::builder().always(Fault::status(500)).start();
    let user = User::of(&api);
    let said = user.login(&[], TOKEN);
    assert_eq!((said.code, user.tokens().exists()), (Some(1), false), "{}", said.stdout);
    let said = user.login(&["--no-verify"], TOKEN);
    assert_eq!((said.code, user.tokens().exists()), (Some(0), true), "{}", said.stderr);
}

#[test]
fn a_greeting_that_a_scanner_minds_proves_the_token_too() {
    let api = F5::builder().always(Verdict::flagged()).start();
    let user = User::of(&api);
    let said = user.login(&[], TOKEN);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("The token works, but the greeting was flagged"), "{}", said.stdout);
}

#[test]
fn what_can_be_no_token_is_sent_nowhere() {
    let api = idle();
    let user = User::of(&api);
    for text in ["", " \n", "two words", "tok\u{e4}n", &"x".repeat(3000)] {
        let said = user.login(&[], text);
        assert_eq!(said.code, Some(1), "{text:?}");
        assert!(said.stderr.contains("othing was stored"), "{}", said.stderr);
    }
    assert_eq!(api.requests().len(), 0);
    assert!(!user.tokens().exists());
}

#[test]
fn without_a_terminal_the_token_has_to_come_on_stdin() {
    let api = idle();
    let said = User::of(&api).run(&["login", "--file"], TOKEN);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("login --stdin"), "{}", said.stderr);
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn without_a_store_the_file_is_named_before_a_token_is_read() {
    let api = idle();
    let user = User::of(&api);
    let said = user.run(&["login", "--stdin"], TOKEN);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("no secret store") && said.stderr.contains("login --file"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("not encrypted"), "{}", said.stderr);
}

#[cfg(unix)]
#[test]
fn the_file_is_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let api = service();
    let user = User::of(&api).logged_in();
    assert_eq!(fs::metadata(user.tokens()).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(user.tokens(), fs::Permissions::from_mode(0o660)).unwrap();
    let said = user.prompt("hello", &["--fail-mode", "closed"]);
    assert!(said.stdout.contains("other users can write to it"), "{}", said.stdout);
}

#[test]
fn status_says_where_the_token_comes_from_and_whether_it_works() {
    let api = service();
    let user = User::of(&api);
    let said = user.run(&["login", "--status"], "");
    assert_eq!(said.code, Some(1));
    assert!(
        said.stdout.contains("No API token is set.") && said.stdout.contains("`f5-guard login`"),
        "{}",
        said.stdout
    );
    let user = user.logged_in();
    let said = user.run(&["login", "--status"], "");
    assert_eq!(said.code, Some(0), "{}", said.stdout);
    assert!(said.stdout.contains("login --file") && said.stdout.contains("cleared"), "{}", said.stdout);
    let user = user.set("F5_GUARDRAILS_API_TOKEN", "a-wrong-token");
    let said = user.run(&["login", "--status"], "");
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("from F5_GUARDRAILS_API_TOKEN, which comes before"), "{}", said.stdout);
    assert!(said.stdout.contains("HTTP 401") && !said.stdout.contains("a-wrong-token"), "{}", said.stdout);
}

#[test]
fn a_variable_that_comes_before_the_stored_token_is_named() {
    let api = service();
    let user = User::of(&api).set("F5_GUARDRAILS_API_TOKEN", TOKEN);
    let said = user.login(&[], TOKEN);
    assert!(said.stdout.contains("F5_GUARDRAILS_API_TOKEN is set here and comes before"), "{}", said.stdout);
}

#[test]
fn a_refused_stored_token_leads_to_login() {
    let api = service();
    let user = User::of(&api);
    user.login(&["--no-verify"], "an-old-token");
    let said = user.prompt("hello", &["--fail-mode", "closed"]);
    assert!(
        said.stdout.contains("HTTP 401") && said.stdout.contains("Run `f5-guard login`"),
        "{}",
        said.stdout
    );
    let user = user.set("F5_GUARDRAILS_API_TOKEN", "an-old-token");
    let said = user.prompt("hello", &["--fail-mode", "closed"]);
    assert!(said.stdout.contains("Check F5_GUARDRAILS_API_TOKEN"), "{}", said.stdout);
}

#[test]
fn logout_removes_the_token_of_this_address() {
    let api = service();
    let user = User::of(&api).logged_in();
    user.login(&["--base-url", "https://other.example", "--no-verify"], TOKEN);
    let said = user.run(&["logout"], "");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("Removed the token for http://127.0.0.1"), "{}", said.stdout);
    assert!(user.prompt("hello", &["--fail-mode", "closed"]).stdout.contains("No API token"));
    assert!(fs::read_to_string(user.tokens()).unwrap().contains("https://other.example"));
    let again = user.run(&["logout"], "");
    assert_eq!(again.code, Some(0));
    assert!(again.stdout.contains("No token is stored"), "{}", again.stdout);
    user.run(&["logout", "--base-url", "https://other.example"], "");
    assert!(!user.tokens().exists());
}

#[test]
fn the_registered_file_wins_over_the_variable() {
    let api = service();
    let user = User::of(&api).set("F5_GUARDRAILS_API_TOKEN", "a-wrong-token");
    let file = user.file("token", &format!("{TOKEN}\n"));
    let closed = ["--fail-mode", "closed", "--token-file"];
    assert_eq!(user.prompt("hello", &[&closed[..], &[&file]].concat()).stdout, "");
    let missing = format!("{file}.missing");
    let said = user.prompt("hello", &[&closed[..], &[&missing]].concat());
    assert!(
        said.stdout.contains("--token-file") && said.stdout.contains("does not exist"),
        "{}",
        said.stdout
    );
}

#[test]
fn a_secret_mount_is_read_where_no_variable_holds_the_token() {
    let api = service();
    let user = User::of(&api);
    let file = user.file("token", &format!("{TOKEN}\r\n"));
    let user = user.set("F5_GUARDRAILS_API_TOKEN_FILE", &file);
    assert_eq!(user.prompt("hello", &["--fail-mode", "closed"]).stdout, "");
    let said = user.run(&["login", "--status"], "");
    assert!(said.stdout.contains("from F5_GUARDRAILS_API_TOKEN_FILE"), "{}", said.stdout);
    let said = user.run(&["smoketest", "--no-fail"], "");
    assert!(said.stdout.contains("F5_GUARDRAILS_API_TOKEN_FILE is set"), "{}", said.stdout);
}

#[test]
fn an_installation_keeps_the_registered_token_file() {
    let api = idle();
    let user = User::of(&api);
    let file = user.file("token", "x\n");
    let install = |more: &[&str]| {
        let arguments = [&["install", "--no-trust", "--skip-smoketest"], more].concat();
        user.home.run(&arguments).succeeds("install");
        user.home.read("config.toml").matches("--token-file").count()
    };
    assert_eq!(install(&["--token-file", &file]), 5);
    assert_eq!(install(&[]), 5);
    let refused = user.home.run(&["install", "--token-file", "no-such-file"]).refuses();
    assert!(refused.contains("--token-file can't be used: there is no such file"), "{refused}");
}

#[test]
fn uninstall_keeps_stored_tokens_and_purge_removes_them() {
    let api = service();
    let user = User::of(&api).logged_in();
    user.home.run(&["install", "--no-trust", "--skip-smoketest"]).succeeds("install");
    let said = user.run(&uninstall(&[]), "");
    assert!(said.stdout.contains("Stored tokens stay") && said.stdout.contains("--purge"), "{}", said.stdout);
    // The program that is left, and not the one that was just deleted.
    // Cargo has Unix' spelling of its path under Wine.
    let program =
        crate::install_support::program().to_str().unwrap().replace('/', std::path::MAIN_SEPARATOR_STR);
    assert!(said.stdout.contains(&program), "{}", said.stdout);
    assert!(!said.stdout.contains("`f5-guard "), "{}", said.stdout);
    assert!(user.tokens().exists());
    let said = user.run(&uninstall(&["--purge"]), "");
    assert!(one_line(&said.stdout).contains("tokens.json (deleted)"), "{}", said.stdout);
    assert!(!user.tokens().exists());
}

fn uninstall<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["uninstall", "--scope", "user"], more].concat()
}

#[test]
fn hiding_the_token_is_undone_to_the_byte() {
    let home = Home::new();
    let before = "# mine\r\n[shell_environment_policy]\r\nexclude = [\r\n  'AWS_*', # cloud\r\n]\r\n";
    home.write("config.toml", before.as_bytes());
    home.run(&["install", "--no-trust", "--skip-smoketest", "--hide-token"]).succeeds("install");
    let hidden =
        "  'AWS_*', # cloud\r\n  \"F5_GUARDRAILS_API_TOKEN\",\r\n  \"F5_GLOBAL_API_TOKEN\",\r\n]\r\n";
    assert!(home.read("config.toml").contains(hidden), "{}", home.read("config.toml"));
    home.run(&["install", "--no-trust", "--skip-smoketest"]).succeeds("again, without the option");
    assert!(home.read("config.toml").contains(hidden));
    home.run(&["uninstall"]).succeeds("uninstall");
    assert_eq!(home.read("config.toml"), before);
}

#[test]
fn a_list_that_an_installation_made_goes_with_it() {
    for format in ["toml", "json"] {
        let home = Home::new();
        let arguments = ["install", "--no-trust", "--skip-smoketest", "--hide-token", "--format", format];
        home.run(&arguments).succeeds("install");
        assert!(
            home.read("config.toml")
                .contains("exclude = [\"F5_GUARDRAILS_API_TOKEN\", \"F5_GLOBAL_API_TOKEN\"]")
        );
        home.run(&["uninstall"]).succeeds("uninstall");
        assert!(!home.codex().join("config.toml").exists(), "{format}");
    }
}

#[test]
fn nobody_asked_means_that_nothing_is_hidden_and_that_it_is_said() {
    let home = Home::new().set("F5_GUARDRAILS_API_TOKEN", TOKEN);
    let said = home.run(&["install", "--no-trust", "--skip-smoketest"]).succeeds("install");
    assert!(said.contains("can read F5_GUARDRAILS_API_TOKEN") && said.contains("--hide-token"), "{said}");
    assert!(!home.read("config.toml").contains("shell_environment_policy"));
}

#[test]
fn only_the_users_own_file_hides_the_token() {
    let home = Home::new();
    let refused = home.run(&["install", "--scope", "project", "--hide-token"]).refuses();
    assert!(refused.contains("--hide-token is for --scope user"), "{refused}");
}
