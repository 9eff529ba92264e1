//! What paths lead to.

use std::path::{Path, PathBuf};

/// Whether both paths lead to the same file or folder; `false` where one of them leads to none.
pub fn same_place(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// What is missing on the way to `folder`, itself included, innermost first.
pub fn missing_folders(folder: &Path) -> Vec<PathBuf> {
    folder.ancestors().take_while(|path| !path.exists()).map(Path::to_path_buf).collect()
}
