//! Reads the files that can hold hooks: what they register, and whether they switch hooks off.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::hooks::RegisteredHook;
use super::left_out::LeftOut;
use super::runner::{Known, Runs};
use crate::codex::home::CodexHome;
use crate::codex::layers::{self, ConfigFile, ConfigFormat, Layer};
use crate::codex::listing::EventName;
use crate::codex::worktree;
use crate::commands::doctor::codex_file;
use crate::commands::doctor::facts::{FileContent, FileFacts};
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::event::Event;
use crate::file_edit::same_place;
use crate::registration::{Handler, KnownBinaries, document, registered};
use crate::system::Env;
use crate::system::System;

/// A configuration file of this size is none.
const LARGEST: u64 = 16 * 1024 * 1024;
/// How long Codex waits for a hook whose entry does not say.
const CODEX_DEFAULT: Duration = Duration::from_secs(600);

pub struct Files {
    pub facts: Vec<FileFacts>,
    /// All hooks, f5-guard's or not.
    pub registered: Vec<RegisteredHook>,
}

/// Those that `left_out` refuses are not opened.
pub fn read(
    home: Option<&CodexHome>,
    folder: &Path,
    known: &Known,
    env: Env<'_>,
    sanitizer: &Sanitizer,
    left_out: &mut LeftOut,
) -> Files {
    let mut files = Files { facts: Vec::new(), registered: Vec::new() };
    let mut add_all = |project: Option<&Path>| {
        let mut candidates = layers::hook_files(System::this(), env, home, project);
        candidates.retain(|file| left_out.allows(&file.path));
        files.add_all(candidates, known, sanitizer);
    };
    for project in projects(folder, home) {
        add_all(Some(project.as_path()));
    }
    add_all(None);
    if let Some(home) = home {
        files.facts.extend(profiles(home, left_out).filter_map(|path| profile(path, sanitizer)));
    }
    files
}

/// The files of Codex's profiles (`--profile NAME`): `NAME.config.toml` in its home folder.
fn profiles<'a>(home: &CodexHome, left_out: &'a mut LeftOut) -> impl Iterator<Item = PathBuf> + 'a {
    let entries = std::fs::read_dir(&home.path).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_suffix(".config.toml").is_some_and(|name| !name.is_empty()) && left_out.allows(path)
    })
}

/// A profile that switches hooks off; any other is of no concern.
fn profile(path: PathBuf, sanitizer: &Sanitizer) -> Option<FileFacts> {
    let name = path.file_name()?.to_str()?.strip_suffix(".config.toml")?;
    let document = document(ConfigFormat::ConfigToml, &codex_file::read(&path, LARGEST).ok()??).ok()?;
    let name = sanitizer.text(name);
    let mut switched_off: Vec<String> =
        switched_off(&document).iter().map(|place| format!("{place}, with --profile {name}")).collect();
    let states = document.get("hooks").and_then(|hooks| hooks.get("state")).and_then(Value::as_object);
    let is_off = |state: &Value| state.get("enabled").and_then(Value::as_bool) == Some(false);
    if states.is_some_and(|states| states.values().any(is_off)) {
        switched_off.push(format!("a hook's `enabled = false`, with --profile {name}"));
    }
    let content = FileContent::Read { hooks: 0, switched_off, ours: Vec::new() };
    let is_about_hooks =
        matches!(&content, FileContent::Read { switched_off, .. } if !switched_off.is_empty());
    is_about_hooks.then_some(FileFacts { path, layer: Layer::User, content })
}

impl Files {
    fn add_all(&mut self, candidates: Vec<ConfigFile>, known: &Known, sanitizer: &Sanitizer) {
        for file in candidates {
            if !self.facts.iter().any(|found| found.path == file.path) {
                self.add(file, known, sanitizer);
            }
        }
    }

    fn add(&mut self, file: ConfigFile, known: &Known, sanitizer: &Sanitizer) {
        let content = match codex_file::read(&file.path, LARGEST) {
            Ok(Some(bytes)) => {
                self.parse(&file, &bytes, known, sanitizer).unwrap_or_else(FileContent::Unusable)
            }
            Ok(None) => FileContent::Absent,
            Err(why) => FileContent::Unusable(why),
        };
        self.facts.push(FileFacts { path: file.path, layer: file.layer, content });
    }

    fn parse(
        &mut self,
        file: &ConfigFile,
        bytes: &[u8],
        known: &Known,
        sanitizer: &Sanitizer,
    ) -> Result<FileContent, String> {
        let events = registered(file.format, bytes, &KnownBinaries::default())
            .map_err(|error| sanitizer.parser_message(&error.to_string()))?;
        let hooks = events.iter().flat_map(|event| &event.groups).map(|group| group.handlers.len()).sum();
        let mut ours = Vec::new();
        for groups in &events {
            let event = Event::from_name(&groups.event)
                .map_or_else(|| EventName::Other(groups.event.clone()), EventName::Known);
            for group in &groups.groups {
                let matcher = group.settings.get("matcher").and_then(Value::as_str);
                for handler in &group.handlers {
                    let command = handler.command_on(System::this()).to_owned();
                    let status_message = handler.text("statusMessage").map(str::to_owned);
                    let runs = known.runs(file.layer, &event, &command, status_message.as_deref());
                    if let (EventName::Known(event), Runs::F5Guard(_)) = (&event, runs) {
                        ours.push((*event, sanitizer.text(&command)));
                    }
                    self.registered.push(RegisteredHook {
                        event: event.clone(),
                        layer: file.layer,
                        place: file.path.clone(),
                        command,
                        status_message,
                        matcher: matcher.map(str::to_owned),
                        timeout: timeout(handler),
                        status: None,
                    });
                }
            }
        }
        let switched_off = match document(file.format, bytes) {
            Ok(document) if file.format != ConfigFormat::HooksJson => switched_off(&document),
            _ => Vec::new(),
        };
        Ok(FileContent::Read { hooks, switched_off, ours })
    }
}

fn timeout(handler: &Handler) -> Duration {
    let seconds = handler.settings.get("timeout").and_then(Value::as_u64);
    seconds.map_or(CODEX_DEFAULT, |seconds| Duration::from_secs(seconds.max(1)))
}

/// Where a TOML file switches hooks off.
fn switched_off(document: &Value) -> Vec<String> {
    let is_off = |of: &Value| {
        let flag = |key| of.get("features").and_then(|features| features.get(key)).and_then(Value::as_bool);
        flag("hooks").or_else(|| flag("codex_hooks")) == Some(false)
    };
    let mut places = Vec::new();
    if is_off(document) {
        places.push("features.hooks = false".to_owned());
    }
    let profiles = document.get("profiles").and_then(Value::as_object).into_iter().flatten();
    for (name, _) in profiles.filter(|(_, profile)| is_off(profile)) {
        places.push(format!("profile {}", crate::printable::printable(name, 40)));
    }
    places
}

/// The folders from here up to the repository's root that have a `.codex`, other than Codex's home; and for those of a linked
/// worktree the folders of its main checkout, whose hooks Codex takes.
fn projects(folder: &Path, home: Option<&CodexHome>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for place in folder.ancestors() {
        let codex = place.join(".codex");
        let is_home = || home.is_some_and(|home| same_place(&codex, &home.path));
        if codex.is_dir() && !is_home() {
            found.push(place.to_owned());
            found.extend(worktree::hooks_elsewhere(place));
        }
        if place.join(".git").exists() {
            return found;
        }
    }
    // Outside of a repository the folder itself is the project.
    found.retain(|place| place == folder);
    found
}
