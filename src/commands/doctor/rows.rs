//! Settings as a report shows them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::finding::{FindingId, Severity};

/// The row that says whether output that is objected to is withheld.
pub const FLAGGED_OUTPUT: &str = "flagged tool output";

/// A setting for the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingRow {
    pub name: Cow<'static, str>,
    pub value: String,
    /// The variable or flag, or `default`.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<SettingProblem>,
    /// What is known to be risky or weak although it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<SettingProblem>,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingProblem {
    pub id: FindingId,
    pub severity: Severity,
    pub text: String,
    pub fix: String,
}
