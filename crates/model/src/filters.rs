//! One expression tree for constraints, views, queries and deletes.
//!
//! The language is total: no operator fails because of a stored value. It is
//! three-valued: a comparison on a missing field, or across types, is
//! *unknown*, the opposite of unknown is unknown, and only a definite *true*
//! admits a row.

mod check;
mod parse;
mod predicate;
mod write;

pub use parse::{parse_filter, parse_list};
pub use predicate::{Leaf, OrderTest, Predicate, RowView, Test, Truth, Unresolved, within};
pub(crate) use write::to_list;
pub use write::to_value;

use sha2::{Digest, Sha256};

use crate::names::FieldPath;
use crate::value::Value;

/// A condition on the fields of one row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Every part holds. Never empty.
    All(Vec<Filter>),
    /// Some part holds. Never empty.
    Any(Vec<Filter>),
    /// The part is definitely false.
    Not(Box<Filter>),
    /// A comparison of one field.
    Compare(Comparison),
}

/// `field operator value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Comparison {
    field: FieldPath,
    operator: Operator,
    value: Value,
    /// Whether the value is another one each time that it is made.
    moves: bool,
}

/// The operators of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the operator's documented name")]
pub enum Operator {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    In,
    NotIn,
    Exists,
    Contains,
    NotContains,
    StartsWith,
    EndsWith,
    Regex,
    Within,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Operator; 15] = [
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Lte,
        Self::Gt,
        Self::Gte,
        Self::In,
        Self::NotIn,
        Self::Exists,
        Self::Contains,
        Self::NotContains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Regex,
        Self::Within,
    ];

    /// The operator's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::In => "in",
            Self::NotIn => "not_in",
            Self::Exists => "exists",
            Self::Contains => "contains",
            Self::NotContains => "not_contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::Regex => "regex",
            Self::Within => "within",
        }
    }

    /// The operator of this name or sign.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" | "==" => Self::Eq,
            "!=" => Self::Ne,
            "<" => Self::Lt,
            "<=" => Self::Lte,
            ">" => Self::Gt,
            ">=" => Self::Gte,
            _ => {
                return Self::ALL
                    .into_iter()
                    .find(|operator| operator.name() == text);
            }
        })
    }
}

impl Comparison {
    /// A comparison that was checked before it was stored.
    pub fn restore(field: FieldPath, operator: Operator, value: Value) -> Self {
        Self {
            field,
            operator,
            value,
            moves: false,
        }
    }

    /// A comparison with a value that moves with time: the start of a window.
    pub(crate) fn moving(field: FieldPath, operator: Operator, value: Value) -> Self {
        Self {
            moves: true,
            ..Self::restore(field, operator, value)
        }
    }

    /// The field compared.
    pub fn field(&self) -> &FieldPath {
        &self.field
    }

    /// The operator.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The value compared with.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl Filter {
    /// `field = value`, for filters that the server itself writes. `value`
    /// is a scalar.
    pub fn equals(field: FieldPath, value: Value) -> Self {
        Self::Compare(Comparison::restore(field, Operator::Eq, value))
    }

    /// Every filter of a non-empty list holds; `None` for an empty list.
    pub fn all(mut filters: Vec<Filter>) -> Option<Self> {
        match filters.len() {
            0 => None,
            1 => filters.pop(),
            _ => Some(Self::All(filters)),
        }
    }

    /// The filters that must all hold.
    pub fn conjuncts(&self) -> Vec<&Filter> {
        match self {
            Self::All(parts) => parts.iter().flat_map(Self::conjuncts).collect(),
            one => vec![one],
        }
    }

    /// Whether it says all that the other one says, and perhaps more. It is told by
    /// the form of its parts: what says the same in other words counts as less.
    pub fn says_all_of(&self, other: &Self) -> bool {
        let own = self.conjuncts();
        other.conjuncts().iter().all(|part| own.contains(part))
    }

    /// The values that a record must have to be admitted, when that is all that
    /// the filter says: `None` for one that says anything else, or two things
    /// of one field.
    pub fn as_stamps(&self) -> Option<Vec<(&FieldPath, &Value)>> {
        let mut stamps: Vec<(&FieldPath, &Value)> = Vec::new();
        for part in self.conjuncts() {
            let Self::Compare(comparison) = part else {
                return None;
            };
            let is_new = |(path, _): &(&FieldPath, &Value)| !path.overlaps(&comparison.field);
            let is_plain = comparison.operator == Operator::Eq
                && !comparison.moves
                && !comparison.field.is_system()
                && !matches!(
                    comparison.value,
                    Value::Null | Value::Array(_) | Value::Object(_)
                );
            if !is_plain || !stamps.iter().all(is_new) {
                return None;
            }
            stamps.push((&comparison.field, &comparison.value));
        }
        Some(stamps)
    }

    /// Calls `visit` for each comparison of the tree.
    pub fn for_each_comparison<'a>(&'a self, visit: &mut impl FnMut(&'a Comparison)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts
                    .iter()
                    .for_each(|part| part.for_each_comparison(visit));
            }
            Self::Not(part) => part.for_each_comparison(visit),
            Self::Compare(comparison) => visit(comparison),
        }
    }

    /// How many parts the tree has, and how deep they are nested.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                let sizes = parts.iter().map(Self::size);
                let (nodes, depth) =
                    sizes.fold((0, 0), |(n, d), (nodes, depth)| (n + nodes, d.max(depth)));
                (nodes + 1, depth + 1)
            }
            Self::Not(part) => {
                let (nodes, depth) = part.size();
                (nodes + 1, depth + 1)
            }
            Self::Compare(_) => (1, 0),
        }
    }

    /// The fields that the tree compares, each once.
    pub fn fields(&self) -> std::collections::BTreeSet<&FieldPath> {
        let mut fields = std::collections::BTreeSet::new();
        self.for_each_comparison(&mut |comparison| {
            fields.insert(&comparison.field);
        });
        fields
    }

    /// The same tree over other fields.
    #[must_use]
    pub fn map_fields(&self, rename: &impl Fn(&FieldPath) -> FieldPath) -> Self {
        match self {
            Self::All(parts) => Self::All(parts.iter().map(|p| p.map_fields(rename)).collect()),
            Self::Any(parts) => Self::Any(parts.iter().map(|p| p.map_fields(rename)).collect()),
            Self::Not(part) => Self::Not(Box::new(part.map_fields(rename))),
            Self::Compare(comparison) => Self::Compare(Comparison {
                field: rename(&comparison.field),
                ..comparison.clone()
            }),
        }
    }
}

/// Which rows a key may touch. "All rows" is a word of its own and never
/// follows from an absence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// Every row, said explicitly.
    AllRows,
    /// The rows for which the filter is definitely true.
    Rows(Filter),
}

impl Constraint {
    /// The rows that both admit.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::AllRows, rows) | (rows, Self::AllRows) => rows.clone(),
            (a, b) if a == b => a.clone(),
            (Self::Rows(a), Self::Rows(b)) => Self::Rows(Filter::All(vec![a.clone(), b.clone()])),
        }
    }

    /// The rows that at least one admits; `None` when there is none to ask.
    pub fn union(constraints: impl IntoIterator<Item = Constraint>) -> Option<Self> {
        let mut filters: Vec<Filter> = Vec::new();
        for constraint in constraints {
            match constraint {
                Self::AllRows => return Some(Self::AllRows),
                Self::Rows(filter) if !filters.contains(&filter) => filters.push(filter),
                Self::Rows(_) => {}
            }
        }
        match filters.len() {
            0 => None,
            1 => filters.pop().map(Self::Rows),
            _ => Some(Self::Rows(Filter::Any(filters))),
        }
    }

    /// SHA-256 of the canonical form: the order of the parts of an `all` or
    /// `any`, and how operators were spelled, make no difference.
    pub fn digest(&self) -> [u8; 32] {
        self.digest_with(Moving::AsItIs)
    }

    /// The same without the values that move with time: what a cursor is
    /// bound to, which is good for a later page under the same policy.
    pub(crate) fn digest_at_any_time(&self) -> [u8; 32] {
        self.digest_with(Moving::LeftOut)
    }

    fn digest_with(&self, moving: Moving) -> [u8; 32] {
        let mut bytes = Vec::new();
        match self {
            Self::AllRows => bytes.push(0),
            Self::Rows(filter) => {
                bytes.push(1);
                canonical(filter, moving, &mut bytes);
            }
        }
        Sha256::digest(&bytes).into()
    }
}

/// What becomes of values that move with time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moving {
    AsItIs,
    LeftOut,
}

fn canonical(filter: &Filter, moving: Moving, out: &mut Vec<u8>) {
    let mut group = |tag: u8, parts: &[Filter]| {
        let mut encoded: Vec<Vec<u8>> = parts
            .iter()
            .map(|part| {
                let mut bytes = Vec::new();
                canonical(part, moving, &mut bytes);
                bytes
            })
            .collect();
        encoded.sort_unstable();
        encoded.dedup();
        out.push(tag);
        for bytes in encoded {
            out.extend((bytes.len() as u64).to_be_bytes());
            out.extend(bytes);
        }
    };
    match filter {
        Filter::All(parts) => group(2, parts),
        Filter::Any(parts) => group(3, parts),
        Filter::Not(part) => group(4, std::slice::from_ref(part)),
        Filter::Compare(comparison) => {
            out.push(5);
            let text = format!("{} {} ", comparison.field, comparison.operator.name());
            out.extend((text.len() as u64).to_be_bytes());
            out.extend(text.into_bytes());
            if comparison.moves && moving == Moving::LeftOut {
                out.push(6);
            } else {
                crate::canonical::encode(&comparison.value, out);
            }
        }
    }
}

#[cfg(test)]
mod tests;
