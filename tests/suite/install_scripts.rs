//! `install/install.sh` and `install/install.ps1`: they find or build the binary and hand their arguments on.
//!
//! The shell script is run; there is no PowerShell to run the other one with, so what it hands on is checked against
//! the command line.

use std::path::Path;

use clap::CommandFactory;
use f5_guard::internals::cli::Cli;

fn script(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("install").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_powershell_script_hands_on_only_options_that_install_has() {
    let command = Cli::command();
    let install = command.find_subcommand("install").expect("there is an install subcommand");
    let known: Vec<&str> = install.get_arguments().filter_map(|argument| argument.get_long()).collect();
    let script = script("install.ps1");
    let lines = script.lines().filter(|line| line.trim_start().starts_with("$arguments "));
    let handed_on: Vec<&str> = lines
        .filter_map(|line| line.split_once("--"))
        .map(|(_, rest)| rest.split(|c: char| c != '-' && !c.is_ascii_lowercase()).next().unwrap_or_default())
        .collect();
    assert_eq!(handed_on.len(), 17, "{handed_on:?}");
    for option in handed_on {
        assert!(known.contains(&option), "--{option} is none of {known:?}");
    }
}

/// A parameter that nothing is made of would be taken and forgotten.
#[test]
fn the_powershell_script_uses_and_explains_every_parameter_that_it_takes() {
    let script = script("install.ps1");
    let (help, code) = script.split_once("#>").expect("there is comment-based help");
    let (_, code) = code.split_once("param(").expect("there is a parameter block");
    let (parameters, body) = code.split_once("\n)\n").expect("it has an end");
    let names = parameters.lines().filter_map(|line| line.split_once("] $"));
    let names: Vec<&str> = names.map(|(_, name)| name.split([' ', ',']).next().unwrap_or_default()).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(
            help.contains(&format!(".PARAMETER {name}\n")) || help.contains(&format!("-{name}")),
            "{name}"
        );
        assert!(body.contains(&format!("${name}")), "{name}");
    }
}

/// Windows PowerShell reads a script without a byte order mark in the code page of the machine.
#[test]
fn the_powershell_script_is_plain_ascii() {
    assert!(script("install.ps1").is_ascii());
}

#[test]
fn neither_script_asks_for_rights_or_touches_the_token() {
    for name in ["install.sh", "install.ps1"] {
        let script = script(name);
        // What a message shows between backticks is for the reader to run.
        let code = script.lines().filter(|line| !line.trim_start().starts_with('#'));
        let code: Vec<String> = code.map(|line| line.replace("`sudo ", "` ")).collect();
        for word in ["sudo", "RunAs", "SetEnvironmentVariable", "$env:F5", "$F5_GUARDRAILS_API_TOKEN"] {
            assert!(!code.iter().any(|line| line.contains(word)), "{name}: {word}");
        }
    }
}

#[cfg(unix)]
mod shell {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::process::{Command, Output};

    use tempfile::TempDir;

    use super::*;

    /// Says by which name and with which arguments it was called, one a line.
    const ECHO: &str = "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\"\n";

    /// A folder that the script lies in.
    struct Place {
        folder: TempDir,
        script: PathBuf,
    }

    impl Place {
        fn new(script_at: &str) -> Self {
            // The path has a blank, as home folders may.
            let folder = tempfile::Builder::new().prefix("a place ").tempdir().expect("a temporary folder");
            let place = Self { script: folder.path().join(script_at), folder };
            place.program(script_at, &super::script("install.sh"));
            place
        }

        fn file(&self, name: &str, content: &str) -> PathBuf {
            let path = self.folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a new folder");
            std::fs::write(&path, content).expect("a new file");
            path
        }

        fn program(&self, name: &str, content: &str) -> PathBuf {
            let path = self.file(name, content);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
            path
        }

        /// Runs the script with the system's programs, and those in `bin` before them.
        fn run(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> Output {
            let path = format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display());
            let mut command = Command::new("/bin/sh");
            command.arg(&self.script).args(arguments).current_dir(self.folder.path());
            command.env_clear().env("PATH", path).env("HOME", self.folder.path());
            command.envs(variables.iter().copied()).output().expect("the shell starts")
        }
    }

    fn lines(output: &Output) -> Vec<String> {
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    fn complaint(output: &Output) -> String {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    #[test]
    fn from_an_archive_the_binary_beside_the_script_gets_every_argument_as_it_is() {
        let place = Place::new("install.sh");
        let binary = place.program("f5-guard", ECHO);
        let arguments = ["--scope", "user", "--matcher", "^(Bash|a b*)$", "it's \"so\"", ""];
        let seen = lines(&place.run(&arguments, &[]));
        assert_eq!(Path::new(&seen[0]), binary.canonicalize().expect("it exists"));
        assert_eq!(seen[1], "install");
        assert_eq!(seen[2..], arguments);
    }

    #[test]
    fn from_a_checkout_it_builds_a_release_from_the_lock_file() {
        let place = Place::new("install/install.sh");
        place.file("Cargo.toml", "");
        let cargo = "#!/bin/sh\nprintf '%s\\n' \"$@\" >cargo-arguments\nmkdir -p target/release\n\
                     cp \"$HOME/echo\" target/release/f5-guard\necho 'this is for stderr'\n";
        place.program("bin/cargo", cargo);
        place.program("echo", ECHO);
        let output = place.run(&["--dry-run"], &[]);
        let seen = lines(&output);
        assert!(seen[0].ends_with("/target/release/f5-guard"), "{seen:?}");
        assert_eq!(seen[1..], ["install", "--dry-run"]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("this is for stderr"), "{output:?}");
        let arguments = std::fs::read_to_string(place.folder.path().join("cargo-arguments"));
        let arguments = arguments.expect("cargo was called");
        for wanted in ["build\n", "--release\n", "--locked\n"] {
            assert!(arguments.contains(wanted), "{arguments}");
        }
    }

    #[test]
    fn a_build_that_fails_installs_nothing() {
        let place = Place::new("install/install.sh");
        place.file("Cargo.toml", "");
        place.program("bin/cargo", "#!/bin/sh\nexit 101\n");
        place.program("target/release/f5-guard", ECHO);
        assert!(complaint(&place.run(&[], &[])).contains("the build failed"));
    }

    #[test]
    fn without_binary_and_checkout_it_says_what_is_missing() {
        let place = Place::new("install/install.sh");
        let words = complaint(&place.run(&[], &[]));
        assert!(words.contains("there is no f5-guard in") && words.contains("no Cargo.toml in"), "{words}");
    }

    /// What a checkout's script complains about with nothing but these programs on the path.
    fn complaint_without_cargo(variables: &[(&str, &str)]) -> String {
        let place = Place::new("install/install.sh");
        place.file("Cargo.toml", "");
        for tool in ["uname", "dirname"] {
            let path = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
            let real = path.iter().find(|path| path.exists()).expect("the tool is there");
            place.program(&format!("bin/{tool}"), &format!("#!/bin/sh\nexec {} \"$@\"\n", real.display()));
        }
        let mut command = Command::new("/bin/sh");
        command.arg(&place.script).env_clear().env("PATH", place.folder.path().join("bin"));
        complaint(&command.envs(variables.iter().copied()).output().expect("the shell starts"))
    }

    #[test]
    fn without_cargo_it_says_where_cargo_is_to_be_had() {
        assert!(complaint_without_cargo(&[]).contains("https://rustup.rs"));
    }

    #[test]
    fn root_without_cargo_is_told_to_build_as_the_user() {
        let words = complaint_without_cargo(&[("SUDO_USER", "ada")]);
        assert!(words.contains("build as ada with `cargo build --release --locked`"), "{words}");
        assert!(words.contains("/target/release/f5-guard' install --scope system`"), "{words}");
    }

    #[test]
    fn a_binary_that_macos_holds_back_is_told_about_and_run_all_the_same() {
        let place = Place::new("install.sh");
        place.program("f5-guard", ECHO);
        place.program("bin/uname", "#!/bin/sh\necho Darwin\n");
        // Only the mark that is asked for is there, and only on the binary.
        place.program(
            "bin/xattr",
            "#!/bin/sh\n[ \"$1 $2\" = '-p com.apple.quarantine' ] && [ \"${3##*/}\" = f5-guard ]\n",
        );
        let output = place.run(&["--dry-run"], &[]);
        assert_eq!(lines(&output)[1..], ["install", "--dry-run"]);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.contains("xattr -d com.apple.quarantine '/"), "{words}");

        place.program("bin/xattr", "#!/bin/sh\nexit 1\n");
        assert!(place.run(&["--dry-run"], &[]).stderr.is_empty());
    }

    #[test]
    fn help_is_given_and_nothing_is_run() {
        let place = Place::new("install.sh");
        place.program("f5-guard", ECHO);
        for flag in ["-h", "--help"] {
            let words = lines(&place.run(&["--trust", flag], &[])).join("\n");
            assert!(words.starts_with("Usage: install.sh") && !words.contains("\ninstall\n"), "{words}");
        }
    }

    #[test]
    fn every_option_that_its_help_names_is_one_of_install() {
        let command = Cli::command();
        let install = command.find_subcommand("install").expect("there is an install subcommand");
        let script = super::script("install.sh");
        let (_, help) = script.split_once("<<'EOF'\n").expect("the help is a here document");
        let (help, _) = help.split_once("\nEOF\n").expect("it has an end");
        let named = help.lines().filter_map(|line| line.strip_prefix("  --"));
        let named: Vec<&str> = named.filter_map(|line| line.split_whitespace().next()).collect();
        assert!(named.len() >= 4, "{named:?}");
        for option in named {
            assert!(install.get_arguments().any(|known| known.get_long() == Some(option)), "--{option}");
        }
    }
}
