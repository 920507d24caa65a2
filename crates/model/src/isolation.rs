//! Which field tells the customers of a pool apart: the one that the pool
//! names, else one that its keys carry.
//!
//! It says where records lie, so that a customer's are found without reading
//! those of others. Who sees a record it never says.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::canonical;
use crate::filters::{Comparison, Constraint, Filter, Operator};
use crate::grants::Grant;
use crate::names::FieldPath;
use crate::pools::{PoolDraft, Schema};
use crate::value::Value;

/// How many times as many customers another field has to tell apart before
/// it takes the place of the one that was learned: what lies in files is
/// written anew for it.
const OUTWEIGHS: usize = 2;

/// What the records of a pool lie by, before their time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// The column of the field that the pool names, for ever.
    Named(FieldPath),
    /// The column of a field that keys of the pool carry, or carried.
    Learned(FieldPath),
    /// Nothing: they lie by time alone.
    Nothing,
}

impl Isolation {
    /// What is known from the pool alone.
    pub fn of(pool: &PoolDraft) -> Self {
        match &pool.isolation_field {
            Some(field) => Self::Named(pool.schema.column_path(field)),
            None => Self::Nothing,
        }
    }

    /// The column.
    pub fn column(&self) -> Option<&FieldPath> {
        match self {
            Self::Named(column) | Self::Learned(column) => Some(column),
            Self::Nothing => None,
        }
    }

    /// The same with what the field is called now in the place of its column.
    #[must_use]
    pub fn called(&self, schema: &Schema) -> Self {
        let field = |column: &FieldPath| {
            let path = schema.path_of_column(column);
            path.unwrap_or_else(|| column.clone())
        };
        match self {
            Self::Named(column) => Self::Named(field(column)),
            Self::Learned(column) => Self::Learned(field(column)),
            Self::Nothing => Self::Nothing,
        }
    }

    /// What becomes of it when these are the pool's keys. What the pool names stays.
    #[must_use]
    pub fn learning(&self, carried: &Carried) -> Self {
        let known = match self {
            Self::Named(_) => return self.clone(),
            Self::Learned(column) => Some(column),
            Self::Nothing => None,
        };
        carried.choose(known).into()
    }

    /// What becomes of it when the pool is changed to this: a field that it
    /// has no more is forgotten.
    #[must_use]
    pub fn following(&self, pool: &PoolDraft) -> Self {
        let named = Self::of(pool);
        match (named, self) {
            (Self::Nothing, Self::Learned(column)) => Self::lying_by(pool, column),
            (known, _) => known,
        }
    }

    /// What is known of a pool whose newest file lies by this column: that it
    /// was learned, before a restart.
    pub fn lying_by(pool: &PoolDraft, column: &FieldPath) -> Self {
        let named = Self::of(pool);
        let field = pool.schema.path_of_column(column);
        let is_usable = field.is_some_and(|field| pool.schema.can_isolate(&field));
        match named {
            Self::Nothing if is_usable => Self::Learned(column.clone()),
            known => known,
        }
    }
}

impl From<Option<&FieldPath>> for Isolation {
    fn from(learned: Option<&FieldPath>) -> Self {
        learned.map_or(Self::Nothing, |column| Self::Learned(column.clone()))
    }
}

/// What the keys that reach a pool's records tell of its fields, by columns.
///
/// A key carries a field when a grant of it stamps the field on records, or
/// admits only rows that have one of certain values in it. Keys that carry
/// other values are told apart by the field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried(BTreeMap<FieldPath, Weight>);

/// How much speaks for a field. Whether it tells keys apart comes first: a
/// field that is the same for all of them leads nobody to their own rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    /// Into how many groups, each of keys with the same values, it divides them.
    groups: usize,
    /// How many keys carry it.
    keys: usize,
}

impl Carried {
    /// Of keys that have these grants on records of a pool with this schema.
    /// Fields that cannot tell customers apart are left out.
    pub fn of<'a, Grants>(schema: &Schema, keys: impl IntoIterator<Item = Grants>) -> Self
    where
        Grants: IntoIterator<Item = &'a Grant>,
    {
        let mut known: BTreeMap<&FieldPath, (BTreeSet<[u8; 32]>, usize)> = BTreeMap::new();
        for grants in keys {
            for (field, values) in carried_by(grants) {
                let (groups, keys) = known.entry(field).or_default();
                groups.insert(digest(&values));
                *keys += 1;
            }
        }
        let usable = known
            .into_iter()
            .filter(|(field, _)| schema.can_isolate(field));
        let weights = usable.map(|(field, (groups, keys))| {
            let groups = groups.len();
            (schema.column_path(field), Weight { groups, keys })
        });
        Self(weights.collect())
    }

    /// The column to lie by: the one that tells the most keys apart, of those
    /// the one that the most keys carry, of those the first by name. What is
    /// `known` stays until another tells more than twice as many apart, or no
    /// key carries it any more.
    fn choose(&self, known: Option<&FieldPath>) -> Option<&FieldPath> {
        let all = self.0.iter();
        let (best, weight) = all.max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| b.cmp(a)))?;
        let kept = known.and_then(|known| self.0.get_key_value(known));
        match kept {
            Some((kept, own)) if weight.groups <= OUTWEIGHS * own.groups => Some(kept),
            _ => Some(best),
        }
    }
}

/// The fields that a key with these grants carries, each with its values in
/// canonical form.
fn carried_by<'a>(
    grants: impl IntoIterator<Item = &'a Grant>,
) -> BTreeMap<&'a FieldPath, BTreeSet<Vec<u8>>> {
    let mut carried: BTreeMap<&FieldPath, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut note = |field: &'a FieldPath, value: &Value| {
        let mut bytes = Vec::new();
        canonical::encode(value, &mut bytes);
        carried.entry(field).or_default().insert(bytes);
    };
    for grant in grants {
        let stamped = grant.injections.values.iter();
        stamped.for_each(|(field, value)| note(field, value));
        if let Some(Constraint::Rows(filter)) = &grant.rows {
            for_each_required(filter, &mut |comparison| match comparison.value() {
                Value::Array(values) => values.iter().for_each(|v| note(comparison.field(), v)),
                value => note(comparison.field(), value),
            });
        }
    }
    carried
}

/// Calls `visit` for each comparison with certain values that every row which
/// the filter admits meets.
fn for_each_required<'a>(filter: &'a Filter, visit: &mut impl FnMut(&'a Comparison)) {
    match filter {
        Filter::All(parts) => parts.iter().for_each(|part| for_each_required(part, visit)),
        Filter::Compare(comparison)
            if matches!(comparison.operator(), Operator::Eq | Operator::In) =>
        {
            visit(comparison);
        }
        Filter::Compare(_) | Filter::Any(_) | Filter::Not(_) => {}
    }
}

fn digest(values: &BTreeSet<Vec<u8>>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for value in values {
        digest.update((value.len() as u64).to_le_bytes());
        digest.update(value);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests;
