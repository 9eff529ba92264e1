//! Finds the tables, arrays and values of a parsed TOML text, and where each is in it. `toml_edit` gives the ranges of
//! headers, keys, values, and of what is around them; a table of dotted keys has none of its own.

use std::ops::Range;

use toml_edit::{ArrayOfTables, InlineTable, Item, Key, RawString, Table, TableLike, Value};

use super::super::change::Step;
use super::super::sequence::{self, Sequence};

#[derive(Clone, Copy)]
pub enum Node<'a> {
    Table(&'a Table),
    /// `[[…]]`
    Tables(&'a ArrayOfTables),
    Value(&'a Value),
}

/// A node, and how it is written where it is.
#[derive(Clone)]
pub struct Place<'a> {
    pub node: Node<'a>,
    /// The inline table whose brackets the node is in; `None` for one on lines of its own.
    pub within: Option<&'a InlineTable>,
    /// The keys of a table that exists by dotted keys, up to the table that holds them; else empty.
    pub dotted: Vec<&'a Key>,
}

impl<'a> Node<'a> {
    fn of(item: &'a Item) -> Option<Self> {
        match item {
            Item::None => None,
            Item::Value(value) => Some(Self::Value(value)),
            Item::Table(table) => Some(Self::Table(table)),
            Item::ArrayOfTables(tables) => Some(Self::Tables(tables)),
        }
    }

    fn is_dotted(self) -> bool {
        match self {
            Self::Table(table) => table.is_dotted(),
            Self::Value(Value::InlineTable(table)) => table.is_dotted(),
            _ => false,
        }
    }

    /// The brackets of an array, and its items.
    pub fn array(self) -> Option<Sequence> {
        match self {
            Self::Value(Value::Array(array)) => {
                let items = array.iter().map(|value| (None, value)).collect();
                sequence(array.span()?, items, array.trailing_comma())
            }
            _ => None,
        }
    }

    /// The ranges of the values that make up this node: its own, or those of the dotted keys.
    pub fn values(self) -> Vec<Range<usize>> {
        match self {
            Self::Table(table) if table.is_dotted() => values(table),
            Self::Value(Value::InlineTable(table)) if table.is_dotted() => values(table),
            Self::Value(value) => value.span().into_iter().collect(),
            Self::Table(_) | Self::Tables(_) => Vec::new(),
        }
    }

    /// The sections that make up this node, from each header to the end of its last value.
    pub fn sections(self, found: &mut Vec<Range<usize>>) {
        match self {
            Self::Table(table) => {
                found.extend(header(table).map(|header| header.start..last_entry(table, header).end));
                table.iter().filter_map(|(_, item)| Node::of(item)).for_each(|node| node.sections(found));
            }
            Self::Tables(tables) => tables.iter().for_each(|table| Self::Table(table).sections(found)),
            Self::Value(_) => {}
        }
    }
}

impl<'a> Place<'a> {
    pub fn root(table: &'a Table) -> Self {
        Self { node: Node::Table(table), within: None, dotted: Vec::new() }
    }

    pub fn child(&self, name: &str) -> Option<Self> {
        let ((key, item), within) = match self.node {
            Node::Table(table) => (table.get_key_value(name)?, None),
            Node::Value(Value::InlineTable(table)) => {
                (table.get_key_value(name)?, if table.is_dotted() { self.within } else { Some(table) })
            }
            _ => return None,
        };
        let node = Node::of(item)?;
        let mut dotted = if node.is_dotted() { self.dotted.clone() } else { Vec::new() };
        dotted.extend(node.is_dotted().then_some(key));
        Some(Self { node, within, dotted })
    }

    /// The place at the end of `path`.
    pub fn find(&self, path: &[Step]) -> Option<Self> {
        let Some((step, rest)) = path.split_first() else { return Some(self.clone()) };
        let element = |node| Self { node, within: None, dotted: Vec::new() };
        let next = match (self.node, step) {
            (_, Step::Key(key)) => self.child(key)?,
            (Node::Value(Value::Array(array)), Step::Index(at)) => element(Node::Value(array.get(*at)?)),
            (Node::Tables(tables), Step::Index(at)) => element(Node::Table(tables.get(*at)?)),
            _ => return None,
        };
        next.find(rest)
    }
}

/// `[header]` or `[[header]]`, from the first bracket to the last; only a table that has one.
pub fn header(table: &Table) -> Option<Range<usize>> {
    table.span().filter(|_| !table.is_implicit())
}

/// The range of the last value below a header, or of the header.
pub fn last_entry(table: &Table, header: Range<usize>) -> Range<usize> {
    values(table).into_iter().chain([header.clone()]).max_by_key(|range| range.end).unwrap_or(header)
}

/// The ranges of the values in a table's own lines or brackets, also by dotted keys.
fn values(table: &dyn TableLike) -> Vec<Range<usize>> {
    table.get_values().into_iter().filter_map(|(_, value)| value.span()).collect()
}

/// The brackets of an inline table, and its entries.
pub fn inline_table(table: &InlineTable) -> Option<Sequence> {
    let mut entries: Vec<_> = table.get_values();
    // By dotted keys, entries of one table can be apart.
    entries.sort_by_key(|(_, value)| value.span().map(|span| span.start));
    let items = entries.into_iter().map(|(path, value)| (path.last().copied(), value)).collect();
    sequence(table.span()?, items, table.trailing_comma())
}

fn sequence(
    span: Range<usize>,
    items: Vec<(Option<&Key>, &Value)>,
    trailing_comma: bool,
) -> Option<Sequence> {
    let commas = if trailing_comma { items.len() } else { items.len().saturating_sub(1) };
    let mut found = Vec::with_capacity(items.len());
    for (index, (key, value)) in items.into_iter().enumerate() {
        let own = value.span()?;
        let start = match key {
            // What is before the first part of a dotted key is kept with its last one.
            Some(key) => end_of(key.leaf_decor().prefix())?,
            None => own.start,
        };
        let comma = if index < commas { Some(end_of(value.decor().suffix())?) } else { None };
        found.push(sequence::Item { range: start..own.end, comma });
    }
    Some(Sequence { open: span.start, close: span.end.checked_sub(1)?, items: found })
}

/// Where white space and comments around something end, which may be none at all.
fn end_of(around: Option<&RawString>) -> Option<usize> {
    around?.span().map(|span| span.end)
}
