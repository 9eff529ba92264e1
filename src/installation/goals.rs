//! Which of Codex's files says what, for each scope.

use serde_json::Value;

use super::edits::Goal;
use crate::codex::layers::ConfigFile;
use crate::codex::layers::ConfigFormat;
use crate::event::Event;
use crate::file_edit::FileEditError;
use crate::registration::{KnownBinaries, ManagedDirs, Owner, Registration, Wanted, document, registered};

/// The two files that an ordinary folder can keep hooks in. Codex warns about a folder that uses both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// config.toml
    Toml,
    /// hooks.json
    Json,
}

/// Registers in one file of a folder, and takes what is ours or the Python integration's out of the other.
/// `registration` is `None` to take it out of both.
///
/// # Errors
/// [`FileEditError`] for a file that can't be read.
pub fn pair_goals(
    [config, hooks]: [ConfigFile; 2],
    registration: Option<&Registration>,
    format: Option<Format>,
    places: &KnownBinaries,
) -> Result<Vec<Goal>, FileEditError> {
    let toml = Found::read(&config, places)?;
    let json = Found::read(&hooks, places)?;
    let format = format.unwrap_or_else(|| choose(&toml, &json));
    let here = |wanted: Format| registration.filter(|_| format == wanted).cloned();
    let hooks_feature = registration.is_some() && (format == Format::Toml || toml.feature_needs_change);
    let config_wanted = Wanted { registration: here(Format::Toml), hooks_feature, ..Wanted::default() };
    let hooks_wanted = Wanted { registration: here(Format::Json), ..Wanted::default() };
    Ok(vec![Goal { place: config, wanted: config_wanted }, Goal { place: hooks, wanted: hooks_wanted }])
}

/// Registers in the administrator's requirements, and takes the Python integration's and our hooks out of the files
/// beside them.
pub fn system_goals(
    [requirements, config, hooks]: [ConfigFile; 3],
    registration: &Registration,
    managed_dirs: ManagedDirs,
) -> Vec<Goal> {
    let wanted = Wanted {
        registration: Some(registration.clone()),
        hooks_feature: true,
        managed_dirs,
        ..Wanted::default()
    };
    let others = [config, hooks].map(|place| Goal { place, wanted: Wanted::default() });
    [Goal { place: requirements, wanted }].into_iter().chain(others).collect()
}

/// Where a folder keeps its hooks: where ours are already, else where others' are, else where the Python
/// integration's are, else in `config.toml`.
fn choose(toml: &Found, json: &Found) -> Format {
    let rank = |found: &Found| {
        (
            found.has(&[Owner::Ours]),
            found.has(&[Owner::Foreign, Owner::Lookalike]),
            found.has(&[Owner::Python]),
        )
    };
    if rank(json) > rank(toml) { Format::Json } else { Format::Toml }
}

/// Whether one of the files registers f5-guard.
///
/// # Errors
/// [`FileEditError`] for a file that can't be read.
pub fn is_registered(files: &[ConfigFile], places: &KnownBinaries) -> Result<bool, FileEditError> {
    for place in files {
        if Found::read(place, places)?.has(&[Owner::Ours]) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A hook of ours as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredCommand {
    pub event: Event,
    pub command: String,
    /// Which tools it sees.
    pub matcher: Option<String>,
}

/// Our hooks in these files.
///
/// # Errors
/// [`FileEditError`] for a file that can't be read.
pub fn our_commands(
    files: &[ConfigFile],
    places: &KnownBinaries,
) -> Result<Vec<RegisteredCommand>, FileEditError> {
    let mut commands = Vec::new();
    for place in files {
        let snapshot = place.read()?;
        let events = registered(place.format, snapshot.bytes().unwrap_or_default(), places)
            .map_err(FileEditError::document(&place.path))?;
        for groups in &events {
            let Some(event) = Event::from_name(&groups.event) else { continue };
            for group in &groups.groups {
                let matcher = group.settings.get("matcher").and_then(Value::as_str);
                let ours = group.handlers.iter().filter(|handler| handler.owner == Owner::Ours);
                commands.extend(ours.map(|handler| RegisteredCommand {
                    event,
                    command: handler.command().to_owned(),
                    matcher: matcher.map(str::to_owned),
                }));
            }
        }
    }
    Ok(commands)
}

struct Found {
    owners: Vec<Owner>,
    /// `features.hooks` is off, or the deprecated alias stands there.
    feature_needs_change: bool,
}

impl Found {
    fn read(place: &ConfigFile, places: &KnownBinaries) -> Result<Self, FileEditError> {
        let snapshot = place.read()?;
        let bytes = snapshot.bytes().unwrap_or_default();
        let events = registered(place.format, bytes, places).map_err(FileEditError::document(&place.path))?;
        let handlers = events.iter().flat_map(|event| &event.groups).flat_map(|group| &group.handlers);
        Ok(Self {
            owners: handlers.map(|handler| handler.owner).collect(),
            feature_needs_change: place.format == ConfigFormat::ConfigToml && feature_needs_change(bytes),
        })
    }

    fn has(&self, owners: &[Owner]) -> bool {
        self.owners.iter().any(|owner| owners.contains(owner))
    }
}

fn feature_needs_change(bytes: &[u8]) -> bool {
    let document = document(ConfigFormat::ConfigToml, bytes).unwrap_or_default();
    let features = document.get("features").unwrap_or(&Value::Null);
    features.get("hooks") == Some(&Value::Bool(false)) || features.get("codex_hooks").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(owners: &[Owner]) -> Found {
        Found { owners: owners.to_vec(), feature_needs_change: false }
    }

    #[test]
    fn hooks_go_where_the_folder_keeps_them() {
        use Owner::{Foreign, Ours, Python};
        for (toml, json, format) in [
            (&[][..], &[][..], Format::Toml),
            (&[], &[Foreign], Format::Json),
            (&[], &[Python], Format::Json),
            (&[Foreign], &[Python], Format::Toml),
            (&[Foreign], &[Foreign], Format::Toml),
            (&[Foreign], &[Foreign, Ours], Format::Json),
            (&[Ours], &[Foreign], Format::Toml),
        ] {
            assert_eq!(choose(&found(toml), &found(json)), format, "{toml:?} {json:?}");
        }
    }

    #[test]
    fn only_a_feature_that_is_off_or_spelled_the_old_way_needs_a_change() {
        assert!(feature_needs_change(b"[features]\nhooks = false\n"));
        assert!(feature_needs_change(b"\xef\xbb\xbffeatures.codex_hooks = true\n"));
        assert!(!feature_needs_change(b"[features]\nhooks = true\n"));
        assert!(!feature_needs_change(b"model = \"x\"\n"));
    }
}
