//! Questions of analytics: two worlds, and the plain interpreter of the model,
//! to the last bit of every sum.

#[path = "../../../../model/src/analyses/tests/dice.rs"]
pub(super) mod dice;
#[path = "../../../../model/src/analyses/tests/naive.rs"]
pub(super) mod naive;
#[path = "../../../../model/src/analyses/tests/questions.rs"]
pub(super) mod questions;

use std::collections::BTreeMap;

use futures::TryStreamExt;
use model::analyses::{Analysis, Answer, AnswerText, Selection};
use model::fault::Fault;
use model::grants::{Action, Grant, Target, VisibleFields};
use model::names::FieldPath;
use model::permit::{Access, AskPool, ConstrainedAnalysis, ConstrainedQuery, Extract, Permit};
use model::queries::{Query, Row, Seek, Side};
use model::records::Record;
use model::value::{Object, Value};
use model::views::Delivery;

use super::case::{Case, Question};
use super::project::{NAMES, access, noon};
use super::worlds::{Worlds, on_two_threads, runtime};
use crate::error::LakeError;
use crate::lake::Lake;
use crate::plan::tests::mutants::{Mutant, observed};
use crate::run::{RunOptions, Runner, actor_rows, forwards, groups, record_rows};
use naive::Seen;

/// A case of records and keys, with a question of analytics.
struct Asked {
    case: Case,
    analysis: Analysis,
    key: Access,
    twin: Access,
}

/// The same caller, who may also take records where it may ask.
fn extracting(caller: &Access) -> Access {
    let grants = caller.grants().iter().cloned().map(|mut grant: Grant| {
        if grant.allows(Action::Query) {
            grant.actions.insert(Action::Extract);
        }
        grant
    });
    access(grants.collect())
}

fn question(dice: &mut dice::Dice<'_>) -> Analysis {
    let question = model::json::to_text(&questions::any(dice, &NAMES));
    let question = question
        .replace(r#""pool":"p""#, r#""pool":"pool""#)
        .replace(r#""pool":"q""#, r#""pool":"pool""#);
    let question = model::json::parse(question.as_bytes()).unwrap();
    Analysis::parse(&question).unwrap()
}

impl Asked {
    /// The case of this seed, with one of a few questions that the key may ask if there is one.
    fn of(seed: u64) -> Self {
        let mut case = Case::random(seed, false);
        // Who sees what goes by the grants on pools.
        case.question = Question::CountPool;
        let mut dice = dice::dice(seed ^ 0xa5ce);
        let mut asked = Self {
            analysis: question(&mut dice),
            key: extracting(&case.key),
            twin: extracting(&case.twin),
            case,
        };
        for _ in 0..3 {
            if asked.constrain(&asked.key).is_ok() {
                break;
            }
            asked.analysis = question(&mut dice);
        }
        asked
    }

    fn constrain(&self, caller: &Access) -> Result<ConstrainedAnalysis, Fault> {
        match &self.analysis {
            Analysis::Aggregation(asked) => {
                let permit: Permit<AskPool> = self.case.on_pool(caller);
                permit.constrain(asked, noon())
            }
            Analysis::Extraction(asked) => {
                let permit: Permit<Extract> = self.case.on_pool(caller);
                permit.constrain(asked, Delivery::Stream, noon())
            }
            Analysis::Funnel(asked) => {
                let permit: Permit<AskPool> = self.case.on_pool(caller);
                let name = self.case.project.pool.draft.name.clone();
                Permit::constrain_funnel(&BTreeMap::from([(name, permit)]), asked, noon())
            }
        }
    }

    fn text(&self, constrained: &ConstrainedAnalysis, rows: Vec<Vec<Row>>) -> String {
        let zone = self.analysis.sources()[0].calendar.zone.clone();
        let answer = constrained.answer(rows).unwrap();
        let members = answer.to_members(&AnswerText::in_zone(zone)).into_members();
        let members = members.into_iter().filter(|(name, _)| name != "steps");
        let members = Object::from_members(members.collect()).unwrap();
        model::json::to_text(&Value::Object(members))
    }

    async fn respond(&self, lake: &Lake, caller: &Access) -> Result<String, Fault> {
        let constrained = self.constrain(caller)?;
        let zone = self.analysis.sources()[0].calendar.zone.clone();
        let text = AnswerText::in_zone(zone);
        if let Analysis::Extraction(_) = self.analysis {
            let (query, form) = constrained.into_rows().unwrap();
            let answer = lake.query(query).await.unwrap();
            let pieces: Vec<Vec<Row>> = answer.rows.try_collect().await.unwrap();
            let rows = pieces.concat().into_iter().map(|row| form.tree(row));
            let answer = Answer::Rows(rows.collect());
            return Ok(model::json::to_text(&answer.to_members(&text).into()));
        }
        let answer = match lake.analyse(constrained).await {
            // How much may be answered goes by visible rows too.
            Err(LakeError::LimitExceeded(limit)) => return Ok(format!("{LIMIT}{limit}")),
            answer => answer.unwrap(),
        };
        let members = answer.to_members(&text).into_members();
        let members = members.into_iter().filter(|(name, _)| name != "steps");
        let members = Object::from_members(members.collect()).unwrap();
        Ok(model::json::to_text(&members.into()))
    }

    /// The pages of an extraction one after another, each from the last row of
    /// the one before it; `None` for other questions and what pages refuse.
    async fn turned(&self, lake: &Lake) -> Option<String> {
        let Analysis::Extraction(asked) = &self.analysis else {
            return None;
        };
        // Pages of one row through thousands would say no more.
        if self.case.rows.len() > 300 {
            return None;
        }
        let permit: Permit<Extract> = self.case.on_pool(&self.key);
        let constrained = permit.constrain(asked, Delivery::Pages, noon()).ok()?;
        let (query, form) = constrained.into_rows()?;
        let Query::Records(records) = query.query() else {
            return None;
        };
        let (size, values) = (records.limit? as usize - 1, records.order.len());
        let (mut trees, mut next) = (Vec::new(), query.clone());
        loop {
            let page = lake.page(next).await.unwrap().rows.to_rows();
            let has_more = page.len() > size;
            let last = page.get(size - 1).cloned();
            trees.extend(page.into_iter().take(size).map(|row| form.tree(row)));
            match last.filter(|_| has_more) {
                Some(last) => {
                    next = query.clone().starting_at(Seek {
                        values: last[last.len() - values..].to_vec(),
                        side: Side::After,
                    });
                }
                None => break,
            }
        }
        let zone = self.analysis.sources()[0].calendar.zone.clone();
        let members = Answer::Rows(trees).to_members(&AnswerText::in_zone(zone));
        Some(model::json::to_text(&members.into()))
    }

    /// The same question of all rows, in the same order.
    fn without_limit(&self) -> Analysis {
        let mut analysis = self.analysis.clone();
        if let Analysis::Extraction(asked) = &mut analysis {
            match &mut asked.selection {
                Selection::Latest(latest) => *latest = u64::MAX,
                Selection::Ordered { limit, .. } => *limit = None,
            }
        }
        analysis
    }

    /// Whether the key sees every field of the pool.
    fn sees_all_fields(&self) -> bool {
        self.shown().all(|fields| *fields == VisibleFields::All)
    }

    /// The fields that each grant on the pool shows.
    fn shown(&self) -> impl Iterator<Item = &VisibleFields> {
        let of_pool = |grant: &&Grant| matches!(grant.on, Target::Pool(_));
        let grants = self.case.key.grants().iter().filter(of_pool);
        grants.map(|grant| &grant.fields)
    }

    /// The visible records without the fields that the key does not see, where
    /// it does not see some.
    fn bare(&self) -> Option<Vec<Record>> {
        let shown = self.shown().next().filter(|_| !self.sees_all_fields())?;
        let records = self.case.rows.iter().map(|row| &row.record);
        let sees = |record: &&Record| !self.case.is_gone(record) && self.case.sees(record);
        let bare = records.filter(sees).map(|record| {
            let is_shown = |(path, _): &(&FieldPath, &Value)| path.is_system() || shown.shows(path);
            let fields = record.fields().filter(is_shown);
            let fields = fields.map(|(path, value)| (path.clone(), value.clone()));
            Record::restore(fields.collect()).unwrap()
        });
        Some(bare.collect())
    }

    /// What the plain interpreter says of the visible records.
    fn plain(&self, analysis: &Analysis) -> String {
        let records = self.case.rows.iter().map(|row| &row.record);
        let sees = |record: &&Record| !self.case.is_gone(record) && self.case.sees(record);
        let seen = [Seen {
            pool: &self.case.project.pool,
            records: records.filter(sees).collect(),
        }];
        let zone = &analysis.sources()[0].calendar.zone;
        let members = naive::answer(analysis, &seen, noon(), zone);
        model::json::to_text(&members.into())
    }

    fn hidden_token_in(&self, text: &str) -> Option<&str> {
        let sees = |row: &&super::records::Row| {
            !self.case.is_gone(&row.record) && self.case.sees(&row.record)
        };
        let hidden = self.case.rows.iter().filter(|row| !sees(row));
        let is_shown = |token: &str| {
            let mut rows = self.case.rows.iter().filter(sees);
            rows.any(|row| row.token == token)
        };
        hidden
            .map(|row| row.token.as_str())
            .find(|token| text.contains(token) && !is_shown(token))
    }
}

/// What a case went through.
struct Proved {
    /// The analysis, when it was answered.
    answered: Option<&'static str>,
    /// Whether there are several thousand records.
    is_large: bool,
    /// Whether it was answered without hidden fields as with them.
    hides_fields: bool,
}

/// How what is too much for an answer begins.
const LIMIT: &str = "limit: ";

fn prove(runtime: &tokio::runtime::Runtime, worlds: &Worlds, seed: u64) -> Proved {
    let asked = Asked::of(seed);
    let (([all, visible, twin, empty], turned), bare) = runtime.block_on(async {
        worlds.fill(&asked.case).await;
        let bare = match asked.bare() {
            Some(records) => {
                worlds.put_bare(&asked.case, &records).await;
                Some(asked.respond(&worlds.twin, &asked.twin).await)
            }
            None => None,
        };
        let answers = [
            asked.respond(&worlds.all, &asked.key).await,
            asked.respond(&worlds.visible, &asked.key).await,
            asked.respond(&worlds.visible, &asked.twin).await,
            asked.respond(&worlds.empty, &asked.key).await,
        ];
        let turned = asked.turned(&worlds.all).await;
        worlds.clear(&asked.case).await;
        ((answers, turned), bare)
    });
    let what = format!(
        "seed {seed}\npool {}\nquestion {}",
        model::json::to_text(&asked.case.project.pool.draft.to_value()),
        model::json::to_text(&asked.analysis.to_value())
    );
    assert_eq!(
        all, visible,
        "the key is answered otherwise with hidden records\n{what}"
    );
    assert_eq!(visible, twin, "the twin is answered otherwise\n{what}");
    if let Some(bare) = &bare {
        assert_eq!(&all, bare, "hidden fields show\n{what}");
    }
    assert_eq!(
        all.is_err(),
        empty.is_err(),
        "the data decide on a refusal\n{what}"
    );
    let is_large = asked.case.rows.len() > 4_096;
    let Ok(all) = all else {
        return Proved {
            answered: None,
            is_large,
            hides_fields: false,
        };
    };
    assert_eq!(asked.hidden_token_in(&all), None, "{what}");
    let is_whole = asked.sees_all_fields() || !matches!(asked.analysis, Analysis::Extraction(_));
    if is_whole && !all.starts_with(LIMIT) {
        assert_eq!(all, asked.plain(&asked.analysis), "{what}");
    }
    if let Some(turned) = turned.filter(|_| asked.sees_all_fields()) {
        assert_eq!(turned, asked.plain(&asked.without_limit()), "pages\n{what}");
    }
    Proved {
        answered: Some(asked.analysis.name()).filter(|_| !all.starts_with(LIMIT)),
        is_large,
        hides_fields: bare.is_some(),
    }
}

/// Two worlds and the plain interpreter. `TIDEGATE_PROOF=long` runs twenty times
/// as many cases; `TIDEGATE_SEED` runs one again.
#[test]
fn answers_are_those_of_the_plain_interpreter_with_and_without_hidden_records() {
    if let Ok(seed) = std::env::var("TIDEGATE_SEED") {
        let seed: u64 = seed.parse().expect("a seed is a number");
        prove(&runtime(), &Worlds::of(seed), seed);
        return;
    }
    let long = std::env::var("TIDEGATE_PROOF").is_ok_and(|text| text == "long");
    let cases = if long { 20_000 } else { 1_000 };
    let proved = on_two_threads(0..cases as u64, prove);
    let large = proved.iter().filter(|case| case.is_large).count();
    let mut answered: BTreeMap<&str, usize> = BTreeMap::new();
    for name in proved.iter().filter_map(|case| case.answered) {
        *answered.entry(name).or_default() += 1;
    }
    let bare = proved.iter().filter(|case| case.hides_fields).count();
    println!("{large} large, {bare} without hidden fields, answered {answered:?}");
    assert!(bare > cases / 20, "{bare} answered without hidden fields");
    assert_eq!(proved.len(), cases);
    assert!(large > 0);
    assert!(answered.values().sum::<usize>() > cases / 2, "{answered:?}");
    assert_eq!(answered.len(), 13, "every analysis: {answered:?}");
    assert!(
        answered.values().all(|count| *count >= cases / 200),
        "{answered:?}"
    );
}

/// The rows of a part, as a planner gives them that may be wrong.
pub(super) async fn rows(
    runner: &Runner,
    lake: &Lake,
    mutant: Option<Mutant>,
    part: &ConstrainedQuery,
) -> Vec<Row> {
    let pool = part.pool();
    let snapshot = lake.snapshot(pool);
    let plan = observed(mutant, pool, part.rows(), part.query(), &snapshot).unwrap();
    let batches = runner.collect(plan.root).await.unwrap();
    match part.query() {
        Query::Aggregate(query) => {
            crate::finish::finish(query, &pool.draft.schema, groups(query, &batches).unwrap())
                .unwrap()
        }
        Query::Actors(query) => actor_rows(query, &batches).unwrap(),
        Query::Records(query) => {
            let rows = batches
                .iter()
                .flat_map(|batch| record_rows(query, &pool.draft.schema, batch).unwrap());
            forwards(query, rows.collect())
        }
    }
}

#[test]
fn planners_that_let_hidden_rows_through_are_found_out_by_each_kind_of_question() {
    let (runtime, worlds) = (runtime(), Worlds::new());
    let runner = Runner::new(RunOptions::default()).unwrap();
    for kind in ["funnel", "extraction", "select_unique", "multi_analysis"] {
        let found = (0..2_000).find(|seed| {
            let asked = Asked::of(*seed);
            if asked.analysis.name() != kind {
                return false;
            }
            let Ok(constrained) = asked.constrain(&asked.key) else {
                return false;
            };
            let answer = runtime.block_on(async {
                worlds.fill(&asked.case).await;
                let mut parts = Vec::new();
                for part in constrained.parts() {
                    parts.push(rows(&runner, &worlds.all, Some(Mutant::NoBarrier), part).await);
                }
                worlds.clear(&asked.case).await;
                asked.text(&constrained, parts)
            });
            asked.sees_all_fields() && answer != asked.plain(&asked.analysis)
        });
        println!("without a barrier, {kind} gives itself away in case {found:?}");
        assert!(found.is_some(), "{kind} lives without a barrier");
    }
}

#[test]
fn a_question_to_which_no_field_is_hidden_is_found_out() {
    let (runtime, worlds) = (runtime(), Worlds::new());
    for kind in ["extraction", "select_unique", "count"] {
        let found = (0..3_000).find(|seed| {
            let asked = Asked::of(*seed);
            let Some(records) = asked.bare().filter(|_| asked.analysis.name() == kind) else {
                return false;
            };
            let grants = asked.twin.grants().iter().cloned();
            let open = access(
                grants
                    .map(|grant| Grant {
                        fields: VisibleFields::All,
                        ..grant
                    })
                    .collect(),
            );
            let [shown, bare] = runtime.block_on(async {
                worlds.fill(&asked.case).await;
                worlds.put_bare(&asked.case, &records).await;
                let answers = [
                    asked.respond(&worlds.visible, &open).await,
                    asked.respond(&worlds.twin, &asked.twin).await,
                ];
                worlds.clear(&asked.case).await;
                answers
            });
            shown != bare
        });
        println!("with all fields, {kind} gives itself away in case {found:?}");
        assert!(found.is_some(), "{kind} shows hidden fields");
    }
}
