//! Where an installation writes, and what it does where it can't.

use super::*;

/// A repository with a linked worktree beside it, as `git worktree add` leaves them.
#[cfg(unix)]
fn worktree(home: &Home) -> (std::path::PathBuf, std::path::PathBuf) {
    let real = home.path().canonicalize().unwrap();
    let (main, feature) = (real.join("main"), real.join("feature"));
    let linked = main.join(".git").join("worktrees").join("feature");
    for folder in [&linked, &feature] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(linked.join("gitdir"), format!("{}\n", feature.join(".git").display())).unwrap();
    fs::write(linked.join("commondir"), "../..\n").unwrap();
    fs::write(feature.join(".git"), format!("gitdir: {}\n", linked.display())).unwrap();
    (main, feature)
}

/// The command in this folder of a project.
#[cfg(unix)]
fn project(home: &Home, subcommand: &str, folder: &Path) -> Command {
    let mut command = home.command(&[subcommand, "--scope", "project"]);
    command.current_dir(folder);
    command
}

#[cfg(unix)]
#[test]
fn in_a_linked_worktree_the_main_checkout_is_registered() {
    let home = Home::new();
    let (main, feature) = worktree(&home);
    let mut install = project(&home, "install", &feature);
    let said = Run::of(install.args(["--no-trust", "--skip-smoketest"]), b"").succeeds("install");
    assert!(said.contains("linked worktree"), "{said}");
    assert!(main.join(".codex/config.toml").is_file(), "{said}");
    let left = fs::read_dir(feature.join(".codex")).unwrap().count();
    assert_eq!(left, 0, "the worktree gets the folder that Codex looks for, and nothing in it");
    let mut uninstall = Command::new(program());
    uninstall.args(["uninstall", "--scope", "project"]).current_dir(&feature);
    uninstall.env_clear().env("HOME", home.path()).env("CODEX_HOME", home.codex());
    Run::of(&mut uninstall, b"").succeeds("uninstall");
    assert!(!main.join(".codex/config.toml").exists());
}

#[cfg(unix)]
#[test]
fn two_homes_with_one_file_are_said_to_share_it() {
    let home = Home::new();
    home.run(&INSTALL).succeeds("install");
    let second = home.path().join("second");
    fs::create_dir(&second).unwrap();
    std::os::unix::fs::symlink(home.codex().join("config.toml"), second.join("config.toml")).unwrap();
    let mut install = home.command(&INSTALL);
    let said = Run::of(install.env("CODEX_HOME", &second), b"").succeeds("install");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("is also the file of the Codex home"), "{said}");
    assert!(!said.contains("WARNING: NOT F5-GUARD'S"), "{said}");
    // And the other way round.
    let said = home.run(&INSTALL).succeeds("install again");
    assert!(said.contains("is also the file of the Codex home"), "{said}");
}

#[test]
fn a_file_in_which_codex_can_keep_no_trust_is_foreseen() {
    let home = Home::new();
    home.write("config.toml", b"model = \"x\"\n");
    let config = home.codex().join("config.toml");
    let permissions = |readonly| {
        #[cfg(unix)]
        let permissions = {
            use std::os::unix::fs::PermissionsExt;
            fs::Permissions::from_mode(if readonly { 0o400 } else { 0o600 })
        };
        #[cfg(windows)]
        let permissions = {
            let mut permissions = fs::metadata(&config).unwrap().permissions();
            permissions.set_readonly(readonly);
            permissions
        };
        fs::set_permissions(&config, permissions).unwrap();
    };
    permissions(true);
    let said = home.run(&with(&["--format", "json", "--dry-run"])).succeeds("a dry run");
    permissions(false);
    assert!(said.contains("# Codex can't store your trust"), "{said}");
    assert!(said.contains("--scope system"), "{said}");
    let said = home.run(&with(&["--format", "json", "--dry-run"])).succeeds("a dry run");
    assert!(!said.contains("can't store"), "{said}");
}

#[test]
fn no_line_of_the_notes_is_longer_than_a_terminal() {
    let home = Home::new();
    let said = Run::of(&mut home.command(&INSTALL), b"").succeeds("install");
    let notes = said
        .lines()
        .skip_while(|line| !line.starts_with("  note"))
        .filter(|line| !line.contains(['/', '\\']));
    let longest = notes.map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest <= 80), "{said}");
}
