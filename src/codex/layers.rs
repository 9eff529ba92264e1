//! Where hooks can be registered or switched off, and whether Codex accepts its configuration at all.
//!
//! Reading those files for our entries is left to the registration; which hooks count is Codex's to say
//! (`hooks/list`), and it alone sees managed preferences and cloud policies.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::app_server::{AppServer, AppServerError};
use super::home::CodexHome;
pub use super::layer::Layer;
use super::start;
use crate::process::{self, End};
use crate::system::{Env, System, program_data};

/// How one of Codex's files says which hooks there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigFormat {
    /// `[hooks]` tables of a `config.toml`.
    ConfigToml,
    /// A `hooks.json`.
    HooksJson,
    /// `[hooks]` tables of a `requirements.toml`.
    RequirementsToml,
}

/// A file of Codex's that can hold hooks. It need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    pub path: PathBuf,
    pub format: ConfigFormat,
    pub layer: Layer,
}

/// The administrator's folder: `/etc/codex`, Windows `%ProgramData%\OpenAI\Codex`.
pub fn system_folder(system: System, env: Env<'_>) -> PathBuf {
    match system {
        System::Unix | System::MacOs => "/etc/codex".into(),
        System::Windows => program_data(env).join("OpenAI").join("Codex"),
    }
}

/// Every file on this machine that can hold hooks for a session of this user, strongest layer first, with
/// those of `project`'s `.codex` folder where one is given.
pub fn hook_files(
    system: System,
    env: Env<'_>,
    home: Option<&CodexHome>,
    project: Option<&Path>,
) -> Vec<ConfigFile> {
    let folder = system_folder(system, env);
    let file = |path, format, layer| ConfigFile { path, format, layer };
    let mut files =
        vec![file(folder.join("requirements.toml"), ConfigFormat::RequirementsToml, Layer::System)];
    if system != System::Windows {
        // A leftover of Codex's past, still obeyed on Unix.
        files.push(file(folder.join("managed_config.toml"), ConfigFormat::ConfigToml, Layer::System));
    }
    let folders = [
        project.map(|project| (project.join(".codex"), Layer::Project)),
        home.map(|home| (home.path.clone(), Layer::User)),
        Some((folder, Layer::System)),
    ];
    for (folder, owner) in folders.into_iter().flatten() {
        files.push(file(folder.join("config.toml"), ConfigFormat::ConfigToml, owner));
        files.push(file(folder.join("hooks.json"), ConfigFormat::HooksJson, owner));
    }
    files
}

/// Whether Codex runs any hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HooksFeature {
    /// It does; that is the default.
    On,
    /// `features.hooks` is off, in this layer.
    Off {
        /// The layer, as a path or a name that the user can look for.
        by: String,
    },
}

/// The administrator's and the user's switches that decide over all hooks at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSwitches {
    /// The feature flag.
    pub feature: HooksFeature,
    /// `allow_managed_hooks_only`: hooks of users and projects are ignored, and not even listed.
    pub only_managed: OnlyManaged,
}

/// Whether an administrator allows managed hooks only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlyManaged {
    /// Only hooks of the requirements, of managed preferences and of the cloud run.
    Yes,
    /// Hooks of every layer run.
    No,
}

/// Asks Codex for the switches that hold in `cwd`. What one invocation is given (`--disable hooks`, `-c`,
/// `--profile`) is not seen here.
pub fn hook_switches(server: &mut AppServer, cwd: &Path) -> Result<HookSwitches, AppServerError> {
    let requirements = server.read_requirements()?;
    let config = server.read_config(cwd)?;
    Ok(switches(&requirements, &config))
}

fn switches(requirements: &Value, config: &Value) -> HookSwitches {
    let only_managed = match requirements.get("allowManagedHooksOnly") {
        Some(Value::Bool(true)) => OnlyManaged::Yes,
        _ => OnlyManaged::No,
    };
    let required = requirements.get("featureRequirements").and_then(flag);
    let feature = match required {
        Some(true) => HooksFeature::On,
        Some(false) => HooksFeature::Off { by: "the administrator's requirements".into() },
        None => strongest_layer(config),
    };
    HookSwitches { feature, only_managed }
}

/// The strongest layer that speaks decides; Codex lists them strongest first, disabled ones with a reason.
fn strongest_layer(config: &Value) -> HooksFeature {
    let layers = config.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let enabled = layers.iter().filter(|layer| layer.get("disabledReason").is_none_or(Value::is_null));
    let mut spoken = enabled.filter_map(|layer| Some((layer, flag(layer.pointer("/config/features")?)?)));
    match spoken.next() {
        Some((layer, false)) => HooksFeature::Off { by: layer_name(layer) },
        _ => HooksFeature::On,
    }
}

/// `hooks`, or its deprecated alias.
fn flag(features: &Value) -> Option<bool> {
    features.get("hooks").or_else(|| features.get("codex_hooks")).and_then(Value::as_bool)
}

fn layer_name(layer: &Value) -> String {
    let text = |field| layer.get("name").and_then(|name| name.get(field)).and_then(Value::as_str);
    match (text("file"), text("dotCodexFolder")) {
        (Some(file), _) => file.to_owned(),
        (None, Some(folder)) => Path::new(folder).join("config.toml").display().to_string(),
        (None, None) => text("type").unwrap_or("an unnamed layer").to_owned(),
    }
}

/// How strictly the configuration is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// As an ordinary start of Codex does: unknown keys pass.
    Ordinary,
    /// As `--strict-config` does: unknown keys are errors (those inside a hook's own table pass all the same).
    Strict,
}

/// What Codex makes of its configuration files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigVerdict {
    /// It accepts them.
    Accepted,
    /// It refuses them, and then starts without any of the user's settings or not at all.
    Refused {
        /// The faulty file, where Codex names it.
        file: Option<PathBuf>,
        /// Line and column, both from 1, where Codex tells them.
        position: Option<(u64, u64)>,
        /// Codex's reason.
        message: String,
    },
    /// This Codex could not be asked.
    CannotTell {
        /// Why not.
        reason: String,
    },
}

/// Runs `codex app-server [--strict-config] --print-startup-config`, which loads the configuration, starts
/// nothing and writes nothing.
pub fn check_config(
    program: &Path,
    home: &CodexHome,
    cwd: &Path,
    strictness: Strictness,
    limit: Duration,
) -> ConfigVerdict {
    let mut command = start::command(program, Some(home));
    command.arg("app-server");
    if strictness == Strictness::Strict {
        command.arg("--strict-config");
    }
    command.arg("--print-startup-config").current_dir(cwd);
    match process::run(&mut command, b"", limit) {
        Ok(done) if done.end == End::TimedOut => {
            let reason = format!("Codex did not answer within {} s", limit.as_secs_f32());
            ConfigVerdict::CannotTell { reason }
        }
        Ok(done) => verdict(done.end, &done.stdout, &done.stderr),
        Err(error) => ConfigVerdict::CannotTell { reason: format!("Codex could not be started: {error}") },
    }
}

fn verdict(end: End, stdout: &[u8], stderr: &[u8]) -> ConfigVerdict {
    let answer: Value = serde_json::from_slice(stdout).unwrap_or_default();
    if let Some(error) = answer.get("error") {
        let data = |field| error.get("data").and_then(|data| data.get(field));
        let number = |field| data(field).and_then(Value::as_u64);
        return ConfigVerdict::Refused {
            file: data("filePath").and_then(Value::as_str).map(PathBuf::from),
            position: number("line").zip(number("column")),
            message: error.get("message").and_then(Value::as_str).unwrap_or("no reason given").to_owned(),
        };
    }
    if end == End::Code(0) && answer.is_object() {
        return ConfigVerdict::Accepted;
    }
    let stderr = String::from_utf8_lossy(stderr);
    let first = stderr.lines().find(|line| !line.trim().is_empty() && !line.starts_with("WARNING"));
    ConfigVerdict::CannotTell { reason: format!("Codex says: {}", first.unwrap_or("nothing")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::codex::home::Origin;

    fn layer(kind: &str, file: &str, features: Value) -> Value {
        json!({"name": {"type": kind, "file": file}, "config": {"features": features}, "version": "1"})
    }

    fn feature(requirements: Value, layers: Value) -> HooksFeature {
        switches(&requirements, &json!({"config": {}, "layers": layers})).feature
    }

    #[test]
    fn hooks_are_on_when_nobody_says_anything() {
        assert_eq!(feature(Value::Null, json!([layer("user", "/u", json!({}))])), HooksFeature::On);
    }

    #[test]
    fn the_layer_that_switches_hooks_off_is_named() {
        let layers = json!([layer("user", "/u/config.toml", json!({"codex_hooks": false}))]);
        assert_eq!(feature(Value::Null, layers), HooksFeature::Off { by: "/u/config.toml".into() });
    }

    #[test]
    fn the_stronger_layer_decides() {
        let layers = json!([
            layer("user", "/u", json!({"hooks": true})),
            layer("system", "/s", json!({"hooks": false}))
        ]);
        assert_eq!(feature(Value::Null, layers), HooksFeature::On);
    }

    #[test]
    fn a_project_that_is_not_trusted_has_no_say() {
        let mut project = json!({"name": {"type": "project", "dotCodexFolder": "/p/.codex"},
            "config": {"features": {"hooks": false}}});
        let off = HooksFeature::Off { by: Path::new("/p/.codex").join("config.toml").display().to_string() };
        assert_eq!(feature(Value::Null, json!([project.clone()])), off);
        project["disabledReason"] = "not trusted".into();
        assert_eq!(feature(Value::Null, json!([project])), HooksFeature::On);
    }

    #[test]
    fn requirements_overrule_every_layer() {
        let off = json!([layer("user", "/u", json!({"hooks": false}))]);
        assert_eq!(feature(json!({"featureRequirements": {"hooks": true}}), off), HooksFeature::On);
        let on = json!([layer("user", "/u", json!({"hooks": true}))]);
        let required_off = feature(json!({"featureRequirements": {"hooks": false}}), on);
        assert!(matches!(required_off, HooksFeature::Off { by } if by.contains("administrator")));
    }

    #[test]
    fn only_a_true_allow_managed_hooks_only_counts() {
        let only =
            |value: Value| switches(&json!({ "allowManagedHooksOnly": value }), &json!({})).only_managed;
        assert_eq!(only(json!(true)), OnlyManaged::Yes);
        assert_eq!(only(json!(null)), OnlyManaged::No);
    }

    #[test]
    fn a_refusal_tells_file_line_and_column() {
        let stdout =
            br#"{"error":{"code":-32600,"data":{"reason":"configLoad","filePath":"/h/config.toml","line":1,
            "column":3},"message":"failed to load configuration"}}"#;
        let refused = ConfigVerdict::Refused {
            file: Some("/h/config.toml".into()),
            position: Some((1, 3)),
            message: "failed to load configuration".into(),
        };
        assert_eq!(verdict(End::Code(1), stdout, b""), refused);
    }

    #[test]
    fn an_older_codex_without_the_option_is_no_refusal() {
        let verdict =
            verdict(End::Code(2), b"", b"error: unexpected argument '--print-startup-config' found");
        assert!(
            matches!(verdict, ConfigVerdict::CannotTell { reason } if reason.contains("unexpected argument"))
        );
    }

    #[test]
    fn every_layers_files_are_named_on_unix_and_windows() {
        let home = CodexHome { path: "/h".into(), origin: Origin::Variable };
        let env = |name: &str| (name == "ProgramData").then(|| "/data".into());
        let paths = |system| -> Vec<PathBuf> {
            hook_files(system, &env, Some(&home), Some(Path::new("/p")))
                .into_iter()
                .map(|file| file.path)
                .collect()
        };
        let unix = paths(System::Unix);
        for expected in [
            "/etc/codex/requirements.toml",
            "/etc/codex/hooks.json",
            "/h/hooks.json",
            "/p/.codex/config.toml",
        ] {
            assert!(unix.contains(&expected.into()), "{expected} in {unix:?}");
        }
        let windows = paths(System::Windows);
        assert_eq!(windows[0], Path::new("/data").join("OpenAI").join("Codex").join("requirements.toml"));
        assert!(!windows.iter().any(|path| path.ends_with("managed_config.toml")));
    }
}
