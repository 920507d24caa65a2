//! Random questions over random records: what is answered by way of
//! constrained questions is what the plain interpreter says of visible rows.

use super::engine::{self, Pools};
use super::examples::{access, constrain, filled, plainly, shown};
use super::*;
use crate::analyses::Form;
use crate::filters::Constraint;
use crate::fixtures::at;
use crate::permit::ConstrainedAnalysis;
use crate::time::Timestamp;
use crate::value::Object;

const FIELDS: [&str; 8] = ["s", "n", "f", "u", "v.w", "tags", "at", "t"];
const P: &str = r#"{"name":"p","schema":"open","time_field":"at","fields":[{"name":"at","type":"DateTime"},
    {"name":"n","type":"Int64"},{"name":"f","type":"Float64"},{"name":"s","type":"String"},{"name":"tags","type":"Array(String)"}]}"#;
const Q: &str = r#"{"name":"q","schema":"open","time_field":"t","fields":[{"name":"t","type":"DateTime"},{"name":"n","type":"UInt8"}]}"#;
const KEYS: [&str; 4] = [
    r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#,
    r#"[{"on":"pool:*","actions":["query"],"constraints":[{"field":"s","operator":"in","value":["x","y"]}]}]"#,
    r#"[{"on":"pool:*","actions":["query"],"constraints":[{"field":"u","operator":"gt","value":1}]},
        {"on":"pool:*","actions":["query"],"constraints":[{"field":"s","operator":"eq","value":"x"}]}]"#,
    r#"[{"on":"pool:*","actions":["query"],"constraints":[{"not":{"field":"s","operator":"exists","value":false}}]}]"#,
];

fn now() -> Timestamp {
    at("2026-03-28T12:00:00Z")
}

fn record(dice: &mut dice::Dice<'_>) -> Value {
    let mut text = |name: &str, from: &[&str]| {
        let value = from[dice(from.len())];
        (!value.is_empty()).then(|| format!("\"{name}\":{value}"))
    };
    let whole = ["", "0", "1", "2", "3", "9", "10"];
    let times = [
        "",
        "\"2026-03-20T00:00:00Z\"",
        "\"2026-03-27T05:30:00Z\"",
        "\"2026-03-28T00:30:00Z\"",
        "\"2026-03-28T23:00:00Z\"",
        "\"2026-03-29T01:00:00.000001Z\"",
        "\"2026-04-01T23:59:59Z\"",
    ];
    let members = [
        text("s", &["", "\"x\"", "\"y\"", "\"z\"", "\"\""]),
        text("n", &whole),
        text(
            "f",
            &[
                "", "0.1", "0.2", "0.3", "-2.5", "1e300", "-1e300", "3", "5e-324",
            ],
        ),
        text(
            "u",
            &[
                "",
                "1",
                "2",
                "2.5",
                "0.1",
                "\"x\"",
                "true",
                "[1,\"x\"]",
                "{}",
            ],
        ),
        text(
            "v",
            &["", "{\"w\":1}", "{\"w\":\"x\",\"z\":7}", "{\"z\":8}"],
        ),
        text("tags", &["", "[]", "[\"x\"]", "[\"x\",\"y\"]"]),
        text("at", &times),
        text("t", &times),
    ];
    let members: Vec<String> = members.into_iter().flatten().collect();
    json(&format!("{{{}}}", members.join(",")))
}

fn pools(dice: &mut dice::Dice<'_>) -> Pools {
    let mut all = Pools::new();
    for (number, definition) in [(1, P), (2, Q)] {
        let count = dice(25);
        let records: Vec<Value> = (0..count).map(|_| record(dice)).collect();
        all.extend(filled(number, definition, &records));
    }
    all
}

/// A case: what is asked, constrained, of which pools; `None` when it is refused.
struct Case {
    analysis: Analysis,
    constrained: ConstrainedAnalysis,
    pools: Pools,
}

impl Case {
    fn of(seed: u64) -> Option<Self> {
        let dice = &mut dice::dice(seed);
        let pools = pools(dice);
        let analysis = Analysis::parse(&questions::any(dice, &FIELDS)).unwrap();
        let key = access(KEYS[dice(KEYS.len())]);
        let constrained = constrain(&analysis, &key, &pools, now()).ok()?;
        Some(Self {
            analysis,
            constrained,
            pools,
        })
    }

    fn zone(&self) -> TimeZone {
        self.analysis.sources()[0].calendar.zone.clone()
    }

    fn plain(&self) -> String {
        let (constrained, zone) = (&self.constrained, self.zone());
        let plain: Object = plainly(&self.analysis, constrained, &self.pools, now(), &zone);
        crate::json::to_text(&plain.into())
    }

    fn answered(&self) -> String {
        shown(&engine::answer(&self.constrained, &self.pools), self.zone())
    }

    /// The answer of a form over the rows that `sees` admits of those of the key.
    fn answered_by(&self, form: &Form, sees: impl Fn(&Constraint) -> Constraint) -> String {
        let parts = self.constrained.parts().iter();
        let parts = parts.map(|part| engine::run(part, &sees(part.rows()), &self.pools));
        shown(&form.answer(parts.collect()).unwrap(), self.zone())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn answers_are_those_of_the_plain_interpreter(seed in any::<u64>()) {
        if let Some(case) = Case::of(seed) {
            prop_assert_eq!(case.answered(), case.plain(), "{:?}", case.analysis);
        }
    }
}

#[test]
fn most_questions_are_not_refused() {
    let legal = (0..400).filter(|seed| Case::of(*seed).is_some()).count();
    assert!(legal > 200, "{legal} of 400");
}

/// A wrong way to answer.
type Mutant = (&'static str, fn(&Case, &Form) -> String);

#[test]
fn wrong_ways_to_answer_are_found_out() {
    fn measured(
        case: &Case,
        form: &Form,
        change: impl Fn(&mut crate::analyses::MeasuredForm),
    ) -> String {
        let mut form = form.clone();
        if let Form::Measured(form) = &mut form {
            change(form);
        }
        case.answered_by(&form, Clone::clone)
    }
    fn funnel(case: &Case, form: &Form, change: impl Fn(&mut crate::analyses::Step)) -> String {
        let mut form = form.clone();
        if let Form::Funnel { funnel, .. } = &mut form {
            funnel.steps.iter_mut().for_each(change);
        }
        case.answered_by(&form, Clone::clone)
    }
    let mutants: [Mutant; 9] = [
        ("no constraint", |case, form| {
            case.answered_by(form, |_| Constraint::AllRows)
        }),
        ("no order", |case, form| {
            measured(case, form, |form| form.order.clear())
        }),
        ("no limit", |case, form| {
            measured(case, form, |form| form.limit = None)
        }),
        ("nothing is null", |case, form| {
            measured(case, form, |form| form.empty.fill(Value::Null))
        }),
        ("nothing is zero", |case, form| {
            measured(case, form, |form| form.empty.fill(Value::Integer(0)))
        }),
        ("no bins", |case, form| {
            measured(case, form, |form| {
                form.groups.iter_mut().for_each(|group| group.1 = None)
            })
        }),
        ("labels turned round", |case, form| {
            measured(case, form, |form| {
                if let Some(labels) = &mut form.labels {
                    labels.reverse();
                }
            })
        }),
        ("optional steps count", |case, form| {
            funnel(case, form, |step| step.optional = false)
        }),
        ("no inversion", |case, form| {
            funnel(case, form, |step| step.inverted = false)
        }),
    ];
    let cases: Vec<Case> = (0..600).filter_map(Case::of).collect();
    for (name, mutant) in mutants {
        let dies = cases.iter().any(|case| {
            let form = case.constrained.form();
            mutant(case, form) != case.plain()
        });
        assert!(dies, "{name} goes unseen");
    }
}

#[test]
fn the_plain_interpreter_rounds_once() {
    let sums = [
        (
            &["0.1", "0.2", "0.3"][..],
            "0.6",
            "0.2",
            "0.0816496580927726",
        ),
        (
            &["1e300", "1", "-1e300"],
            "1.0",
            "0.3333333333333333",
            "8.164965809277261e+299",
        ),
        (&["5e-324", "5e-324"], "1e-323", "5e-324", "0.0"),
        (
            &["1.7976931348623157e308", "1.7976931348623157e308"],
            "null",
            "1.7976931348623157e+308",
            "0.0",
        ),
        (&["3", "4"], "7", "3.5", "0.5"),
    ];
    for (numbers, sum, average, deviation) in sums {
        let records: Vec<Value> = numbers
            .iter()
            .map(|n| json(&format!(r#"{{"u":{n}}}"#)))
            .collect();
        let (pool, records) = filled(1, P, &records).remove(0);
        let records: Vec<_> = records.iter().collect();
        for (function, expected) in [
            (Function::Sum, sum),
            (Function::Average, average),
            (Function::StandardDeviation, deviation),
        ] {
            let metric = Metric {
                function,
                field: Some(crate::fixtures::path("u")),
            };
            let result = naive::result(&metric, &pool, &records);
            let expected = match (function, expected) {
                // What is whole has no decimals where the field has no type.
                (Function::Sum, "1.0") => "1",
                (_, expected) => expected,
            };
            assert_eq!(
                crate::json::to_text(&result),
                expected,
                "{function:?} {numbers:?}"
            );
        }
    }
}
