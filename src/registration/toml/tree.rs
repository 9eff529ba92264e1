//! The tables and arrays of a TOML text as TOML defines them, each with the places in the text that make it up:
//! one table may be an inline table, a `[header]`, dotted keys, or only implied by deeper headers.

use super::super::error::DocumentError;
use super::super::plan::Step;
use super::super::sequence::Sequence;
use super::layout::{Entry, Kind, Section, Value};

#[derive(Debug)]
pub enum Node<'a> {
    Scalar,
    Array {
        sequence: &'a Sequence,
        items: Vec<Node<'a>>,
    },
    Table(Table<'a>),
    /// `[[…]]`; every element is a [`Node::Table`].
    Tables(Vec<Node<'a>>),
}

#[derive(Debug, Default)]
pub struct Table<'a> {
    pub children: Vec<Child<'a>>,
    /// The brackets of an inline table.
    pub inline: Option<&'a Sequence>,
    /// The section whose header names exactly this table.
    pub header: Option<usize>,
    /// The last dotted key that passes through this table, and which of its parts names the table.
    pub dotted: Option<(Held<'a>, usize)>,
}

#[derive(Debug)]
pub struct Child<'a> {
    pub name: String,
    pub node: Node<'a>,
    /// The `key = value` that this child is the value of.
    pub held: Option<Held<'a>>,
}

/// An entry and what it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    pub entry: &'a Entry,
    /// The inline table's brackets and the entry's index there; `None` for an entry on its own line.
    pub within: Option<(&'a Sequence, usize)>,
}

impl<'a> Node<'a> {
    /// Every section header that makes up this node.
    pub fn sections(&self, found: &mut Vec<usize>) {
        match self {
            Self::Scalar => {}
            Self::Array { items, .. } | Self::Tables(items) => {
                items.iter().for_each(|item| item.sections(found))
            }
            Self::Table(table) => {
                found.extend(table.header);
                table.children.iter().for_each(|child| child.node.sections(found));
            }
        }
    }

    pub fn as_table(&self) -> Option<&Table<'a>> {
        match self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The node at the end of `path`.
    pub fn find(&self, path: &[Step]) -> Option<&Self> {
        let Some((step, rest)) = path.split_first() else { return Some(self) };
        let next = match (self, step) {
            (Self::Table(table), Step::Key(key)) => &table.child(key)?.node,
            (Self::Array { items, .. } | Self::Tables(items), Step::Index(index)) => items.get(*index)?,
            _ => return None,
        };
        next.find(rest)
    }
}

impl<'a> Table<'a> {
    pub fn child(&self, name: &str) -> Option<&Child<'a>> {
        self.children.iter().find(|child| child.name == name)
    }

    fn table_at(&mut self, name: &str) -> Result<&mut Table<'a>, DocumentError> {
        let at = match self.children.iter().position(|child| child.name == name) {
            Some(at) => at,
            None => {
                let node = Node::Table(Table::default());
                self.children.push(Child { name: name.to_owned(), node, held: None });
                self.children.len() - 1
            }
        };
        let node = self.children.get_mut(at).map(|child| &mut child.node);
        match node {
            Some(Node::Table(table)) => Ok(table),
            Some(Node::Tables(tables)) => match tables.last_mut() {
                Some(Node::Table(table)) => Ok(table),
                _ => Err(lost()),
            },
            _ => Err(lost()),
        }
    }

    fn insert(&mut self, held: Held<'a>) -> Result<(), DocumentError> {
        let (last, path) = held.entry.key.split_last().ok_or_else(lost)?;
        let mut table = self;
        for (part, (name, _)) in path.iter().enumerate() {
            table = table.table_at(name)?;
            table.dotted = Some((held, part));
        }
        let node = node_of(&held.entry.value)?;
        table.children.push(Child { name: last.0.clone(), node, held: Some(held) });
        Ok(())
    }
}

fn node_of(value: &Value) -> Result<Node<'_>, DocumentError> {
    match &value.kind {
        Kind::Scalar => Ok(Node::Scalar),
        Kind::Array { sequence, values } => {
            Ok(Node::Array { sequence, items: values.iter().map(node_of).collect::<Result<_, _>>()? })
        }
        Kind::Inline { sequence, entries } => {
            let mut table = Table { inline: Some(sequence), ..Table::default() };
            for (index, entry) in entries.iter().enumerate() {
                table.insert(Held { entry, within: Some((sequence, index)) })?;
            }
            Ok(Node::Table(table))
        }
    }
}

/// Builds the tree of a text that `toml_edit` accepts.
///
/// # Errors
/// [`DocumentError::NotEquivalent`] where the sections contradict each other, which such a text's never do.
pub fn build(sections: &[Section]) -> Result<Node<'_>, DocumentError> {
    let mut root = Table::default();
    for (index, section) in sections.iter().enumerate() {
        let mut table = &mut root;
        if let Some(header) = &section.header {
            let (last, path) = header.path.split_last().ok_or_else(lost)?;
            for name in path {
                table = table.table_at(name)?;
            }
            if header.is_array {
                table.open_element(last)?;
            }
            table = table.table_at(last)?;
            table.header = Some(index);
        }
        for entry in &section.entries {
            table.insert(Held { entry, within: None })?;
        }
    }
    Ok(Node::Table(root))
}

impl Table<'_> {
    fn open_element(&mut self, name: &str) -> Result<(), DocumentError> {
        let element = Node::Table(Table::default());
        match self.children.iter_mut().find(|child| child.name == name).map(|child| &mut child.node) {
            Some(Node::Tables(tables)) => tables.push(element),
            Some(_) => return Err(lost()),
            None => {
                let node = Node::Tables(vec![element]);
                self.children.push(Child { name: name.to_owned(), node, held: None });
            }
        }
        Ok(())
    }
}

fn lost() -> DocumentError {
    DocumentError::not_equivalent("the tables of the TOML text could not be followed")
}
