//! What the real service refuses, in the order in which it does: the firewall in front of it, the token, the body.
//!
//! Limits and shapes are those of the vendor's OpenAPI 9.189.0 (`PostScansBody`, `HTTPValidationError`).

use serde_json::{Map, Value, json};

use crate::http::{Request, Response};

const MAX_METADATA_ENTRIES: usize = 10;
const MAX_METADATA_KEY: usize = 50;
const MAX_METADATA_VALUE: usize = 255;

/// Whether the service knows the field `scanDirection` (it came with about 10.42).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanDirection {
    Known,
    Refused,
}

#[derive(Debug, Clone)]
pub(super) struct Contract {
    pub(super) token: String,
    pub(super) scan_direction: ScanDirection,
}

impl Default for Contract {
    fn default() -> Self {
        Self { token: super::TOKEN.to_owned(), scan_direction: ScanDirection::Known }
    }
}

impl Contract {
    /// The refusal that any request gets before it is looked at: no User-Agent, or not the right token.
    pub(super) fn refuse_caller(&self, request: &Request) -> Option<Response> {
        if request.header("user-agent").is_none_or(|value| value.trim().is_empty()) {
            return Some(Response::html(403, "Forbidden"));
        }
        let expected = format!("Bearer {}", self.token);
        if request.header("authorization") != Some(expected.as_str()) {
            return Some(Response::json(401, &json!({"detail": "Invalid token"})));
        }
        None
    }

    /// The refusal that this body of a scan request gets.
    pub(super) fn refuse_scan(&self, request: &Request) -> Option<Response> {
        let is_json =
            request.header("content-type").is_some_and(|value| value.starts_with("application/json"));
        let fields = match &request.json {
            Some(Value::Object(fields)) if is_json => fields,
            _ => return Some(unprocessable(&["body"], "Input should be a valid dictionary", "model_type")),
        };
        self.complaint(fields)
            .map(|Complaint { location, message, kind }| unprocessable(&location, message, kind))
    }

    fn complaint(&self, fields: &Map<String, Value>) -> Option<Complaint> {
        match fields.get("input") {
            None => return Some(Complaint::about(&["input"], "Field required", "missing")),
            Some(Value::String(input)) if input.contains('\0') => {
                return Some(Complaint::about(&["input"], "Input contains a NUL character", "value_error"));
            }
            Some(Value::String(_)) => {}
            Some(_) => {
                return Some(Complaint::about(&["input"], "Input should be a valid string", "string_type"));
            }
        }
        if self.scan_direction == ScanDirection::Refused && fields.contains_key("scanDirection") {
            return Some(Complaint::about(
                &["scanDirection"],
                "Extra inputs are not permitted",
                "extra_forbidden",
            ));
        }
        let direction = fields.get("scanDirection").unwrap_or(&Value::Null);
        if !matches!(direction.as_str(), Some("request" | "response")) && !direction.is_null() {
            return Some(Complaint::about(
                &["scanDirection"],
                "Input should be 'request' or 'response'",
                "enum",
            ));
        }
        if !matches!(fields.get("project"), None | Some(Value::Null | Value::String(_))) {
            return Some(Complaint::about(&["project"], "Input should be a valid string", "string_type"));
        }
        for name in ["verbose", "flagOnly"] {
            if !matches!(fields.get(name), None | Some(Value::Bool(_))) {
                return Some(Complaint::about(&[name], "Input should be a valid boolean", "bool_type"));
            }
        }
        for name in ["disabled", "forceEnabled"] {
            if !matches!(fields.get(name), None | Some(Value::Array(_))) {
                return Some(Complaint::about(&[name], "Input should be a valid list", "list_type"));
            }
        }
        if !matches!(fields.get("configOverrides"), None | Some(Value::Object(_))) {
            return Some(Complaint::about(
                &["configOverrides"],
                "Input should be a valid dictionary",
                "dict_type",
            ));
        }
        fields.get("externalMetadata").and_then(metadata_complaint)
    }
}

fn metadata_complaint(metadata: &Value) -> Option<Complaint> {
    const FIELD: &str = "externalMetadata";
    let entries = match metadata {
        Value::Null => return None,
        Value::Object(entries) => entries,
        _ => return Some(Complaint::about(&[FIELD], "Input should be a valid dictionary", "dict_type")),
    };
    if entries.len() > MAX_METADATA_ENTRIES {
        return Some(Complaint::about(&[FIELD], "Dictionary should have at most 10 items", "too_long"));
    }
    for (key, value) in entries {
        if key.chars().count() > MAX_METADATA_KEY {
            let message = "String should have at most 50 characters";
            return Some(Complaint::about(&[FIELD, key, "[key]"], message, "string_too_long"));
        }
        let Value::String(value) = value else {
            return Some(Complaint::about(&[FIELD, key], "Input should be a valid string", "string_type"));
        };
        if value.chars().count() > MAX_METADATA_VALUE {
            let message = "String should have at most 255 characters";
            return Some(Complaint::about(&[FIELD, key], message, "string_too_long"));
        }
    }
    None
}

struct Complaint {
    location: Vec<String>,
    message: &'static str,
    kind: &'static str,
}

impl Complaint {
    fn about(field: &[&str], message: &'static str, kind: &'static str) -> Self {
        let location = std::iter::once("body").chain(field.iter().copied()).map(str::to_owned).collect();
        Self { location, message, kind }
    }
}

/// The service's answer to a request that it does not understand.
pub(super) fn unprocessable(location: &[impl AsRef<str>], message: &str, kind: &str) -> Response {
    let location: Vec<&str> = location.iter().map(AsRef::as_ref).collect();
    Response::json(422, &json!({"detail": [{"loc": location, "msg": message, "type": kind}]}))
}
