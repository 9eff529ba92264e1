//! Puts a config file's own style back after Codex has rewritten it: Codex turns CRLF into LF, drops a byte
//! order mark and sets the mode to 0600 (measured).
//!
//! What Codex changed in the text itself stays as Codex wrote it.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A file as it was before Codex was let at it.
#[derive(Debug)]
pub struct Before {
    path: PathBuf,
    state: Option<(Vec<u8>, Metadata)>,
}

/// Whether the file had to be touched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutBack {
    /// Codex had kept the style.
    Nothing,
    /// Newlines, the byte order mark or the file's mode or owner were put back.
    Style,
}

impl Before {
    /// Remembers the file; a link is followed, as Codex follows it. A missing file is remembered as missing.
    pub fn remember(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let state = match fs::read(&path) {
            Ok(bytes) => Some((bytes, fs::metadata(&path)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path, state })
    }

    /// Gives the rewritten file its own style back, atomically.
    pub fn put_back(&self) -> io::Result<PutBack> {
        let Some((original, metadata)) = &self.state else { return Ok(PutBack::Nothing) };
        let rewritten = fs::read(&self.path)?;
        let styled = restyle(original, &rewritten);
        if styled == rewritten && same_access(metadata, &fs::metadata(&self.path)?) {
            return Ok(PutBack::Nothing);
        }
        replace(&self.path, &rewritten, &styled, metadata)?;
        Ok(PutBack::Style)
    }
}

/// `rewritten` with the byte order mark and the newlines of `original`. A line that was there before gets its
/// own newline back; a new one gets the newline that most lines of `original` have.
pub fn restyle(original: &[u8], rewritten: &[u8]) -> Vec<u8> {
    let (text, bom) = match original.strip_prefix(BOM) {
        Some(text) => (text, BOM),
        None => (original, &b""[..]),
    };
    let old: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let crlf = old.iter().filter(|line| line.ends_with(b"\r\n")).count();
    let mut styled = bom.to_vec();
    let rewritten = rewritten.strip_prefix(BOM).unwrap_or(rewritten);
    if crlf == 0 {
        styled.extend_from_slice(rewritten);
        return styled;
    }
    let mostly_crlf = crlf * 2 >= old.len();
    let mut left = old.as_slice();
    for line in rewritten.split_inclusive(|&byte| byte == b'\n') {
        let body = body(line);
        let was = left.iter().position(|candidate| self::body(candidate) == body);
        let newline_was_crlf = match was.and_then(|at| left.get(at).map(|line| (at, *line))) {
            Some((at, old_line)) if old_line.ends_with(b"\n") => {
                left = left.get(at + 1..).unwrap_or_default();
                old_line.ends_with(b"\r\n")
            }
            _ => mostly_crlf,
        };
        styled.extend_from_slice(body);
        if line.ends_with(b"\n") {
            styled.extend_from_slice(if newline_was_crlf { b"\r\n" } else { b"\n" });
        }
    }
    styled
}

/// A line without its newline.
fn body(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Writes `new` beside the file and renames it into place, unless the file is no longer `expected`.
fn replace(path: &Path, expected: &[u8], new: &[u8], access: &Metadata) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.f5-guard.{}.{:08x}", std::process::id(), fastrand::u32(..)));
    let written = write_new(&temporary, new, access).and_then(|()| {
        if fs::read(path)? != expected {
            return Err(io::Error::other("somebody else changed the file at the same moment"));
        }
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8], access: &Metadata) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    give_access(&file, access)?;
    file.sync_all()
}

#[cfg(unix)]
fn give_access(file: &File, access: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (access.uid(), access.gid()) {
        // Only with sudo; before the mode, since a change of owner may clear bits of it.
        fchown(file, Some(access.uid()), Some(access.gid()))?;
    }
    file.set_permissions(access.permissions())
}

#[cfg(not(unix))]
fn give_access(_file: &File, _access: &Metadata) -> io::Result<()> {
    // A new file inherits the folder's access list, as the one Codex wrote did.
    Ok(())
}

#[cfg(unix)]
fn same_access(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.mode(), a.uid(), a.gid()) == (b.mode(), b.uid(), b.gid())
}

#[cfg(not(unix))]
fn same_access(_a: &Metadata, _b: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn crlf_and_the_byte_order_mark_come_back_on_old_and_new_lines() {
        let styled = restyle(b"\xef\xbb\xbfa = 1\r\n\r\n[t]\r\n", b"a = 1\n\n[t]\n\n[new]\nx = 1\n");
        assert_eq!(styled, b"\xef\xbb\xbfa = 1\r\n\r\n[t]\r\n\r\n[new]\r\nx = 1\r\n");
    }

    #[test]
    fn an_lf_file_stays_as_codex_wrote_it() {
        assert_eq!(restyle(b"a = 1\n", b"a = 1\n\n[t]\n"), b"a = 1\n\n[t]\n");
    }

    #[test]
    fn in_a_mixed_file_each_old_line_keeps_its_own_newline() {
        let styled = restyle(b"a\r\nb\nc\r\nd\r\n", b"a\nb\nc\nnew\nd\n");
        assert_eq!(styled, b"a\r\nb\nc\r\nnew\r\nd\r\n");
    }

    proptest! {
        #[test]
        fn a_file_codex_changed_nothing_in_gets_its_very_bytes_back(
            lines in proptest::collection::vec(("[a-z =\"]{0,6}", any::<bool>()), 0..12),
            bom: bool,
            last in "[a-z]{0,3}",
        ) {
            let mut original = if bom { BOM.to_vec() } else { Vec::new() };
            let mut rewritten = Vec::new();
            for (line, crlf) in &lines {
                original.extend(line.bytes().chain(if *crlf { "\r\n" } else { "\n" }.bytes()));
                rewritten.extend(line.bytes().chain("\n".bytes()));
            }
            original.extend(last.bytes());
            rewritten.extend(last.bytes());
            prop_assert_eq!(restyle(&original, &rewritten), original);
        }

        #[test]
        fn only_newlines_and_the_mark_ever_differ(original: Vec<u8>, lines in proptest::collection::vec("[a-z]{0,4}", 0..8)) {
            let rewritten = lines.join("\n").into_bytes();
            let styled = restyle(&original, &rewritten);
            let plain = styled.strip_prefix(BOM).unwrap_or(&styled);
            let text = String::from_utf8(plain.to_vec()).unwrap().replace("\r\n", "\n");
            prop_assert_eq!(text.into_bytes(), rewritten);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_comes_back_and_a_link_stays_a_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("dotfiles.toml"), dir.path().join("config.toml"));
        fs::write(&target, "a = 1\r\n").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&target, &link).unwrap();
        let before = Before::remember(&link).unwrap();
        fs::write(&target, "a = 1\nb = 2\n").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();

        assert_eq!(before.put_back().unwrap(), PutBack::Style);

        assert_eq!(fs::read(&target).unwrap(), b"a = 1\r\nb = 2\r\n");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(before.put_back().unwrap(), PutBack::Nothing);
    }

    #[test]
    fn a_file_that_codex_created_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let before = Before::remember(&path).unwrap();
        fs::write(&path, "x = 1\n").unwrap();
        assert_eq!(before.put_back().unwrap(), PutBack::Nothing);
    }
}
