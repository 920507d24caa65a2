//! The steps of a funnel: a row of the form for each, with conditions of its own.

use model::fault::{Fault, FaultCode};
use model::pools::Schema;
use model::value::{Object, Value};

use crate::console::filters::{self, Row as Condition};
use crate::console::views::Choice;

/// Steps that there may be; more are asked as JSON.
const STEPS_MAX: usize = 8;
/// Steps that are there to begin with.
const STEPS: usize = 2;
/// Conditions of a step.
const CONDITIONS: usize = 3;

/// The pool, the field that says who it was, how the step counts, and the
/// fields, operators and values of its conditions.
pub(super) struct Names {
    pub(super) pool: &'static str,
    pub(super) actor: &'static str,
    pub(super) counts: &'static str,
    conditions: [[&'static str; 3]; CONDITIONS],
}

macro_rules! steps {
    ($($n:literal)*) => {
        static NAMES: [Names; STEPS_MAX] = [$(Names {
            pool: concat!("s", $n),
            actor: concat!("u", $n),
            counts: concat!("w", $n),
            conditions: [
                [concat!("s", $n, "f1"), concat!("s", $n, "o1"), concat!("s", $n, "v1")],
                [concat!("s", $n, "f2"), concat!("s", $n, "o2"), concat!("s", $n, "v2")],
                [concat!("s", $n, "f3"), concat!("s", $n, "o3"), concat!("s", $n, "v3")],
            ],
        }),*];
        /// The fields of all steps, and how many steps are shown.
        pub(super) const FIELDS: [&str; 12 * STEPS_MAX + 1] = [
            SHOWN,
            $(
                concat!("s", $n), concat!("u", $n), concat!("w", $n),
                concat!("s", $n, "f1"), concat!("s", $n, "o1"), concat!("s", $n, "v1"),
                concat!("s", $n, "f2"), concat!("s", $n, "o2"), concat!("s", $n, "v2"),
                concat!("s", $n, "f3"), concat!("s", $n, "o3"), concat!("s", $n, "v3")
            ),*
        ];
    };
}
steps!(1 2 3 4 5 6 7 8);

/// The field with how many steps are shown.
pub(super) const SHOWN: &str = "steps";

/// How a step counts, in the words of people.
const COUNTS: [(&str, &str); 4] = [
    ("", "who was seen in it"),
    ("inverted", "who was not seen in it"),
    ("optional", "who was seen; later steps do without"),
    ("both", "who was not seen; later steps do without"),
];

/// One step.
pub(super) struct Step {
    pub(super) number: usize,
    pub(super) names: &'static Names,
    pub(super) pools: Vec<Choice>,
    pub(super) actor: String,
    pub(super) counts: Vec<Choice>,
    /// The first is always shown, others once they are needed.
    pub(super) conditions: Vec<Condition>,
    pub(super) more: Vec<Condition>,
    pub(super) is_new: bool,
    pool: String,
    counted: String,
}

/// The steps of a funnel as they were typed.
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    pub(super) may_add: bool,
    pub(super) may_drop: bool,
}

impl Step {
    fn typed<'a>(
        (at, from): (usize, usize),
        (pools, usual): (&[String], &str),
        get: &impl Fn(&str) -> Option<&'a str>,
    ) -> Self {
        let text = |name: &str| get(name).unwrap_or_default().trim().to_owned();
        let names = &NAMES[from];
        let pool = match text(names.pool) {
            pool if pool.is_empty() => usual.to_owned(),
            pool => pool,
        };
        let counted = text(names.counts);
        let is_known = COUNTS.iter().any(|(known, _)| *known == counted);
        let counted = if is_known { counted } else { String::new() };
        let mut conditions = filters::typed_rows(&names.conditions, get);
        // A step that takes the place of another one takes its names, too.
        for (row, names) in conditions.iter_mut().zip(NAMES[at].conditions) {
            row.names = names;
        }
        let used = conditions.iter().rposition(Condition::is_used);
        let shown = used.map_or(1, |last| last + 1);
        Self {
            number: at + 1,
            names: &NAMES[at],
            pools: Choice::plain(pools.iter().cloned(), &pool),
            actor: text(names.actor),
            counts: Choice::of(&COUNTS, &counted),
            more: conditions.split_off(shown),
            conditions,
            is_new: false,
            pool,
            counted,
        }
    }

    fn is_used(&self) -> bool {
        !self.actor.is_empty() || self.conditions.iter().any(Condition::is_used)
    }

    fn to_value(&self, schema: &Schema) -> Result<Object, Fault> {
        let at = |member: &str| format!("/steps/{}/{member}", self.number - 1);
        let step = Object::new().with("pool", self.pool.as_str());
        if self.actor.is_empty() {
            let rule = format!(
                "step {} does not say which field tells who it was; say it, or remove the step",
                self.number
            );
            return Err(Fault::new(FaultCode::MissingMember, rule).at(at("actor")));
        }
        let step = step.with("actor", self.actor.as_str());
        let flag = |step: Object, name: &str| match self.counted.as_str() {
            counted if counted == name || counted == "both" => step.with(name, true),
            _ => step,
        };
        let step = flag(flag(step, "inverted"), "optional");
        let used = self.used_conditions().enumerate();
        let filters = used.map(|(place, row)| {
            let row = row.to_value(schema);
            row.map_err(|fault| fault.at(at(&format!("filters/{place}"))))
        });
        let filters: Vec<Value> = filters.collect::<Result<_, _>>()?;
        Ok(match filters.is_empty() {
            true => step,
            false => step.with("filters", filters),
        })
    }

    fn used_conditions(&self) -> impl Iterator<Item = &Condition> {
        let rows = self.conditions.iter().chain(&self.more);
        rows.filter(|row| row.is_used())
    }

    /// The name of its pool.
    pub(super) fn pool(&self) -> &str {
        &self.pool
    }
}

impl Steps {
    /// As they were typed, with a step more or less where `get` has that.
    pub(super) fn typed<'a>(
        (pools, usual): (&[String], &str),
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Self {
        let step = |at: usize, from: usize| Step::typed((at, from), (pools, usual), &get);
        let shown = get(SHOWN).and_then(|text| text.parse::<usize>().ok());
        let used = (0..STEPS_MAX).rfind(|at| step(*at, *at).is_used());
        let used = used.map_or(0, |at| at + 1);
        let usual = if shown.is_some() { 1 } else { STEPS };
        let shown = shown.unwrap_or(0).clamp(usual, STEPS_MAX).max(used);
        let dropped = super::parameters::dropped(&get).filter(|at| (1..=shown).contains(at));
        let places = (0..shown).filter(|at| shown == 1 || Some(at + 1) != dropped);
        let mut steps: Vec<Step> = places
            .enumerate()
            .map(|(at, from)| step(at, from))
            .collect();
        if super::parameters::adds(&get) && steps.len() < STEPS_MAX {
            let at = steps.len();
            // Most often it is the same one who does the next thing.
            let before = steps.last();
            let pool = before.map_or("", |step| &step.pool).to_owned();
            let actor = before.map_or("", |step| &step.actor).to_owned();
            let mut step = Step::typed((at, at), (pools, &pool), &|_| None);
            step.actor = actor;
            step.is_new = true;
            steps.push(step);
        }
        Self {
            may_add: steps.len() < STEPS_MAX,
            may_drop: steps.len() > 1,
            steps,
        }
    }

    /// The steps as the API takes them; `schema_of` has the schema of a pool.
    ///
    /// # Errors
    /// A fault that points at what cannot be read.
    pub(super) fn to_value<'s>(
        &self,
        schema_of: impl Fn(&str) -> &'s Schema,
    ) -> Result<Vec<Value>, Fault> {
        let steps = self.steps.iter().map(|step| {
            let step = step.to_value(schema_of(&step.pool));
            step.map(Value::Object)
        });
        steps.collect()
    }

    /// What errors point at, and the fields that stand for it.
    pub(super) fn places(&self) -> Vec<(String, &'static str)> {
        let each = self.steps.iter().flat_map(|step| {
            let own = format!("/steps/{}", step.number - 1);
            let below = [
                (format!("{own}/pool"), step.names.pool),
                (format!("{own}/actor"), step.names.actor),
                (own.clone(), step.names.counts),
            ];
            let conditions = step.used_conditions().enumerate();
            let conditions =
                conditions.map(|(at, row)| (format!("{own}/filters/{at}"), row.names[0]));
            below.into_iter().chain(conditions.collect::<Vec<_>>())
        });
        each.collect()
    }
}

/// The fields of the form that say these steps; `None` where its rows cannot.
pub(super) fn said<'s>(
    steps: &Value,
    schema_of: impl Fn(&str) -> &'s Schema,
) -> Option<Vec<(&'static str, String)>> {
    let steps = steps.as_array()?;
    if steps.len() > STEPS_MAX {
        return None;
    }
    let mut fields = vec![(SHOWN, steps.len().to_string())];
    for (step, names) in steps.iter().zip(&NAMES) {
        let step = step.as_object()?;
        let is = |name: &str| matches!(step.get(name), Some(Value::Boolean(true)));
        let pool = step.get("pool")?.as_str()?;
        for (member, value) in step.iter() {
            match member {
                "pool" => fields.push((names.pool, pool.to_owned())),
                "actor" => fields.push((names.actor, value.as_str()?.to_owned())),
                "filters" => {
                    let schema = schema_of(pool);
                    fields.extend(filters::said_in_rows(value, &names.conditions, schema)?);
                }
                "inverted" | "optional" => {}
                _ => return None,
            }
        }
        let counted = match (is("inverted"), is("optional")) {
            (false, false) => "",
            (true, false) => "inverted",
            (false, true) => "optional",
            (true, true) => "both",
        };
        fields.push((names.counts, counted.to_owned()));
    }
    Some(fields)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Steps {
    let choice = || Choice::plain([text.to_owned()], text);
    let condition = |at: usize| filters::typed_rows(&NAMES[0].conditions[at..=at], |_| Some(text));
    let step = Step {
        number: 1,
        names: &NAMES[0],
        pools: choice(),
        actor: text.to_owned(),
        counts: choice(),
        conditions: condition(0),
        more: condition(1),
        is_new: true,
        pool: text.to_owned(),
        counted: String::new(),
    };
    Steps {
        steps: vec![step],
        may_add: true,
        may_drop: true,
    }
}
