//! Whether programs that the desktop starts see the token: they do not read a shell's start-up files.

use std::process::Command;
use std::time::Duration;

use crate::commands::doctor::facts::DesktopToken;
use crate::process::{self, End};
use crate::system::System;

const TOKEN: &str = "F5_GUARDRAILS_API_TOKEN";
const LIMIT: Duration = Duration::from_secs(10);

/// Asks the system; what it says is looked at for being there, and goes nowhere.
pub fn token(system: System) -> DesktopToken {
    let asked = |program: &str, arguments: &[&str]| {
        process::run(Command::new(program).args(arguments), b"", LIMIT).ok()
    };
    match system {
        System::Unix => DesktopToken::NotApplicable,
        System::MacOs => match asked("/bin/launchctl", &["getenv", TOKEN]) {
            Some(done) if done.end == End::TimedOut => DesktopToken::CannotTell,
            Some(done) if done.stdout.trim_ascii().is_empty() => DesktopToken::NotSet,
            Some(_) => DesktopToken::Set,
            None => DesktopToken::CannotTell,
        },
        System::Windows => {
            let machine = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment";
            let answers =
                [r"HKCU\Environment", machine].map(|key| asked("reg.exe", &["query", key, "/v", TOKEN]));
            if answers.iter().flatten().any(|done| done.end == End::Code(0)) {
                DesktopToken::Set
            } else if answers.iter().flatten().any(|done| matches!(done.end, End::Code(_))) {
                DesktopToken::NotSet
            } else {
                DesktopToken::CannotTell
            }
        }
    }
}
