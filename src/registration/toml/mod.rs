//! `config.toml` and `requirements.toml`: reads their values, and turns changes into splices of their text.

mod edit;
mod place;

pub use edit::splices;

use serde_json::Value as Json;
use toml_edit::{Document, Item, TableLike, Value};

use super::error::DocumentError;
use super::position::Position;

/// What the text says, with dates and numbers that JSON has no form for as strings: it only serves to compare and to
/// find hooks, never to write.
///
/// # Errors
/// [`DocumentError::Syntax`] with line and column.
pub fn value(text: &str) -> Result<Json, DocumentError> {
    Ok(table(parse(text)?.as_table()))
}

fn parse(text: &str) -> Result<Document<&str>, DocumentError> {
    Document::parse(text).map_err(|error| {
        let at = Position::of(text, error.span().map_or(0, |span| span.start));
        DocumentError::Syntax { at, format: "TOML", message: error.message().trim().replace('\n', "; ") }
    })
}

fn table(table: &dyn TableLike) -> Json {
    table.iter().map(|(key, item)| (key.to_owned(), item_value(item))).collect()
}

fn item_value(item: &Item) -> Json {
    match item {
        Item::None => Json::Null,
        Item::Value(value) => scalar(value),
        Item::Table(inner) => table(inner),
        Item::ArrayOfTables(tables) => tables.iter().map(|inner| table(inner)).collect(),
    }
}

fn scalar(value: &Value) -> Json {
    match value {
        Value::String(text) => Json::from(text.value().as_str()),
        Value::Integer(number) => Json::from(*number.value()),
        Value::Boolean(flag) => Json::from(*flag.value()),
        // Bits, not the number: NaN equals itself then.
        Value::Float(number) => Json::from(format!("float {:x}", number.value().to_bits())),
        Value::Datetime(date) => Json::from(format!("date {}", date.value())),
        Value::Array(items) => items.iter().map(scalar).collect(),
        Value::InlineTable(inner) => table(inner),
    }
}
