//! Rows as trees of their fields.

use std::collections::HashMap;

use crate::names::FieldPath;
use crate::queries::{OutputColumn, OutputType, Row};
use crate::value::{Object, Value};

/// How rows become trees of their fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsForm {
    /// The fields that the first values of a row are of.
    columns: Vec<FieldPath>,
    /// Whether the value behind them is an object of the other fields by their paths.
    has_rest: bool,
    /// The fields that were named; `None` for all.
    named: Option<Vec<FieldPath>>,
    /// The place of each that was named.
    places: HashMap<FieldPath, usize>,
}

impl RowsForm {
    pub(super) fn new(
        columns: Vec<FieldPath>,
        has_rest: bool,
        named: Option<Vec<FieldPath>>,
    ) -> Self {
        let places = named.iter().flatten().cloned();
        Self {
            places: places.zip(0..).collect(),
            columns,
            has_rest,
            named,
        }
    }

    /// How many values of a row are of its fields; its order values stand behind them.
    pub fn width(&self) -> usize {
        self.columns.len() + usize::from(self.has_rest)
    }

    /// The fields of a row that have a value, those of the system last.
    fn fields(&self, row: Row) -> Vec<(FieldPath, Value)> {
        let mut values = row.into_iter();
        let columns = self.columns.iter().cloned();
        let columns = columns.zip(values.by_ref().take(self.columns.len()));
        let mut fields: Vec<(FieldPath, Value)> = columns.collect();
        if self.has_rest
            && let Some(Value::Object(rest)) = values.next()
        {
            let is_system = |(path, _): &(FieldPath, Value)| path.is_system();
            let at = fields.iter().position(is_system).unwrap_or(fields.len());
            let rest = rest.into_members().into_iter();
            let rest = rest
                .filter_map(|(path, value)| Some((FieldPath::parse_readable(&path).ok()?, value)));
            fields.splice(at..at, rest);
        }
        fields.retain(|(_, value)| !value.is_null());
        fields
    }

    /// The fields of a row at or below each of those that were named.
    fn of_each(&self, named: &[FieldPath], row: Row) -> Vec<Vec<(FieldPath, Value)>> {
        let mut of_each = vec![Vec::new(); named.len()];
        for (path, value) in self.fields(row) {
            if let Some(at) = self.place(&path) {
                of_each[at].push((path, value));
            }
        }
        of_each
    }

    /// The fields of a row, each under the names of its path. A field that was
    /// named and is missing is null; one that was not named is left out. The
    /// work is that of the fields and of their parts, however many there are.
    pub fn tree(&self, row: Row) -> Value {
        let mut tree = Tree::default();
        let Some(named) = &self.named else {
            for (path, value) in self.fields(row) {
                tree.put(path.as_str(), value);
            }
            return tree.into();
        };
        for (path, fields) in named.iter().zip(self.of_each(named, row)) {
            if fields.is_empty() {
                tree.put(path.as_str(), Value::Null);
            }
            for (field, value) in fields {
                tree.put(field.as_str(), value);
            }
        }
        tree.into()
    }

    /// The columns of the rows as a table, where `read` are those of the
    /// answer: one for each field that was named, with everything below it;
    /// else the declared fields and those of the system, and behind them, of an
    /// open pool, `_rest` with all others by their paths.
    pub fn table(&self, read: &[OutputColumn]) -> Vec<OutputColumn> {
        let Some(named) = &self.named else {
            return read.to_vec();
        };
        let column = |path: &FieldPath| {
            let at = self.columns.iter().position(|column| column == path);
            let read = at.and_then(|at| read.get(at)).cloned();
            read.unwrap_or_else(|| OutputColumn {
                name: path.to_string(),
                output_type: OutputType::Mixed,
            })
        };
        named.iter().map(column).collect()
    }

    /// The values of a row under the columns of [`RowsForm::table`].
    pub fn cells(&self, mut row: Row) -> Row {
        let Some(named) = &self.named else {
            row.truncate(self.width());
            if let Some(Value::Object(rest)) = row.last().filter(|_| self.has_rest)
                && rest.is_empty()
            {
                row.pop();
                row.push(Value::Null);
            }
            return row;
        };
        let of_each = self.of_each(named, row);
        let cells = named.iter().zip(of_each);
        cells.map(|(path, fields)| cell(fields, path)).collect()
    }

    /// The place of the named field that this one is, or lies below: there is
    /// one at most, since none of them lies below another.
    fn place(&self, path: &FieldPath) -> Option<usize> {
        let of = |path: &str| self.places.get(path).copied();
        of(path.as_str()).or_else(|| path.ancestors().find_map(of))
    }
}

/// What is at a path, or the tree of what is below it.
fn cell(fields: Vec<(FieldPath, Value)>, path: &FieldPath) -> Value {
    if fields.is_empty() {
        return Value::Null;
    }
    let mut tree = Tree::default();
    for (field, value) in fields {
        let below = field.as_str().strip_prefix(path.as_str());
        match below.and_then(|below| below.strip_prefix('.')) {
            None => return value,
            Some(below) => tree.put(below, value),
        }
    }
    tree.into()
}

/// A tree that is being built, whose members are found by their names.
#[derive(Default)]
struct Tree {
    members: Vec<(String, Node)>,
    /// Where each member is, once there are many.
    places: HashMap<String, usize>,
}

enum Node {
    Value(Value),
    Tree(Tree),
}

impl Tree {
    /// Members that are gone through one after another.
    const FEW: usize = 16;

    /// Puts a value at a dotted path; what stands in its way stays.
    fn put(&mut self, path: &str, value: Value) {
        let Some((first, rest)) = path.split_once('.') else {
            if self.find(path).is_none() {
                self.push(path, Node::Value(value));
            }
            return;
        };
        let at = match self.find(first) {
            Some(at) => at,
            None => self.push(first, Node::Tree(Self::default())),
        };
        if let Some(tree) = self.members[at].1.tree() {
            tree.put(rest, value);
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        match self.places.is_empty() {
            true => self.members.iter().position(|(member, _)| member == name),
            false => self.places.get(name).copied(),
        }
    }

    fn push(&mut self, name: &str, node: Node) -> usize {
        let at = self.members.len();
        self.members.push((name.to_owned(), node));
        if !self.places.is_empty() {
            self.places.insert(name.to_owned(), at);
        } else if self.members.len() > Self::FEW {
            let names = self.members.iter().map(|(name, _)| name.clone());
            self.places = names.zip(0..).collect();
        }
        at
    }
}

impl Node {
    /// The tree below, if it may have members.
    fn tree(&mut self) -> Option<&mut Tree> {
        if let Self::Value(Value::Object(object)) = self {
            let mut tree = Tree::default();
            for (name, value) in std::mem::take(object).into_members() {
                tree.push(&name, Self::Value(value));
            }
            *self = Self::Tree(tree);
        }
        match self {
            Self::Tree(tree) => Some(tree),
            Self::Value(_) => None,
        }
    }
}

impl From<Tree> for Value {
    fn from(tree: Tree) -> Self {
        let members = tree.members.into_iter().map(|(name, node)| match node {
            Node::Value(value) => (name, value),
            Node::Tree(tree) => (name, tree.into()),
        });
        // No name was put there twice.
        Object::from_members(members.collect())
            .unwrap_or_default()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::path;

    /// The same, member by member and field by field.
    fn slowly(mut tree: Object, path: &str, value: Value) -> Object {
        let Some((first, rest)) = path.split_once('.') else {
            tree.insert(path, value);
            return tree;
        };
        let mut members = tree.into_members();
        match members.iter_mut().find(|(name, _)| name == first) {
            Some((_, Value::Object(inner))) => {
                *inner = slowly(std::mem::take(inner), rest, value);
            }
            Some(_) => {}
            None => members.push((first.to_owned(), slowly(Object::new(), rest, value).into())),
        }
        Object::from_members(members).unwrap()
    }

    /// Paths of up to four parts, of few names or of many.
    fn paths() -> impl Strategy<Value = Vec<FieldPath>> {
        let part = prop_oneof![(0..3_u32), (0..60_u32)];
        let one = prop::collection::vec(part, 1..4).prop_map(|parts| {
            let parts: Vec<String> = parts.iter().map(|part| format!("f{part}")).collect();
            path(&parts.join("."))
        });
        prop::collection::vec(one, 0..80)
    }

    proptest! {
        #[test]
        fn trees_are_those_of_putting_field_by_field(
            columns in paths(),
            rest in paths(),
            named in prop::option::of(paths()),
            missing in any::<u64>(),
        ) {
            let mut named = named;
            if let Some(named) = &mut named {
                let mut kept: Vec<FieldPath> = Vec::new();
                for field in named.drain(..) {
                    if !kept.iter().any(|other| other.overlaps(&field)) {
                        kept.push(field);
                    }
                }
                *named = kept;
            }
            let value = |at: usize| match missing >> (at % 64) & 3 {
                0 => Value::Null,
                1 => Object::new().with("f1", at as i64).into(),
                _ => Value::from(at as i64),
            };
            let mut row: Row = (0..columns.len()).map(value).collect();
            let mut others = Object::new();
            for (at, path) in rest.iter().enumerate() {
                others.insert(path.as_str(), value(at + 7));
            }
            let fields = columns.iter().cloned().zip(row.clone());
            let fields = fields.chain(others.iter().map(|(name, value)| (path(name), value.clone())));
            let fields: Vec<(FieldPath, Value)> = fields.filter(|(_, v)| !v.is_null()).collect();
            let expected = match &named {
                None => fields.iter().fold(Object::new(), |tree, (path, value)| {
                    slowly(tree, path.as_str(), value.clone())
                }),
                Some(named) => named.iter().fold(Object::new(), |tree, path| {
                    let below = fields.iter().filter(|(field, _)| field.is_at_or_below(path));
                    let below: Vec<_> = below.collect();
                    match below.is_empty() {
                        true => slowly(tree, path.as_str(), Value::Null),
                        false => below.into_iter().fold(tree, |tree, (field, value)| {
                            slowly(tree, field.as_str(), value.clone())
                        }),
                    }
                }),
            };
            row.push(others.into());
            let form = RowsForm::new(columns, true, named);
            prop_assert_eq!(form.tree(row), Value::from(expected));
        }
    }
}
