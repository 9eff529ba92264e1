//! Other tools' hooks that an edit moves. Codex's key for the trust in a hook holds its position in the file: it skips a
//! moved hook in silence, and only the user may trust it again.

use crate::codex::layers::ConfigFile;
use crate::codex::layers::ConfigFormat;
use crate::printable::printable;
use crate::registration::{NamedHook, unified_diff};
use crate::terminal::commented;

/// Hooks that are named; a file can hold any number.
const MOST_NAMED: usize = 20;

/// What to say about an edit that moves `hooks` in the file. Managed hooks need no trust.
pub(super) fn moved_note(place: &ConfigFile, hooks: &[NamedHook]) -> Option<String> {
    if hooks.is_empty() || place.format == ConfigFormat::RequirementsToml {
        return None;
    }
    let named = hooks.iter().take(MOST_NAMED);
    let mut names: Vec<String> = named
        .map(|hook| format!("{} `{}`", printable(&hook.event, 40), printable(&hook.command, 200)))
        .collect();
    if hooks.len() > MOST_NAMED {
        names.push(format!("and {} more", hooks.len() - MOST_NAMED));
    }
    let (whose, it) =
        if hooks.len() == 1 { ("a hook of another tool", "it") } else { ("hooks of other tools", "them") };
    Some(format!(
        "WARNING: This moves {whose} in {}: {}. Codex ties trust to a hook's place in the file and skips a moved hook in \
         silence: start `codex` and trust {it} again under /hooks.",
        place.path.display(),
        names.join("; ")
    ))
}

/// A change as a dry run shows it: in the form of `diff -u`.
pub(super) fn dry_run(
    place: &ConfigFile,
    before: Option<&[u8]>,
    after: Option<&str>,
    note: Option<String>,
) -> String {
    let before = before.map(String::from_utf8_lossy);
    let diff = unified_diff(&place.path.display().to_string(), before.as_deref(), after);
    match note {
        Some(note) => diff + &commented(&note),
        None => diff,
    }
}
