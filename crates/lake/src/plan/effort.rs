//! How much a plan does for each row that it looks at.

use model::analyses::Bins;
use model::filters::{Predicate, Test};
use model::queries::{Aggregate, Query};

/// Work for each row, in cells that are read, compared or handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effort(Option<usize>);

impl Effort {
    /// The work on rows of so many columns under these conditions, and what
    /// the question makes of them.
    pub(super) fn of<'a>(
        columns: usize,
        query: &Query,
        conditions: impl IntoIterator<Item = &'a Predicate>,
    ) -> Self {
        let mut cells = Some(columns.max(1) + made_of_a_row(query));
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

/// The work on each row that is no condition: keys of groups, functions, steps.
fn made_of_a_row(query: &Query) -> usize {
    match query {
        Query::Records(_) => 0,
        Query::Aggregate(query) => {
            let groups = query.groups.iter().map(|group| match &group.bins {
                None => 1,
                // A key is worked out, and kept in canonical form.
                Some(Bins::Size(_)) => 4,
                Some(Bins::Ranges(bands)) => 4 + bands.len().ilog2() as usize,
            });
            let measures = query
                .measures
                .iter()
                .map(|measure| match measure.aggregate {
                    Aggregate::Count => 1,
                    // These keep what they meet.
                    Aggregate::CountUnique | Aggregate::SelectUnique | Aggregate::Percentile(_) => {
                        4
                    }
                    _ => 2,
                });
            groups.sum::<usize>() + measures.sum::<usize>() + usize::from(query.series.is_some())
        }
        // Each step looks at each row; the range of one is two conditions.
        Query::Actors(query) => {
            let steps = query
                .steps
                .iter()
                .map(|step| 1 + 2 * usize::from(step.range.is_some()));
            2 + steps.sum::<usize>()
        }
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
mod tests;
