//! What paths lead to.

use std::path::Path;

/// Whether both paths lead to the same file or folder; `false` where one of them leads to none.
pub fn same_place(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
