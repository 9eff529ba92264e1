//! What npm installs: a launcher, and the program behind it.

use std::fs;
use std::path::{Path, PathBuf};

use super::is_program;
use super::places::newest_first;
use crate::system::System;

/// The real binary behind npm's launcher, where it is found; else the program itself.
///
/// The launcher (`codex.js` on Unix, `codex.cmd` on Windows) needs Node on `PATH`, costs its start-up and,
/// when ended, leaves the real binary behind.
pub(super) fn native(program: &Path, system: System) -> PathBuf {
    let Ok(resolved) = fs::canonicalize(program) else { return program.to_path_buf() };
    let package = if resolved.file_name().is_some_and(|name| name == "codex.js") {
        resolved.parent().and_then(Path::parent).map(Path::to_path_buf)
    } else if system == System::Windows && program.extension().is_some_and(|ending| ending == "cmd") {
        program.parent().map(|folder| folder.join(r"node_modules\@openai\codex"))
    } else {
        None
    };
    let name = if system == System::Windows { "codex.exe" } else { "codex" };
    package
        .and_then(|package| in_npm_package(&package, name))
        .filter(|found| is_program(found))
        .unwrap_or_else(|| program.to_path_buf())
}

/// `@openai/codex-<platform>` lies inside or beside `@openai/codex`, with `vendor/<target>/bin/codex` in it.
/// Only the package of this platform is installed, so the first one found is the one to use.
fn in_npm_package(package: &Path, name: &str) -> Option<PathBuf> {
    let inside = package.join("node_modules").join("@openai");
    let beside = package.parent()?;
    [inside.as_path(), beside]
        .into_iter()
        .flat_map(|scope| newest_first(scope, "codex-"))
        .flat_map(|platform| newest_first(&platform.join("vendor"), ""))
        .map(|target| target.join("bin").join(name))
        .find(|candidate| candidate.is_file())
}
