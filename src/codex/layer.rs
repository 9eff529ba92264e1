//! Whose word a configuration of Codex's is, in Codex's terms.

/// Whose word something is: a file of this machine's (the first three), or what only Codex sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The administrator's; hooks need no trust (all but the requirements: measured, undocumented).
    System,
    /// Those of the user's Codex home.
    User,
    /// A project's; they count only when the user trusts the project.
    Project,
    /// A managed preference of macOS.
    Mdm,
    /// A policy of the organisation's cloud.
    Cloud,
    /// Another place of an administrator's that Codex knows.
    Managed,
    /// A plugin's.
    Plugin,
    /// The flags of one invocation.
    Session,
    /// Another of Codex's words.
    Other,
}

impl Layer {
    /// What Codex calls the source of a hook.
    pub fn of(word: &str, is_managed: bool) -> Self {
        match word {
            "system" => Self::System,
            "user" => Self::User,
            "project" => Self::Project,
            "mdm" => Self::Mdm,
            "cloudRequirements" | "cloudManagedConfig" => Self::Cloud,
            _ if is_managed => Self::Managed,
            "plugin" => Self::Plugin,
            "sessionFlags" => Self::Session,
            _ => Self::Other,
        }
    }

    /// Whether it is an administrator's.
    pub fn is_managed(self) -> bool {
        matches!(self, Self::System | Self::Mdm | Self::Cloud | Self::Managed)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Project => "project",
            Self::Mdm => "mdm",
            Self::Cloud => "cloud",
            Self::Managed => "managed",
            Self::Plugin => "plugin",
            Self::Session => "session",
            Self::Other => "other",
        }
    }
}
