//! A question of analytics as a form, and back.

use model::fault::{Fault, FaultCode};
use model::pools::Schema;
use model::value::{Object, Value};

use super::functions::Functions;
use super::kind::Kind;
use super::steps::{Step, Steps};
use crate::console::filters::Filters;
use crate::console::views::Choice;

/// What may be asked, in the words of people.
pub(super) const ANALYSES: [(&str, &str); 11] = [
    ("count", "Count"),
    ("count_unique", "Distinct count"),
    ("sum", "Sum"),
    ("average", "Average"),
    ("minimum", "Minimum"),
    ("maximum", "Maximum"),
    ("median", "Median"),
    ("percentile", "Percentile"),
    ("standard_deviation", "Standard deviation"),
    ("select_unique", "Distinct values"),
    ("extraction", "Records"),
];
/// The lengths of intervals.
const INTERVALS: [(&str, &str); 7] = [
    ("", "no split"),
    ("minutely", "minute"),
    ("hourly", "hour"),
    ("daily", "day"),
    ("weekly", "week"),
    ("monthly", "month"),
    ("yearly", "year"),
];
/// Stretches of time.
pub(super) const TIMEFRAMES: [(&str, &str); 11] = [
    ("", "always"),
    ("this_day", "today"),
    ("previous_day", "yesterday"),
    ("this_7_days", "7 days"),
    ("this_30_days", "30 days"),
    ("this_3_months", "3 months"),
    ("this_12_months", "12 months"),
    ("this_5_years", "5 years"),
    ("previous_month", "last month"),
    ("previous_year", "last year"),
    ("between", "from … to …"),
];
/// How groups are ordered.
const ORDERS: [(&str, &str); 3] = [
    ("", "by group"),
    ("desc", "largest first"),
    ("asc", "smallest first"),
];
/// Groups, or records, unless another number is said.
const ROWS: i64 = 100;
/// Fields to group by.
pub(super) const GROUPS: [&str; 3] = ["by1", "by2", "by3"];

/// The form as it was typed.
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) kinds: Vec<Choice>,
    pub(super) functions: Functions,
    pub(super) steps: Steps,
    /// What was typed for another kind of question.
    pub(super) kept: Vec<(&'static str, String)>,
    pub(super) pools: Vec<Choice>,
    pub(super) analyses: Vec<Choice>,
    pub(super) field: String,
    pub(super) percentile: String,
    pub(super) groups: Vec<Group>,
    pub(super) intervals: Vec<Choice>,
    pub(super) timeframes: Vec<Choice>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) timezone: String,
    pub(super) orders: Vec<Choice>,
    pub(super) limit: String,
    pub(super) filters: Filters,
    /// The whole question as the API takes it, instead of all that.
    pub(super) question: String,
    pool: String,
    analysis: String,
    interval: String,
    timeframe: String,
    order: String,
}

/// A field to group by.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) field: String,
}

impl Asked {
    /// As it was typed; `get` has the value of a field of the form.
    pub(super) fn typed<'a>(pools: &[String], get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let text = |name: &str| get(name).unwrap_or_default().trim().to_owned();
        let pool = match get("pool") {
            Some(pool) if !pool.is_empty() => pool.to_owned(),
            _ => pools.first().cloned().unwrap_or_default(),
        };
        let one_of = |known: &[(&str, &str)], name: &str| {
            let sent = text(name);
            let is_known = known.iter().any(|(known, _)| *known == sent);
            if is_known {
                sent
            } else {
                known[0].0.to_owned()
            }
        };
        let analysis = one_of(&ANALYSES, "analysis");
        let interval = one_of(&INTERVALS, "interval");
        let timeframe = one_of(&TIMEFRAMES, "timeframe");
        let order = one_of(&ORDERS, "order");
        let kind = Kind::typed(&get);
        let kept = kind.others().into_iter();
        let kept = kept.filter_map(|name| Some((name, get(name)?.to_owned())));
        let kept = kept.filter(|(_, value)| !value.is_empty());
        Self {
            kind,
            kinds: Choice::of(&Kind::ALL.map(Kind::words), kind.words().0),
            functions: Functions::typed(&get),
            steps: Steps::typed((pools, &pool), &get),
            kept: kept.collect(),
            pools: Choice::plain(pools.iter().cloned(), &pool),
            analyses: Choice::of(&ANALYSES, &analysis),
            field: text("field"),
            percentile: text("percentile"),
            groups: GROUPS
                .into_iter()
                .map(|name| Group {
                    name,
                    field: text(name),
                })
                .collect(),
            intervals: Choice::of(&INTERVALS, &interval),
            timeframes: Choice::of(&TIMEFRAMES, &timeframe),
            from: text("from"),
            to: text("to"),
            timezone: text("timezone"),
            orders: Choice::of(&ORDERS, &order),
            limit: text("limit"),
            filters: Filters::typed(&get),
            question: text("question"),
            pool,
            analysis,
            interval,
            timeframe,
            order,
        }
    }

    /// The name of the pool that is asked.
    pub(super) fn pool(&self) -> &str {
        &self.pool
    }

    /// The pools that a question of this kind asks.
    pub(super) fn asked_pools(&self) -> Vec<&str> {
        let steps = self.steps.steps.iter();
        match self.kind {
            Kind::Funnel => steps.map(Step::pool).collect(),
            Kind::One | Kind::Several => vec![self.pool()],
        }
    }

    /// The question as the API takes it; `schema_of` has the schema of a pool.
    ///
    /// # Errors
    /// A fault that points at what cannot be read.
    pub(super) fn to_value<'s>(
        &self,
        schema_of: impl Fn(&str) -> &'s Schema,
    ) -> Result<Value, Fault> {
        if !self.question.is_empty() {
            return model::json::parse(self.question.as_bytes());
        }
        let schema = schema_of(&self.pool);
        let question = Object::new();
        let question = match self.kind {
            Kind::Funnel => {
                let question = question.with("analysis", "funnel");
                let question = question.with("steps", self.steps.to_value(schema_of)?);
                return Ok(Value::Object(self.with_period(question, false)));
            }
            Kind::Several => {
                let question = question.with("analysis", "multi_analysis");
                let functions = self.functions.to_value()?;
                question.with("analyses", Value::Object(functions))
            }
            Kind::One => question.with("analysis", self.analysis.as_str()),
        };
        let question = question.with("pool", self.pool.as_str());
        let is_extraction = self.kind == Kind::One && self.analysis == "extraction";
        let question = match is_extraction {
            true => question.with("latest", self.limit("latest")?.unwrap_or(ROWS)),
            false => self.with_groups(self.with_field(question)?)?,
        };
        let is_series = !self.interval.is_empty() && !is_extraction;
        let question = self.with_period(question, is_series);
        let filters = self.filters.to_value(schema);
        let filters = filters.map_err(|fault| fault.under("/filters"))?;
        Ok(Value::Object(match filters {
            Some(filters) => question.with("filters", filters),
            None => question,
        }))
    }

    /// With what the one function goes over.
    fn with_field(&self, question: Object) -> Result<Object, Fault> {
        if self.kind == Kind::Several {
            return Ok(question);
        }
        let question = match self.field.as_str() {
            "" => question,
            field => question.with("field", field),
        };
        Ok(match self.analysis.as_str() {
            "percentile" => {
                let number = percentile(&self.percentile);
                let number = number.map_err(|fault| fault.at("/percentile"))?;
                question.with("percentile", Value::Float(number))
            }
            _ => question,
        })
    }

    fn used_groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|group| !group.field.is_empty())
    }

    fn with_groups(&self, mut question: Object) -> Result<Object, Fault> {
        let groups: Vec<&str> = self.used_groups().map(|group| &*group.field).collect();
        let has_groups = !groups.is_empty();
        if has_groups {
            question = question.with("group_by", groups);
        }
        if !self.interval.is_empty() {
            question = question.with("interval", self.interval.as_str());
        }
        if has_groups && !self.order.is_empty() {
            let first = match self.kind {
                Kind::Several => self.functions.first_name(),
                Kind::One | Kind::Funnel => model::analyses::RESULT.to_owned(),
            };
            let order = Object::new().with("field", first);
            let order = order.with("direction", self.order.as_str());
            question = question.with("order_by", vec![order]);
        }
        if has_groups {
            question = question.with("limit", self.limit("limit")?.unwrap_or(ROWS));
        }
        Ok(question)
    }

    /// What errors point at, and the fields that stand for it.
    pub(super) fn places(&self) -> Vec<(String, &'static str)> {
        if !self.question.is_empty() {
            return vec![(String::new(), "question")];
        }
        let groups = self.used_groups().enumerate();
        let groups = groups.map(|(at, group)| (format!("/group_by/{at}"), group.name));
        let mut places: Vec<(String, &'static str)> = groups.collect();
        places.extend(self.filters.places());
        places.push(("/order_by".to_owned(), "order"));
        places.push(("/latest".to_owned(), "limit"));
        match self.kind {
            Kind::One => {}
            Kind::Several => places.extend(self.functions.places()),
            Kind::Funnel => places.extend(self.steps.places()),
        }
        places
    }

    fn with_period(&self, question: Object, is_series: bool) -> Object {
        let named = |question: Object, name: &str, text: &str| match text {
            "" => question,
            text => question.with(name, text),
        };
        let question = match self.timeframe.as_str() {
            "between" => {
                let question = named(question, "from", &self.from);
                named(question, "to", &self.to)
            }
            // Intervals need a beginning.
            "" if is_series => question.with("timeframe", "this_12_months"),
            timeframe => named(question, "timeframe", timeframe),
        };
        named(question, "timezone", &self.timezone)
    }

    fn limit(&self, member: &str) -> Result<Option<i64>, Fault> {
        if self.limit.is_empty() {
            return Ok(None);
        }
        let rule = || {
            let rule = "at most how many is a whole number";
            Fault::new(FaultCode::WrongType, rule).at(format!("/{member}"))
        };
        self.limit.parse().map(Some).map_err(|_| rule())
    }
}

/// Which percentile a text says.
pub(super) fn percentile(text: &str) -> Result<f64, Fault> {
    let number = text.parse::<f64>().ok();
    number.filter(|number| number.is_finite()).ok_or_else(|| {
        let rule = "which percentile is a number above 0 and up to 100";
        Fault::new(FaultCode::WrongType, rule)
    })
}

#[cfg(test)]
pub(super) fn sample(text: &str, kind: Kind) -> Asked {
    let choice = || Choice::plain([text.to_owned()], text);
    Asked {
        kind,
        kinds: choice(),
        functions: super::functions::sample(text),
        steps: super::steps::sample(text),
        kept: vec![("by1", text.to_owned())],
        pools: choice(),
        analyses: choice(),
        field: text.to_owned(),
        percentile: text.to_owned(),
        groups: vec![Group {
            name: "by1",
            field: text.to_owned(),
        }],
        intervals: choice(),
        timeframes: choice(),
        from: text.to_owned(),
        to: text.to_owned(),
        timezone: text.to_owned(),
        orders: choice(),
        limit: text.to_owned(),
        filters: crate::console::filters::sample(text),
        question: text.to_owned(),
        pool: text.to_owned(),
        analysis: String::new(),
        interval: String::new(),
        timeframe: String::new(),
        order: String::new(),
    }
}

#[cfg(test)]
mod tests;
