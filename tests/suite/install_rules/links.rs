//! Links that a repository brings along, and what is there instead of f5-guard's own files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::INSTALL;
use crate::install_support::Home;

/// A user who works on a repository that somebody else wrote.
struct Repository {
    home: Home,
    path: PathBuf,
}

impl Repository {
    fn new() -> Self {
        let home = Home::new();
        home.write("config.toml", b"model = \"x\"\n");
        let path = home.path().join("src").join("repo");
        fs::create_dir_all(path.join(".git")).unwrap();
        Self { home, path }
    }

    fn file(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        path
    }

    fn link(&self, target: impl AsRef<Path>, name: &str) {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn line<'a>(&'a self, subcommand: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&[subcommand, "--scope", "project", self.path.to_str().unwrap()], more].concat()
    }

    /// Installation and uninstallation, tried or only shown: each is refused with these words and changes nothing.
    #[track_caller]
    fn is_refused(&self, words: &[&str]) {
        let before = (self.home.contents(), snapshot(self.home.path()));
        for (subcommand, more) in [
            ("install", &["--skip-smoketest"][..]),
            ("install", &["--dry-run"]),
            ("uninstall", &[]),
            ("uninstall", &["--dry-run"]),
        ] {
            let said = self.home.run(&self.line(subcommand, more)).refuses();
            assert!(words.iter().any(|word| said.contains(word)), "{subcommand} {more:?}: {said}");
            assert_eq!((self.home.contents(), snapshot(self.home.path())), before, "{subcommand} {more:?}");
        }
    }
}

/// Every file below, with what it is and says.
fn snapshot(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut paths = vec![folder.to_owned()];
    while let Some(path) = paths.pop() {
        let data = fs::symlink_metadata(&path).unwrap();
        let content = if data.is_symlink() {
            format!("-> {:?}", fs::read_link(&path).unwrap())
        } else if data.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            String::new()
        } else {
            format!("{:?}", fs::read(&path).unwrap())
        };
        found.push((path, content));
    }
    found.sort();
    found
}

const OUT: &str = "leads out of the project";
const OWN: &str = "your own Codex's configuration";

#[test]
fn a_repositorys_link_to_the_users_own_configuration_is_refused() {
    for name in [".codex/config.toml", ".codex/hooks.json"] {
        let repository = Repository::new();
        repository.link(repository.home.codex().join("config.toml"), name);
        repository.is_refused(&[OUT, OWN]);
    }
    let repository = Repository::new();
    repository.link("../../.codex", ".codex");
    repository.is_refused(&[OWN]);
}

#[test]
fn links_that_lead_out_of_a_repository_are_refused_however_they_do() {
    let cases: [fn(&Repository); 7] = [
        // A file outside, that exists or not, also by a relative path or through a chain.
        |repository| {
            fs::write(repository.home.path().join("other.toml"), "").unwrap();
            repository.link("../../../other.toml", ".codex/config.toml");
        },
        |repository| repository.link(repository.home.path().join("missing.toml"), ".codex/config.toml"),
        |repository| {
            repository.link("../a", ".codex/config.toml");
            repository.link("../outside.toml", "a");
        },
        // The folder.
        |repository| {
            fs::create_dir(repository.home.path().join("elsewhere")).unwrap();
            repository.link("../../elsewhere", ".codex");
        },
        // The folder out, and a file in it back in: a backup would be put outside.
        |repository| {
            fs::create_dir(repository.home.path().join("elsewhere")).unwrap();
            repository.link(repository.home.path().join("elsewhere"), ".codex");
            let inside = repository.file("config.toml");
            symlink(inside, repository.home.path().join("elsewhere/config.toml")).unwrap();
        },
        // Through a folder of the repository's that is a link.
        |repository| {
            fs::create_dir(repository.home.path().join("elsewhere")).unwrap();
            repository.link("../../elsewhere", "shared");
            repository.link("../shared/config.toml", ".codex/config.toml");
        },
        // Not out, but into what git keeps.
        |repository| {
            fs::write(repository.path.join(".git/config"), "[core]\nbare = false\n").unwrap();
            repository.link("../.git/config", ".codex/config.toml");
        },
    ];
    for prepare in cases {
        let repository = Repository::new();
        prepare(&repository);
        repository.is_refused(&[OUT]);
    }
}

#[test]
fn a_link_to_nowhere_and_a_file_in_the_folders_place_are_refused() {
    let repository = Repository::new();
    repository.link("missing", ".codex");
    repository.is_refused(&["leads nowhere"]);
    let repository = Repository::new();
    repository.file(".codex");
    repository.is_refused(&["is a file"]);
}

#[test]
fn links_that_stay_in_the_repository_are_followed_and_stay() {
    type Prepare = fn(&Repository);
    let cases: [(&str, Prepare); 3] = [
        ("shared/config.toml", |repository| {
            repository.file("shared/config.toml");
            repository.link("../shared/config.toml", ".codex/config.toml");
        }),
        ("tools/codex/config.toml", |repository| {
            fs::create_dir_all(repository.path.join("tools/codex")).unwrap();
            repository.link("tools/codex", ".codex");
        }),
        ("new.toml", |repository| repository.link("../new.toml", ".codex/config.toml")),
    ];
    for (target, prepare) in cases {
        let repository = Repository::new();
        prepare(&repository);
        let before = snapshot(&repository.path);
        let install = repository.line("install", &["--skip-smoketest"]);
        repository.home.run(&install).succeeds(target);
        let text = fs::read_to_string(repository.path.join(target)).unwrap();
        assert!(text.contains("user-prompt-submit"), "{target}: {text}");
        repository.home.run(&repository.line("uninstall", &[])).succeeds(target);
        let links = |files: Vec<(PathBuf, String)>| -> Vec<_> {
            files.into_iter().filter(|(_, content)| content.starts_with("->")).collect()
        };
        assert_eq!(links(snapshot(&repository.path)), links(before), "{target}");
    }
}

#[test]
fn a_repository_that_is_reached_through_a_link_is_a_repository() {
    let mut repository = Repository::new();
    let link = repository.home.path().join("link");
    symlink(&repository.path, &link).unwrap();
    let real = std::mem::replace(&mut repository.path, link);
    repository.home.run(&repository.line("install", &["--skip-smoketest"])).succeeds("install");
    assert!(fs::read_to_string(real.join(".codex/config.toml")).unwrap().contains("user-prompt-submit"));
}

#[test]
fn a_project_inside_a_repository_may_not_link_to_the_rest_of_it() {
    let mut repository = Repository::new();
    repository.file("shared.toml");
    repository.link("../../shared.toml", "part/.codex/config.toml");
    repository.path.push("part");
    repository.is_refused(&[OUT]);
}

/// Somebody whose home folder is a repository of dotfiles unpacks a project that is none.
#[test]
fn a_home_that_is_a_repository_is_not_what_a_project_in_it_may_link_to() {
    for is_elsewhere in [false, true] {
        let mut repository = Repository::new();
        let users = tempfile::tempdir().unwrap();
        if is_elsewhere {
            repository.home = repository.home.set("CODEX_HOME", users.path().to_str().unwrap());
        }
        fs::create_dir(repository.home.path().join(".git")).unwrap();
        fs::remove_dir(repository.path.join(".git")).unwrap();
        fs::write(repository.home.path().join("other.toml"), "").unwrap();
        repository.link("../../../other.toml", ".codex/config.toml");
        repository.is_refused(&[OUT]);
    }
}

#[test]
fn the_other_name_of_a_hard_linked_file_keeps_its_content() {
    let home = Home::new();
    home.write("config.toml", b"model = \"x\"\n");
    let other = home.path().join("other.toml");
    fs::hard_link(home.codex().join("config.toml"), &other).unwrap();
    home.run(&INSTALL).succeeds("install");
    assert_eq!(fs::read_to_string(&other).unwrap(), "model = \"x\"\n");
    assert!(home.read("config.toml").contains("user-prompt-submit"));
}

fn ours(home: &Home) -> PathBuf {
    home.codex().join("hooks").join("f5_guardrails")
}

#[test]
fn a_folder_of_ours_that_is_a_link_is_refused() {
    let home = Home::new();
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::write(elsewhere.join("f5-guard"), "another program").unwrap();
    fs::create_dir(home.codex().join("hooks")).unwrap();
    symlink(&elsewhere, ours(&home)).unwrap();
    let before = snapshot(home.path());
    for line in [INSTALL.to_vec(), vec!["uninstall", "--scope", "user"]] {
        let said = home.run(&line).refuses();
        assert!(said.contains("is a link"), "{said}");
        assert_eq!(snapshot(home.path()), before);
    }
}

#[test]
fn a_lock_that_is_a_link_or_a_pipe_is_not_opened() {
    let home = Home::new();
    let target = home.path().join("target");
    fs::create_dir_all(ours(&home)).unwrap();
    let lock = ours(&home).join("installation.lock");
    symlink(&target, &lock).unwrap();
    let said = home.run(&INSTALL).refuses();
    assert!(said.contains("it is a link"), "{said}");
    assert!(!target.exists(), "nothing was created through it");
    fs::remove_file(&lock).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
    home.run(&INSTALL).refuses();
}

#[test]
fn a_binary_that_is_a_link_is_replaced_and_its_target_stays() {
    let home = Home::new();
    let target = home.path().join("target");
    fs::write(&target, "precious").unwrap();
    fs::create_dir_all(ours(&home)).unwrap();
    symlink(&target, home.binary()).unwrap();
    home.run(&INSTALL).succeeds("install");
    assert!(fs::symlink_metadata(home.binary()).unwrap().is_file());
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}

/// An installation, its state file changed, and an uninstallation.
fn uninstalled_with(home: &Home, change: impl FnOnce(&str) -> String) -> String {
    home.run(&INSTALL).succeeds("install");
    let state = ours(home).join("installation.json");
    let text = change(&fs::read_to_string(&state).unwrap());
    fs::write(&state, text).unwrap();
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall")
}

#[test]
fn only_copies_that_an_installation_made_are_deleted() {
    for name in [
        "precious",
        ".codex/precious",
        ".codex/config.toml.bak-",
        ".codex/config.toml.bak-1",
        ".codex/config.toml.bak-20260101T000000Z.toml",
        ".codex/hooks.json.bak-20260101T000000Z",
        ".codex/sub/../config.toml.bak-20260101T000000Z",
        ".codex/../.codex/config.toml.bak-20260101T000000Z",
        "config.toml.bak-20260101T000000Z",
    ] {
        let home = Home::new();
        home.write("config.toml", b"model = \"x\"\n");
        fs::create_dir_all(home.codex().join("sub")).unwrap();
        let precious = home.path().join(name);
        fs::write(&precious, "model = \"x\"\n").unwrap();
        let said = uninstalled_with(&home, |text| {
            let entry =
                format!("\"backups\": [{{\"path\": {:?}, \"edit\": null}},", precious.display().to_string());
            assert!(text.contains("\"backups\": ["), "{text}");
            text.replacen("\"backups\": [", &entry, 1)
        });
        assert!(precious.exists(), "{name}: {said}");
        assert!(said.contains("no installation could have made"), "{name}: {said}");
        assert_eq!(home.read("config.toml"), "model = \"x\"\n", "{name}");
    }
}

#[test]
fn a_copy_that_is_a_link_is_neither_read_nor_deleted() {
    let home = Home::new();
    home.write("config.toml", b"model = \"x\"\n");
    let precious = home.path().join("precious");
    fs::write(&precious, "model = \"x\"\n").unwrap();
    let link = home.codex().join("config.toml.bak-20260101T000000Z");
    symlink(&precious, &link).unwrap();
    let said = uninstalled_with(&home, |text| {
        let entry = format!("\"backups\": [{{\"path\": {:?}, \"edit\": null}},", link.display().to_string());
        text.replacen("\"backups\": [", &entry, 1)
    });
    assert!(link.is_symlink() && precious.exists(), "{said}");
}

#[test]
fn only_folders_above_ours_are_removed() {
    for name in ["empty", ".codex/empty", ".codex/hooks/other", "../empty-of-another"] {
        let home = Home::new();
        let empty = home.path().join(name);
        // Not next to the home in a folder that other tests share.
        if !name.starts_with("..") {
            fs::create_dir_all(&empty).unwrap();
        }
        uninstalled_with(&home, |text| {
            let entry = format!("\"created_folders\": [{:?},", empty.display().to_string());
            assert!(text.contains("\"created_folders\": ["), "{text}");
            text.replacen("\"created_folders\": [", &entry, 1)
        });
        assert!(name.starts_with("..") || empty.exists(), "{name}");
    }
}

#[test]
fn a_state_file_that_is_not_as_ours_are_is_ignored_and_exactly_our_entries_go() {
    let deep = format!("{{\"version\": 1, \"files\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let large = format!("{{\"version\": 1, \"files\": {{}}, \"x\": \"{}\"}}", "x".repeat(17 << 20));
    for text in [
        "",
        "null",
        "[]",
        "{\"version\": \"1\"}",
        "{\"version\": 1, \"files\": []}",
        "{\"version\": 1, \"files\": {\"/x\": 7}}",
        "{\"version\": 1, \"files\": {}, \"created_folders\": \"/\"}",
        "{\"version\": 1, \"files\": {}, \"tool\": \"another\"}",
        &deep,
        &large,
    ] {
        let home = Home::new();
        home.write("config.toml", b"model = \"x\"\n");
        let said = uninstalled_with(&home, |_| text.to_owned());
        assert!(said.contains("is lost"), "{}: {said}", &text[..text.len().min(80)]);
        assert!(!home.read("config.toml").contains("hooks.Stop"), "{}", home.read("config.toml"));
        let state = ours(&home).join("installation.json");
        assert_eq!(fs::read_to_string(&state).unwrap(), text, "it may be somebody else's");
        assert!(said.contains("stays as it is"), "{said}");
        // An installation needs the name, and keeps what stood there.
        let said = home.run(&INSTALL).succeeds("install");
        let kept = said.split("is kept in ").nth(1).and_then(|rest| rest.split(".\n").next()).unwrap();
        assert_eq!(fs::read_to_string(kept).unwrap(), text);
        assert!(fs::read_to_string(&state).unwrap().contains("config.toml"));
        home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
        assert!(!state.exists() && Path::new(kept).exists());
    }
}

#[test]
fn a_state_file_of_a_newer_version_stops_everything() {
    let home = Home::new();
    home.write("config.toml", b"model = \"x\"\n");
    home.run(&INSTALL).succeeds("install");
    fs::write(ours(&home).join("installation.json"), "{\"version\": 99, \"files\": {}}").unwrap();
    let before = snapshot(&ours(&home));
    let config = home.read("config.toml");
    for line in [
        &INSTALL[..],
        &["uninstall", "--scope", "user"],
        &["install", "--dry-run"],
        &["uninstall", "--scope", "user", "--dry-run"],
    ] {
        let said = home.run(line).refuses();
        assert!(said.contains("update f5-guard"), "{said}");
        assert_eq!((snapshot(&ours(&home)), home.read("config.toml")), (before.clone(), config.clone()));
    }
}

const WRAPPER: &str = "#!/bin/sh\nexec /opt/f5-guard/f5-guard \"$@\"\n";

#[test]
fn a_program_that_no_installation_put_there_is_not_uninstalled() {
    let home = Home::new();
    fs::create_dir_all(ours(&home)).unwrap();
    fs::write(home.binary(), WRAPPER).unwrap();
    let said = home.run(&["uninstall", "--scope", "user", "--dry-run"]).succeeds("dry run");
    assert!(!said.contains("would be deleted"), "{said}");
    let said = home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    assert!(
        said.contains("nothing to remove of this user's registration") && said.contains("stays"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(home.binary()).unwrap(), WRAPPER);
    assert_eq!(snapshot(&ours(&home)).len(), 2, "the folder and the file");
}

#[test]
fn a_program_that_an_installation_replaces_is_kept() {
    let home = Home::new();
    fs::create_dir_all(ours(&home)).unwrap();
    fs::write(home.binary(), WRAPPER).unwrap();
    let said = home.run(&INSTALL).succeeds("install");
    let kept = said.split("is kept in ").nth(1).and_then(|rest| rest.split(".\n").next()).unwrap();
    assert!(kept.contains("f5-guard.bak-"), "{kept}");
    let said = home.run(&INSTALL).succeeds("again");
    assert!(!said.contains("is kept in"), "{said}");
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    assert_eq!(fs::read_to_string(kept).unwrap(), WRAPPER);
    assert!(!home.binary().exists());
}

/// The state file is lost, and so only the registration says whose the binary is.
#[test]
fn a_binary_that_a_registration_names_is_uninstalled() {
    let home = Home::new();
    home.run(&INSTALL).succeeds("install");
    fs::remove_file(ours(&home).join("installation.json")).unwrap();
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    assert!(!ours(&home).exists());
}

#[test]
fn a_state_file_that_is_a_link_or_that_others_may_write_to_is_ignored() {
    let home = Home::new();
    home.write("config.toml", b"model = \"x\"\n");
    home.run(&INSTALL).succeeds("install");
    let state = ours(&home).join("installation.json");
    let target = home.path().join("state.json");
    fs::rename(&state, &target).unwrap();
    symlink(&target, &state).unwrap();
    let said = home.run(&["uninstall", "--scope", "user"]).succeeds("a link");
    assert!(said.contains("it is a link"), "{said}");
    assert!(target.exists());

    let home = Home::new();
    home.run(&INSTALL).succeeds("install");
    let state = ours(&home).join("installation.json");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o666)).unwrap();
    let said = home.run(&["uninstall", "--scope", "user"]).succeeds("of everybody");
    assert!(said.contains("others may write to it"), "{said}");
}

#[test]
fn a_backup_takes_no_name_that_is_there_already() {
    let home = Home::new();
    home.write("config.toml", b"model = \"x\"\n");
    let target = home.path().join("target");
    // One for each second that the installation may take.
    let now = time::OffsetDateTime::now_utc();
    for seconds in 0..60 {
        let moment = now + time::Duration::seconds(seconds);
        let stamp = f5_guard::internals::installation::stamp(moment.into());
        symlink(&target, home.codex().join(format!("config.toml.bak-{stamp}"))).unwrap();
    }
    let said = home.run(&INSTALL).succeeds("install");
    assert!(said.contains("Z-1\n"), "the next name is taken: {said}");
    assert!(!target.exists(), "no link was written through");
}

#[test]
fn a_codex_home_that_is_not_absolute_is_refused() {
    for (variable, value) in [("CODEX_HOME", ".codex"), ("CODEX_HOME", "sub/codex"), ("HOME", "here")] {
        let home = Home::new().set(variable, value);
        let before = snapshot(home.path());
        let said = home.run(&INSTALL).refuses();
        assert!(said.contains(&format!("{variable} is not an absolute path")), "{said}");
        assert_eq!(snapshot(home.path()), before);
    }
}
