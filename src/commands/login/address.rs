//! The service that a token is for, and who chose its address: an option, the user's or the administrator's registered
//! hooks, the environment, or nobody. Never a project's registration: a repository must not say where a token goes.

use std::ffi::OsString;

use crate::access::Privilege;
use crate::cli::{HookArgs, TokenService, hook_line};
use crate::installation::{
    ConfigPlace, Surroundings, managed_folder, our_commands, system_files, user_files,
};
use crate::printable::printable;
use crate::registration::hook_call;
use crate::settings::{BaseUrl, Overrides, PlainHttp, Settings, Source};
use crate::system::Env;
use crate::token::{Entry, Kind};

/// Where `dump-config` reads from when nobody says otherwise.
const GLOBAL_DEFAULT: &str = crate::commands::dump_config::DEFAULT_BASE_URL;

/// The service, with all that it takes to reach it.
pub struct Service {
    pub settings: Settings,
    pub address: BaseUrl,
    pub entry: Entry,
    /// Who chose the address, in words.
    pub from: String,
}

impl Service {
    /// # Errors
    /// A sentence, where the address can't be used.
    pub fn of(args: &TokenService, env: Env<'_>) -> Result<Self, String> {
        let kind = if args.global { Kind::Global } else { Kind::Scan };
        let mut overrides = Overrides {
            base_url: args.base_url.clone(),
            project_id: args.project_id.clone(),
            ca_bundle: args.ca_bundle.clone(),
            ..Overrides::default()
        };
        let mut by_hooks = None;
        if kind == Kind::Scan {
            if let Some((hooks, file)) = registered(env) {
                if overrides.base_url.is_none() && hooks.service.base_url.is_some() {
                    by_hooks = Some(file);
                }
                let service = hooks.service;
                overrides.base_url = overrides.base_url.or(service.base_url);
                overrides.project_id = overrides.project_id.or(service.project_id);
                overrides.ca_bundle = overrides.ca_bundle.or(service.ca_bundle);
                overrides.token_file = service.token_file;
            }
        }
        let settings = Settings::read(&overrides, env);
        let source = settings.base_url.source;
        let address = match (kind, source) {
            (Kind::Global, Source::Default) => BaseUrl::parse(GLOBAL_DEFAULT, PlainHttp::LoopbackOnly),
            _ => settings.base_url.value.clone(),
        };
        let from = match (by_hooks, source) {
            (Some(file), _) => format!("--base-url of the hooks registered in {file}"),
            (None, Source::Default) => "the default".to_owned(),
            (None, Source::Environment(name)) => format!("from the variable {name}"),
            (None, source) => format!("from {source}"),
        };
        let address = address.map_err(|error| {
            format!("{error} It comes {from}. Give an address such as https://www.us1.calypsoai.app with --base-url.")
        })?;
        Ok(Self { entry: Entry::new(kind, &address), settings, address, from })
    }

    /// The address, for people.
    pub fn shown(&self) -> &str {
        self.address.as_str().trim_end_matches('/')
    }

    pub fn question(&self) -> String {
        let whose = match self.entry.kind {
            Kind::Scan => "API token",
            Kind::Global => "Global API token",
        };
        format!("{whose} for {} (it is not shown): ", self.address.host())
    }

    /// What comes before a stored token, in a sentence.
    pub fn source_before_the_store(&self, env: Env<'_>) -> Option<String> {
        let variable = match self.entry.kind {
            Kind::Scan => "F5_GUARDRAILS_API_TOKEN",
            Kind::Global => "F5_GLOBAL_API_TOKEN",
        };
        let file = match self.entry.kind {
            Kind::Scan if self.settings.token_file.is_some() => Some(self.settings.token_file.source),
            Kind::Scan | Kind::Global => None,
        };
        if let Some(Source::Flag(flag)) = file {
            return Some(format!(
                "The registered hooks carry {flag}, whose file comes before a stored token."
            ));
        }
        if env(variable).is_some_and(|value| !value.to_string_lossy().trim().is_empty()) {
            return Some(format!(
                "{variable} is set here and comes before a stored token. Remove it from where it is set: commands of the \
                 model can read it."
            ));
        }
        file.map(|source| format!("{source} is set here, and its file comes before a stored token."))
    }
}

/// What the hooks of the machine, else of the user, are registered with; and the file. Root asks no file that others can
/// change: it would say where root's token goes.
fn registered(env: Env<'_>) -> Option<(HookArgs, String)> {
    let surroundings = Surroundings::of_this_process(&env).ok()?;
    let managed = surroundings.installed_managed_dir().map(|dir| managed_folder(surroundings.system, &dir));
    let system = system_files(&surroundings.system_folder).into_iter();
    let files: Vec<ConfigPlace> = system.chain(user_files(&surroundings.home)).collect();
    files.iter().find_map(|file| {
        Privilege::among_users().may_use(&file.path).ok()?;
        let places = surroundings.our_places(file.layer, managed.as_ref());
        // What can't be read registers nothing that could be asked here.
        let commands = our_commands(std::slice::from_ref(file), &places).ok()?;
        let hooks = commands.iter().find_map(|hook| arguments(&hook.command))?;
        Some((hooks, printable(&file.path.display().to_string(), 300)))
    })
}

fn arguments(command: &str) -> Option<HookArgs> {
    let call = hook_call(command)?;
    let words = ["f5-guard", call.event.subcommand()].map(OsString::from);
    let line: Vec<OsString> =
        words.into_iter().chain(call.arguments.into_iter().map(OsString::from)).collect();
    hook_line(&line).map(|(_, arguments)| arguments)
}
