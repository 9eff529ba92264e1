//! Remembers an edit, so that it can be taken back to the byte: the lines that it changed, with those around them.
//!
//! The record is the difference between a document without our part and the same document with it, however many
//! steps lay between (an installation, Codex writing its trust, an upgrade). Taking it back looks for the lines by
//! their content, so that it also works where the document was edited elsewhere since.

use serde::{Deserialize, Serialize};
use similar::DiffTag;

use super::diff::{lines, operations};
use super::exclusion;

/// Lines kept on either side of a change, to tell two equal places apart.
const CONTEXT: usize = 3;

/// What an edit did to one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditRecord {
    /// There was no file before.
    created: bool,
    /// Bytes of the edited document.
    edited_len: usize,
    /// `[features] hooks` was not there before.
    #[serde(default)]
    pub(super) added_feature: bool,
    /// The variables that are kept from commands since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) added_exclusion: Option<exclusion::Added>,
    changes: Vec<LineChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LineChange {
    /// Byte offset of `edited` in the edited document.
    offset: usize,
    original: String,
    edited: String,
    before: String,
    after: String,
}

impl EditRecord {
    /// The difference between a document (`None`: no file) and what became of it.
    pub fn between(original: Option<&str>, edited: &str) -> Self {
        let (old, new) = (lines(original.unwrap_or("")), lines(edited));
        let text = |lines: &[&str], range: std::ops::Range<usize>| lines.get(range).unwrap_or(&[]).concat();
        let operations = operations(&old, &new);
        let changed = operations.iter().filter(|operation| operation.tag() != DiffTag::Equal);
        let changes = changed.map(|operation| {
            let range = operation.new_range();
            LineChange {
                offset: text(&new, 0..range.start).len(),
                original: text(&old, operation.old_range()),
                edited: text(&new, range.clone()),
                before: text(&new, range.start.saturating_sub(CONTEXT)..range.start),
                after: text(&new, range.end..new.len().min(range.end + CONTEXT)),
            }
        });
        let changes = changes.collect();
        Self {
            created: original.is_none(),
            edited_len: edited.len(),
            added_feature: false,
            added_exclusion: None,
            changes,
        }
    }

    /// Whether there was no file before the edit.
    pub fn created(&self) -> bool {
        self.created
    }

    /// The document as it would be without the edit; `None` where one of the changes is not there any more, or
    /// more than once.
    pub fn undo(&self, text: &str) -> Option<String> {
        let untouched = text.len() == self.edited_len
            && self
                .changes
                .iter()
                .all(|change| text.get(change.offset..).is_some_and(|t| t.starts_with(&change.edited)));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for change in &self.changes {
            let at = if untouched { change.offset } else { change.locate(text, done)? };
            out.push_str(text.get(done..at)?);
            out.push_str(&change.original);
            done = at + change.edited.len();
            let goes_on = done < text.len();
            if goes_on && !change.original.is_empty() && !change.original.ends_with('\n') {
                // The document's last line had no line ending; now others follow it.
                out.push_str(super::text::newline_of(text));
            }
        }
        out.push_str(text.get(done..)?);
        Some(out)
    }
}

impl LineChange {
    /// The one place at or behind `from` where the change stands, if there is just one.
    fn locate(&self, text: &str, from: usize) -> Option<usize> {
        if !self.edited.trim().is_empty() {
            if let Some(at) = only(self.lines(text, &self.edited, from)) {
                return Some(at);
            }
        }
        let whole = [self.before.as_str(), &self.edited, &self.after].concat();
        if whole.trim().is_empty() {
            return None;
        }
        let start = from.saturating_sub(self.before.len());
        let at = only(self.lines(text, &whole, start))? + self.before.len();
        let at_edges = (!self.before.is_empty() || at == 0)
            && (!self.after.is_empty() || at + self.edited.len() == text.len());
        (at >= from && at_edges).then_some(at)
    }

    /// Where `needle` stands as whole lines.
    fn lines<'a>(&self, text: &'a str, needle: &'a str, from: usize) -> impl Iterator<Item = usize> + 'a {
        let mut next = from;
        std::iter::from_fn(move || {
            loop {
                let at = next + text.get(next..)?.find(needle)?;
                next = at + text.get(at..)?.chars().next().map_or(1, char::len_utf8);
                let end = at + needle.len();
                let starts = at == 0 || text.get(..at).is_some_and(|before| before.ends_with('\n'));
                let ends = end == text.len() || needle.ends_with('\n');
                if starts && ends {
                    return Some(at);
                }
            }
        })
    }
}

fn only(mut places: impl Iterator<Item = usize>) -> Option<usize> {
    let first = places.next()?;
    places.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_untouched_document_comes_back_to_the_byte(old in "([a-c ]{0,3}\r?\n?){0,12}", new in "([a-c ]{0,3}\r?\n?){0,12}") {
            let record = EditRecord::between(Some(&old), &new);
            prop_assert_eq!(record.undo(&new), Some(old));
        }
    }

    #[test]
    fn lines_added_elsewhere_since_stay() {
        let record = EditRecord::between(Some("a = 1\nb = 2\n"), "a = 1\nb = 2\n\n[ours]\nx = 1\n");
        assert_eq!(
            record.undo("# new\na = 1\nb = 2\n\n[ours]\nx = 1\n[theirs]\n").as_deref(),
            Some("# new\na = 1\nb = 2\n[theirs]\n")
        );
    }

    #[test]
    fn a_last_line_without_line_ending_gets_one_when_others_follow() {
        let record = EditRecord::between(Some("a = 1"), "a = 1\n\n[ours]\n");
        assert_eq!(record.undo("a = 1\n\n[ours]\n").as_deref(), Some("a = 1"));
        assert_eq!(record.undo("a = 1\n\n[ours]\n[theirs]\n").as_deref(), Some("a = 1\n[theirs]\n"));
    }

    #[test]
    fn a_changed_change_is_not_taken_back() {
        let record = EditRecord::between(Some("a = 1\n"), "a = 1\n[ours]\nx = 1\n");
        assert_eq!(record.undo("a = 1\n[ours]\nx = 2\n"), None);
        assert_eq!(record.undo("a = 1\n[ours]\nx = 1\na = 1\n[ours]\nx = 1\n"), None);
    }

    #[test]
    fn a_deleted_line_comes_back_between_its_neighbours() {
        let record = EditRecord::between(
            Some("[features]\ncodex_hooks = true\nweb = true\n"),
            "[features]\nweb = true\n",
        );
        assert_eq!(
            record.undo("# new\n[features]\nweb = true\n").as_deref(),
            Some("# new\n[features]\ncodex_hooks = true\nweb = true\n")
        );
        assert_eq!(record.undo("[features]\n# new\nweb = true\n"), None);
    }
}
