//! Options whose values are one of a few words. Help, completions and tips name the words.
//!
//! A hook takes any text: a registered command with a bad value is answered by the fail mode, not by a usage error,
//! which Codex would take for "go ahead". What a person types is refused with exit code 2.

use std::ffi::{OsStr, OsString};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command};

use super::values::{FailMode, switch};

/// Reads such a value as it was given.
#[derive(Clone)]
pub struct Words {
    known: [&'static str; 2],
    is_one: fn(&str) -> bool,
    is_strict: bool,
}

impl Words {
    pub const FAIL_MODE: Self = Self::new(["open", "closed"], |text| FailMode::parse(text).is_some());
    pub const TRUE_FALSE: Self = Self::new(["true", "false"], |text| switch(text).is_some());
    pub const ON_OFF: Self = Self::new(["on", "off"], |text| switch(text).is_some());

    const fn new(known: [&'static str; 2], is_one: fn(&str) -> bool) -> Self {
        Self { known, is_one, is_strict: false }
    }

    /// The same for a command that a person types.
    pub fn strict(self) -> impl Fn(Arg) -> Arg {
        move |arg| arg.value_parser(Self { is_strict: true, ..self.clone() })
    }
}

impl TypedValueParser for Words {
    type Value = OsString;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        // Spellings that are not offered are taken too: `Closed`, `yes`.
        let is_one = value.to_str().is_some_and(|text| (self.is_one)(text.trim()));
        if self.is_strict && !is_one {
            PossibleValuesParser::new(self.known).parse_ref(command, arg, value)?;
        }
        Ok(value.to_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.known.iter().map(PossibleValue::new)))
    }
}
