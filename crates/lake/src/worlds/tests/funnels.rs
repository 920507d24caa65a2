//! Funnels over two pools, of each of which a key sees other rows, by two
//! grants: two worlds, and the plain interpreter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::analyses::{Analysis, AnswerText, Funnel};
use model::fault::Fault;
use model::filters::{Constraint, Predicate};
use model::grants::{Grant, GrantLookup, Target, parse_grants};
use model::ids::{DatasetId, GrantId, PoolId, SavedQueryId, ViewId};
use model::names::Name;
use model::permit::{Access, AskPool, ConstrainedAnalysis, On, Permit};
use model::pools::{Pool, Schema};
use model::queries::Row as Answered;
use model::records::Record;
use model::value::{Object, Value};

use super::analyses::{dice, naive, questions, rows};
use super::dice::Dice;
use super::filters;
use super::project::{NAMES, Project, access, known, noon};
use super::records::{self, Row};
use super::worlds::runtime;
use crate::lake::Lake;
use crate::plan::tests::mutants::Mutant;
use crate::run::{RunOptions, Runner};
use naive::Seen;

/// Two pools with their records, a key, and a funnel over both.
struct Case {
    pools: [Arc<Pool>; 2],
    rows: [Vec<Row>; 2],
    key: Access,
    /// The same key without constraints.
    twin: Access,
    funnel: Funnel,
}

/// Finds both pools by their names.
struct Names<'a>(&'a [Arc<Pool>; 2], std::cell::Cell<u8>);

impl GrantLookup for Names<'_> {
    fn pool(&self, name: &Name) -> Option<(PoolId, Schema)> {
        let found = self.0.iter().find(|pool| pool.draft.name == *name);
        found.map(|pool| (pool.id, pool.draft.schema.clone()))
    }

    fn view(&self, _: &Name) -> Option<(ViewId, Schema)> {
        None
    }

    fn saved_query(&self, _: &Name) -> Option<(SavedQueryId, Option<Schema>)> {
        None
    }

    fn dataset(&self, _: &Name) -> Option<(DatasetId, Option<Schema>)> {
        None
    }

    fn existing(&self, _: GrantId) -> Option<Grant> {
        None
    }

    fn fresh_id(&self) -> GrantId {
        self.1.set(self.1.get() + 1);
        GrantId::from_bytes([self.1.get(); 16])
    }
}

/// Two grants on each pool, each with rows of its own, or all with all rows.
fn grants(dice: &mut Dice, pools: &[Arc<Pool>; 2]) -> [Access; 2] {
    let (mut narrow, mut wide) = (Vec::new(), Vec::new());
    for pool in pools.iter().flat_map(|pool| [pool, pool]) {
        let fields = known(&pool.draft.schema);
        let grant = Object::new()
            .with("on", format!("pool:{}", pool.draft.name))
            .with("actions", vec!["query"]);
        let rows = match fields[0].0 == "customer.id" && dice.percent(50) {
            true => filters::narrow(dice, &fields[..1]),
            false => filters::narrow(dice, &fields),
        };
        wide.push(Value::from(grant.clone().with("constraints", "all_rows")));
        narrow.push(Value::from(grant.with("constraints", rows)));
    }
    [narrow, wide].map(|grants| {
        let names = Names(pools, Default::default());
        access(parse_grants(&grants.into(), &names).unwrap())
    })
}

impl Case {
    fn random(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x2f0e);
        let mut projects = [0, 1].map(|odd| Project::random(&mut dice, 2 * seed + odd));
        let mut other = (*projects[1].pool).clone();
        other.draft.name = Name::parse("other").unwrap();
        projects[1].pool = Arc::new(other);
        let rows = [0, 1].map(|at| records::random(&mut dice, &projects[at], true));
        let pools = projects.map(|project| project.pool);
        let [key, twin] = grants(&mut dice, &pools);
        let mut numbers = dice::dice(seed ^ 0x2f0f);
        let mut case = Self {
            pools,
            rows,
            key,
            twin,
            funnel: Funnel { steps: Vec::new() },
        };
        for _ in 0..12 {
            case.funnel = funnel(&mut numbers);
            let pools = case.funnel.steps.iter().map(|step| &step.source.pool);
            let both = pools.collect::<BTreeSet<_>>().len() == 2;
            if both && case.constrain(&case.key).is_ok() {
                break;
            }
        }
        case
    }

    fn constrain(&self, caller: &Access) -> Result<ConstrainedAnalysis, Fault> {
        let permits = self.pools.iter().map(|pool| {
            let permit: Permit<AskPool> = caller.permit(On::Pool(Some(pool))).unwrap();
            (pool.draft.name.clone(), permit)
        });
        Permit::constrain_funnel(&permits.collect::<BTreeMap<_, _>>(), &self.funnel, noon())
    }

    /// The rows of a pool that the key sees, said once more and apart from the code under test.
    fn visible(&self, at: usize) -> Vec<&Record> {
        let pool = &self.pools[at];
        let covers = |grant: &&Grant| match &grant.on {
            Target::Pool(pools) => pools.covers(pool.id, &pool.draft.name),
            _ => false,
        };
        let grants = self.key.grants().iter().filter(covers);
        let predicates = grants.map(|grant| match grant.rows.as_ref().unwrap() {
            Constraint::Rows(filter) => pool.draft.schema.resolve(filter).unwrap(),
            Constraint::AllRows => Predicate::All(Vec::new()),
        });
        let predicates: Vec<Predicate> = predicates.collect();
        let rows = self.rows[at].iter().map(|row| &row.record);
        let sees = |record: &&Record| predicates.iter().any(|rows| rows.admits(*record));
        rows.filter(sees).collect()
    }

    async fn put(&self, lake: &Lake, visible_alone: bool, dice: &mut Dice) {
        for (at, pool) in self.pools.iter().enumerate() {
            let rows: Vec<Record> = match visible_alone {
                true => self.visible(at).into_iter().cloned().collect(),
                false => self.rows[at].iter().map(|row| row.record.clone()).collect(),
            };
            for some in rows.chunks(dice.between(1, 20)) {
                lake.put(pool, some).await.unwrap();
            }
            if dice.percent(40) {
                let flush = || lake.flush(&Permit::ours()).unwrap();
                std::thread::scope(|scope| scope.spawn(flush).join().unwrap());
            }
        }
    }

    fn shown(&self, members: Object) -> String {
        let members = members.into_members().into_iter();
        let members = members.filter(|(name, _)| name != "steps");
        let members = Object::from_members(members.collect()).unwrap();
        model::json::to_text(&members.into())
    }

    fn text(&self) -> AnswerText {
        let zone = self.funnel.steps[0].source.calendar.zone.clone();
        AnswerText::in_zone(zone)
    }

    async fn respond(&self, lake: &Lake, caller: &Access) -> Result<String, Fault> {
        let constrained = self.constrain(caller)?;
        let answer = lake.analyse(constrained).await.unwrap();
        Ok(self.shown(answer.to_members(&self.text())))
    }

    fn plain(&self) -> String {
        let seen = [0, 1].map(|at| Seen {
            pool: &self.pools[at],
            records: self.visible(at),
        });
        let asked = Analysis::Funnel(self.funnel.clone());
        self.shown(naive::answer(&asked, &seen, noon(), &self.text().bounds))
    }

    /// A token of a hidden record that no visible one has.
    fn hidden_token_in(&self, text: &str) -> Option<&str> {
        let visible = [0, 1].map(|at| self.visible(at));
        let is_visible = |row: &Row| visible.iter().flatten().any(|r| **r == row.record);
        let all = || self.rows.iter().flatten();
        let shown: BTreeSet<&str> = all()
            .filter(|row| is_visible(row))
            .map(|row| row.token.as_str())
            .collect();
        let tokens = all().map(|row| row.token.as_str());
        let mut hidden = tokens.filter(|token| !shown.contains(token));
        hidden.find(|token| text.contains(token))
    }

    fn what(&self) -> String {
        let asked = Analysis::Funnel(self.funnel.clone()).to_value();
        let pools = self.pools.each_ref();
        let pools = pools.map(|pool| model::json::to_text(&pool.draft.to_value()));
        format!("{}\n{}", pools.join("\n"), model::json::to_text(&asked))
    }
}

/// A funnel over the pools `pool` and `other`.
fn funnel(numbers: &mut dice::Dice<'_>) -> Funnel {
    // Who is who is told by the customer, or by what more than one has.
    let fields: Vec<&str> = match numbers(2) {
        0 => NAMES.to_vec(),
        _ => NAMES.iter().skip(3).chain(&NAMES[..3]).copied().collect(),
    };
    let question = model::json::to_text(&questions::funnel(numbers, &fields));
    let question = question
        .replace(r#""pool":"p""#, r#""pool":"pool""#)
        .replace(r#""pool":"q""#, r#""pool":"other""#);
    let question = model::json::parse(question.as_bytes()).unwrap();
    match Analysis::parse(&question).unwrap() {
        Analysis::Funnel(funnel) => funnel,
        other => panic!("{other:?}"),
    }
}

struct Lakes {
    all: Lake,
    visible: Lake,
    empty: Lake,
}

impl Lakes {
    fn new() -> Self {
        let [all, visible, empty] = [3, 5, 3].map(Lake::in_memory);
        Self {
            all,
            visible,
            empty,
        }
    }

    async fn fill(&self, case: &Case, seed: u64) {
        let mut dice = Dice::new(seed);
        case.put(&self.all, false, &mut dice).await;
        case.put(&self.visible, true, &mut dice).await;
    }

    async fn clear(&self, case: &Case) {
        for lake in [&self.all, &self.visible] {
            for pool in &case.pools {
                lake.drop_pool(&Permit::ours(), pool.id).await.unwrap();
            }
        }
    }
}

#[test]
fn funnels_over_two_pools_see_of_each_what_the_grants_on_it_show() {
    let (runtime, lakes) = (runtime(), Lakes::new());
    let long = std::env::var("TIDEGATE_PROOF").is_ok_and(|text| text == "long");
    let cases = if long { 6_000 } else { 300 };
    let (mut answered, mut over_both, mut hides) = (0, 0, 0);
    for seed in 0..cases {
        let case = Case::random(seed);
        let [all, visible, twin, empty] = runtime.block_on(async {
            lakes.fill(&case, seed).await;
            let answers = [
                case.respond(&lakes.all, &case.key).await,
                case.respond(&lakes.visible, &case.key).await,
                case.respond(&lakes.visible, &case.twin).await,
                case.respond(&lakes.empty, &case.key).await,
            ];
            lakes.clear(&case).await;
            answers
        });
        let what = format!("seed {seed}\n{}", case.what());
        assert_eq!(all, visible, "hidden records show\n{what}");
        assert_eq!(visible, twin, "the twin is answered otherwise\n{what}");
        assert_eq!(all.is_err(), empty.is_err(), "the data decide\n{what}");
        let Ok(all) = all else { continue };
        assert_eq!(all, case.plain(), "{what}");
        assert_eq!(case.hidden_token_in(&all), None, "{what}");
        let parts = case.constrain(&case.key).unwrap();
        let pools: BTreeSet<PoolId> = parts.parts().iter().map(|part| part.pool().id).collect();
        answered += 1;
        over_both += usize::from(pools.len() == 2);
        hides += usize::from([0, 1].iter().all(|at| {
            let (all, seen) = (case.rows[*at].len(), case.visible(*at).len());
            0 < seen && seen < all
        }));
    }
    println!("{answered} answered, {over_both} over both, in {hides} both pools hide and show");
    assert!(over_both > cases as usize / 3, "{over_both}");
    assert!(hides > cases as usize / 10, "{hides}");
}

#[test]
fn a_part_whose_pool_shows_hidden_rows_is_found_out_whichever_it_is() {
    let (runtime, lakes) = (runtime(), Lakes::new());
    let runner = Runner::new(RunOptions::default()).unwrap();
    for open in [0, 1] {
        let found = (0..300).find(|seed| {
            let case = Case::random(*seed);
            let Ok(constrained) = case.constrain(&case.key) else {
                return false;
            };
            let answer = runtime.block_on(async {
                lakes.fill(&case, *seed).await;
                let mut parts: Vec<Vec<Answered>> = Vec::new();
                for part in constrained.parts() {
                    let is_open = part.pool().id == case.pools[open].id;
                    let mutant = is_open.then_some(Mutant::NoBarrier);
                    parts.push(rows(&runner, &lakes.all, mutant, part).await);
                }
                lakes.clear(&case).await;
                constrained.answer(parts).unwrap()
            });
            case.shown(answer.to_members(&case.text())) != case.plain()
        });
        assert!(
            found.is_some(),
            "the pool {open} shows all its rows to nobody's notice"
        );
    }
}
