//! The commands that are registered, for the shells that Codex runs them with.

use super::portable;
use super::quoting::{join_unix, program_trouble, windows_trouble};
use crate::settings::{Enforced, escaped};

/// The shells that a command is written for, and with what it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launcher {
    /// A Unix shell runs the binary at this absolute path.
    Unix { binary: String },
    /// PowerShell or `cmd.exe` runs the binary at this absolute path, which must need no quoting: an 8.3 short path,
    /// or one in a folder without spaces.
    Windows { binary: String },
    /// A Unix shell looks for the binary at the user installation's place, then on `PATH`.
    PortableUnix,
    /// PowerShell looks for the binary at the same places; `cmd.exe` says no.
    PortableWindows,
}

/// A command that can't be written so that every shell reads it alike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A program path that Windows' shells would split or misread.
    #[error(
        "`{path}` can't be registered on Windows: PowerShell and cmd.exe agree only on a plain path such as \
         `C:\\ProgramData\\F5\\f5-guard.exe`, and this one {why}; use its 8.3 short form (`dir /x`) or a folder \
         without such characters"
    )]
    WindowsProgram { path: String, why: &'static str },
    /// A value of a flag with the same trouble.
    #[error(
        "the value `{value}` of {flag} can't be registered on Windows: PowerShell and cmd.exe agree only on plain \
         words, and this one {why}; set it in the environment instead, or for a file use its 8.3 short form"
    )]
    WindowsValue { flag: &'static str, value: String, why: &'static str },
    /// A value that would be read as another flag.
    #[error("the value `{value}` of {flag} would be read as a flag of its own, because it begins with `-`")]
    LooksLikeFlag { flag: &'static str, value: String },
    /// Empty values and control characters are never meant, and shells disagree about them.
    #[error("the value of {flag} is empty or holds a control character")]
    Unprintable { flag: &'static str },
    /// The program's path is relative, so that it would depend on the session's folder.
    #[error("`{path}` can't be registered because it is not an absolute path")]
    NotAbsolute { path: String },
}

/// An argument of the registered command: a word of our own, or a flag with a value that a person gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    Word(String),
    Flag { name: &'static str, value: String },
}

impl Launcher {
    /// The path that the command names, if it names one.
    pub(super) fn binary(&self) -> Option<&str> {
        match self {
            Self::Unix { binary } | Self::Windows { binary } => Some(binary),
            Self::PortableUnix | Self::PortableWindows => None,
        }
    }

    /// The command that starts f5-guard with `arguments`, of which the first is the subcommand.
    ///
    /// # Errors
    /// [`CommandError`] where no command would be read alike by all shells.
    pub fn command(&self, arguments: &[Argument]) -> Result<String, CommandError> {
        let arguments: Vec<Argument> = arguments.iter().map(|argument| self.escaped(argument)).collect();
        let arguments = arguments.as_slice();
        let mut words = Vec::new();
        for argument in arguments {
            match argument {
                Argument::Word(word) => words.push(word.clone()),
                Argument::Flag { name, value } => {
                    check_value(name, value)?;
                    words.extend([(*name).to_owned(), value.clone()]);
                }
            }
        }
        match self {
            Self::Unix { binary } => {
                if !binary.starts_with('/') {
                    return Err(CommandError::NotAbsolute { path: binary.clone() });
                }
                Ok(join_unix(std::iter::once(binary.as_str()).chain(words.iter().map(String::as_str))))
            }
            Self::PortableUnix => Ok(portable::unix_command(&words)),
            Self::Windows { binary } => {
                check_windows_program(binary)?;
                check_windows_words(arguments)?;
                Ok(format!("{binary} {}", words.join(" ")))
            }
            Self::PortableWindows => {
                check_windows_words(arguments)?;
                Ok(portable::windows_command(&words))
            }
        }
    }
}

impl Launcher {
    /// Free text as the shells can be given it.
    fn escaped(&self, argument: &Argument) -> Argument {
        let for_windows = matches!(self, Self::Windows { .. } | Self::PortableWindows);
        let is_plain = |c: char| !for_windows || windows_trouble(c.encode_utf8(&mut [0; 4])).is_none();
        match argument {
            Argument::Flag { name, value } if Enforced::TEXTS.contains(name) => {
                Argument::Flag { name, value: escaped(value, is_plain) }
            }
            other => other.clone(),
        }
    }
}

fn check_value(flag: &'static str, value: &str) -> Result<(), CommandError> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(CommandError::Unprintable { flag });
    }
    if value.starts_with('-') {
        return Err(CommandError::LooksLikeFlag { flag, value: value.to_owned() });
    }
    Ok(())
}

fn check_windows_program(path: &str) -> Result<(), CommandError> {
    match program_trouble(path) {
        Some(why) => Err(CommandError::WindowsProgram { path: path.to_owned(), why }),
        None => Ok(()),
    }
}

fn check_windows_words(arguments: &[Argument]) -> Result<(), CommandError> {
    for argument in arguments {
        if let Argument::Flag { name, value } = argument {
            if let Some(why) = windows_trouble(value) {
                return Err(CommandError::WindowsValue { flag: name, value: value.clone(), why });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_windows_value_with_a_space_is_refused_with_its_flag() {
        let launcher = Launcher::Windows { binary: r"C:\F5\f5-guard.exe".into() };
        let error = launcher
            .command(&[Argument::Flag { name: "--ca-bundle", value: r"C:\My Certs\ca.pem".into() }])
            .unwrap_err();
        assert!(error.to_string().contains("--ca-bundle"), "{error}");
        assert!(error.to_string().contains("has a space in it"), "{error}");
    }

    #[test]
    fn free_text_is_plain_words_on_windows_and_stays_as_it_is_elsewhere() {
        let arguments = [
            Argument::Word("stop".into()),
            Argument::Flag { name: "--contact", value: "the SOC, soc@example.com".into() },
            Argument::Flag { name: "--metadata", value: "site=Köln".into() },
        ];
        let unix = Launcher::Unix { binary: "/f5-guard".into() }.command(&arguments).unwrap();
        assert_eq!(unix, "/f5-guard stop --contact 'the SOC, soc@example.com' --metadata 'site=Köln'");
        let windows = Launcher::Windows { binary: r"C:\f5-guard.exe".into() }.command(&arguments).unwrap();
        let contact = "the~20SOC~2C~20soc~40example.com";
        assert_eq!(windows, format!(r"C:\f5-guard.exe stop --contact {contact} --metadata site=Köln"));
        assert!(Launcher::PortableWindows.command(&arguments).unwrap().contains(contact));
    }

    #[test]
    fn a_value_that_looks_like_a_flag_is_refused() {
        let launcher = Launcher::Unix { binary: "/opt/f5-guard".into() };
        let error = launcher.command(&[Argument::Flag { name: "--project-id", value: "--fail-mode".into() }]);
        assert!(matches!(error, Err(CommandError::LooksLikeFlag { .. })));
    }
}
