//! The proof must notice: each wrong planner is found out within a hundred cases.

use std::sync::atomic::Ordering;

use model::permit::{ConstrainedQuery, SeeSchema};
use model::queries::{Query, Row};
use model::views::Delivery;

use super::case::{Case, Question};
use super::project::noon;
use super::records::Row as Stored;
use super::worlds::{Worlds, runtime};
use crate::finish::finish;
use crate::lake::Lake;
use crate::plan::tests::mutants::{Mutant, observed};
use crate::run::{RunOptions, Runner, actor_rows, forwards, groups, record_rows};

const CASES: u64 = 100;

/// What a caller is answered by a planner, and how many rows its own conditions met.
#[derive(Debug, PartialEq)]
struct Seen {
    /// None when the question failed.
    rows: Option<Vec<Row>>,
    evaluated: usize,
}

async fn run(
    runner: &Runner,
    lake: &Lake,
    mutant: Option<Mutant>,
    query: &ConstrainedQuery,
) -> Seen {
    let pool = query.pool();
    let snapshot = lake.snapshot(pool);
    let plan = observed(mutant, pool, query.rows(), query.query(), &snapshot).unwrap();
    let evaluated = || plan.seen.load(Ordering::Relaxed);
    let Ok(batches) = runner.collect(plan.root).await else {
        return Seen {
            rows: None,
            evaluated: evaluated(),
        };
    };
    let rows = match query.query() {
        Query::Aggregate(aggregate) => {
            let groups = groups(aggregate, &batches).unwrap();
            finish(aggregate, &pool.draft.schema, groups).unwrap()
        }
        Query::Actors(actors) => actor_rows(actors, &batches).unwrap(),
        Query::Records(records) => {
            let rows = batches
                .iter()
                .flat_map(|batch| record_rows(records, &pool.draft.schema, batch).unwrap());
            forwards(records, rows.collect())
        }
    };
    Seen {
        rows: Some(rows),
        evaluated: evaluated(),
    }
}

/// The case's question as one query, where it asks for rows.
pub(super) fn query(case: &Case) -> Option<ConstrainedQuery> {
    let reader = case.reader(&case.key);
    match &case.question {
        Question::Pages(request) | Question::Stream(request) | Question::Export(request, _) => {
            reader.constrain(request, Delivery::Pages, noon()).ok()
        }
        Question::CountView => Some(reader.count()),
        _ => None,
    }
}

fn holds_hidden(case: &Case, seen: &Seen) -> bool {
    let rows = seen.rows.as_ref();
    rows.is_some_and(|rows| holds_hidden_rows(case, rows))
}

pub(super) fn holds_hidden_rows(case: &Case, rows: &[Row]) -> bool {
    let text = format!("{rows:?}");
    let hides = |row: &&Stored| case.is_gone(&row.record) || !case.sees(&row.record);
    case.rows
        .iter()
        .filter(hides)
        .any(|row| text.contains(&row.token))
}

/// The first case in which the planner gives itself away: by another answer,
/// by a hidden token, or, where `counting`, by rows that its conditions met.
fn first_violation(mutant: Option<Mutant>, counting: bool) -> Option<u64> {
    let (runtime, worlds) = (runtime(), Worlds::new());
    let runner = Runner::new(RunOptions::default()).unwrap();
    (0..CASES).find(|seed| {
        let case = Case::random(*seed, true);
        let Some(query) = query(&case) else {
            return false;
        };
        let (all, visible) = runtime.block_on(async {
            worlds.fill(&case).await;
            let all = run(&runner, &worlds.all, mutant, &query).await;
            let visible = run(&runner, &worlds.visible, mutant, &query).await;
            worlds.clear(&case).await;
            (all, visible)
        });
        let met = counting && all.evaluated != visible.evaluated;
        let failed = all.rows.is_none();
        failed || all.rows != visible.rows || met || holds_hidden(&case, &all)
    })
}

fn assert_dies(mutant: Mutant, counting: bool) {
    let seed = first_violation(Some(mutant), counting);
    println!("{mutant:?} is found out by case {seed:?}");
    assert!(seed.is_some(), "{mutant:?} lives");
}

#[test]
fn the_planner_of_the_product_lets_nothing_of_the_callers_meet_a_hidden_row() {
    assert_eq!(first_violation(None, true), None);
}

#[test]
fn a_planner_without_a_barrier_is_found_out() {
    assert_dies(Mutant::NoBarrier, false);
}

#[test]
fn a_planner_that_fuses_the_constraint_with_the_callers_condition_is_found_out() {
    assert_dies(Mutant::Fused, true);
}

#[test]
fn a_planner_for_which_unknown_is_true_is_found_out() {
    assert_dies(Mutant::UnknownAdmits, false);
}

#[test]
fn a_planner_for_which_a_meaningless_constraint_is_no_constraint_is_found_out() {
    assert_dies(Mutant::UnresolvedAdmitsAll, false);
}

#[test]
fn a_planner_that_limits_below_the_barrier_is_found_out() {
    assert_dies(Mutant::LimitBelow, false);
}

#[test]
fn a_page_whose_rows_are_fetched_from_the_next_places_is_found_out() {
    assert_dies(Mutant::Next, false);
}

#[test]
fn a_page_whose_rows_are_fetched_by_their_places_among_the_admitted_is_found_out() {
    assert_dies(Mutant::AmongAdmitted, false);
    assert_dies(Mutant::AmongAdmittedUnguarded, false);
}

/// How many of the cases show rows that the key must not see, and how many fail.
fn shown_and_failed(mutant: Mutant) -> (usize, usize) {
    let (runtime, worlds) = (runtime(), Worlds::new());
    let runner = Runner::new(RunOptions::default()).unwrap();
    let (mut shown, mut failed) = (0, 0);
    for seed in 0..CASES {
        let case = Case::random(seed, true);
        let Some(query) = query(&case) else {
            continue;
        };
        let seen = runtime.block_on(async {
            worlds.fill(&case).await;
            let seen = run(&runner, &worlds.all, Some(mutant), &query).await;
            worlds.clear(&case).await;
            seen
        });
        let text = format!("{:?}", seen.rows);
        let mut hidden = case.rows.iter().filter(|row| !case.sees(&row.record));
        shown += usize::from(hidden.any(|row| text.contains(&row.token)));
        failed += usize::from(seen.rows.is_none());
    }
    (shown, failed)
}

#[test]
fn wrong_addresses_show_no_hidden_row_where_the_second_barrier_stands() {
    for mutant in [Mutant::Next, Mutant::AmongAdmitted] {
        let (shown, failed) = shown_and_failed(mutant);
        assert_eq!(shown, 0, "{mutant:?}");
        assert!(failed > 0, "{mutant:?} meets no hidden row");
    }
    // The teeth: without that barrier they do.
    let (shown, _) = shown_and_failed(Mutant::AmongAdmittedUnguarded);
    assert!(shown > 0);
}

#[test]
fn a_planner_without_a_barrier_for_files_is_found_out() {
    assert_dies(Mutant::NoBarrierForFiles, false);
}

#[test]
fn a_look_at_the_fields_without_the_constraint_is_found_out() {
    let (runtime, worlds) = (runtime(), Worlds::new());
    let found = (0..CASES).find(|seed| {
        let case = Case::random(*seed, true);
        let asked = |access| case.on_pool::<SeeSchema>(access).constrain(None).ok();
        let Question::Fields = case.question else {
            return false;
        };
        let (Some(bare), Some(again)) = (asked(&case.twin), asked(&case.twin)) else {
            return false;
        };
        runtime.block_on(async {
            worlds.fill(&case).await;
            let all = worlds.all.schema(bare).await.unwrap();
            let visible = worlds.visible.schema(again).await.unwrap();
            worlds.clear(&case).await;
            all != visible
        })
    });
    assert!(found.is_some(), "a look without the constraint lives");
}
