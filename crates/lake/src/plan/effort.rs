//! How much a plan does for each row that it looks at.

use model::filters::{Predicate, Test};

/// Work for each row, in cells that are read, compared or handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effort(Option<usize>);

impl Effort {
    /// The work on rows of so many columns under these conditions.
    pub(super) fn of<'a>(
        columns: usize,
        conditions: impl IntoIterator<Item = &'a Predicate>,
    ) -> Self {
        let mut cells = Some(columns.max(1));
        for predicate in conditions {
            predicate.for_each_leaf(&mut |leaf| {
                cells = cells.zip(cells_of(&leaf.test)).map(|(a, b)| a + b);
            });
        }
        Self(cells)
    }

    /// How many rows make so many cells; none where a row may take any time.
    pub(crate) fn rows(self, cells: usize) -> usize {
        self.0.map_or(0, |each| cells / each)
    }
}

/// `None` for what reads all of a text, which may be long.
fn cells_of(test: &Test) -> Option<usize> {
    match test {
        Test::Exists(_) | Test::Order(..) | Test::StartsWith(_) | Test::EndsWith(_) => Some(1),
        Test::Within(_) => Some(4),
        Test::In(values) => Some(values.len()),
        Test::Contains(_) | Test::Regex(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::tests::fixtures::{filter, open_pool};

    fn rows(columns: usize, filters: &[&str]) -> usize {
        let schema = &open_pool(1).draft.schema;
        let resolved = filters.iter().map(|text| schema.resolve(&filter(text)));
        let predicates = resolved.collect::<Result<Vec<_>, _>>().unwrap();
        Effort::of(columns, &predicates).rows(1_000)
    }

    #[test]
    fn more_columns_and_conditions_are_fewer_rows_and_long_texts_none() {
        let below = r#"{"field":"a","operator":"lt","value":"b"}"#;
        let among = format!(
            r#"{{"not":{{"field":"a","operator":"in","value":{:?}}}}}"#,
            (0..97).map(|n| n.to_string()).collect::<Vec<_>>()
        );
        assert_eq!([rows(0, &[]), rows(2, &[])], [1_000, 500]);
        assert_eq!(rows(1, &[below]), 500);
        assert_eq!(rows(2, &[below, &among]), 10);
        for slow in ["contains", "regex"] {
            let slow = format!(r#"{{"field":"a","operator":"{slow}","value":"b"}}"#);
            let any = format!(r#"{{"any":[{below},{slow}]}}"#);
            assert_eq!(rows(1, &[&any]), 0, "{any}");
        }
    }
}
