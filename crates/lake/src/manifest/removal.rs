//! A delete that waits in files.

use std::sync::{Arc, OnceLock};

use model::fields::ScalarType;
use model::filters::{Comparison, Constraint, Filter, Operator, Predicate};
use model::names::FieldPath;
use model::pools::Schema;
use model::time::Timestamp;
use model::value::Value;

use crate::journal::Position;
use crate::plan::constraint_predicate;
use crate::predicate::index_key;
use crate::tables::{ARRAYS, FileEntry, TimeRange};

/// A delete that the files of a pool do not carry out themselves yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Removal {
    /// Where it stands in the journal: it takes away what came before it.
    pub(crate) position: Position,
    /// When it was asked for.
    pub(crate) at: Timestamp,
    /// What the key saw, by the names of columns.
    pub(crate) rows: Constraint,
    /// What it asked for, by the names of columns.
    pub(crate) filter: Option<Filter>,
    /// Whom it concerns, found out when that is first asked.
    concerned: Concerned,
}

impl Removal {
    /// The delete of the rows that both admit.
    pub(crate) fn new(
        position: Position,
        at: Timestamp,
        rows: Constraint,
        filter: Option<Filter>,
    ) -> Self {
        Self {
            position,
            at,
            rows,
            filter,
            concerned: Concerned::default(),
        }
    }

    /// That everything before an instant goes, by the time of a column; the
    /// retention of a pool asks so.
    pub(crate) fn before(field: FieldPath, border: Timestamp) -> Filter {
        let border = Value::DateTime(border);
        Filter::Compare(Comparison::restore(field, Operator::Lt, border))
    }

    /// The column and the border, if it takes everything before an instant.
    pub(crate) fn border(&self) -> Option<(&FieldPath, Timestamp)> {
        match (&self.rows, &self.filter) {
            (Constraint::AllRows, Some(Filter::Compare(asked))) => match asked.value() {
                Value::DateTime(border) if asked.operator() == Operator::Lt => {
                    Some((asked.field(), *border))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a file may hold rows that it takes away.
    pub(crate) fn is_due(&self, file: &FileEntry) -> bool {
        self.position > file.cleaned && !self.is_before(file) && !self.is_elsewhere(file)
    }

    /// Whether it takes rows of customers alone of whom a file holds none. Files of arrays hold anybody's.
    fn is_elsewhere(&self, file: &FileEntry) -> bool {
        let (Some(column), Some(range)) = (&file.sorted_by.isolation, &file.isolation) else {
            return false;
        };
        let holds_arrays = *range.min < *ARRAYS.end && *ARRAYS.start <= *range.max;
        let concerned = self.concerned.of(self).iter();
        !holds_arrays
            && concerned
                .filter(|(path, _)| path == column)
                .any(|(_, keys)| {
                    let first = keys.partition_point(|key| **key < *range.min);
                    keys.get(first).is_none_or(|key| **key > *range.max)
                })
    }

    /// Whether it takes what is earlier than all rows of a file. A row without a time is never too old.
    fn is_before(&self, file: &FileEntry) -> bool {
        self.border().is_some_and(|(field, border)| {
            let is_later = |times: TimeRange| times.min >= border.as_microsecond();
            file.sorted_by.time == *field && file.time.is_none_or(is_later)
        })
    }

    /// Whether it takes all that another took before it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self.border(), other.border()) {
            (Some((field, border)), Some((of, earlier))) => field == of && border >= earlier,
            _ => false,
        }
    }

    /// The rows that go: those that the key sees and that it asked for, where
    /// `schema` has the fields under the names of their columns. What cannot
    /// be resolved removes nothing.
    pub(crate) fn predicate(&self, schema: &Schema) -> Predicate {
        let (visible, _) = constraint_predicate(&self.rows, schema);
        let asked = match self.filter.as_ref().map(|filter| schema.resolve(filter)) {
            None => Predicate::All(Vec::new()),
            Some(Ok(asked)) => asked,
            Some(Err(_)) => Predicate::Nothing,
        };
        Predicate::All(vec![visible, asked])
    }
}

/// A column, and in canonical form, in order, all values of it that a removed row may have.
type Asked = (FieldPath, Vec<Box<[u8]>>);

/// Whom a removal concerns: what every row that goes has in some columns. It follows from the filters.
#[derive(Clone, Debug, Default)]
struct Concerned(Arc<OnceLock<Vec<Asked>>>);

impl PartialEq for Concerned {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Concerned {
    fn of(&self, removal: &Removal) -> &[Asked] {
        self.0.get_or_init(|| {
            let rows = match &removal.rows {
                Constraint::AllRows => None,
                Constraint::Rows(rows) => Some(rows),
            };
            let mut found = Vec::new();
            let filters = rows.into_iter().chain(&removal.filter);
            filters.for_each(|filter| note_asked(filter, &mut found));
            found
        })
    }
}

/// Notes the columns that a row must have certain values of to be admitted.
fn note_asked(filter: &Filter, found: &mut Vec<Asked>) {
    match filter {
        Filter::All(parts) => parts.iter().for_each(|part| note_asked(part, found)),
        Filter::Compare(asked) => {
            let value = asked.value();
            let keys = match (asked.operator(), value.as_array()) {
                (Operator::Eq, _) => keys_of(std::slice::from_ref(value)),
                (Operator::In, Some(values)) => keys_of(values),
                _ => return,
            };
            found.push((asked.field().clone(), keys));
        }
        Filter::Any(_) | Filter::Not(_) => {}
    }
}

/// The keys of values as a column of any type reads them: which type it has is not known here.
fn keys_of(values: &[Value]) -> Vec<Box<[u8]>> {
    let (mut keys, mut key) = (Vec::new(), Vec::new());
    for value in values {
        let types = ScalarType::ALL.into_iter();
        let read = types.filter_map(|scalar| scalar.coerce(value.clone()).ok());
        for value in read.chain([value.clone()]) {
            index_key(&value, &mut key);
            keys.push(key.as_slice().into());
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
