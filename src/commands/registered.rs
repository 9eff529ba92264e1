//! What the hooks of this machine are registered with, for commands that are to do as they do.

use std::ffi::OsString;

use crate::access::Privilege;
use crate::cli::{HookArgs, hook_line};
use crate::installation::{
    ConfigPlace, Surroundings, managed_folder, our_commands, system_files, user_files,
};
use crate::printable::printable;
use crate::registration::hook_call;
use crate::settings::{Env, Overrides};

/// The flags of registered hooks, and the file that they are registered in.
#[derive(Debug)]
pub struct Registered {
    pub flags: Overrides,
    /// Made printable.
    pub file: String,
}

impl Registered {
    /// Those of the machine, else of the user; never a project's, because a repository must not say where a token goes.
    /// Root asks no file that others can change, for the same reason.
    pub fn find(env: Env<'_>) -> Option<Self> {
        let surroundings = Surroundings::of_this_process(&env).ok()?;
        let managed =
            surroundings.installed_managed_dir().map(|dir| managed_folder(surroundings.system, &dir));
        let system = system_files(&surroundings.system_folder).into_iter();
        let files: Vec<ConfigPlace> = system.chain(user_files(&surroundings.home)).collect();
        files.iter().find_map(|file| {
            Privilege::among_users().may_use(&file.path).ok()?;
            let places = surroundings.our_places(file.layer, managed.as_ref());
            // What can't be read registers nothing that could be asked here.
            let commands = our_commands(std::slice::from_ref(file), &places).ok()?;
            let hooks = commands.iter().find_map(|hook| arguments(&hook.command))?;
            Some(Self { flags: hooks.into(), file: printable(&file.path.display().to_string(), 300) })
        })
    }
}

fn arguments(command: &str) -> Option<HookArgs> {
    let call = hook_call(command)?;
    let words = ["f5-guard", call.event.subcommand()].map(OsString::from);
    let line: Vec<OsString> =
        words.into_iter().chain(call.arguments.into_iter().map(OsString::from)).collect();
    hook_line(&line).map(|(_, arguments)| arguments)
}
