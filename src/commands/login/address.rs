//! The service that a token is for, and who chose its address: an option, the user's or the administrator's registered
//! hooks, the environment, or nobody. Never a project's registration: a repository must not say where a token goes.

use crate::cli::TokenService;
use crate::commands::registered::Registered;
use crate::printable::shell_word;
use crate::settings::{
    BaseUrl, BaseUrlError, DEFAULT_BASE_URL, Enforced, PlainHttp, Setting, Settings, Source,
};
use crate::system::{Env, non_blank};
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
    /// The address that hooks use which are started here.
    of_hooks: Setting<Result<BaseUrl, BaseUrlError>>,
}

impl Service {
    /// # Errors
    /// A sentence, where the address can't be used.
    pub fn of(args: &TokenService, env: Env<'_>) -> Result<Self, String> {
        let kind = if args.global { Kind::Global } else { Kind::Scan };
        let own = Enforced {
            base_url: args.base_url.clone(),
            project_id: args.project_id.clone(),
            ca_bundle: args.ca_bundle.clone(),
            ..Enforced::default()
        };
        let registered = Registered::find(env).filter(|_| kind == Kind::Scan);
        let by_hooks = registered.as_ref().map(|hooks| hooks.file.clone());
        let of_hooks = Settings::read(&Enforced::default().or_registered(registered.as_ref()), env).base_url;
        let settings = Settings::read(&own.or_registered(registered.as_ref()), env);
        let source = settings.base_url.source;
        let address = match (kind, source) {
            (Kind::Global, Source::Default) => BaseUrl::parse(GLOBAL_DEFAULT, PlainHttp::LoopbackOnly),
            _ => settings.base_url.value.clone(),
        };
        let from = match (by_hooks, source) {
            (Some(file), Source::Flag(flag)) => format!("{flag} of the hooks registered in {file}"),
            (_, Source::Default) => "the default".to_owned(),
            (_, Source::Environment(name)) => format!("from the variable {name}"),
            (_, source) => format!("from {source}"),
        };
        let address = address.map_err(|error| {
            format!("{error} It comes {from}. Give an address such as https://www.us1.calypsoai.app with --base-url.")
        })?;
        Ok(Self { entry: Entry::new(kind, &address), settings, address, from, of_hooks })
    }

    /// The address, for people.
    pub fn shown(&self) -> &str {
        self.address.shown()
    }

    pub fn question(&self) -> String {
        let whose = match self.entry.kind {
            Kind::Scan => "API token",
            Kind::Global => "Global API token",
        };
        format!("{whose} for {} (it is not shown): ", self.address.host())
    }

    /// That hooks find the token only where the address is known to them, in a sentence; none where it is.
    pub fn only_here(&self) -> Option<String> {
        let default = BaseUrl::parse(DEFAULT_BASE_URL, PlainHttp::LoopbackOnly).ok()?;
        if self.entry.kind == Kind::Global {
            return None;
        }
        let theirs = self.of_hooks.as_ref().ok()?;
        let (who, theirs) = match self.of_hooks.source {
            _ if Entry::new(Kind::Scan, theirs) != self.entry => ("Hooks that start here".to_owned(), theirs),
            Source::Environment(variable) if *theirs != default => {
                (format!("Hooks that are started without {variable}"), &default)
            }
            _ => return None,
        };
        Some(format!(
            "{who} use {} and do not find it. To register the address: `f5-guard install --base-url {} --trust`.",
            theirs.shown(),
            shell_word(self.shown())
        ))
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
        if non_blank(env, variable).is_some() {
            return Some(format!(
                "{variable} is set here and comes before a stored token. Remove it from where it is set: commands of the \
                 model can read it."
            ));
        }
        file.map(|source| format!("{source} is set here, and its file comes before a stored token."))
    }
}
