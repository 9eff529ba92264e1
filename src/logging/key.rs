//! The key of the log's hashes. It is made once and kept in a file of the user's own next to the log: a plain hash of a
//! short text can be found by trying, one with a key only by somebody who has that too.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ring::hmac;

use crate::access::Privilege;
use crate::file_edit::{no_follow, with_suffix};
use crate::printable::hexadecimal;
use crate::system::random;

/// Bytes of a key: as many as the hash has.
const LENGTH: usize = 32;
/// The same in hexadecimal digits.
const DIGITS: usize = 2 * LENGTH;

/// The HMAC-SHA-256 of `text` with the key next to the log, in hexadecimal digits; `None` where there is no key that can
/// be used.
pub fn keyed_hash(log: &Path, text: &str) -> Option<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key_next_to(log).ok()?);
    Some(hexadecimal(hmac::sign(&key, text.as_bytes()).as_ref()))
}

/// The file that holds the key.
pub fn key_file(path: &Path) -> PathBuf {
    with_suffix(path, ".key")
}

/// The key in the file next to `path`, made where there is none.
///
/// # Errors
/// The system's, and one for a file that is not private, or holds no key.
pub fn key_next_to(path: &Path) -> io::Result<[u8; LENGTH]> {
    let path = key_file(path);
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(&path)?;
            // The one that is there: another process may have been faster.
            read(&path)
        }
        found => found,
    }
}

/// A key that others can read is none, and neither is one that is not whole.
fn read(path: &Path) -> io::Result<[u8; LENGTH]> {
    let mut file = no_follow::open(path, OpenOptions::new().read(true))?;
    let metadata = file.metadata()?;
    no_follow::check_own(&metadata).map_err(io::Error::other)?;
    Privilege::among_users().may_write_to(&metadata)?;
    if !metadata.is_file() || !is_private(&metadata) {
        return Err(io::Error::other("it is not a private file"));
    }
    let mut digits = [0; DIGITS + 2];
    let length = file.read(&mut digits)?;
    let digits = digits.get(..length).unwrap_or_default().trim_ascii_end();
    bytes(digits).ok_or_else(|| io::Error::other("it holds no key"))
}

/// On Windows a file inherits the access list of its folder.
#[cfg(windows)]
fn is_private(_: &std::fs::Metadata) -> bool {
    true
}

#[cfg(unix)]
fn is_private(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.mode() & 0o077 == 0
}

/// Puts a whole new key into its place, if none is there.
fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    let key = random::<LENGTH>()?;
    let mut file = tempfile::Builder::new().prefix(".f5-guard-key").tempfile_in(folder)?;
    writeln!(file, "{}", hexadecimal(&key))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(failed.error),
    }
}

fn bytes(digits: &[u8]) -> Option<[u8; LENGTH]> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut bytes = [0; LENGTH];
    if digits.len() != DIGITS {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn log() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        (folder, log)
    }

    #[test]
    fn the_hash_is_hmac_sha_256_with_the_key_of_the_file() {
        let (_folder, log) = log();
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.write(true).create_new(true).open(key_file(&log)).unwrap();
        // RFC 4231, test case 2 has the key "Jefe"; HMAC fills a short key with zeros.
        writeln!(file, "4a656665{}", "00".repeat(28)).unwrap();
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(keyed_hash(&log, "what do ya want for nothing?").as_deref(), Some(expected));
    }

    #[test]
    fn a_key_is_made_once_and_every_log_has_another() {
        let ((_one, first), (_two, second)) = (log(), log());
        let hash = keyed_hash(&first, "text").unwrap();
        assert_eq!(keyed_hash(&first, "text").as_ref(), Some(&hash));
        assert_ne!(keyed_hash(&first, "Text").as_ref(), Some(&hash));
        assert_ne!(keyed_hash(&second, "text").as_ref(), Some(&hash));
        let left = fs::read_dir(first.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "the key, and nothing else");
    }

    #[test]
    fn of_many_that_make_a_key_at_once_one_wins() {
        let (_folder, log) = log();
        let hashes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..32).map(|_| scope.spawn(|| keyed_hash(&log, "text"))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(hashes.iter().all(|hash| hash.is_some() && *hash == hashes[0]), "{hashes:?}");
    }

    #[test]
    fn without_a_whole_key_there_is_no_hash() {
        for content in ["", "abc", &"0".repeat(63), &"g".repeat(64), &"0".repeat(65)] {
            let (_folder, log) = log();
            let key = key_file(&log);
            fs::write(&key, content).unwrap();
            #[cfg(unix)]
            fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            assert_eq!(keyed_hash(&log, "text"), None, "{content}");
            assert_eq!(fs::read_to_string(key).unwrap(), content, "what is there stays");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_or_choose_is_not_used() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (_folder, log) = log();
        assert!(keyed_hash(&log, "text").is_some());
        let mode = fs::metadata(key_file(&log)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o622] {
            fs::set_permissions(key_file(&log), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(keyed_hash(&log, "text"), None, "{mode:o}");
        }
        let elsewhere = log.with_extension("elsewhere");
        fs::rename(key_file(&log), &elsewhere).unwrap();
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&elsewhere, key_file(&log)).unwrap();
        assert_eq!(keyed_hash(&log, "text"), None, "a link");
    }
}
