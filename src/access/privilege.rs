//! Whether this process may change what belongs to the whole machine.

/// The rights that this process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Root, or an elevated administrator.
    Administrator,
    Ordinary,
}

impl Privilege {
    /// Those of this process. What can't be found out counts as ordinary.
    pub fn of_this_process() -> Self {
        if platform::is_administrator() { Self::Administrator } else { Self::Ordinary }
    }

    /// The same for a user's own places: an administrator of Windows works in their own profile, which they can change
    /// without those rights too, and so counts as an ordinary user there.
    pub fn among_users() -> Self {
        if cfg!(windows) { Self::Ordinary } else { Self::of_this_process() }
    }
}

#[cfg(unix)]
mod platform {
    pub(super) fn is_administrator() -> bool {
        nix::unistd::geteuid().is_root()
    }
}

#[cfg(windows)]
mod platform {
    pub(super) fn is_administrator() -> bool {
        crate::windows::api::is_elevated().unwrap_or(false)
    }
}
