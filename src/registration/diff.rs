//! The unified diff that `--dry-run` shows.

use similar::TextDiff;

/// What would change in the file `path`, in the form that `diff -u` and `patch` know; empty where nothing would.
/// `None` stands for no file.
#[must_use]
pub fn unified_diff(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    if before == after {
        return String::new();
    }
    let name = |text: Option<&str>| if text.is_some() { path } else { "/dev/null" };
    TextDiff::from_lines(before.unwrap_or(""), after.unwrap_or(""))
        .unified_diff()
        .header(name(before), name(after))
        .to_string()
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
        assert!(unified_diff("x", None, Some("a\n")).starts_with("--- /dev/null\n+++ x\n"));
        assert_eq!(unified_diff("x", Some("a"), Some("a")), "");
    }
}
