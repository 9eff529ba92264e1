//! What paths lead to.

use std::io;
use std::path::{Path, PathBuf};

/// Whether both paths lead to the same file or folder; `false` where one of them leads to none.
pub fn same_place(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Where a path leads, with all links resolved and without the prefix that Windows gives it then.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    let path = path.canonicalize()?;
    Ok(path.to_str().and_then(|text| text.strip_prefix(r"\\?\")).map(PathBuf::from).unwrap_or(path))
}

/// What is missing on the way to `folder`, itself included, innermost first.
pub fn missing_folders(folder: &Path) -> Vec<PathBuf> {
    folder.ancestors().take_while(|path| !path.exists()).map(Path::to_path_buf).collect()
}

/// The path of a neighbour whose name has more at its end.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The folder that a file is in.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
