//! Where in the vendor's schema a value stands, and what that says about it. The places follow the OpenAPI of F5 AI
//! Guardrails 9.189.0; [`super::key`] judges keys that the schema does not know.

use serde_json::{Map, Value};

use super::entropy::is_uuid;
use super::key::{self, KeyClass};
use super::kind::Kind;
use super::url::is_harmless_parameter;

/// The place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// Nothing is known: judged by keys and shapes.
    Any,
    /// A name or an id: only an unmistakable secret is taken out of it.
    Identity,
    /// An API token object (or a list of them): its `value` is the token.
    Token,
    /// A user object: who it is stays hidden.
    User,
    /// A request template of a provider: `template`, `authTemplate` and the blocks in them.
    Template,
    /// A request body in a template.
    Body,
    /// A URL in a template.
    Url,
    /// Request headers, as a map, a list of pairs or text.
    Headers,
    /// Query parameters, as a map or a list of pairs.
    Query,
    /// References to secrets by UUID: a provider's `secrets`.
    SecretReferences,
    /// A scanner's `userSecrets`.
    UserSecrets,
    /// A value that is hidden with everything in it.
    Hidden(Kind),
    /// As [`Place::Hidden`], but numbers say nothing: a provider's `inputs`, an LLM's token limits.
    HiddenText(Kind),
}

/// Headers that say how to talk, not who is talking.
const HARMLESS_HEADERS: &[&str] = &[
    "accept",
    "acceptencoding",
    "acceptlanguage",
    "anthropicbeta",
    "anthropicversion",
    "apiversion",
    "cachecontrol",
    "connection",
    "contentencoding",
    "contentlength",
    "contenttype",
    "host",
    "openaibeta",
    "useragent",
];

/// How lists of `{name, value}` objects call the two.
const NAME_KEYS: &[&str] = &[
    "name",
    "key",
    "header",
    "headername",
    "field",
    "param",
    "parameter",
    "attribute",
    "label",
    "id",
    "type",
    "k",
];
const VALUE_KEYS: &[&str] =
    &["value", "values", "val", "v", "content", "text", "default", "defaultvalue", "rawvalue", "headervalue"];

/// The place of the value under `key` in `object`, which itself is in `parent`.
pub fn of_child(parent: Place, object: &Map<String, Value>, key: &str, value: &Value) -> Place {
    let compact = key::compact(key);
    match parent {
        // Inside something hidden only an id with a UUID shows.
        Place::Hidden(_) | Place::HiddenText(_) => {
            let is_id = key::classify(key) == KeyClass::Identity && value.as_str().is_some_and(is_uuid);
            let aws_setting = parent == Place::Hidden(Kind::AwsAuth)
                && matches!(compact.as_str(), "region" | "service" | "type");
            return match parent {
                _ if is_id => Place::Identity,
                _ if aws_setting => Place::Any,
                Place::HiddenText(_)
                    if key::classify(key) == KeyClass::Secret && !key::counts_tokens(key) =>
                {
                    Place::Hidden(Kind::Credential)
                }
                _ => parent,
            };
        }
        Place::Headers | Place::Query => return of_header(parent, object, key, &compact),
        Place::SecretReferences => return parent,
        Place::UserSecrets => {
            let is_level =
                compact == "sensitivitylevel" && matches!(value.as_str(), Some("standard" | "high"));
            return if is_level { Place::Any } else { parent };
        }
        _ => {}
    }
    by_schema(parent, object, &compact, value).unwrap_or_else(|| by_name(parent, object, key, value))
}

fn by_schema(parent: Place, object: &Map<String, Value>, compact: &str, value: &Value) -> Option<Place> {
    let container = value.is_object() || value.is_array();
    Some(match compact {
        "template" | "authtemplate" if container => Place::Template,
        "headers" | "httpheaders" | "requestheaders" => Place::Headers,
        "header" if container => Place::Headers,
        "queryparams" | "queryparameters" | "query" | "params" if container => Place::Query,
        "query" | "params" | "queryparams" | "queryparameters" => Place::Body,
        "inputs" => Place::HiddenText(Kind::Input),
        "awsauth" => Place::Hidden(Kind::AwsAuth),
        "ociauth" => Place::Hidden(Kind::OciAuth),
        // Elsewhere a UUID can be the secret itself.
        "secrets" if !matches!(parent, Place::Template | Place::Body) => Place::SecretReferences,
        "usersecrets" => Place::UserSecrets,
        "tokens" if container => Place::Token,
        "users" | "members" | "admins" | "user" | "member" | "admin" | "owner" if container => Place::User,
        "url" | "uri" | "endpoint" if parent == Place::Template => Place::Url,
        "body" | "json" | "data" | "payload" | "form" => Place::Body,
        "value" if is_token(parent, object) => Place::Hidden(Kind::TokenValue),
        _ => return None,
    })
}

fn by_name(parent: Place, object: &Map<String, Value>, key: &str, value: &Value) -> Place {
    let container = value.is_object() || value.is_array();
    if VALUE_KEYS.contains(&key::compact(key).as_str())
        && sibling_names(object).any(|name| key::classify(name) == KeyClass::Secret)
    {
        return Place::Hidden(Kind::Credential);
    }
    match key::classify(key) {
        // `{key: "x-api-key", value: …}`: there `key` is the name.
        KeyClass::Secret if key::compact(key) == "key" && has_value(object) => Place::Identity,
        KeyClass::Secret if key::counts_tokens(key) => Place::HiddenText(Kind::Credential),
        KeyClass::Secret => Place::Hidden(Kind::Credential),
        KeyClass::Email => Place::Hidden(Kind::Email),
        KeyClass::Person if container => Place::User,
        KeyClass::Person => Place::Hidden(Kind::Person),
        KeyClass::Identity if is_user(parent, object) && !is_id(key) => Place::Hidden(Kind::Person),
        KeyClass::Identity => Place::Identity,
        // Blocks and bodies nest; what else lies in a token or a user is judged afresh.
        KeyClass::Plain if matches!(parent, Place::Template | Place::Body) => parent,
        KeyClass::Plain => Place::Any,
    }
}

/// Under headers and parameters: a map's entry, or a part of a `{name, value}` object in a list.
fn of_header(parent: Place, object: &Map<String, Value>, key: &str, compact: &str) -> Place {
    if has_value(object) && sibling_names(object).next().is_some() {
        if NAME_KEYS.contains(&compact) {
            return Place::Identity;
        }
        if VALUE_KEYS.contains(&compact) && sibling_names(object).any(|name| is_harmless(parent, name)) {
            return Place::Any;
        }
    } else if is_harmless(parent, key) {
        return Place::Any;
    }
    value_of(parent, key)
}

/// The place of the value of the header or parameter `name`, which is not harmless.
pub fn value_of(place: Place, name: &str) -> Place {
    match place {
        // A page size or a temperature says nothing.
        Place::Query if key::classify(name) != KeyClass::Secret => Place::HiddenText(Kind::QueryParameter),
        Place::Query => Place::Hidden(Kind::QueryParameter),
        _ => Place::Hidden(Kind::Header),
    }
}

/// Whether the header or parameter `name` may be shown with its value.
pub fn is_harmless(place: Place, name: &str) -> bool {
    match place {
        Place::Headers => HARMLESS_HEADERS.contains(&key::compact(name).as_str()),
        Place::Query => is_harmless_parameter(name),
        _ => false,
    }
}

/// The names in a `{name, value}` object.
fn sibling_names(object: &Map<String, Value>) -> impl Iterator<Item = &str> {
    object
        .iter()
        .filter(|(key, _)| NAME_KEYS.contains(&key::compact(key).as_str()))
        .filter_map(|(_, name)| name.as_str())
}

fn has_value(object: &Map<String, Value>) -> bool {
    object.keys().any(|key| VALUE_KEYS.contains(&key::compact(key).as_str()))
}

/// An API token by its place, or by the company that its `value` keeps.
fn is_token(parent: Place, object: &Map<String, Value>) -> bool {
    parent == Place::Token
        || object.keys().any(|key| matches!(key::compact(key).as_str(), "expiresat" | "machine" | "userid"))
}

/// A user by its place, or by an e-mail address beside its name.
fn is_user(parent: Place, object: &Map<String, Value>) -> bool {
    let has_address = |(key, value): (&String, &Value)| {
        key::classify(key) == KeyClass::Email && value.as_str().is_some_and(|address| !address.is_empty())
    };
    parent == Place::User || object.iter().any(has_address)
}

fn is_id(key: &str) -> bool {
    let compact = key::compact(key);
    compact.ends_with("id") || compact.ends_with("ids")
}
