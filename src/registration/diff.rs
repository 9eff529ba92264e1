//! Which lines differ between two texts, and the unified diff of them that `--dry-run` shows.
//!
//! The one algorithm that is used is called by its name: each call of `similar`'s general functions compiles all
//! six that it has, in all their variants (a tenth of the binary).

use std::fmt::Write as _;

use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::udiff::UnifiedHunkHeader;
use similar::{DiffOp, DiffTag, group_diff_ops};

/// Unchanged lines shown around a change, as `diff -u` has them.
const CONTEXT: usize = 3;

/// The lines of `text`, each with its line ending.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// What has to be done to the lines `old` to get the lines `new`.
pub(super) fn operations(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let mut found = Compact::new(Replace::new(Capture::new()), old, new);
    let Ok(()) = myers::diff(&mut found, old, 0..old.len(), new, 0..new.len());
    found.into_inner().into_inner().into_ops()
}

/// What would change in the file `path`, in the form that `diff -u` and `patch` know; empty where nothing would.
/// `None` stands for no file.
pub fn unified_diff(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    let name = |text: Option<&str>| if text.is_some() { path } else { "/dev/null" };
    let (old, new) = (lines(before.unwrap_or("")), lines(after.unwrap_or("")));
    let mut diff = String::new();
    for hunk in group_diff_ops(operations(&old, &new), CONTEXT) {
        if diff.is_empty() {
            diff = format!("--- {}\n+++ {}\n", name(before), name(after));
        }
        // Writing to a string can't fail.
        let _ = writeln!(diff, "{}", UnifiedHunkHeader::new(&hunk));
        for operation in hunk {
            let (removed, added) = (operation.old_range(), operation.new_range());
            if operation.tag() == DiffTag::Equal {
                push(&mut diff, ' ', old.get(removed));
            } else {
                push(&mut diff, '-', old.get(removed));
                push(&mut diff, '+', new.get(added));
            }
        }
    }
    diff
}

fn push(diff: &mut String, sign: char, lines: Option<&[&str]>) {
    for line in lines.unwrap_or_default() {
        diff.push(sign);
        diff.push_str(line);
        if !line.ends_with('\n') {
            diff.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_names_the_file_and_its_lines() {
        let diff = unified_diff("/c/config.toml", Some("a\nb\n"), Some("a\nb\nc\n"));
        assert_eq!(diff, "--- /c/config.toml\n+++ /c/config.toml\n@@ -1,2 +1,3 @@\n a\n b\n+c\n");
    }

    #[test]
    fn a_new_file_comes_from_nowhere_and_no_change_shows_nothing() {
        let new = unified_diff("x", None, Some("a\n"));
        assert_eq!(new, "--- /dev/null\n+++ x\n@@ -0,0 +1 @@\n+a\n");
        let gone = unified_diff("x", Some("a\n"), None);
        assert_eq!(gone, "--- x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
        assert_eq!(unified_diff("x", Some("a"), Some("a")), "");
    }

    #[test]
    fn a_missing_line_ending_is_told() {
        let diff = unified_diff("x", Some("a\nb"), Some("a\nb\n"));
        assert_eq!(diff, "--- x\n+++ x\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
    }

    #[test]
    fn changes_far_apart_have_hunks_of_their_own() {
        let old: String = (1..=20).map(|number| format!("{number}\n")).collect();
        let new = old.replace("2\n3\n", "2\nthree\n").replace("19\n", "");
        let hunks =
            "@@ -1,6 +1,6 @@\n 1\n 2\n-3\n+three\n 4\n 5\n 6\n@@ -16,5 +16,4 @@\n 16\n 17\n 18\n-19\n 20\n";
        assert_eq!(unified_diff("x", Some(&old), Some(&new)), format!("--- x\n+++ x\n{hunks}"));
    }
}
