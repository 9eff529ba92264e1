//! Looks at each registered hook: what it runs, with which settings, and what comes of running it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

use super::binary;
use crate::access::Privilege;
use crate::cli::{Cli, Command, HookArgs};
use crate::codex::home::CodexHome;
use crate::codex::listing::{EventName, HookListing, Source};
use crate::codex::process::{End, Finished};
use crate::codex::shell::{self, HookShell};
use crate::codex::trust::Standing;
use crate::doctor::facts::{BinaryFacts, CallFacts, HookFacts, Layer, Runner, Trial};
use crate::doctor::payload;
use crate::doctor::screen::Screen;
use crate::registration::{CalledProgram, HookCall, HookEvent, OurPlaces, Owner, hook_call, owner_of};
use crate::settings::{Env, Overrides, Settings};

/// Nobody waits longer than this for a trial, whatever the hook's timeout is.
const LONGEST_TRIAL: Duration = Duration::from_secs(60);

/// A hook of one of our events as it is registered, whoever's it is.
pub struct Registered {
    pub event: HookEvent,
    pub layer: Layer,
    pub place: PathBuf,
    /// As it is run: may hold secrets.
    pub command: String,
    pub status_message: Option<String>,
    pub matcher: Option<String>,
    pub timeout: Duration,
    pub standing: Option<Standing>,
}

/// What the examination brought.
pub struct Examined {
    pub hooks: Vec<HookFacts>,
    /// The flags of the first hook that runs: the settings that hooks really have.
    pub overrides: Overrides,
}

impl Registered {
    /// From Codex's list; `None` for other events and for hooks that are no commands.
    pub fn listed(hook: HookListing) -> Option<Self> {
        let event = match hook.event {
            EventName::UserPromptSubmit => HookEvent::UserPromptSubmit,
            EventName::PreToolUse => HookEvent::PreToolUse,
            EventName::PostToolUse => HookEvent::PostToolUse,
            EventName::Stop => HookEvent::Stop,
            EventName::Other(_) => return None,
        };
        let standing = Standing::of(&hook);
        let administrator = |word: &str| Layer::Administrator(word.to_owned());
        let layer = match hook.source {
            Source::User => Layer::User,
            Source::Project => Layer::Project,
            Source::System => administrator("system"),
            Source::Mdm => administrator("mdm"),
            Source::CloudRequirements | Source::CloudManagedConfig => administrator("cloud"),
            Source::Other(word) if hook.is_managed => Layer::Administrator(word),
            Source::Other(word) => Layer::Other(word),
        };
        Some(Self {
            event,
            layer,
            place: hook.source_path,
            command: hook.command?,
            status_message: hook.status_message,
            matcher: hook.matcher,
            timeout: hook.timeout,
            standing: Some(standing),
        })
    }

    fn runs(&self) -> bool {
        self.standing.as_ref().is_some_and(Standing::protects)
    }

    /// Only what Codex runs anyway, or what the user or the administrator wrote, is run here: a repository that was
    /// just checked out must not be able to have its commands run by a look at it.
    fn may_be_run(&self) -> bool {
        self.runs() || matches!(self.layer, Layer::User | Layer::Administrator(_))
    }
}

pub fn examine(
    registered: Vec<Registered>,
    folder: &Path,
    home: Option<&CodexHome>,
    privilege: Privilege,
    env: Env<'_>,
    screen: &Screen,
) -> Examined {
    let shell = HookShell::of_this_user(env);
    let mut overrides = None;
    let mut looked_at = Vec::new();
    for hook in registered {
        let Some(call) = hook_call(&hook.command) else {
            let status = hook.status_message.as_deref();
            match owner_of(Some(&hook.command), None, status, &OurPlaces::default()) {
                Owner::Foreign => {}
                Owner::Python => looked_at.push((hook, None)),
                Owner::Ours | Owner::Lookalike => looked_at.push((hook, None)),
            }
            continue;
        };
        let own = flags(&call);
        if overrides.is_none() || (hook.runs() && matches!(overrides, Some((false, _)))) {
            overrides = Some((hook.runs(), own.clone()));
        }
        let binary = binary::of(&call.program, hook.may_be_run(), folder, home, privilege, env, screen);
        looked_at.push((hook, Some((call, own, binary))));
    }
    // All at once: a command that hangs holds up the others no longer than its timeout.
    let trials: Vec<Option<Trial>> = std::thread::scope(|scope| {
        let started: Vec<_> = looked_at
            .iter()
            .map(|(hook, call)| {
                let shell = &shell;
                call.as_ref().map(|(call, ..)| {
                    let refusal = refusal(hook, call, shell, privilege, env);
                    scope.spawn(move || trial(hook, refusal, shell, folder, screen))
                })
            })
            .collect();
        let failed = || Trial::NotRun { why: "f5-guard failed internally".to_owned() };
        started
            .into_iter()
            .map(|thread| thread.map(|thread| thread.join().unwrap_or_else(|_| failed())))
            .collect()
    });
    let hooks = looked_at.into_iter().zip(trials).map(|((hook, call), trial)| {
        let runner = match (call, trial) {
            (Some((call, own, binary)), Some(trial)) => {
                Runner::F5Guard(Box::new(call_facts(&call, &own, binary, trial, env, screen)))
            }
            _ => {
                let status = hook.status_message.as_deref();
                match owner_of(Some(&hook.command), None, status, &OurPlaces::default()) {
                    Owner::Python => Runner::Python,
                    _ => Runner::Lookalike,
                }
            }
        };
        HookFacts {
            event: hook.event,
            layer: hook.layer,
            place: hook.place,
            command: screen.text(&hook.command),
            runner,
            matcher: hook.matcher.map(|matcher| screen.text(&matcher)),
            timeout: hook.timeout,
            standing: hook.standing,
        }
    });
    Examined {
        hooks: hooks.collect(),
        overrides: overrides.map(|(_, overrides)| overrides).unwrap_or_default(),
    }
}

/// The flags as the hook itself reads them. A command line that it refuses has none; its trial tells so.
fn flags(call: &HookCall) -> Overrides {
    let words = ["f5-guard", call.event.subcommand()].into_iter().map(str::to_owned);
    let arguments = match Cli::try_parse_from(words.chain(call.arguments.iter().cloned())) {
        Ok(cli) => match cli.command {
            Command::UserPromptSubmit(args)
            | Command::PreToolUse(args)
            | Command::PostToolUse(args)
            | Command::Stop(args) => args,
            _ => HookArgs::default(),
        },
        Err(_) => HookArgs::default(),
    };
    Overrides::from(arguments)
}

fn call_facts(
    call: &HookCall,
    overrides: &Overrides,
    binary: BinaryFacts,
    trial: Trial,
    env: Env<'_>,
    screen: &Screen,
) -> CallFacts {
    let settings = Settings::read(overrides, env);
    let mut flags = Vec::new();
    let mut words = call.arguments.iter();
    while let Some(word) = words.next() {
        if word == "--hook-timeout" {
            words.next();
        } else if !word.starts_with("--hook-timeout=") {
            flags.push(screen.text(word));
        }
    }
    CallFacts {
        subcommand: call.event,
        flags,
        hook_timeout: *settings.hook_timeout,
        budget: settings.budget(),
        scan_timeout: *settings.timeout,
        binary,
        trial,
    }
}

/// Why the command is not run, if it is not.
fn refusal(
    hook: &Registered,
    call: &HookCall,
    shell: &HookShell,
    privilege: Privilege,
    env: Env<'_>,
) -> Option<String> {
    if !hook.may_be_run() {
        return Some("it comes with the project, and nobody has trusted it".to_owned());
    }
    if privilege == Privilege::Ordinary {
        return None;
    }
    let program = match &call.program {
        CalledProgram::Named(name) if Path::new(name).is_absolute() => Path::new(name),
        _ => return Some("root starts only what is named by its whole path".to_owned()),
    };
    // The folders and files that a shell reads before it runs anything.
    let start_up = ["HOME", "ZDOTDIR", "BASH_ENV", "ENV"].into_iter().filter_map(env);
    let start_up = start_up.filter(|path| !path.is_empty()).map(PathBuf::from);
    // Policies from elsewhere have no file here.
    let place = Some(hook.place.clone()).filter(|place| place.is_absolute());
    let read = start_up.chain(place).try_for_each(|path| privilege.may_use(&path));
    let started = || privilege.may_start(shell.program()).and_then(|()| privilege.may_start(program));
    read.and_then(|()| started())
        .err()
        .map(|shared| format!("root runs nothing that others can change: {shared}"))
}

fn trial(
    hook: &Registered,
    refusal: Option<String>,
    shell: &HookShell,
    folder: &Path,
    screen: &Screen,
) -> Trial {
    if let Some(why) = refusal {
        return Trial::NotRun { why: screen.text(&why) };
    }
    let limit = hook.timeout.min(LONGEST_TRIAL);
    match shell::run_hook(shell, &hook.command, &payload::blank(hook.event, folder), folder, limit) {
        Ok(done) => judge(&done, limit, screen),
        Err(error) => {
            let shell = screen.path(shell.program());
            Trial::Failed { how: format!("could not be started with {shell} ({error})") }
        }
    }
}

/// Blank text is allowed by exit code 0 and no word on stdout, in every fail mode.
fn judge(done: &Finished, limit: Duration, screen: &Screen) -> Trial {
    let said = |bytes: &[u8]| screen.text(&String::from_utf8_lossy(bytes));
    let (stdout, stderr) = (said(&done.stdout), said(&done.stderr));
    let words = if stderr.is_empty() { stdout.clone() } else { stderr };
    let words = if words.is_empty() { "nothing".to_owned() } else { words };
    let how = match done.end {
        End::Code(0) if stdout.is_empty() => return Trial::Passed { took: done.duration },
        End::Code(0) => format!("answered blank text with: {stdout}"),
        End::Code(code) => format!("exited with code {code} and said: {words}"),
        End::Signal => format!("was ended by a signal and said: {words}"),
        End::TimedOut => format!("did not end within {}", crate::scan::seconds(&limit)),
    };
    Trial::Failed { how }
}
