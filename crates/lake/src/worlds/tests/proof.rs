//! Two worlds, thousands of times.

use std::sync::Arc;

use super::case::{Case, Question};
use super::respond::Response;
use super::worlds::{Responses, Worlds, on_two_threads};
use crate::snapshot::FileView;
use crate::tables::TableFile;

/// The latest rows of a file that are put together, in three of four cases.
const LATEST: usize = 2;

/// What a run of cases went through.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) cases: usize,
    /// Cases in which some record is hidden and some is visible.
    pub(crate) mixed: usize,
    /// Cases that were answered rather than refused.
    pub(crate) answered: usize,
    /// Cases whose answer holds something.
    pub(crate) fruitful: usize,
    /// Cases of thousands of records, so that sealed segments are asked through their index.
    pub(crate) large: usize,
    /// Cases in which some field is hidden.
    pub(crate) bare: usize,
    pub(crate) deletes: usize,
    /// Cases in which some records are in files.
    pub(crate) stored: usize,
    /// Of these, cases in which files do not carry out a delete themselves.
    pub(crate) removing: usize,
    /// Cases in which a record replaced another.
    pub(crate) replacing: usize,
    /// Cases in which readers of files have to leave out records that were replaced.
    pub(crate) outdated: usize,
    /// Cases in which row groups of one file hold codes of a column and others do not.
    pub(crate) of_both_kinds: usize,
    /// Cases in which the latest rows of a file were read as a block of their own.
    pub(crate) latest: usize,
}

/// Finds the first hidden token in what left the house.
fn leaked<'a>(case: &'a Case, response: &Response) -> Option<&'a str> {
    let bytes = response.bytes();
    let text = String::from_utf8_lossy(&bytes);
    let hidden = case
        .rows
        .iter()
        .filter(|row| case.is_gone(&row.record) || !case.sees(&row.record));
    let mut hidden = hidden.map(|row| row.token.as_str());
    // A record that is repeated has one token for all its copies, some of which may be visible.
    let seen = |token: &str| {
        let mut rows = case.rows.iter().filter(|row| row.token == token);
        rows.any(|row| !case.is_gone(&row.record) && case.sees(&row.record))
    };
    hidden.find(|token| text.contains(*token) && !seen(token))
}

/// Whether readers of files have to leave out records that were replaced.
fn holds_replaced(files: &FileView) -> bool {
    let mut all = files.files.iter();
    all.any(|file| file.replaced.is_some() || !files.hidden.is_empty())
}

fn opened(files: &FileView) -> impl Iterator<Item = Arc<TableFile>> {
    let opened = |file| files.home.as_ref().map(|home| home.open(file).unwrap());
    files.files.iter().filter_map(opened)
}

fn is_fruitful(response: &Response) -> bool {
    match response {
        Response::Rows { pages, .. } => pages.iter().any(|page| !page.is_empty()),
        Response::File(_) => true,
        Response::Fields(fields) => !fields.is_empty(),
        Response::Deleted(count) => *count > 0,
        Response::Refused(_) | Response::Failed(_) => false,
    }
}

/// What is wrong with the answers, if anything.
pub(crate) fn violation(case: &Case, answers: &Responses) -> Option<String> {
    if answers.all != answers.visible {
        return Some("the key is answered otherwise when there are hidden records".to_owned());
    }
    if answers.visible != answers.twin {
        return Some("the key is answered otherwise than its twin without a constraint".to_owned());
    }
    if answers
        .bare
        .as_ref()
        .is_some_and(|bare| answers.all != *bare)
    {
        return Some("the answer depends on a field that the key does not see".to_owned());
    }
    if answers.all.is_refused() != answers.empty.is_refused() {
        return Some("whether the request fails depends on the data".to_owned());
    }
    if matches!(answers.all, Response::Failed(_)) {
        return Some("the lake failed".to_owned());
    }
    leaked(case, &answers.all).map(|token| format!("a hidden token left: {token}"))
}

/// A case in words, for the report of a violation.
pub(crate) fn describe(case: &Case, answers: &Responses) -> String {
    let cut = |response: &Response| {
        format!("{response:?}")
            .chars()
            .take(3_000)
            .collect::<String>()
    };
    let counted = case
        .rows
        .iter()
        .filter(|row| case.sees(&row.record))
        .count();
    format!(
        "seed {}\npool {}\nview {}\ngrants {}\ndeleted {:?}\nquestion {:?}\n{} records, {counted} visible\n\
         all     {}\nvisible {}\ntwin    {}\nbare    {}\nempty   {}",
        case.seed,
        model::json::to_text(&case.project.pool.draft.to_value()),
        model::json::to_text(&case.project.view.draft.to_value()),
        model::json::to_text(&case.grants),
        case.deleted,
        case.question,
        case.rows.len(),
        cut(&answers.all),
        cut(&answers.visible),
        cut(&answers.twin),
        answers.bare.as_ref().map_or_else(String::new, cut),
        cut(&answers.empty),
    )
}

fn prove(runtime: &tokio::runtime::Runtime, worlds: &Worlds, seed: u64) -> Tally {
    let case = Case::random(seed, false);
    let sees = |row: &super::records::Row| !case.is_gone(&row.record) && case.sees(&row.record);
    let visible = case.rows.iter().filter(|row| sees(row)).count();
    let mut files = FileView::default();
    let (mut of_both_kinds, mut latest) = (false, false);
    let answers = runtime.block_on(async {
        worlds.fill(&case).await;
        files = worlds.all.snapshot(&case.project.pool).stored;
        if seed % 4 != 3 {
            opened(&files).for_each(|file| file.gather_latest(LATEST));
        }
        let answers = worlds.respond(&case).await;
        super::correct::check(worlds, &case, &answers).await;
        // Row groups of one file hold codes of a column and others do not.
        of_both_kinds = opened(&files).any(|file| file.kinds() > 1);
        latest = opened(&files).any(|file| file.has_read_latest());
        worlds.clear(&case).await;
        answers
    });
    if let Some(violation) = violation(&case, &answers) {
        panic!("{violation}\n{}", describe(&case, &answers));
    }
    Tally {
        cases: 1,
        mixed: usize::from(visible > 0 && visible < case.rows.len()),
        answered: usize::from(!answers.all.is_refused()),
        fruitful: usize::from(is_fruitful(&answers.all)),
        large: usize::from(case.rows.len() > 4_096),
        bare: usize::from(answers.bare.is_some()),
        deletes: usize::from(matches!(case.question, Question::Delete(_))),
        stored: usize::from(!files.files.is_empty()),
        removing: usize::from(!files.removals.is_empty()),
        replacing: usize::from(!case.replaced.is_empty()),
        outdated: usize::from(holds_replaced(&files)),
        of_both_kinds: usize::from(of_both_kinds),
        latest: usize::from(latest),
    }
}

fn run(seeds: std::ops::Range<u64>) -> Tally {
    let tallies = on_two_threads(seeds, |runtime, worlds, seed| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            prove(runtime, worlds, seed)
        }));
        caught.unwrap_or_else(|panic| {
            println!("the case of seed {seed} fails");
            std::panic::resume_unwind(panic)
        })
    });
    tallies
        .into_iter()
        .fold(Tally::default(), |sum, one| Tally {
            cases: sum.cases + one.cases,
            mixed: sum.mixed + one.mixed,
            answered: sum.answered + one.answered,
            fruitful: sum.fruitful + one.fruitful,
            large: sum.large + one.large,
            bare: sum.bare + one.bare,
            deletes: sum.deletes + one.deletes,
            stored: sum.stored + one.stored,
            removing: sum.removing + one.removing,
            replacing: sum.replacing + one.replacing,
            outdated: sum.outdated + one.outdated,
            of_both_kinds: sum.of_both_kinds + one.of_both_kinds,
            latest: sum.latest + one.latest,
        })
}

/// Two worlds, over every door of the lake. `TIDEGATE_PROOF=long` runs ten
/// times as many cases; `TIDEGATE_SEED` runs one again.
#[test]
fn answers_are_the_same_with_and_without_hidden_records() {
    if let Ok(seed) = std::env::var("TIDEGATE_SEED") {
        let seed: u64 = seed.parse().expect("a seed is a number");
        assert_eq!(run(seed..seed + 1).cases, 1);
        return;
    }
    let long = std::env::var("TIDEGATE_PROOF").is_ok_and(|text| text == "long");
    let cases = if long { 20_000 } else { 2_000 };
    let tally = run(0..cases as u64);
    println!("{tally:?}");
    assert_eq!(tally.cases, cases);
    assert!(tally.mixed > cases / 3, "{tally:?}");
    assert!(tally.answered > cases * 8 / 10, "{tally:?}");
    assert!(tally.fruitful > cases / 2, "{tally:?}");
    assert!(tally.large > cases / 400, "{tally:?}");
    assert!(tally.deletes > cases / 30, "{tally:?}");
    assert!(tally.bare > cases / 10, "{tally:?}");
    assert!(tally.stored > cases / 3, "{tally:?}");
    assert!(tally.removing > cases / 50, "{tally:?}");
    assert!(tally.replacing > cases / 100, "{tally:?}");
    assert!(tally.outdated > 0, "{tally:?}");
    assert!(tally.of_both_kinds > cases / 50, "{tally:?}");
    assert!(tally.latest > cases / 200, "{tally:?}");
}
