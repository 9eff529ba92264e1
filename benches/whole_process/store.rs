//! The system's real trust store, with the stand-in's authority in it.
//!
//! Where the system lets us (Linux, as root or with user namespaces), the benchmark starts itself again in a mount
//! namespace of its own, in which a copy of `/etc/ssl/certs` lies over that folder: f5-guard then takes exactly the
//! way that it takes for users, and nobody else sees the copy. Elsewhere `SSL_CERT_DIR` names the system's folder,
//! where it has one, and another with the stand-in's root.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::Outcome;

const FOLDER: &str = "/etc/ssl/certs";
const BUNDLE: &str = "ca-certificates.crt";
/// Tells the benchmark inside the namespace where the copy is.
const COPY: &str = "F5_GUARD_BENCH_STORE";

/// Where the roots are.
pub struct Store {
    folder: PathBuf,
    way: Way,
    /// How many roots the system has, without the stand-in's.
    pub roots: usize,
    _owned: Option<tempfile::TempDir>,
}

enum Way {
    /// The copy lies over the system's own folder.
    InPlace,
    /// The copy has to be named.
    ByVariable,
}

/// Where this process is.
pub enum Entered {
    Here(Store),
    /// The work was done by another process, in a namespace.
    Ran(ExitCode),
}

/// Enters the namespace if possible; `args` are this process's own.
pub fn enter(args: &[String]) -> Outcome<Entered> {
    let system = rustls_native_certs::load_native_certs().certs;
    if let Some(copy) = std::env::var_os(COPY) {
        let roots = system.len();
        let store = Store { folder: copy.into(), way: Way::InPlace, roots, _owned: None };
        return Ok(Entered::Here(store));
    }
    let folder = tempfile::tempdir()?;
    if let Some(code) = in_namespace(folder.path(), args)? {
        return Ok(Entered::Ran(code));
    }
    fs::write(folder.path().join(BUNDLE), "")?;
    let (path, roots) = (folder.path().to_owned(), if Path::new(FOLDER).exists() { system.len() } else { 0 });
    Ok(Entered::Here(Store { folder: path, way: Way::ByVariable, roots, _owned: Some(folder) }))
}

/// Copies the system's folder and runs the benchmark where the copy lies over it; `None` where that can't be.
fn in_namespace(folder: &Path, args: &[String]) -> Outcome<Option<ExitCode>> {
    if !cfg!(target_os = "linux") || !Path::new(FOLDER).join(BUNDLE).exists() {
        return Ok(None);
    }
    // Links stay links: following them is part of what loading the store costs.
    if !Command::new("cp").args(["-a", &format!("{FOLDER}/.")]).arg(folder).status()?.success() {
        return Ok(None);
    }
    for unshare in [&["--mount"][..], &["--map-root-user", "--mount"]] {
        let run = |script: &str| {
            let mut command = Command::new("unshare");
            command.args(unshare).args(["sh", "-c", script, "sh"]).arg(folder).env(COPY, folder);
            // They would stand in for the system's store.
            command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
            command
        };
        let mount = format!("mount --bind \"$1\" {FOLDER}");
        if !run(&mount).output().is_ok_and(|output| output.status.success()) {
            continue;
        }
        let status = run(&format!("{mount} && shift && exec \"$@\""))
            .arg(std::env::current_exe()?)
            .args(args)
            .status()?;
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        return Ok(Some(code.into()));
    }
    Ok(None)
}

impl Store {
    /// Adds the stand-in's authority.
    pub fn add(&self, ca_pem: &str) -> Outcome<()> {
        let bundle = self.folder.join(BUNDLE);
        let mut pem = fs::read_to_string(&bundle)?;
        pem.push_str(ca_pem);
        Ok(fs::write(bundle, pem)?)
    }

    /// The variables that a process needs to find it.
    pub fn env(&self) -> Outcome<Vec<(&'static str, OsString)>> {
        Ok(match self.way {
            Way::InPlace => Vec::new(),
            Way::ByVariable => {
                let folders = [self.folder.clone(), FOLDER.into()].into_iter().filter(|path| path.exists());
                vec![("SSL_CERT_DIR", std::env::join_paths(folders)?)]
            }
        })
    }

    /// What was done, for the report.
    pub fn describe(&self) -> String {
        let roots = self.roots;
        match self.way {
            Way::InPlace => {
                format!(
                    "{roots} system roots, read from {FOLDER} (a copy with the stand-in's root, mounted over it)"
                )
            }
            Way::ByVariable => format!("{roots} system roots, from a folder named by SSL_CERT_DIR"),
        }
    }
}
