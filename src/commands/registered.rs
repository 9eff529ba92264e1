//! What the hooks of this machine are registered with, for commands that are to do as they do.

use crate::access::Privilege;
use crate::codex::layers::ConfigFile;
use crate::installation::{InstallContext, managed_folder, our_commands, system_files, user_files};
use crate::printable::shown_path;
use crate::registration::hook_call;
use crate::settings::Enforced;
use crate::system::Env;

/// The flags of registered hooks, and the file that they are registered in.
#[derive(Debug)]
pub struct Registered {
    pub flags: Enforced,
    /// Made printable.
    pub file: String,
}

impl Registered {
    /// Those of the machine, else of the user; never a project's, because a repository must not say where a token goes.
    /// Root asks no file that others can change, for the same reason.
    pub fn find(env: Env<'_>) -> Option<Self> {
        let context = InstallContext::of_this_process(env).ok()?;
        let managed = context.installed_managed_dir().map(|dir| managed_folder(context.system, &dir));
        let system = system_files(&context.system_folder).into_iter();
        let files: Vec<ConfigFile> = system.chain(user_files(&context.home)).collect();
        files.iter().find_map(|file| {
            Privilege::among_users().may_use(&file.path).ok()?;
            let places = context.known_binaries(file.layer, managed.as_ref());
            // What can't be read registers nothing that could be asked here.
            let commands = our_commands(std::slice::from_ref(file), &places).ok()?;
            let flags = commands.iter().find_map(|hook| hook_call(&hook.command)?.enforced())?;
            Some(Self { flags, file: shown_path(&file.path) })
        })
    }
}

impl Enforced {
    /// What is given with the command that runs, completed with what `hooks` are registered with.
    pub fn or_registered(self, hooks: Option<&Registered>) -> Self {
        let mut both = self.as_own();
        if let Some(hooks) = hooks {
            both.complete(std::slice::from_ref(&hooks.flags));
        }
        both
    }
}
