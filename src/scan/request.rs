//! The body of a scan request (vendor's OpenAPI 9.189.0, `PostScansBody`).

use serde::{Serialize, Serializer};

use crate::settings::MetadataPair;

/// Which way the text goes, seen from the model: scanners can be set up for one direction only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanDirection {
    Request,
    Response,
}

/// What a scan is about. The service stores these strings with the scan's record, ten at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(Vec<(String, String)>);

impl Metadata {
    /// The event's name and what Codex said about the call, cut to the service's limits, and what is registered.
    pub fn new(
        hook: &str,
        tool_name: Option<&str>,
        session_id: Option<&str>,
        turn_id: Option<&str>,
        registered: &[MetadataPair],
    ) -> Self {
        let ours = [
            ("hook", Some(hook)),
            ("tool_name", tool_name),
            ("session_id", session_id),
            ("turn_id", turn_id),
        ];
        let ours = ours.into_iter().filter_map(|(key, text)| Some((key.to_owned(), value(text)?)));
        Self(ours.chain(registered.iter().map(|pair| (pair.key.clone(), pair.value.clone()))).collect())
    }
}

impl Metadata {
    /// The same for a part of a session that no hook handed over. With it there are ten pairs at most.
    #[must_use]
    pub fn of_the_transcript(mut self) -> Self {
        self.0.push(("part".to_owned(), "transcript".to_owned()));
        self
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// A metadata value may have 255 characters; a NUL is likely to be refused.
fn value(text: Option<&str>) -> Option<String> {
    let value: String =
        text?.chars().take(255).map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c }).collect();
    (!value.is_empty()).then_some(value)
}

/// One request. `verbose` keeps the service's default (false).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanRequest<'a> {
    pub input: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<&'a str>,
    pub external_metadata: &'a Metadata,
    /// Whether every hit is `flagged`; otherwise each scanner's own mode says what it is.
    pub flag_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_direction: Option<ScanDirection>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_vendors_field_names_and_leaves_out_what_is_not_set() {
        let metadata = Metadata::new("Stop", None, Some("s"), Some(""), &[]);
        let request = ScanRequest {
            input: "a\"b",
            project: Some("p"),
            external_metadata: &metadata,
            flag_only: true,
            scan_direction: Some(ScanDirection::Response),
        };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"input":"a\"b","project":"p","externalMetadata":{"hook":"Stop","session_id":"s"},"flagOnly":true,"scanDirection":"response"}"#
        );
    }

    #[test]
    fn metadata_values_are_cut_to_the_services_limit() {
        let long = "é".repeat(300);
        let metadata = Metadata::new("PreToolUse", Some(&long), None, None, &[]);
        assert_eq!(metadata.0[1].1.chars().count(), 255);
    }
}
