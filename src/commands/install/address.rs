//! The service's address where the registered hooks do not carry it: it is then up to each Codex's own environment.

use std::path::Path;

use crate::commands::doctor::DotEnv;
use crate::installation::Scope;
use crate::printable::shell_word;
use crate::registration::RegistrationOptions;
use crate::settings::{DEFAULT_BASE_URL, Settings, Source};
use crate::system::Env;

/// That the address is known here only, and how it gets registered. A project's hooks leave it to everybody's own environment.
pub fn note(options: &RegistrationOptions, scope: Scope, codex_home: &Path, env: Env<'_>) -> Option<String> {
    let settings = Settings::read(&options.enforced, env);
    let Source::Environment(variable) = settings.base_url.source else { return None };
    let (Ok(address), false) = (settings.base_url.as_ref(), scope == Scope::Project) else { return None };
    let address = address.shown();
    // Codex gives its hooks what this file sets, wherever it is started.
    let is_everywhere = scope == Scope::User && DotEnv::read(codex_home).sets(variable);
    if is_everywhere || address == DEFAULT_BASE_URL {
        return None;
    }
    let install = match scope {
        Scope::System => "install --scope system",
        Scope::User | Scope::Project => "install --scope user --trust",
    };
    Some(format!(
        "The address {address} is from {variable} in the environment here. A Codex that is started without that variable uses \
         {DEFAULT_BASE_URL}. To register the address: `f5-guard {install} --base-url {}`.",
        shell_word(address)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Enforced;

    fn said(variable: Option<&str>, option: Option<&str>, scope: Scope, home: &Path) -> Option<String> {
        let enforced = Enforced { base_url: option.map(Into::into), ..Enforced::default() };
        let options = RegistrationOptions { enforced, ..RegistrationOptions::default() };
        let env =
            |name: &str| variable.filter(|_| name == "F5_GUARDRAILS_BASE_URL").map(std::ffi::OsString::from);
        note(&options, scope, home, &env)
    }

    #[test]
    fn an_address_of_this_environment_alone_is_named_with_the_way_out() {
        let home = tempfile::tempdir().unwrap();
        let said = |variable, option, scope| said(variable, option, scope, home.path());
        let variable = Some("https://f5.example/backend/v1/");
        let note = said(variable, None, Scope::User).unwrap();
        assert!(note.starts_with("The address https://f5.example is from F5_GUARDRAILS_BASE_URL"), "{note}");
        assert!(
            note.ends_with("`f5-guard install --scope user --trust --base-url https://f5.example`."),
            "{note}"
        );
        let note = said(variable, None, Scope::System).unwrap();
        assert!(note.contains("`f5-guard install --scope system --base-url https://f5.example`"), "{note}");
        for (variable, option, scope) in [
            (variable, Some("https://f5.example"), Scope::User),
            (variable, None, Scope::Project),
            (None, None, Scope::User),
            (Some(DEFAULT_BASE_URL), None, Scope::User),
            (Some("https://ann:secret@f5.example"), None, Scope::User),
        ] {
            assert_eq!(said(variable, option, scope), None, "{variable:?} {option:?} {scope:?}");
        }
    }

    #[test]
    fn what_codex_reads_everywhere_needs_no_note() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".env"), "F5_GUARDRAILS_BASE_URL=https://f5.example\n").unwrap();
        let variable = Some("https://f5.example");
        assert_eq!(said(variable, None, Scope::User, home.path()), None);
        assert!(said(variable, None, Scope::System, home.path()).is_some());
    }
}
