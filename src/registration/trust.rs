//! The keys under which Codex keeps its trust: `<file>:<event>:<group>:<handler>`, as observed with Codex 0.169.0.
//! They hold positions, so a group that is taken out moves the keys of those behind it.

use super::model::{EventGroups, NamedHook};
use super::owner::Owner;

/// Which group of an event, and which handler in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HookPosition {
    group: usize,
    handler: usize,
}

/// Codex's key for the hook of `event` at `position` in the file `source_path`, which is spelled as in `hooks/list`.
fn trust_key(source_path: &str, event: &str, position: HookPosition) -> String {
    format!("{source_path}:{}:{}:{}", snake_case(event), position.group, position.handler)
}

pub(super) fn trust_keys(events: &[EventGroups], source_path: &str, owner: Owner) -> Vec<String> {
    let mut keys = Vec::new();
    for event in events {
        for (position, _) in positions(event, |found| found == owner) {
            keys.push(trust_key(source_path, &event.event, position));
        }
    }
    keys
}

/// Other tools' hooks whose position differs between two states of a document. Edits keep their order.
pub(super) fn moved(before: &[EventGroups], after: &[EventGroups]) -> Vec<NamedHook> {
    let foreign = |owner: Owner| !owner.is_replaced();
    let mut moved = Vec::new();
    for old in before {
        let Some(new) = after.iter().find(|new| new.event == old.event) else { continue };
        for ((from, command), (to, _)) in positions(old, foreign).zip(positions(new, foreign)) {
            if from != to {
                moved.push(NamedHook { event: old.event.clone(), command: command.to_owned() });
            }
        }
    }
    moved
}

fn positions(
    event: &EventGroups,
    wanted: impl Fn(Owner) -> bool,
) -> impl Iterator<Item = (HookPosition, &str)> {
    let handlers = event.groups.iter().enumerate().flat_map(|(group, found)| {
        let handlers = found.handlers.iter().enumerate();
        handlers.map(move |(handler, found)| (HookPosition { group, handler }, found))
    });
    handlers
        .filter(move |(_, found)| wanted(found.owner))
        .map(|(position, found)| (position, found.command()))
}

pub(super) fn snake_case(event: &str) -> String {
    let mut out = String::with_capacity(event.len() + 4);
    for (index, c) in event.char_indices() {
        if c.is_ascii_uppercase() && index > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spelled_as_codex_does() {
        let position = HookPosition { group: 1, handler: 0 };
        assert_eq!(
            trust_key("/home/ann/.codex/config.toml", "UserPromptSubmit", position),
            "/home/ann/.codex/config.toml:user_prompt_submit:1:0"
        );
    }
}
