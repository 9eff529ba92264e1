//! Programs of the tests' own, under another name.

use std::fs;
use std::path::Path;

/// Puts `program` at `place`: as the same file, because a copy of a debug build is large; or as a copy where root tests
/// somebody else's checkout, because f5-guard does not start what is not root's then.
pub fn put(program: impl AsRef<Path>, place: impl AsRef<Path>) {
    let (program, place) = (program.as_ref(), place.as_ref());
    if is_ours(program) && fs::hard_link(program, place).is_ok() {
        return;
    }
    fs::copy(program, place).unwrap();
}

/// Whether f5-guard would start it.
#[allow(dead_code, reason = "only some ask")]
pub fn is_ours(program: &Path) -> bool {
    f5_guard::internals::access::Privilege::among_users().may_start(program).is_ok()
}
