//! What integration tests and fuzz targets look at from the inside, under the paths it has there. No interface: anything
//! here may change or go at any time.

pub mod access {
    pub use crate::access::Privilege;
}

pub mod cli {
    pub use crate::cli::{Cli, hook_line};
}

pub mod codex {
    pub mod app_server {
        pub use crate::codex::app_server::{AppServer, AppServerError};
    }
    pub mod background {
        pub use crate::codex::background::{Background, find, speak};
    }
    pub mod home {
        pub use crate::codex::home::{CodexHome, Origin};
    }
    pub mod layers {
        pub use crate::codex::layers::{
            ConfigFormat, ConfigVerdict, HooksFeature, Layer, OnlyManaged, Strictness, check_config,
            hook_switches,
        };
    }
    pub mod listing {
        pub use crate::codex::listing::{FolderHooks, HookListing, TrustStatus};
    }
    pub mod locate {
        pub use crate::codex::locate::{Codex, LocateError, Place, locate, version};
    }
    pub mod trust {
        pub use crate::codex::trust::{HookStatus, Review, TrustError, trust};
    }
}

pub mod doctor {
    pub use crate::commands::doctor::finding::{FindingId, State};
}

pub mod event {
    pub use crate::event::Event;
}

#[cfg(windows)]
pub mod file_edit {
    pub use crate::file_edit::binary::remove_leftovers;
    pub use crate::file_edit::{BinaryInstall, BinaryRemoval, install_binary, remove_binary};
}

pub mod hook {
    pub use crate::hook::{Action, Assessment, Input, Policy, answer, decide, payload};
    pub mod message {
        pub use crate::hook::message::{News, Subject, words};
    }
}

pub mod installation {
    pub use crate::installation::stamp;
}

pub mod printable {
    pub use crate::printable::{printable, wrapped};
}

pub mod process {
    pub use crate::process::{End, ProcessGroup, run};
}

pub mod proof {
    pub use crate::proof::{Message, Moment, Nonce, NonceFile, Pending};
}

pub mod registration {
    pub use crate::registration::{
        Argument, KnownBinaries, Launcher, Owner, Python, Registration, RegistrationOptions, RemovalScope,
        Wanted, hook_call, install, is_windows_safe, owner_of, registered, remove, renew_record,
    };
}

pub mod scan {
    pub use crate::scan::ScanReport;
    pub mod response {
        pub use crate::scan::response::{Verdict, parse};
    }
}

pub mod settings {
    pub use crate::settings::{
        DEFAULT_BASE_URL, DEFAULT_MAX_SCAN_LENGTH, DEFAULT_TIMEOUT, Enforced, HOOK_TIMEOUT,
        LONGEST_UNREGISTERED_TIMEOUT, STALL_ROOM,
    };
    pub mod values {
        pub use crate::settings::values::{Enforcement, FailMode, FlaggedOutput};
    }
}

pub mod system {
    pub use crate::system::System;
}

pub mod terminal {
    pub use crate::terminal::{BOLD, GREEN, RED, YELLOW};
}

pub mod tls_diagnostics {
    pub use crate::tls_diagnostics::{Certificate, Chain, Environment, FileState, environment_report};
}

pub mod transport {
    pub mod roots {
        pub use crate::transport::roots::RootSet;
    }
}

#[cfg(windows)]
pub mod windows {
    pub mod api {
        pub use crate::windows::api::{program_data, short_path};
    }
    pub mod plain_path {
        pub use crate::windows::plain_path::plain_form;
    }
}
