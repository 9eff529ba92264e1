//! The flags that a registered command can carry: what is enforced there, no variable of a user can change.

use std::ffi::{OsStr, OsString};

use super::values::{Enforcement, FailMode, switch};
use super::{Given, Source, Words};

/// Older versions wrote the timeout that the hook is registered with. It is read, and never written any more.
pub const HOOK_TIMEOUT_FLAG: &str = "--hook-timeout";

/// Declares [`Enforced`], so that everything about a flag is in one place: its help, its name, and which value is
/// kept where registered commands differ.
macro_rules! enforced {
    (
        once { $($(#[$attribute:meta])* $field:ident: $name:literal, $of_several:expr;)* }
        several { $($(#[$list_attribute:meta])* $list:ident: $list_name:literal;)* }
    ) => {
        /// What a registered command enforces, as it was given. Each is `None` where the flag was not given; a flag
        /// wins over the environment.
        #[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
        pub struct Enforced {
            $($(#[$attribute])* pub $field: Option<OsString>,)*
            $($(#[$list_attribute])* pub $list: Vec<OsString>,)*
            /// Written by older versions: the timeout in seconds that the hook is registered with. Never an error
            #[arg(long, value_name = "SECONDS", hide = true, num_args = 0..=1, default_missing_value = "", allow_negative_numbers = true)]
            pub hook_timeout: Option<OsString>,
            /// Those that are options of the command that runs, and not of a registered hook, by name.
            #[arg(skip)]
            pub own: Vec<&'static str>,
            /// Whether the command runs a program that an administrator put there.
            #[arg(skip)]
            pub is_managed: bool,
        }

        impl Enforced {
            /// Every flag that is written, in the order in which it is.
            pub const FLAGS: &'static [&'static str] = &[$($name,)* $($list_name,)*];
            /// Those of them that may be given more than once.
            pub const SEVERAL: &'static [&'static str] = &[$($list_name,)*];

            /// What is given, in the order of [`Self::FLAGS`].
            pub fn given(&self) -> impl Iterator<Item = (&'static str, &OsStr)> {
                let single = [$(($name, &self.$field)),*];
                let lists = [$(($list_name, &self.$list)),*];
                let lists = lists.into_iter().flat_map(|(flag, values)| values.iter().map(move |value| (flag, value.as_os_str())));
                single.into_iter().filter_map(|(flag, value)| Some((flag, value.as_deref()?))).chain(lists)
            }

            /// Takes what is not given from `registered`, and returns which flags those were.
            pub fn complete(&mut self, registered: &[Self]) -> Vec<&'static str> {
                let mut taken = Vec::new();
                $(if self.$field.is_none() {
                    let values: Vec<&OsString> = registered.iter().filter_map(|other| other.$field.as_ref()).collect();
                    self.$field = $of_several(&values);
                    taken.extend(self.$field.as_ref().map(|_| $name));
                })*
                $(if let (true, Some(values)) =
                    (self.$list.is_empty(), registered.iter().map(|other| &other.$list).find(|values| !values.is_empty()))
                {
                    self.$list.clone_from(values);
                    taken.push($list_name);
                })*
                self.enforcement_of_all(registered, &taken);
                taken
            }
        }
    };
}

enforced! {
    once {
    /// What happens to content that could not be scanned: open lets it go ahead, closed blocks it [default: F5_GUARDRAILS_FAIL_MODE, else open]
    #[arg(long, value_name = "MODE", value_parser = Words::FAIL_MODE)]
    fail_mode: "--fail-mode", |values: &[_]| strictest(values, is_open, "closed", "open");
    /// What becomes of a hit: block refuses it, project follows the modes of the F5 project's scanners (audit, redact, block), observe lets it go ahead and logs it [default: block]
    #[arg(long, value_name = "WHO", value_parser = Words::ENFORCEMENT)]
    enforcement: "--enforcement", strictest_enforcement;
    /// Address of the F5 service, with or without /backend/v1
    #[arg(long, value_name = "URL")]
    base_url: "--base-url", first;
    /// F5 project: uuid or friendly id
    #[arg(long, value_name = "ID")]
    project_id: "--project-id", first;
    /// Withhold flagged tool output instead of warning about it [default: F5_GUARDRAILS_POST_STRICT, else false]
    #[arg(long, value_name = "BOOL", value_parser = Words::TRUE_FALSE, num_args = 0..=1, default_missing_value = "true")]
    post_strict: "--post-strict", |values: &[_]| strictest(values, is_lenient, "true", "false");
    /// Seconds for one whole scan, retries included [default: F5_GUARDRAILS_TIMEOUT, else 10]
    #[arg(long, value_name = "SECONDS")]
    timeout: "--timeout", first;
    /// PEM file with the only root certificates to trust
    #[arg(long, value_name = "FILE")]
    ca_bundle: "--ca-bundle", first;
    /// File with the API token, instead of every other source of it
    #[arg(long, value_name = "FILE")]
    token_file: "--token-file", first;
    /// Whether an outage that one hook met spares the next ones the wait for the service [default: F5_GUARDRAILS_OUTAGE_MEMORY, else on]
    #[arg(long, value_name = "SWITCH", value_parser = Words::ON_OFF)]
    outage_memory: "--outage-memory", |values: &[_]| strictest(values, is_on, "off", "on");
    /// Whether what the model gets without a hook is scanned, too [default: F5_GUARDRAILS_TRANSCRIPT, else on]
    #[arg(long, value_name = "SWITCH", value_parser = Words::ON_OFF)]
    transcript: "--transcript", |values: &[_]| strictest(values, is_off, "on", "off");
    /// Whether texts that a user allowed with `allow-text` count as cleared
    #[arg(long, value_name = "SWITCH", value_parser = Words::ON_OFF)]
    allowed_texts: "--allowed-texts", |values: &[_]| strictest(values, is_on, "off", "on");
    /// Whether calls are logged, whatever the environment says
    #[arg(long, value_name = "SWITCH", value_parser = Words::ON_OFF)]
    log: "--log", |values: &[_]| strictest(values, is_off, "on", "off");
    /// Who answers questions about a refusal: a name, an address or a URL, at most 200 characters
    #[arg(long, value_name = "TEXT")]
    contact: "--contact", first;
    }
    several {
    /// A pair that the service stores with each scan; may be given five times
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: "--metadata";
    }
}

impl Enforced {
    /// The same, given with the command that runs.
    pub fn as_own(mut self) -> Self {
        self.own = self.given().map(|(flag, _)| flag).collect();
        self
    }

    /// A command without the flag blocks, and so does what is made of several of which one has none.
    fn enforcement_of_all(&mut self, registered: &[Self], taken: &[&'static str]) {
        if taken.contains(&"--enforcement") && registered.iter().any(|other| other.enforcement.is_none()) {
            self.enforcement = Some(Enforcement::Block.as_str().into());
        }
    }

    /// Whether others than the user may have set up the command: it carries an option, be it one of an older version, or
    /// runs an administrator's program.
    pub(super) fn is_set_up(&self) -> bool {
        self.is_managed
            || self.hook_timeout.is_some()
            || self.given().any(|(flag, _)| !self.own.contains(&flag))
    }

    pub(super) fn flag(&self, name: &'static str, value: &Option<OsString>) -> Option<Given> {
        let own = self.own.contains(&name);
        let source = if own { Source::Option(name) } else { Source::Flag(name) };
        value.clone().map(|text| Given { text, source })
    }
}

/// A hook's options without its subcommand's other relatives: setting those up would take longer than most of what a
/// hook does.
#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    enforced: Enforced,
}

impl Enforced {
    /// Reads the words behind a hook's subcommand.
    pub fn parse(words: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, clap::Error> {
        let line = std::iter::once("f5-guard".into()).chain(words.into_iter().map(Into::into));
        <Line as clap::Parser>::try_parse_from(line).map(|line| line.enforced)
    }
}

impl Enforced {
    /// Flags whose values are free text, which is escaped where a shell could not be given it otherwise.
    pub const TEXTS: [&'static str; 2] = ["--contact", "--metadata"];
}

/// For values that are neither strict nor lenient: all hooks of one registration have the same.
fn first(values: &[&OsString]) -> Option<OsString> {
    values.first().map(|value| (*value).clone())
}

/// `lenient` where every value given is that; a value that can't be read counts as strict, as it does for the hooks.
fn strictest(
    values: &[&OsString],
    is_lenient: fn(&str) -> bool,
    strict: &str,
    lenient: &str,
) -> Option<OsString> {
    let all_lenient = values.iter().all(|value| value.to_str().is_some_and(|value| is_lenient(value.trim())));
    (!values.is_empty()).then(|| if all_lenient { lenient } else { strict }.into())
}

/// The strictest of those given; one that can't be read counts as `block`, as it does for the hooks.
fn strictest_enforcement(values: &[&OsString]) -> Option<OsString> {
    let read = |value: &&OsString| value.to_str().and_then(|text| Enforcement::parse(text.trim()));
    let strictest = values.iter().map(|value| read(value).unwrap_or(Enforcement::Block)).max();
    strictest.map(|strictest| strictest.as_str().into())
}

fn is_open(value: &str) -> bool {
    FailMode::parse(value) == Some(FailMode::Open)
}

fn is_off(value: &str) -> bool {
    switch(value) == Some(false)
}

fn is_on(value: &str) -> bool {
    switch(value) == Some(true)
}

fn is_lenient(value: &str) -> bool {
    switch(value) == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command};

    fn enforcing(flags: &str) -> Enforced {
        Enforced::parse(flags.split_whitespace()).unwrap()
    }

    #[test]
    fn of_several_enforcements_the_strictest_is_kept() {
        for (registered, kept) in [
            (&["--enforcement observe", "--enforcement observe"][..], Some("observe")),
            (&["--enforcement observe", "--enforcement project"], Some("project")),
            (&["--enforcement Project", "--enforcement block"], Some("block")),
            (&["--enforcement observe", "--enforcement all"], Some("block")),
            // A command without it blocks.
            (&["--enforcement observe", "--fail-mode open"], Some("block")),
            (&["--enforcement observe", ""], Some("block")),
            (&["--fail-mode open", ""], None),
        ] {
            let registered: Vec<Enforced> = registered.iter().map(|flags| enforcing(flags)).collect();
            let mut args = Enforced::default();
            args.complete(&registered);
            assert_eq!(args.enforcement.as_deref().and_then(OsStr::to_str), kept, "{registered:?}");
            let mut args = enforcing("--enforcement observe");
            args.complete(&registered);
            assert_eq!(args.enforcement, Some("observe".into()), "what is given wins");
        }
    }

    #[test]
    fn every_flag_has_the_name_that_the_command_line_knows() {
        let command = Enforced::augment_args(Command::new("x"));
        let mut known: Vec<String> = command
            .get_arguments()
            .filter_map(|arg| arg.get_long())
            .map(|name| format!("--{name}"))
            .collect();
        let mut ours: Vec<&str> = Enforced::FLAGS.iter().copied().chain([HOOK_TIMEOUT_FLAG]).collect();
        known.sort();
        ours.sort_unstable();
        assert_eq!(known, ours);
    }
}
