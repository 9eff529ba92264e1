#[cfg(unix)]
mod unix {
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::npm::native;
    use super::super::places::{named_and_on_path, usual_places};
    use super::super::*;

    const ORDINARY: Privilege = Privilege::Ordinary;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn env_of<'a>(home: &'a Path, path: &'a str) -> impl Fn(&str) -> Option<OsString> + 'a {
        move |name| match name {
            "HOME" => Some(home.into()),
            "PATH" => Some(path.into()),
            _ => None,
        }
    }

    #[test]
    fn an_explicit_codex_wins_over_the_one_on_path() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, other) = (dir.path().join("mine/codex"), dir.path().join("bin/codex"));
        program(&mine);
        program(&other);
        let path = dir.path().join("bin").to_str().unwrap().to_owned();
        let found = locate(Some(&mine), System::Unix, &env_of(dir.path(), &path), ORDINARY).unwrap();
        assert_eq!(found, Codex { program: mine, place: Place::Explicit });
        let found = locate(None, System::Unix, &env_of(dir.path(), &path), ORDINARY).unwrap();
        assert_eq!(found, Codex { program: other, place: Place::Path });
    }

    #[test]
    fn an_explicit_codex_that_is_no_program_is_an_error_even_when_path_has_one() {
        let dir = tempfile::tempdir().unwrap();
        program(&dir.path().join("bin/codex"));
        let path = dir.path().join("bin").to_str().unwrap().to_owned();
        let missing = dir.path().join("missing");
        let error = locate(Some(&missing), System::Unix, &env_of(dir.path(), &path), ORDINARY).unwrap_err();
        assert!(matches!(error, LocateError::NotAProgram(path) if path == missing));
    }

    #[test]
    fn relative_folders_on_path_and_files_that_cannot_run_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain/codex");
        fs::create_dir_all(plain.parent().unwrap()).unwrap();
        fs::write(&plain, "").unwrap();
        let path = format!(".:node_modules/.bin:{}", plain.parent().unwrap().display());
        let env = env_of(dir.path(), &path);
        assert_eq!(on_path(System::Unix, &env, "codex"), None);
        assert!(named_and_on_path(System::Unix, &env).iter().all(|codex| codex.program.is_absolute()));
    }

    /// No matter who runs the tests: a folder that everybody can write to is not root's.
    #[test]
    fn an_administrator_starts_no_codex_that_others_can_change() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        for place in ["bin/codex", "home/.local/bin/codex"] {
            program(&dir.path().join(place));
        }
        fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(dir.path().join("bin"), fs::Permissions::from_mode(0o777)).unwrap();
        let path = dir.path().join("bin").to_str().unwrap().to_owned();
        let env = env_of(&home, &path);
        let named = dir.path().join("bin/codex");
        let root = Privilege::Administrator;
        let error = locate(Some(&named), System::Unix, &env, root).unwrap_err();
        assert!(matches!(error, LocateError::Changeable(_)), "{error}");
        let variable = |name: &str| (name == "CODEX_CLI_PATH").then(|| named.clone().into()).or(env(name));
        // What is installed on this machine may be found instead.
        if let Ok(found) = locate(None, System::Unix, &variable, root) {
            assert!(!found.program.starts_with(dir.path()), "{found:?}");
        }
        assert!(locate(None, System::Unix, &variable, ORDINARY).unwrap().program.starts_with(dir.path()));
        assert!(!usual_places(System::Unix, &env, root).iter().any(|codex| codex.program.starts_with(&home)));
    }

    #[test]
    fn a_home_that_is_not_absolute_is_no_place_to_look_in() {
        let places = usual_places(System::Unix, &env_of(Path::new("home"), ""), ORDINARY);
        assert!(places.iter().all(|codex| codex.program.is_absolute()), "{places:?}");
    }

    #[test]
    fn the_newest_editor_extension_is_a_usual_place() {
        let dir = tempfile::tempdir().unwrap();
        let codex =
            dir.path().join(".vscode/extensions/openai.chatgpt-26.1-linux-x64/bin/linux-x86_64/codex");
        program(&codex);
        let places = usual_places(System::Unix, &env_of(dir.path(), ""), ORDINARY);
        assert!(places.contains(&Codex { program: codex, place: Place::IdeExtension }), "{places:?}");
    }

    #[test]
    fn the_macos_app_bundles_are_usual_places_on_macos_only() {
        let home = Path::new("/Users/me");
        let has_app = |system| {
            let places = usual_places(system, &env_of(home, ""), ORDINARY);
            places
                .iter()
                .any(|codex| codex.program == Path::new("/Applications/ChatGPT.app/Contents/Resources/codex"))
        };
        assert_eq!((has_app(System::MacOs), has_app(System::Unix)), (true, false));
    }

    #[test]
    fn npms_launcher_is_replaced_by_the_binary_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let scope = dir.path().join("node_modules/@openai");
        let launcher = scope.join("codex/bin/codex.js");
        let binary = scope.join("codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex");
        program(&launcher);
        program(&binary);
        let bin = dir.path().join("node_modules/.bin");
        fs::create_dir_all(&bin).unwrap();
        symlink(&launcher, bin.join("codex")).unwrap();
        let path = bin.to_str().unwrap().to_owned();
        let found = locate(None, System::Unix, &env_of(dir.path(), &path), ORDINARY).unwrap();
        assert_eq!(found.program, fs::canonicalize(binary).unwrap());
    }

    #[test]
    fn npms_launcher_is_kept_when_the_binary_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let launcher = dir.path().join("node_modules/@openai/codex/bin/codex.js");
        program(&launcher);
        assert_eq!(native(&launcher, System::Unix), launcher);
    }

    #[test]
    fn the_version_is_the_first_word_that_looks_like_one() {
        assert_eq!(parse_version("codex-cli 0.169.0-alpha.2\n").as_deref(), Some("0.169.0-alpha.2"));
        assert_eq!(parse_version("codex 7 is great"), None);
    }
}

#[cfg(windows)]
mod windows {
    use std::ffi::OsString;
    use std::fs;

    use super::super::places::path_candidates;
    use super::super::*;

    const ORDINARY: Privilege = Privilege::Ordinary;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    fn env_of(name: &'static str, value: PathBuf) -> impl Fn(&str) -> Option<OsString> {
        move |asked| (asked == name).then(|| value.clone().into())
    }

    #[test]
    fn npms_cmd_file_is_replaced_by_the_program_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let npm = dir.path().join("npm");
        let launcher = npm.join("codex.cmd");
        let scope = npm.join(r"node_modules\@openai");
        let binary = scope
            .join(r"codex\node_modules\@openai\codex-win32-x64\vendor\x86_64-pc-windows-msvc\bin\codex.exe");
        program(&launcher);
        program(&scope.join(r"codex\bin\codex.js"));
        let kept = locate(None, System::Windows, &env_of("PATH", npm.clone()), ORDINARY).unwrap();
        assert_eq!(kept, Codex { program: launcher, place: Place::Path });
        program(&binary);
        for (name, place) in [("PATH", Place::Path), ("APPDATA", Place::PackageManager)] {
            let value = if name == "PATH" { npm.clone() } else { dir.path().to_path_buf() };
            let found = locate(None, System::Windows, &env_of(name, value), ORDINARY).unwrap();
            assert_eq!(found, Codex { program: binary.clone(), place });
        }
    }

    #[test]
    fn the_newest_folder_of_the_desktop_app_is_a_usual_place() {
        let dir = tempfile::tempdir().unwrap();
        let codex = dir.path().join(r"OpenAI\Codex\bin\0123abcd\codex.exe");
        program(&codex);
        let env = env_of("LOCALAPPDATA", dir.path().to_path_buf());
        let found = locate(None, System::Windows, &env, ORDINARY).unwrap();
        assert_eq!(found, Codex { program: codex, place: Place::DesktopApp });
    }

    #[test]
    fn relative_folders_on_path_are_passed_over() {
        let path = PathBuf::from(r".;node_modules\.bin;\tools");
        assert_eq!(path_candidates(System::Windows, &env_of("PATH", path), "codex"), Vec::<PathBuf>::new());
    }
}
