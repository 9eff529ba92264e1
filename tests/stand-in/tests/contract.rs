//! The stand-in refuses what the real service refuses.

mod support;

use f5_stand_in::f5::{F5, SCANS};
use serde_json::{Map, Value, json};
use support::{Answer, connect, exchange, post, scan_request};

fn say(api: &F5, request: &str) -> Answer {
    exchange(&mut connect(api.address()), request).expect("an answer")
}

fn ask(body: &Value) -> Answer {
    say(&F5::start(), &post(SCANS, body))
}

#[test]
fn a_caller_without_a_user_agent_is_stopped_by_the_firewall() {
    let api = F5::start();
    let answer = say(&api, &scan_request("hello").replace("User-Agent: test/1\r\n", ""));
    assert_eq!(answer.status, 403);
    assert!(answer.head.contains("text/html"), "{}", answer.head);
}

#[test]
fn a_missing_or_wrong_token_is_refused() {
    let api = F5::start();
    let proper = scan_request("hello");
    for request in
        [proper.replace("Bearer stand", "Bearer other"), proper.replace("Authorization", "X-Other")]
    {
        let answer = say(&api, &request);
        assert_eq!((answer.status, answer.json()), (401, json!({"detail": "Invalid token"})));
    }
}

#[test]
fn another_path_or_method_is_not_found() {
    let api = F5::start();
    assert_eq!(say(&api, &post("/scans", &json!({"input": "x"}))).status, 404);
    assert_eq!(say(&api, &scan_request("x").replace("POST", "PUT")).status, 404);
}

#[test]
fn a_body_that_is_not_a_json_object_is_unprocessable() {
    for body in [json!("text"), json!(["a"]), Value::Null] {
        assert_eq!(ask(&body).location(), r#"["body"]"#);
    }
}

#[test]
fn input_has_to_be_a_string_without_nul() {
    for body in [json!({}), json!({"input": null}), json!({"input": {"a": 1}}), json!({"input": "a\0b"})] {
        assert_eq!(ask(&body).location(), r#"["body","input"]"#, "{body}");
    }
}

#[test]
fn metadata_is_a_small_map_of_short_strings() {
    let many: Map<String, Value> = (0..11).map(|n| (n.to_string(), json!("v"))).collect();
    for (metadata, location) in [
        (json!(["a"]), r#"["body","externalMetadata"]"#.to_owned()),
        (Value::Object(many), r#"["body","externalMetadata"]"#.to_owned()),
        (json!({"k": 1}), r#"["body","externalMetadata","k"]"#.to_owned()),
        (json!({"k": null}), r#"["body","externalMetadata","k"]"#.to_owned()),
        (json!({"k": "ü".repeat(256)}), r#"["body","externalMetadata","k"]"#.to_owned()),
        (
            json!({"k".repeat(51): "v"}),
            format!(r#"["body","externalMetadata","{}","[key]"]"#, "k".repeat(51)),
        ),
    ] {
        assert_eq!(ask(&json!({"input": "x", "externalMetadata": metadata})).location(), location);
    }
}

#[test]
fn the_limits_themselves_are_allowed() {
    let metadata: Map<String, Value> =
        (0..10).map(|n| (format!("{n}{}", "k".repeat(49)), json!("ü".repeat(255)))).collect();
    let body = json!({"input": "x", "externalMetadata": metadata, "project": null, "scanDirection": "response",
        "verbose": false, "flagOnly": true, "a field of tomorrow": 1});
    assert_eq!(ask(&body).status, 200);
}

#[test]
fn other_fields_have_to_have_their_types() {
    for (field, value) in [
        ("project", json!(7)),
        ("scanDirection", json!("sideways")),
        ("verbose", json!("yes")),
        ("flagOnly", json!(1)),
        ("disabled", json!("secret")),
        ("configOverrides", json!([])),
    ] {
        let answer = ask(&json!({"input": "x", field: value}));
        assert_eq!(answer.location(), format!(r#"["body","{field}"]"#));
    }
}

#[test]
fn an_older_service_can_refuse_the_scan_direction() {
    let api = F5::builder().without_scan_direction().start();
    let answer = say(&api, &post(SCANS, &json!({"input": "x", "scanDirection": "request"})));
    assert_eq!(answer.location(), r#"["body","scanDirection"]"#);
    assert_eq!(say(&api, &post(SCANS, &json!({"input": "x"}))).status, 200);
}

#[test]
fn a_further_route_is_answered_once_the_caller_is_known() {
    let api = F5::builder()
        .route("GET", "/backend/v1/users/me", |request| {
            f5_stand_in::f5::Response::json(200, &json!({"query": request.query}))
        })
        .start();
    let request = post("/backend/v1/users/me?limit=1", &json!({})).replace("POST", "GET");
    assert_eq!(say(&api, &request).json(), json!({"query": "limit=1"}));
    assert_eq!(say(&api, &request.replace("Bearer stand", "Bearer other")).status, 401);
}
