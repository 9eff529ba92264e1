//! A token that is stored for another service than the one in force, word for word.

use super::*;

const OTHER: &str = "http://127.0.0.1:8475";

/// The service in force is not the one that a token is stored for. It is no default: nothing here may reach that.
fn here() -> User {
    User { home: Home::new() }.set("F5_GUARDRAILS_BASE_URL", "https://f5.invalid")
}

fn moved() -> User {
    let user = here();
    let said = user.login(&["--no-verify", "--base-url", OTHER], TOKEN);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    user
}

/// What a hook's JSON holds.
fn texts(said: &Said) -> [String; 2] {
    let answer: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    ["systemMessage", "reason"].map(|name| answer[name].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_hook_names_both_addresses_and_what_to_do() {
    let user = moved();
    let open = texts(&user.prompt("hello", &[]));
    assert_eq!(
        open[0],
        "F5 Guardrails did NOT scan your prompt; it goes ahead (fail mode open). No API token is stored for \
         https://f5.invalid, only for http://127.0.0.1:8475. If that is your service, run `f5-guard install \
         --base-url http://127.0.0.1:8475 --trust`; if not, `f5-guard login`."
    );
    let [notice, reason] = texts(&user.prompt("hello", &["--fail-mode", "closed"]));
    assert_eq!(
        (notice.as_str(), reason.as_str()),
        (
            "Your prompt was not sent.",
            "F5 Guardrails could not scan it (fail mode closed). No API token is stored for \
             https://f5.invalid, only for http://127.0.0.1:8475. If that is your service, run `f5-guard \
             install --base-url http://127.0.0.1:8475 --trust`; if not, `f5-guard login`."
        )
    );
    let flag = ["--fail-mode", "closed", "--base-url", "https://theirs.example"];
    assert_eq!(
        texts(&user.prompt("hello", &flag))[1],
        "F5 Guardrails could not scan it (fail mode closed). No API token is stored for https://theirs.example, only for \
         http://127.0.0.1:8475. Run `f5-guard login`, or if that is your service, `f5-guard install --base-url \
         http://127.0.0.1:8475 --trust`."
    );
}

#[test]
fn each_session_is_told_once_of_a_token_that_is_stored_elsewhere() {
    let user = moved();
    assert!(texts(&user.prompt("hello", &[]))[0].contains("only for"));
    assert_eq!(user.prompt("hello again", &[]).stdout, "");
    let log = user.home.read("logs/f5_guardrails.log");
    assert_eq!(log.matches("\"cause\":\"no_token\"").count(), 2, "{log}");
}

#[test]
fn the_log_says_it_too_and_why_repeats_it() {
    let user = moved();
    user.prompt("hello", &[]);
    let why = user.run(&["why"], "").stdout;
    let rows: Vec<&str> = why.lines().filter(|line| !line.contains("When ")).collect();
    assert_eq!(
        one_line(&rows.join("\n")),
        one_line(
            "\
A prompt went ahead without a scan
  Session      s
  Why          No API token is stored for https://f5.invalid, only for
               http://127.0.0.1:8475.
  Fail mode    open, so it went ahead
  What to do   If that is your service, run `f5-guard install --base-url
               http://127.0.0.1:8475 --trust`; if not, `f5-guard login`."
        )
    );
}

#[test]
fn status_names_the_other_address_and_the_way_out() {
    let said = moved().run(&["login", "--status"], "");
    assert_eq!(said.code, Some(1));
    assert_eq!(
        one_line(&said.stdout),
        one_line("\
Service  https://f5.invalid (from the variable F5_GUARDRAILS_BASE_URL)
[FAIL]   No API token is stored for https://f5.invalid, only for http://127.0.0.1:8475.
         Fix: If that is your service, run `f5-guard install --base-url http://127.0.0.1:8475 --trust`; if not, `f5-guard login`.
")
    );
    let user = here();
    assert_eq!(
        one_line(&user.run(&["login", "--status"], "").stdout),
        one_line(
            "\
Service  https://f5.invalid (from the variable F5_GUARDRAILS_BASE_URL)
[FAIL]   No API token is set.
         Fix: Run `f5-guard login`, or set F5_GUARDRAILS_API_TOKEN where Codex is started, and restart Codex.
"
        )
    );
}

#[test]
fn a_smoke_test_names_the_other_address() {
    let said = moved().run(&["smoketest"], "");
    assert_eq!(said.code, Some(1));
    for words in ["only for http://127.0.0.1:8475.", "install --base-url http://127.0.0.1:8475 --trust"] {
        assert!(one_line(&said.stdout).contains(words), "{}", said.stdout);
    }
    let said = moved().run(&["smoketest", "--base-url", "https://theirs.example"], "");
    assert!(one_line(&said.stdout).contains("only for http://127.0.0.1:8475."), "{}", said.stdout);
}

#[test]
fn logout_names_what_is_stored_for_others_and_how_to_remove_it() {
    let user = moved();
    let global = ["--global", "--no-verify", "--base-url", "http://[::1]:9"];
    assert_eq!(user.login(&global, TOKEN).code, Some(0));
    let said = user.run(&["logout"], "");
    assert_eq!(said.code, Some(0));
    assert_eq!(
        one_line(&said.stdout),
        one_line("\
No token is stored for https://f5.invalid.
A token for http://127.0.0.1:8475 is stored. To remove it: `f5-guard logout --base-url http://127.0.0.1:8475`
The global token for http://[::1]:9 is stored. To remove it: `f5-guard logout --global --base-url 'http://[::1]:9'`
")
    );
    let said = user.run(&["logout", "--base-url", OTHER], "").stdout;
    let said = one_line(&said);
    assert!(said.starts_with("Removed the token for http://127.0.0.1:8475 from the file "), "{said}");
    assert!(said.contains(" The global token for http://[::1]:9 is stored."), "{said}");
    let said = user.run(&["logout", "--global", "--base-url", "http://[::1]:9"], "").stdout;
    assert!(
        said.starts_with("Removed the token for http://[::1]:9 from the file") && !said.contains("is stored"),
        "{said}"
    );
    assert_eq!(user.run(&["logout"], "").stdout, "No token is stored for https://f5.invalid.\n");
}

#[test]
fn a_global_token_elsewhere_is_named_to_those_who_need_one() {
    let user = here();
    user.login(&["--global", "--no-verify", "--base-url", OTHER], TOKEN);
    for arguments in [&["login", "--status", "--global"][..], &["dump-config", "--output", "-"]] {
        let said = user.run(arguments, "");
        let all = one_line(&(said.stdout + &said.stderr));
        assert!(
            all.contains("only for http://127.0.0.1:8475.")
                && all.contains(
                    "Give `--base-url http://127.0.0.1:8475`, or run `f5-guard login --global --base-url "
                ),
            "{all}"
        );
    }
    // It is no token for scans.
    assert!(texts(&user.prompt("hello", &[]))[0].contains("No API token is set."));
}

#[test]
fn login_says_where_hooks_do_not_find_the_token() {
    let note = |user: &User, more: &[&str]| {
        let said = user.login(&[&["--no-verify"], more].concat(), TOKEN).stdout;
        let note = said.replace("\n         ", " ");
        note.lines().find_map(|line| line.strip_prefix("Note     ").map(str::to_owned))
    };
    assert_eq!(
        note(&here(), &["--base-url", OTHER]).as_deref(),
        Some(
            "Hooks that start here use https://f5.invalid and do not find it. To register the address: `f5-guard install \
             --base-url http://127.0.0.1:8475 --trust`."
        )
    );
    let user = User { home: Home::new() }.set("F5_GUARDRAILS_BASE_URL", OTHER);
    assert_eq!(
        note(&user, &[]).as_deref(),
        Some(
            "Hooks that are started without F5_GUARDRAILS_BASE_URL use https://www.us1.calypsoai.app and do not find it. To \
             register the address: `f5-guard install --base-url http://127.0.0.1:8475 --trust`."
        )
    );
    let install = ["install", "--no-trust", "--skip-smoketest", "--base-url", OTHER];
    user.home.run(&install).succeeds("install");
    for more in [&[][..], &["--base-url", OTHER]] {
        assert_eq!(note(&user, more), None, "{more:?}");
    }
}

#[test]
fn an_installation_without_a_token_names_the_other_address() {
    let user = moved();
    let settings = user.home.path().join(".config");
    let user = user.set("APPDATA", settings.to_str().unwrap());
    let said =
        user.home.run(&["install", "--no-trust"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains(
            "only for http://127.0.0.1:8475. If that is your service, run `f5-guard install --base-url \
             http://127.0.0.1:8475 --trust`"
        ),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_another_user_could_have_written_names_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let user = moved();
    fs::set_permissions(user.tokens(), fs::Permissions::from_mode(0o666)).unwrap();
    let said = texts(&user.prompt("hello", &[]));
    assert!(said[0].contains("other users can write to it") && !said[0].contains("8475"), "{said:?}");
}
