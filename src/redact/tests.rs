use proptest::prelude::*;
use serde_json::json;

use super::*;

fn redact(value: Value) -> Value {
    Redactor::default().redact(value, Place::Any).0
}

fn counts(value: Value, place: Place) -> Counts {
    Redactor::default().redact(value, place).1
}

#[test]
fn a_provider_keeps_its_structure_and_loses_its_credentials() {
    let provider = json!({
        "id": "019fb483-2087-7078-b24c-fa57585a52c7", "name": "azure-gpt4", "type": "azure", "tag": null,
        "capabilities": ["chat", "openai_chat"],
        "secrets": {"apiKey": "11111111-2222-3333-4444-555555555555", "raw": "hunter2"},
        "inputs": {"model": "gpt-4o", "apiKey": "hunter2", "temperature": 0.5, "maxTokens": 100, "empty": "", "pin": 1234},
        "template": {"type": "retry", "attempts": 3, "block": {"type": "request", "method": "POST",
            "url": "https://bob:hunter2@h.test/openai?api-version=2024-06-01&api-key=hunter2",
            "headers": {"Content-Type": "application/json", "api-key": "hunter2", "X-Any": ["hunter2", "hunter3"],
                        "Authorization": "Bearer {{ secrets.apiKey }}"},
            "queryParams": {"api-version": "2024-06-01", "tenant": "hunter2"},
            "json": "{\"model\": \"gpt-4o\", \"auth_token\": \"hunter2\"}",
            "awsAuth": {"accessKey": "hunter2", "secretKey": "hunter2", "token": null, "region": "us-east-1", "service": "bedrock"},
            "ociAuth": {"keyId": "hunter2", "privateKeyPem": "hunter2", "passphrase": ""}}},
    });
    let expected = json!({
        "id": "019fb483-2087-7078-b24c-fa57585a52c7", "name": "azure-gpt4", "type": "azure", "tag": null,
        "capabilities": ["chat", "openai_chat"],
        "secrets": {"apiKey": "11111111-2222-3333-4444-555555555555", "raw": MARKER},
        "inputs": {"model": MARKER, "apiKey": MARKER, "temperature": 0.5, "maxTokens": 100, "empty": "", "pin": MARKER},
        "template": {"type": "retry", "attempts": 3, "block": {"type": "request", "method": "POST",
            "url": "https://<redacted>@h.test/openai?api-version=2024-06-01&api-key=<redacted>",
            "headers": {"Content-Type": "application/json", "api-key": MARKER, "X-Any": [MARKER, MARKER],
                        "Authorization": "Bearer {{ secrets.apiKey }}"},
            "queryParams": {"api-version": "2024-06-01", "tenant": MARKER},
            "json": "{\"model\":\"gpt-4o\",\"auth_token\":\"<redacted>\"}",
            "awsAuth": {"accessKey": MARKER, "secretKey": MARKER, "token": null, "region": "us-east-1", "service": "bedrock"},
            "ociAuth": {"keyId": MARKER, "privateKeyPem": MARKER, "passphrase": ""}}},
    });
    assert_eq!(redact(provider), expected);
}

#[test]
fn a_token_keeps_its_name_and_loses_its_value() {
    let token = json!({"id": "t1", "name": "prod token", "value": "ab***yz", "machine": true, "userId": "auth0|62a1",
                       "expiresAt": "2030-01-01T00:00:00Z", "projectId": null});
    let (redacted, counts) = Redactor::default().redact(token.clone(), Place::Token);
    let mut expected = token;
    expected["value"] = json!(MARKER);
    assert_eq!(redacted, expected);
    assert_eq!(counts.iter().collect::<Vec<_>>(), [(Kind::TokenValue, 1)]);
}

#[test]
fn people_are_hidden_and_projects_are_not() {
    let value = json!({
        "name": "Payments", "friendlyId": "payments", "createdBy": "Alice Liddell", "tokenCount": 3,
        "admins": [{"id": "u1", "name": "Alice Liddell", "email": "alice", "org": "acme"}],
        "note": "ask alice@corp.example",
        "seen": {"alice@corp.example": 1, "bob@corp.example": 2},
    });
    assert_eq!(
        redact(value),
        json!({
            "name": "Payments", "friendlyId": "payments", "createdBy": MARKER, "tokenCount": 3,
            "admins": [{"id": "u1", "name": MARKER, "email": MARKER, "org": "acme"}],
            "note": "ask <redacted>",
            "seen": {"<redacted>": 1, "<redacted>-2": 2},
        })
    );
}

#[test]
fn header_lists_are_understood_in_every_form() {
    for (headers, expected) in [
        (json!([{"name": "x-api-key", "value": "hunter2"}]), json!([{"name": "x-api-key", "value": MARKER}])),
        (json!([{"key": "Accept", "value": "a/b"}]), json!([{"key": "Accept", "value": "a/b"}])),
        (
            json!([["x-api-key", "hunter2"], ["Accept", "a/b"]]),
            json!([["x-api-key", MARKER], ["Accept", "a/b"]]),
        ),
        (json!(["x-api-key: hunter2"]), json!([MARKER])),
        (json!("x-api-key: hunter2"), json!(MARKER)),
    ] {
        assert_eq!(redact(json!({"headers": headers})), json!({"headers": expected}));
    }
    assert_eq!(
        redact(
            json!({"extra": [{"name": "x-api-key", "value": "hunter2"}, {"key": "colour", "value": "red"}]})
        ),
        json!({"extra": [{"name": "x-api-key", "value": MARKER}, {"key": "colour", "value": "red"}]})
    );
    assert_eq!(redact(json!([["api_key", "hunter2"]])), json!([["api_key", MARKER]]));
}

#[test]
fn user_secrets_of_a_scanner_are_hidden() {
    let config = json!({"type": "secret", "userSecrets": {"badge": {
        "pattern": "HUNTER-[0-9]{4}", "contextWords": ["hunter"], "sensitivityLevel": "high"}}});
    assert_eq!(
        redact(config),
        json!({"type": "secret", "userSecrets": {"badge": {
            "pattern": MARKER, "contextWords": [MARKER], "sensitivityLevel": "high"}}})
    );
}

#[test]
fn of_a_key_that_occurs_twice_in_encoded_json_no_value_shows() {
    let body = r#"{"password": "hunter2", "password": ""}"#;
    assert!(!redact(json!({"body": body})).to_string().contains("hunter2"));
}

#[test]
fn json_nested_in_strings_is_read_to_the_bottom() {
    let mut text = json!({"client_secret": "hunter2", "kept": "word"}).to_string();
    for _ in 0..5 {
        text = json!({"data": text}).to_string();
    }
    let redacted = redact(Value::String(text)).to_string();
    assert!(!redacted.contains("hunter2") && redacted.contains("word"), "{redacted}");
}

#[test]
fn json_nested_too_deeply_is_hidden_unread() {
    let mut text = r#"["hunter2"]"#.to_owned();
    for _ in 0..=MAX_NESTED_JSON {
        text = json!([text]).to_string();
    }
    let redacted = redact(json!({"a": text})).to_string();
    assert!(redacted.contains(MARKER) && !redacted.contains("hunter2"));
}

#[test]
fn the_process_own_token_is_hidden_wherever_it_is_echoed() {
    let redactor = Redactor::new(["plainword-token".to_owned()]);
    let (value, counts) =
        redactor.redact(json!({"name": "is plainword-token", "id": "plainword-token"}), Place::Any);
    assert_eq!(value, json!({"name": "is <redacted>", "id": MARKER}));
    assert_eq!(counts.of(Kind::OwnToken), 2);
}

#[test]
fn empty_values_stay_empty_and_are_not_counted() {
    let value =
        json!({"password": "", "token": null, "apiKey": {}, "secret": [], "headers": {"x-api-key": " "}});
    let (redacted, counts) = Redactor::default().redact(value.clone(), Place::Any);
    assert_eq!((redacted, counts.total()), (value, 0));
}

#[test]
fn each_kind_is_counted() {
    let value = json!({
        "apiKey": "hunter2", "note": "AKIAIOSFODNN7EXAMPLE and sk-abcdefghijklmnop", "awsAuth": {"accessKey": "x"},
        "link": "https://a:b@c.test/?key=d",
    });
    let counts = counts(value, Place::Any);
    let seen: Vec<_> = counts.iter().map(|(kind, count)| (kind.as_str(), count)).collect();
    assert_eq!(
        seen,
        [("credential", 1), ("queryParameter", 1), ("awsAuth", 1), ("knownToken", 2), ("urlUserInfo", 1)]
    );
}

/// A secret in one of the shapes that are known without a key.
fn shaped_secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "sk-proj-[A-Za-z0-9]{24}",
        "AKIA[A-Z0-9]{16}",
        "ghp_[A-Za-z0-9]{36}",
        "xoxb-[0-9]{11}-[A-Za-z0-9]{24}",
        "AIza[A-Za-z0-9]{35}",
        "hf_[A-Za-z0-9]{34}",
        "eyJ[A-Za-z0-9]{20}\\.eyJ[A-Za-z0-9]{20}\\.[A-Za-z0-9]{20}",
        "[A-Za-z0-9]{48}",
        "[a-f0-9]{40}",
        "[a-z]{4,9}\\.[a-z]{4,9}@[a-z]{4,9}\\.example\\.com",
        "-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9]{40}\n-----END PRIVATE KEY-----",
    ]
}

fn json_value(leaf: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        leaf,
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|n| json!(n)),
        "[ -~]{0,30}".prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::vec(("[a-zA-Z_-]{1,12}", inner.clone()), 0..5)
                .prop_map(|e| Value::Object(e.into_iter().collect())),
            inner.prop_map(|value| Value::String(value.to_string())),
        ]
    })
}

fn spelling(key: &'static str) -> impl Strategy<Value = String> {
    // `key` is given in kebab-case.
    let camel = |upper_first: bool| {
        key.split('-').enumerate().fold(String::new(), |mut joined, (at, word)| {
            let (head, tail) = word.split_at(1);
            joined += &if at > 0 || upper_first { head.to_uppercase() } else { head.to_owned() };
            joined + tail
        })
    };
    prop_oneof![
        Just(key.to_owned()),
        Just(key.replace('-', "_")),
        Just(key.to_uppercase().replace('-', "_")),
        Just(key.replace('-', "")),
        Just(camel(false)),
        Just(camel(true)),
        Just(key.split('-').map(|w| w[..1].to_uppercase() + &w[1..]).collect::<Vec<_>>().join("-")),
        Just(format!("custom.{key}")),
    ]
}

fn secret_key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "x-api-key",
        "x-goog-api-key",
        "authorization",
        "ocp-apim-subscription-key",
        "api-key",
        "client-secret",
        "access-key",
        "secret-key",
        "private-key-pem",
        "passphrase",
        "password",
        "access-token",
        "refresh-token",
        "bearer-token",
        "set-cookie",
        "signing-key",
        "db-password",
        "session-token",
    ])
    .prop_flat_map(spelling)
}

/// Wraps a value at some depth, sometimes inside encoded JSON.
fn bury(value: Value, path: &[u8]) -> Value {
    path.iter().fold(value, |inner, step| match step % 4 {
        0 => json!({"config": inner, "count": 1}),
        1 => json!([null, inner]),
        2 => json!({"template": {"type": "request", "json": inner.to_string()}}),
        _ => json!({"settings": inner.to_string()}),
    })
}

proptest! {
    #[test]
    fn a_shaped_secret_is_found_at_any_place_and_depth(secret in shaped_secret(), path in proptest::collection::vec(0u8..4, 0..5), around in "[a-z ]{0,12}") {
        let value = bury(json!({"description": format!("{around} {secret} {around}"), secret.clone(): 12345}), &path);
        let redacted = redact(value).to_string();
        prop_assert!(!redacted.contains(&secret), "{}", redacted);
        prop_assert!(redacted.matches(MARKER).count() >= 2);
    }

    #[test]
    fn a_word_under_a_secret_key_is_found_in_every_spelling(key in secret_key(), secret in "[a-z]{6,12}[0-9]", path in proptest::collection::vec(0u8..4, 0..5)) {
        let value = bury(json!({key: secret, "kept": "wordhere"}), &path);
        let redacted = redact(value).to_string();
        prop_assert!(!redacted.contains(&secret), "{}", redacted);
        prop_assert!(redacted.contains("wordhere"));
    }

    #[test]
    fn a_word_behind_a_secret_key_is_found_in_plain_text(key in secret_key(), secret in "[a-z]{6,12}[0-9]", form in 0usize..6) {
        let text = match form {
            0 => format!("{key}: {secret}"),
            1 => format!("a=b&{key}={secret}&c=d"),
            2 => format!(r#"{{"model": {{{{model}}}}, "{key}": "{secret}", "b": "c"}}"#),
            3 => format!(r#"said {{\"{key}\":\"{secret}\"}} there"#),
            4 => format!("export {key}='{secret}'"),
            _ => format!("https://h.test/p?{key}={secret}"),
        };
        let (redacted, _) = Redactor::default().redact_text(&text);
        prop_assert!(!redacted.contains(&secret), "{}", redacted);
    }

    #[test]
    fn redacting_twice_changes_nothing_more(value in json_value(shaped_secret().prop_map(Value::String))) {
        let (once, _) = Redactor::default().redact(value, Place::Any);
        let (twice, counts) = Redactor::default().redact(once.clone(), Place::Any);
        prop_assert_eq!(counts.total(), 0, "{}", twice);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_text_is_redacted_without_a_panic(text in any::<String>(), place in prop::sample::select(vec![Place::Any, Place::Body, Place::Url, Place::Identity, Place::Headers])) {
        let _ = Redactor::default().redact(Value::String(text), place);
    }

    #[test]
    fn text_full_of_punctuation_is_redacted_without_a_panic(text in r#"([a-z"'\\:=&?@{}\[\]/ é<>]|token|://|Bearer |password){0,30}"#) {
        let _ = Redactor::default().redact_text(&text);
    }
}
