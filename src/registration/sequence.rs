//! Adds and removes one item of a bracketed list (a TOML array or inline table, a JSON array or object) in the style
//! that the list has: on one line or several, with or without a comma behind the last item.

use std::ops::Range;

use super::text::{Splice, indent_of, is_blank, line_end, line_start, next_line};

/// Where a bracketed list and its items stand in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// The opening bracket.
    pub open: usize,
    /// The closing bracket.
    pub close: usize,
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub range: Range<usize>,
    /// The comma behind the item.
    pub comma: Option<usize>,
}

/// How a new item is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    pub newline: &'a str,
    /// One level of indentation, for a list that becomes multi-line by this item.
    pub unit: &'a str,
    /// What an empty list becomes.
    pub empty: Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// `[item]`
    Tight,
    /// `{ item }`
    Spaced,
    /// The item on a line of its own.
    Lines,
}

impl Sequence {
    /// Whether the items stand on lines of their own.
    fn is_multiline(&self, text: &str) -> bool {
        let first = self.items.first().map_or(self.close, |item| item.range.start);
        text.get(self.open..first).is_some_and(|gap| gap.contains('\n'))
    }

    /// The indentation that an item on its own line gets; `None` where items share a line.
    pub fn item_indent(&self, text: &str, layout: &Layout<'_>) -> Option<String> {
        match self.items.last() {
            Some(last) if self.is_multiline(text) => {
                // An item may share its line with others, as in `1, 2,`: its line's indentation still fits.
                Some(indent_of(text, last.range.start).to_owned())
            }
            Some(_) => None,
            None if layout.empty == Empty::Lines || self.is_multiline(text) => {
                Some(format!("{}{}", indent_of(text, self.open), layout.unit))
            }
            None => None,
        }
    }

    /// Adds `item` behind the others.
    pub fn append(&self, text: &str, item: &str, layout: &Layout<'_>) -> Vec<Splice> {
        let indent = self.item_indent(text, layout);
        let Some(last) = self.items.last() else {
            return vec![self.fill(text, item, indent, layout)];
        };
        let (Some(indent), end) = (indent, last.range.end) else {
            return vec![match last.comma {
                Some(comma) => Splice::insert(comma + 1, format!(" {item}")),
                None => Splice::insert(last.range.end, format!(", {item}")),
            }];
        };
        let after = last.comma.map_or(end, |comma| comma + 1);
        // A comment behind the last item stays with it.
        let line = line_end(text, after);
        let at = if line < self.close { line } else { after };
        let new_line = format!("{}{indent}{item}", layout.newline);
        match last.comma {
            Some(_) => vec![Splice::insert(at, new_line + ",")],
            None if at == end => vec![Splice::insert(end, format!(",{new_line}"))],
            None => vec![Splice::insert(end, ","), Splice::insert(at, new_line)],
        }
    }

    fn fill(&self, text: &str, item: &str, indent: Option<String>, layout: &Layout<'_>) -> Splice {
        let inner = self.open + 1..self.close;
        let Some(indent) = indent else {
            let with = if layout.empty == Empty::Spaced { format!(" {item} ") } else { item.to_owned() };
            return Splice::replace(inner, with);
        };
        let closing = format!("{}{}", layout.newline, indent_of(text, self.open));
        if is_blank(text, inner.clone()) {
            Splice::replace(inner, format!("{}{indent}{item}{closing}", layout.newline))
        } else {
            // Comments stand in the brackets: keep them, and go behind them.
            let kept = text.get(inner.clone()).map_or(inner.end, |gap| inner.start + gap.trim_end().len());
            Splice::replace(kept..self.close, format!("{}{indent}{item}{closing}", layout.newline))
        }
    }

    /// Takes the item `index` out; nothing where there is none. Comments on lines of their own stay.
    pub fn remove(&self, text: &str, index: usize) -> Vec<Splice> {
        let Some(item) = self.items.get(index) else { return Vec::new() };
        let own_end = item.comma.map_or(item.range.end, |comma| comma + 1);
        if self.items.len() == 1 {
            let lone = is_blank(text, self.open + 1..item.range.start)
                && is_blank(text, item.range.end..item.comma.unwrap_or(item.range.end))
                && is_blank(text, own_end..self.close);
            return if lone { vec![Splice::delete(self.open + 1..self.close)] } else { self.cut(text, item) };
        }
        let mut splices = self.cut(text, item);
        let previous = index.checked_sub(1).and_then(|before| self.items.get(before));
        let is_last = index + 1 == self.items.len();
        if let (true, None, Some(comma)) = (is_last, item.comma, previous.and_then(|item| item.comma)) {
            // The list has no comma at its end, so the one before the item goes.
            match splices.first_mut() {
                Some(splice)
                    if splice.range.start <= comma + 1 || is_blank(text, comma + 1..splice.range.start) =>
                {
                    splice.range.start = comma.min(splice.range.start);
                }
                _ => splices.push(Splice::delete(comma..comma + 1)),
            }
        }
        splices
    }

    /// Deletes an item and its comma: with its lines where it has lines of its own, else with the gap behind it.
    fn cut(&self, text: &str, item: &Item) -> Vec<Splice> {
        let end = item.comma.map_or(item.range.end, |comma| comma + 1);
        let first = line_start(text, item.range.start);
        let behind = text.get(end..line_end(text, end)).unwrap_or("").trim_start();
        let alone = first > self.open && is_blank(text, first..item.range.start);
        if alone && (behind.is_empty() || behind.starts_with('#')) {
            // From the end of the line before, so that the closing bracket's own line stays as it is.
            let from = first - 1 - usize::from(text.get(..first).is_some_and(|t| t.ends_with("\r\n")));
            let to = next_line(text, end);
            let to = if text.get(..to).is_some_and(|t| t.ends_with('\n')) { line_end(text, end) } else { to };
            return vec![Splice::delete(from..to)];
        }
        let gap = text.get(end..self.close).unwrap_or("");
        let spaces = gap.len() - gap.trim_start_matches([' ', '\t']).len();
        let next_on_line = item.comma.is_some() && !gap.get(spaces..).unwrap_or("").is_empty();
        if next_on_line {
            return vec![Splice::delete(item.range.start..end + spaces)];
        }
        let before = text.get(self.open + 1..item.range.start).unwrap_or("");
        let spaces = before.len() - before.trim_end_matches([' ', '\t']).len();
        vec![Splice::delete(item.range.start - spaces..end)]
    }
}
