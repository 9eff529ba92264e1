//! The service that a token is for, and who chose its address: an option, the user's or the administrator's registered
//! hooks, the environment, or nobody. Never a project's registration: a repository must not say where a token goes.

use crate::access::Privilege;
use crate::cli::TokenService;
use crate::codex::layers::ConfigFile;
use crate::installation::{InstallContext, managed_folder, our_commands, system_files, user_files};
use crate::printable::printable;
use crate::registration::hook_call;
use crate::settings::{BaseUrl, Enforced, PlainHttp, Settings, Source};
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
        let mut enforced = Enforced {
            base_url: args.base_url.clone(),
            project_id: args.project_id.clone(),
            ca_bundle: args.ca_bundle.clone(),
            ..Enforced::default()
        };
        let mut by_hooks = None;
        if kind == Kind::Scan {
            if let Some((hooks, file)) = registered(env) {
                if enforced.base_url.is_none() && hooks.base_url.is_some() {
                    by_hooks = Some(file);
                }
                enforced.base_url = enforced.base_url.or(hooks.base_url);
                enforced.project_id = enforced.project_id.or(hooks.project_id);
                enforced.ca_bundle = enforced.ca_bundle.or(hooks.ca_bundle);
                enforced.token_file = hooks.token_file;
            }
        }
        let settings = Settings::read(&enforced, env);
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
fn registered(env: Env<'_>) -> Option<(Enforced, String)> {
    let context = InstallContext::of_this_process(env).ok()?;
    let managed = context.installed_managed_dir().map(|dir| managed_folder(context.system, &dir));
    let system = system_files(&context.system_folder).into_iter();
    let files: Vec<ConfigFile> = system.chain(user_files(&context.home)).collect();
    files.iter().find_map(|file| {
        Privilege::among_users().may_use(&file.path).ok()?;
        let places = context.known_binaries(file.layer, managed.as_ref());
        // What can't be read registers nothing that could be asked here.
        let commands = our_commands(std::slice::from_ref(file), &places).ok()?;
        let hooks = commands.iter().find_map(|hook| hook_call(&hook.command)?.enforced())?;
        Some((hooks, printable(&file.path.display().to_string(), 300)))
    })
}
