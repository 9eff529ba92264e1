//! What is different where the model calls tools from a script ("code mode").
//!
//! Codex (0.169.0) cuts the output of a shell command before it hands it to a hook, to 10,000 tokens if nobody asked for
//! another length. A model that calls the tool itself gets the same cut text. A script gets what it asked for, as a rule
//! the whole output, and can show the model any part of it; the hook can't know how much that is.

use crate::json::Field;

/// How output begins that Codex has cut.
const CUT: &str = "Warning: truncated output (original token count: ";
/// How the id of a call from a script begins; the model's own calls have the ids that it gave them.
const FROM_SCRIPT: &str = "exec-";

/// Whether the caller may have got more than this output. One that only begins like a cut one is taken for cut; a call
/// without a readable id, for one from a script.
pub fn is_cut(tool_use_id: Field<'_>, output: &str) -> bool {
    output.starts_with(CUT) && tool_use_id.as_string().is_none_or(|id| id.is_empty() || is_from_script(&id))
}

/// Whether a script made the call of this id.
pub fn is_from_script(id: &str) -> bool {
    id.starts_with(FROM_SCRIPT)
}
