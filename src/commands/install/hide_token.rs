//! Whether the variables that hold tokens are kept from the commands of the model. Codex hands them its whole
//! environment otherwise; hooks get it in any case.

use super::scopes::Plan;
use crate::cli::InstallArgs;
use crate::codex::layers::ConfigFormat;
use crate::file_edit::Snapshot;
use crate::installation::Scope;
use crate::registration::{hidden_names, hides};
use crate::secret::SECRET_VARIABLES;
use crate::stdio::{has_terminal, says_yes};
use crate::system::{Env, non_blank};

/// The variables to hide: those of `--hide-token`, or of a yes on the terminal. Only in the user's own file: of several
/// layers' lists Codex takes one, so that another would uncover what the user hides.
pub fn decide(args: &InstallArgs, plan: &Plan<'_>) -> Vec<String> {
    if plan.scope != Scope::User {
        return Vec::new();
    }
    let asks = has_terminal() && !args.no_hide_token && !args.target.dry_run && !is_hidden(plan);
    let wanted = args.hide_token
        || (asks
            && says_yes(
                &format!(
                    "Commands that the model runs see your environment. Hide {} from them?\n(This adds the names to \
                     [shell_environment_policy] in {}; hooks still get the variables.) [Y/n]",
                    SECRET_VARIABLES.join(" and "),
                    config(plan)
                ),
                true,
            ));
    if wanted { hidden_names() } else { Vec::new() }
}

/// What to say afterwards, where a token in the environment is still to be seen.
pub fn note(plan: &Plan<'_>, env: Env<'_>) -> Option<String> {
    let set = SECRET_VARIABLES.into_iter().find(|name| non_blank(env, name).is_some())?;
    (plan.scope == Scope::User && !is_hidden(plan)).then(|| {
        format!(
            "Every command that the model runs can read {set}: `f5-guard install --hide-token` keeps it from them, or \
             store the token with `f5-guard login` and unset the variable."
        )
    })
}

fn config(plan: &Plan<'_>) -> String {
    plan.context.home.config_toml().display().to_string()
}

fn is_hidden(plan: &Plan<'_>) -> bool {
    let snapshot = Snapshot::read(&plan.context.home.config_toml());
    let bytes = snapshot.ok().and_then(|snapshot| snapshot.bytes().map(<[u8]>::to_vec)).unwrap_or_default();
    // A file that can't be read is refused by the installation itself.
    hides(ConfigFormat::ConfigToml, &bytes).unwrap_or(true)
}
