//! The cursor of the next page.

use serde_json::Value;

/// Reads `next` of a page: the cursor itself, or an address that carries it as `?cursor=`. Of an address nothing else
/// is used; where it points never decides where the token goes.
pub fn next(page: &Value) -> Option<String> {
    let next = page.get("next")?.as_str()?.trim();
    let query = next.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default());
    let carried = query.and_then(|query| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "cursor")
            .map(|(_, value)| value.into_owned())
    });
    let cursor = match carried {
        Some(cursor) => cursor,
        // An address without a cursor leads nowhere; passed on as a cursor it would only bring an error.
        None if next.contains("://") => return None,
        None => next.to_owned(),
    };
    (!cursor.is_empty()).then_some(cursor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn cursor(text: &str) -> Option<String> {
        next(&json!({"next": text}))
    }

    #[test]
    fn a_cursor_is_plain_or_part_of_an_address() {
        assert_eq!(cursor("abc==").as_deref(), Some("abc=="));
        assert_eq!(
            cursor("https://h.test/backend/v1/projects?limit=100&cursor=a%2Bb%3D#x").as_deref(),
            Some("a+b=")
        );
        assert_eq!(cursor("/backend/v1/projects?cursor=abc").as_deref(), Some("abc"));
        assert_eq!(cursor("?cursor=abc").as_deref(), Some("abc"));
        assert_eq!(cursor("what?ever").as_deref(), Some("what?ever"));
    }

    #[test]
    fn there_is_no_next_page_without_a_cursor() {
        for page in [json!({}), json!({"next": null}), json!({"next": ""}), json!({"next": 3}), json!([])] {
            assert_eq!(next(&page), None, "{page}");
        }
        assert_eq!(cursor("https://h.test/backend/v1/projects?cursor="), None);
        assert_eq!(cursor("https://h.test/backend/v1/projects"), None);
    }

    proptest! {
        #[test]
        fn any_cursor_survives_being_carried_by_an_address(text in "\\S.{0,30}\\S") {
            let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            prop_assert_eq!(cursor(&format!("https://h.test/p?limit=1&cursor={encoded}")), Some(text));
        }
    }
}
