//! Linked git worktrees: Codex takes a project's hooks there from the main checkout (seen with 0.169.0), where the two agree
//! that they belong together, and only where the worktree has a `.codex` folder of its own.

use std::path::{Path, PathBuf};

use crate::file_edit::{no_follow, real_path};

/// What git writes into these files is one path.
const LARGEST: u64 = 16 * 1024;

/// The folder with `.git` around `folder`, itself included.
pub fn checkout(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join(".git").exists())
}

/// The folder whose `.codex` holds the hooks of sessions in `folder`, where that is not its own.
pub fn hooks_elsewhere(folder: &Path) -> Option<PathBuf> {
    let folder = real_path(folder).ok()?;
    let checkout = checkout(&folder)?;
    let main = main_checkout(checkout)?;
    Some(main.join(folder.strip_prefix(checkout).ok()?))
}

/// The main checkout of a linked worktree. In a bare layout that is the folder whose `.git` file names the bare repository.
fn main_checkout(checkout: &Path) -> Option<PathBuf> {
    let linked = named_repository(checkout)?;
    let worktrees = linked.parent().filter(|folder| folder.ends_with("worktrees"))?;
    let common = worktrees.parent()?;
    let back = path_in(&linked.join("gitdir"), "")?;
    if real_path(back.parent()?).ok()? != checkout
        || real_path(&path_in(&linked.join("commondir"), "")?).ok()? != common
    {
        return None;
    }
    let main = common.parent()?;
    let is_folder = main.join(".git").is_dir();
    let own = if is_folder { real_path(&main.join(".git")).ok() } else { named_repository(main) };
    (own? == common).then(|| main.to_owned())
}

/// Where the `.git` file of a checkout leads.
fn named_repository(checkout: &Path) -> Option<PathBuf> {
    real_path(&path_in(&checkout.join(".git"), "gitdir:")?).ok()
}

/// The path in a file of git's after these words, from the file's own folder on.
fn path_in(file: &Path, words: &str) -> Option<PathBuf> {
    let mut options = std::fs::OpenOptions::new();
    let opened = no_follow::open(file, options.read(true)).ok()?;
    let found = opened.metadata().ok()?;
    if !found.is_file() || found.len() > LARGEST {
        return None;
    }
    let text = std::io::read_to_string(opened).ok()?;
    // What is not ASCII may be the beginning or end of a name.
    let path = text.strip_prefix(words)?.trim_ascii();
    (!path.is_empty()).then(|| file.parent().map(|folder| folder.join(path)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A main checkout or bare repository with a worktree, as `git worktree add` leaves them.
    struct Repository {
        dir: tempfile::TempDir,
    }

    impl Repository {
        /// `common`: where the repository is; `main`: what the `.git` file beside it says, if it is none itself.
        fn new(common: &str, main: Option<&str>) -> Self {
            let repository = Self { dir: tempfile::tempdir().unwrap() };
            let linked = repository.path(common).join("worktrees").join("feature");
            std::fs::create_dir_all(&linked).unwrap();
            std::fs::create_dir_all(repository.path("feature/deep")).unwrap();
            let back = format!("{}\n", repository.path("feature").join(".git").display());
            std::fs::write(linked.join("gitdir"), back).unwrap();
            std::fs::write(linked.join("commondir"), "../..\n").unwrap();
            repository.write("feature/.git", &format!("gitdir: {}\n", linked.display()));
            if let Some(main) = main {
                let folder = Path::new(common).parent().unwrap().join(".git");
                repository.write(&folder.display().to_string(), main);
            }
            repository
        }

        fn path(&self, name: &str) -> PathBuf {
            real_path(self.dir.path()).unwrap().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.path(name), text).unwrap();
        }

        fn hooks(&self, folder: &str) -> Option<PathBuf> {
            hooks_elsewhere(&self.path(folder))
        }
    }

    #[test]
    fn a_linked_worktree_has_the_hooks_of_its_main_checkout() {
        let repository = Repository::new("main/.git", None);
        assert_eq!(repository.hooks("feature"), Some(repository.path("main")));
        assert_eq!(repository.hooks("feature/deep"), Some(repository.path("main/deep")));
        assert_eq!(repository.hooks("main"), None, "that one has its own");
    }

    #[test]
    fn in_a_bare_layout_the_folder_around_is_the_main_checkout() {
        let bare = Repository::new("project/.bare", Some("gitdir: ./.bare\n"));
        assert_eq!(bare.hooks("feature"), Some(bare.path("project")));
        let nameless = Repository::new("project/.bare", None);
        assert_eq!(nameless.hooks("feature"), None, "nothing says that it is one");
    }

    #[test]
    fn a_worktree_that_its_repository_does_not_know_has_its_own_hooks() {
        let repository = Repository::new("main/.git", None);
        repository.write("main/.git/worktrees/feature/gitdir", "/elsewhere/.git\n");
        assert_eq!(repository.hooks("feature"), None);
        let repository = Repository::new("main/.git", None);
        repository.write("main/.git/worktrees/feature/commondir", "../../..\n");
        assert_eq!(repository.hooks("feature"), None);
    }

    #[test]
    fn a_submodule_is_no_worktree() {
        let repository = Repository::new("main/.git", None);
        std::fs::create_dir_all(repository.path("main/.git/modules/sub")).unwrap();
        std::fs::create_dir_all(repository.path("main/sub")).unwrap();
        repository.write("main/sub/.git", "gitdir: ../.git/modules/sub\n");
        assert_eq!(repository.hooks("main/sub"), None);
    }
}
