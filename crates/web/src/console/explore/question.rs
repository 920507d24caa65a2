//! A question of analytics as a form, and back.

use model::analyses::Analysis;
use model::fault::{Fault, FaultCode};
use model::pools::Schema;
use model::value::{Object, Value};

use crate::console::filters::Filters;
use crate::console::views::Choice;

/// What may be asked, in the words of people.
const ANALYSES: [(&str, &str); 11] = [
    ("count", "How many records"),
    ("count_unique", "How many distinct values"),
    ("sum", "Sum"),
    ("average", "Average"),
    ("minimum", "Minimum"),
    ("maximum", "Maximum"),
    ("median", "Median"),
    ("percentile", "Percentile"),
    ("standard_deviation", "Standard deviation"),
    ("select_unique", "The distinct values"),
    ("extraction", "The records themselves"),
];
/// The lengths of intervals.
const INTERVALS: [(&str, &str); 7] = [
    ("", "nothing"),
    ("minutely", "minute"),
    ("hourly", "hour"),
    ("daily", "day"),
    ("weekly", "week"),
    ("monthly", "month"),
    ("yearly", "year"),
];
/// Stretches of time.
const TIMEFRAMES: [(&str, &str); 11] = [
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
    ("desc", "the largest first"),
    ("asc", "the smallest first"),
];
/// Groups, or records, unless another number is said.
const ROWS: i64 = 100;
/// Fields to group by.
const GROUPS: [&str; 3] = ["by1", "by2", "by3"];

/// The form as it was typed.
pub(super) struct Asked {
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
        Self {
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

    /// The question as the API takes it.
    ///
    /// # Errors
    /// A fault that names what cannot be read.
    pub(super) fn to_value(&self, schema: &Schema) -> Result<Value, Fault> {
        if !self.question.is_empty() {
            return model::json::parse(self.question.as_bytes());
        }
        let is_extraction = self.analysis == "extraction";
        let mut question = Object::new()
            .with("analysis", self.analysis.as_str())
            .with("pool", self.pool.as_str());
        let groups = self.groups.iter().map(|group| group.field.as_str());
        let groups: Vec<&str> = groups.filter(|field| !field.is_empty()).collect();
        let has_groups = !groups.is_empty();
        if is_extraction {
            question = question.with("latest", self.limit()?.unwrap_or(ROWS));
        } else {
            if !self.field.is_empty() {
                question = question.with("field", self.field.as_str());
            }
            if self.analysis == "percentile" {
                question = question.with("percentile", Value::Float(self.percentile()?));
            }
            if has_groups {
                question = question.with("group_by", groups);
            }
            if !self.interval.is_empty() {
                question = question.with("interval", self.interval.as_str());
            }
            if has_groups && !self.order.is_empty() {
                let order = Object::new().with("field", model::analyses::RESULT);
                question = question.with(
                    "order_by",
                    vec![order.with("direction", self.order.as_str())],
                );
            }
            if has_groups {
                question = question.with("limit", self.limit()?.unwrap_or(ROWS));
            }
        }
        question = self.with_period(question, !self.interval.is_empty() && !is_extraction);
        if let Some(filters) = self.filters.to_value(schema)? {
            question = question.with("filters", filters);
        }
        Ok(Value::Object(question))
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

    fn limit(&self) -> Result<Option<i64>, Fault> {
        if self.limit.is_empty() {
            return Ok(None);
        }
        let rule = || Fault::new(FaultCode::WrongType, "at most how many is a whole number");
        self.limit.parse().map(Some).map_err(|_| rule())
    }

    fn percentile(&self) -> Result<f64, Fault> {
        let number = self
            .percentile
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        number.ok_or_else(|| {
            let rule = "which percentile is a number above 0 and up to 100";
            Fault::new(FaultCode::WrongType, rule)
        })
    }
}

/// The fields of the form that ask this question again, of a pool of this
/// schema; where the form would ask another one, as the API takes it.
pub(in crate::console) fn fields_of(
    question: &Value,
    schema: &Schema,
) -> Vec<(&'static str, String)> {
    let whole = || vec![("question", model::json::to_text(question))];
    let Some(fields) = said(question, schema) else {
        return whole();
    };
    let get = |name: &str| {
        let found = fields.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    };
    let again = Asked::typed(&[], get).to_value(schema);
    let again = again.and_then(|again| Analysis::parse(&again));
    match (again, Analysis::parse(question)) {
        (Ok(again), Ok(meant)) if again == meant => fields,
        _ => whole(),
    }
}

fn said(question: &Value, schema: &Schema) -> Option<Vec<(&'static str, String)>> {
    let object = question.as_object()?;
    let mut fields = Vec::new();
    for (name, value) in object.iter() {
        let text = match value.as_str() {
            Some(text) => text.to_owned(),
            None => model::json::to_text(value),
        };
        match (name, value) {
            ("pool" | "analysis" | "field" | "percentile" | "interval" | "timezone", _) => {
                let name = [
                    "pool",
                    "analysis",
                    "field",
                    "percentile",
                    "interval",
                    "timezone",
                ]
                .into_iter()
                .find(|known| *known == name);
                fields.push((name.unwrap_or("pool"), text));
            }
            ("timeframe", _) if TIMEFRAMES.iter().any(|(known, _)| *known == text) => {
                fields.push(("timeframe", text));
            }
            ("from" | "to", _) => {
                if !fields.contains(&("timeframe", "between".to_owned())) {
                    fields.push(("timeframe", "between".to_owned()));
                }
                fields.push((if name == "from" { "from" } else { "to" }, text));
            }
            ("latest" | "limit", _) => fields.push(("limit", text)),
            ("filters", list) => fields.extend(Filters::fields_of(list, schema)),
            ("group_by", Value::Array(groups)) if groups.len() <= GROUPS.len() => {
                for (name, group) in GROUPS.into_iter().zip(groups) {
                    match group.as_str() {
                        Some(field) => fields.push((name, field.to_owned())),
                        None => return None,
                    }
                }
            }
            ("order_by", Value::Array(orders)) => {
                let member = |name: &str| {
                    let [order] = &orders[..] else { return None };
                    order.as_object()?.get(name)?.as_str().map(str::to_owned)
                };
                match (member("field").as_deref(), member("direction")) {
                    (Some(model::analyses::RESULT), Some(direction)) => {
                        fields.push(("order", direction));
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    Some(fields)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Asked {
    let choice = || Choice::plain([text.to_owned()], text);
    Asked {
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
