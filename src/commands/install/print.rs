//! `--print`: the registration as a document, for the cloud Policies page, MDM and set-ups by hand.

use std::path::Path;

use super::InstallError;
use crate::cli::InstallArgs;
use crate::installation::{InstallContext, Scope, default_managed_dir, launcher, plain};
use crate::registration::{Launcher, ManagedDirs, PrintFormat, Registration, RegistrationOptions, render};
use crate::system::System;

/// Renders what `args` ask for.
pub fn document(
    args: &InstallArgs,
    print: PrintFormat,
    options: &RegistrationOptions,
    context: &InstallContext,
) -> Result<String, InstallError> {
    let managed = matches!(print, PrintFormat::RequirementsToml | PrintFormat::MdmBase64);
    let mut dirs = ManagedDirs::default();
    let registration = if managed {
        let places = ManagedPlaces::of(args.target.managed_dir.as_deref());
        dirs = places.dirs(args.for_windows);
        let windows = Launcher::Windows { binary: format!(r"{}\f5-guard.exe", places.windows) };
        let unix = Launcher::Unix { binary: format!("{}/f5-guard", places.unix) };
        if args.for_windows {
            Registration::new(options, &windows, None)?
        } else {
            Registration::new(options, &unix, Some(&windows))?
        }
    } else if args.target.scope == Some(Scope::Project) {
        project_registration(options, args.for_windows)?
    } else if args.for_windows && context.system != System::Windows {
        return Err(InstallError::NoWindowsUser);
    } else {
        let binary = context.user_folder().binary();
        Registration::new(options, &launcher(context.system, &binary, &plain)?, None)?
    };
    Ok(render(print, &registration, &dirs)?)
}

/// A project's registration serves everybody's system, unless it is for Windows alone.
pub fn project_registration(
    options: &RegistrationOptions,
    for_windows: bool,
) -> Result<Registration, InstallError> {
    Ok(if for_windows {
        Registration::new(options, &Launcher::PortableWindows, None)?
    } else {
        Registration::new(options, &Launcher::PortableUnix, Some(&Launcher::PortableWindows))?
    })
}

/// The managed folders on both families of systems; a document for a fleet serves both.
struct ManagedPlaces {
    unix: String,
    windows: String,
}

impl ManagedPlaces {
    fn of(given: Option<&Path>) -> Self {
        let given = given.map(|path| path.to_string_lossy().into_owned());
        let is_windows = |path: &String| path.chars().nth(1) == Some(':');
        let (windows, unix): (Option<String>, Option<String>) = match given {
            Some(path) if is_windows(&path) => (Some(path), None),
            other => (None, other),
        };
        let default = |system| default_managed_dir(system, &|_| None).to_string_lossy().into_owned();
        let trimmed = |path: String| path.trim_end_matches(['/', '\\']).to_owned();
        Self {
            unix: trimmed(unix.unwrap_or_else(|| default(System::Unix))),
            // The default is joined with this system's separator.
            windows: trimmed(windows.unwrap_or_else(|| default(System::Windows)).replace('/', r"\")),
        }
    }

    fn dirs(&self, for_windows: bool) -> ManagedDirs {
        ManagedDirs {
            managed_dir: (!for_windows).then(|| self.unix.clone()),
            windows_managed_dir: Some(self.windows.clone()),
        }
    }
}
