//! Which Codex is recent enough.

/// The oldest Codex whose hooks can be listed, trusted and tried as f5-guard does it (tried with 0.128 to 0.169): 0.128 lists no
/// hash to trust, and up to 0.132 it has no hook for the answers of sub-agents.
const OLDEST: &str = "0.133.0";

/// Why a Codex of this version can't be vouched for, in a sentence; `None` also where the version can't be read.
pub fn too_old(version: &str) -> Option<String> {
    (numbers(version)? < numbers(OLDEST)?).then(|| {
        format!("Codex {version} is older than {OLDEST}, the oldest whose hooks f5-guard can vouch for.")
    })
}

/// `0.133.0-alpha.1` is 0.133.0 here.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let release = version.split(['-', '+']).next()?;
    let mut parts = release.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_older_by_number_is_too_old() {
        for (version, old) in [
            ("0.128.0", true),
            ("0.132.9", true),
            ("0.9.0", true),
            ("0.133.0-alpha.2", false),
            ("0.133.0", false),
            ("0.169.0", false),
            ("1.0", false),
            ("dev", false),
        ] {
            assert_eq!(too_old(version).is_some(), old, "{version}");
        }
    }
}
