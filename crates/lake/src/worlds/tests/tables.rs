//! The proof must notice wrong files and wrong readings of them, each within some hundred cases of
//! those that are about it.

use std::sync::Arc;

use model::permit::ConstrainedQuery;
use model::queries::{Query, Row};

use super::case::Case;
use super::teeth::{holds_hidden_rows, query};
use super::worlds::{Worlds, runtime};
use crate::error::Result;
use crate::finish::finish;
use crate::lake::Lake;
use crate::plan::plan;
use crate::run::{RunOptions, Runner, actor_rows, forwards, groups, record_rows};
use crate::snapshot::Snapshot;
use crate::tables::tests::mutants::{Wrong, take_away, with_wrong_index};
use crate::tables::{Confuses, FileEntry, PoolFiles};
use crate::upserts::Hidden;

const CASES: u64 = 400;

/// What is wrong with files or with how they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    /// Nothing.
    None,
    /// What was deleted since a file was written is still read.
    IgnoresRemovals,
    /// An index is wrong.
    Index(Wrong),
    /// What was replaced since a file was written is still read.
    IgnoresReplaced,
    /// A cache that does not tell all apart.
    Cache(Confuses),
}

/// What is answered over a snapshot by the product's own plan.
async fn answer(
    runner: &Runner,
    query: &ConstrainedQuery,
    snapshot: &Snapshot,
) -> Result<Vec<Row>> {
    let pool = query.pool();
    let plan = plan(pool, query.rows(), query.query(), snapshot)?;
    let batches = runner.collect(plan.root).await?;
    match query.query() {
        Query::Aggregate(aggregate) => finish(
            aggregate,
            &pool.draft.schema,
            groups(aggregate, &batches).unwrap(),
        ),
        Query::Actors(actors) => actor_rows(actors, &batches),
        Query::Records(records) => {
            let mut rows = Vec::new();
            for batch in &batches {
                rows.extend(record_rows(records, &pool.draft.schema, batch)?);
            }
            Ok(forwards(records, rows))
        }
    }
}

/// The snapshot as the mutant reads it, and the files that were made for it.
fn wrong(mutant: Mutant, lake: &Lake, case: &Case) -> (Snapshot, Vec<FileEntry>) {
    let pool = &case.project.pool;
    let mut snapshot = lake.snapshot(pool);
    let mut made = Vec::new();
    match mutant {
        Mutant::None => {}
        Mutant::IgnoresRemovals => snapshot.stored.removals = Arc::default(),
        Mutant::Index(wrong) => {
            let files = snapshot.stored.files.iter();
            made.extend(files.map(|file| with_wrong_index(lake.tables(), pool.id, file, wrong)));
            let files = made.iter().cloned().map(Arc::new);
            snapshot.stored.files = Arc::new(files.collect());
        }
        Mutant::IgnoresReplaced => {
            let files = snapshot.stored.files.iter();
            let files = files.map(|file| FileEntry {
                replaced: None,
                ..FileEntry::clone(file)
            });
            let files: Vec<_> = files.map(Arc::new).collect();
            snapshot.stored.files = Arc::new(files.into_iter().collect());
            snapshot.stored.hidden = Hidden::default();
        }
        Mutant::Cache(confuses) => {
            let tables = Arc::new(lake.tables().confusing(confuses));
            snapshot.stored.home = Some(Arc::new(PoolFiles::new(tables, pool.id)));
        }
    }
    (snapshot, made)
}

/// The first case in which the mutant is answered otherwise than the visible world, or fails.
fn first_violation(mutant: Mutant) -> Option<u64> {
    let (runtime, worlds) = (runtime(), Worlds::new());
    let runner = Runner::new(RunOptions::default()).unwrap();
    // Few pools are such that records replace others, and the rest is passed by unasked.
    let (cases, is_about): (_, fn(&Case) -> bool) = match mutant {
        Mutant::IgnoresReplaced => (50 * CASES, |case| !case.replaced.is_empty()),
        _ => (CASES, |_| true),
    };
    (0..cases).find(|seed| {
        let case = Case::random(*seed, true);
        if !is_about(&case) {
            return false;
        }
        let Some(query) = query(&case) else {
            return false;
        };
        runtime.block_on(async {
            worlds.fill(&case).await;
            let (snapshot, made) = wrong(mutant, &worlds.all, &case);
            // Twice: what was read once is kept.
            let first = answer(&runner, &query, &snapshot).await;
            let second = answer(&runner, &query, &snapshot).await;
            let pool = &case.project.pool;
            let visible = worlds.visible.snapshot(pool);
            let visible = answer(&runner, &query, &visible).await.unwrap();
            for file in &made {
                take_away(worlds.all.tables(), pool.id, file);
            }
            worlds.clear(&case).await;
            let differs = |rows: Result<Vec<Row>>| {
                rows.map_or(true, |rows| {
                    rows != visible || holds_hidden_rows(&case, &rows)
                })
            };
            differs(first) || differs(second)
        })
    })
}

fn assert_dies(mutant: Mutant) {
    let seed = first_violation(mutant);
    println!("{mutant:?} is found out by case {seed:?}");
    assert!(seed.is_some(), "{mutant:?} lives");
}

#[test]
fn files_as_they_are_read_by_the_product_are_as_good_as_memory() {
    assert_eq!(first_violation(Mutant::None), None);
}

#[test]
fn a_reading_that_ignores_removals_is_found_out() {
    assert_dies(Mutant::IgnoresRemovals);
}

#[test]
fn a_reading_that_ignores_what_was_replaced_is_found_out() {
    assert_dies(Mutant::IgnoresReplaced);
}

#[test]
fn a_pruning_that_drops_a_block_too_many_is_found_out() {
    assert_dies(Mutant::Index(Wrong::Begin));
}

#[test]
fn a_pruning_by_time_that_drops_a_block_too_many_is_found_out() {
    assert_dies(Mutant::Index(Wrong::Time));
}

#[test]
fn a_constant_isolation_column_that_is_wrong_is_found_out() {
    assert_dies(Mutant::Index(Wrong::Constant));
}

#[test]
fn a_cache_that_does_not_tell_files_apart_is_found_out() {
    assert_dies(Mutant::Cache(Confuses::Files));
}

#[test]
fn a_cache_that_does_not_tell_columns_apart_is_found_out() {
    assert_dies(Mutant::Cache(Confuses::Columns));
}
