//! A view's definition as rows of a form, one of its fields on each.

use model::fault::{Fault, FaultCode};
use model::pools::{Pool, Schema};
use model::value::{Object, Value};
use model::views::{Shape, ViewDraft};

use crate::console::filters::Filters;

/// The field, what is done with it, which percentile, and its name in answers.
const ROWS: [[&str; 4]; 12] = [
    ["g1", "r1", "p1", "a1"],
    ["g2", "r2", "p2", "a2"],
    ["g3", "r3", "p3", "a3"],
    ["g4", "r4", "p4", "a4"],
    ["g5", "r5", "p5", "a5"],
    ["g6", "r6", "p6", "a6"],
    ["g7", "r7", "p7", "a7"],
    ["g8", "r8", "p8", "a8"],
    ["g9", "r9", "p9", "a9"],
    ["g10", "r10", "p10", "a10"],
    ["g11", "r11", "p11", "a11"],
    ["g12", "r12", "p12", "a12"],
];
/// Rows that are there to begin with.
const SHOWN: usize = 3;

/// The roles of a field in the words of people; `""` is a plain field.
const ROLES: [(&str, &str); 14] = [
    ("", "as it is"),
    ("group", "group by"),
    ("count", "count"),
    ("count_unique", "count distinct"),
    ("sum", "sum"),
    ("average", "average"),
    ("minimum", "minimum"),
    ("maximum", "maximum"),
    ("median", "median"),
    ("percentile", "percentile"),
    ("first", "first"),
    ("last", "last"),
    ("standard_deviation", "standard deviation"),
    ("leave", "leave out"),
];

/// One row.
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) names: [&'static str; 4],
    pub(super) field: String,
    pub(super) roles: Vec<Choice>,
    pub(super) percentile: String,
    pub(super) name: String,
}

/// A word to choose.
pub(in crate::console) struct Choice {
    pub(in crate::console) value: String,
    pub(in crate::console) label: String,
    pub(in crate::console) is_chosen: bool,
}

impl Choice {
    /// The words of a list, each for itself.
    pub(in crate::console) fn plain(
        all: impl IntoIterator<Item = String>,
        chosen: &str,
    ) -> Vec<Self> {
        let all = all.into_iter().map(|value| Self {
            is_chosen: value == chosen,
            label: value.clone(),
            value,
        });
        all.collect()
    }

    /// Words with labels.
    pub(in crate::console) fn of(all: &[(&str, &str)], chosen: &str) -> Vec<Self> {
        let all = all.iter().map(|(value, label)| Self {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            is_chosen: *value == chosen,
        });
        all.collect()
    }
}

/// The shapes in the words of people.
const SHAPES: [(&str, &str); 3] = [
    ("records", "Records"),
    ("aggregated", "Aggregated"),
    ("time_series", "Time series"),
];
/// Ranges to look at.
pub(super) const TIMEFRAMES: [(&str, &str); 8] = [
    ("this_day", "today"),
    ("this_7_days", "7 days"),
    ("this_30_days", "30 days"),
    ("this_3_months", "3 months"),
    ("this_12_months", "12 months"),
    ("this_5_years", "5 years"),
    ("previous_month", "last month"),
    ("previous_year", "last year"),
];
/// Intervals to look at.
pub(super) const INTERVALS: [(&str, &str); 6] = [
    ("minutely", "minute"),
    ("hourly", "hour"),
    ("daily", "day"),
    ("weekly", "week"),
    ("monthly", "month"),
    ("yearly", "year"),
];
/// The range and the interval that are looked at unless something else is said.
pub(super) const USUAL: (&str, &str) = ("this_12_months", "monthly");

/// The form as it was typed.
pub(super) struct Builder {
    pub(super) pools: Vec<Choice>,
    pub(super) shapes: Vec<Choice>,
    pub(super) interval_field: String,
    pub(super) is_nested: bool,
    pub(super) rows: Vec<Row>,
    pub(super) more: Vec<Row>,
    pub(super) filters: Filters,
    pub(super) order: String,
    pub(super) is_falling: bool,
    pub(super) timeframes: Vec<Choice>,
    pub(super) intervals: Vec<Choice>,
    pub(super) is_series: bool,
    shape: String,
}

impl Builder {
    /// As it was typed; `get` has the value of a field of the form.
    pub(super) fn typed<'a>(
        pools: impl IntoIterator<Item = String>,
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Self {
        let text = |name: &str| get(name).unwrap_or_default().trim().to_owned();
        let shape = match get("shape") {
            Some(shape) if SHAPES.iter().any(|(known, _)| *known == shape) => shape.to_owned(),
            _ => "records".to_owned(),
        };
        let rows = ROWS.iter().enumerate().map(|(at, names)| Row {
            number: at + 1,
            names: *names,
            field: text(names[0]),
            roles: Choice::of(&ROLES, &text(names[1])),
            percentile: text(names[2]),
            name: text(names[3]),
        });
        let mut rows: Vec<Row> = rows.collect();
        let used = rows.iter().rposition(Row::is_used);
        let shown = used.map_or(SHOWN, |last| (last + 2).max(SHOWN));
        let more = rows.split_off(shown.min(rows.len()));
        let usual = |name: &str, usual: &str| match get(name) {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => usual.to_owned(),
        };
        Self {
            pools: Choice::plain(pools, &text("pool")),
            shapes: Choice::of(&SHAPES, &shape),
            interval_field: text("interval_field"),
            is_nested: get("nested") == Some("yes"),
            rows,
            more,
            filters: Filters::typed(&get),
            order: text("order"),
            is_falling: get("direction") == Some("desc"),
            timeframes: Choice::of(&TIMEFRAMES, &usual("timeframe", USUAL.0)),
            intervals: Choice::of(&INTERVALS, &usual("interval", USUAL.1)),
            is_series: shape == "time_series",
            shape,
        }
    }

    /// What there is to show before anything was chosen.
    pub(super) fn is_untouched(&self) -> bool {
        !self.rows.iter().any(Row::is_used)
    }

    fn used(&self) -> impl Iterator<Item = &Row> {
        let rows = self.rows.iter().chain(&self.more);
        rows.filter(|row| row.is_used())
    }

    /// What errors of a definition point at, and the fields of the form that
    /// stand for it.
    pub(super) fn places(&self) -> Vec<(String, &'static str)> {
        let rows = self.used().enumerate().flat_map(|(at, row)| {
            let [field, role, percentile, name] = row.names;
            [
                (format!("/fields/{at}"), field),
                (format!("/fields/{at}/aggregate"), role),
                (format!("/fields/{at}/percentile"), percentile),
                (format!("/fields/{at}/as"), name),
            ]
        });
        let mut places: Vec<(String, &'static str)> = rows.collect();
        places.extend(self.filters.places());
        places.push(("/order_by".to_owned(), "order"));
        places.push(("/grouped_output".to_owned(), "nested"));
        places
    }

    /// The row of fields that has this field of the form.
    pub(super) fn row_of(&self, name: &str) -> Option<usize> {
        let mut rows = self.rows.iter().chain(&self.more);
        let row = rows.find(|row| row.names.contains(&name))?;
        Some(row.number)
    }

    /// The definition, without a name; what is not said is said to be nothing.
    ///
    /// # Errors
    /// A fault that names what cannot be read.
    pub(super) fn to_value(&self, pool: &Pool) -> Result<Object, Fault> {
        let fields = self.used().enumerate().map(|(at, row)| {
            let read = row.to_value();
            read.map_err(|fault| fault.under(&format!("/fields/{at}")))
        });
        let fields: Vec<Object> = fields.collect::<Result<_, _>>()?;
        let filters = self.filters.to_value(&pool.draft.schema);
        let filters = filters.map_err(|fault| fault.under("/filters"))?;
        let time = match (self.is_series, self.interval_field.as_str()) {
            (false, _) => Value::Null,
            (true, "") => Value::from(pool.time_field().as_str()),
            (true, field) => Value::from(field),
        };
        let order = match self.order.as_str() {
            "" => Value::Null,
            field => {
                let direction = if self.is_falling { "desc" } else { "asc" };
                let order = Object::new().with("field", field);
                Value::from(vec![order.with("direction", direction)])
            }
        };
        Ok(Object::new()
            .with("pool", pool.draft.name.as_str())
            .with("shape", self.shape.as_str())
            .with("fields", fields)
            .with("interval_field", time)
            .with("filters", filters.unwrap_or(Value::Null))
            .with("order_by", order)
            .with("grouped_output", self.is_nested && self.shape != "records"))
    }

    /// The fields of the form that say this view again; `None` where its rows
    /// cannot say all of it.
    pub(super) fn fields_of(
        draft: &ViewDraft,
        schema: &Schema,
    ) -> Option<Vec<(&'static str, String)>> {
        if draft.fields.len() > ROWS.len() || draft.order_by.len() > 1 {
            return None;
        }
        let definition = draft.to_value();
        let definition = definition.as_object()?;
        let text = |object: &Object, name: &str| {
            let value = object.get(name);
            value.map_or_else(String::new, |value| match value.as_str() {
                Some(text) => text.to_owned(),
                None => model::json::to_text(value),
            })
        };
        let mut all = vec![
            ("pool", draft.pool.to_string()),
            ("shape", text(definition, "shape")),
        ];
        if let Shape::TimeSeries { interval_field } = &draft.shape {
            all.push(("interval_field", interval_field.as_str().to_owned()));
        }
        if draft.grouped_output {
            all.push(("nested", "yes".to_owned()));
        }
        let fields = definition.get("fields").and_then(Value::as_array)?;
        for (field, names) in fields.iter().zip(ROWS) {
            let field = field.as_object()?;
            let role = match field.get("group") {
                Some(Value::Boolean(true)) => "group".to_owned(),
                _ => text(field, "aggregate"),
            };
            let [own, does, percentile, called] = names;
            all.push((own, text(field, "field")));
            all.push((does, role));
            all.push((percentile, text(field, "percentile")));
            all.push((called, text(field, "as")));
        }
        if let Some(filters) = definition.get("filters") {
            all.extend(Filters::fields_of(filters, schema));
        }
        if let Some(order) = draft.order_by.first() {
            all.push(("order", order.field.as_str().to_owned()));
            let falls = order.direction == model::queries::Direction::Descending;
            all.push(("direction", if falls { "desc" } else { "asc" }.to_owned()));
        }
        Some(all)
    }
}

impl Row {
    fn role(&self) -> &str {
        let chosen = self.roles.iter().find(|choice| choice.is_chosen);
        chosen.map_or("", |choice| &choice.value)
    }

    fn is_used(&self) -> bool {
        let role = self.role();
        role != "leave" && (!self.field.is_empty() || role == "count")
    }

    fn to_value(&self) -> Result<Object, Fault> {
        let named = |object: Object, name: &str, value: &str| match value {
            "" => object,
            value => object.with(name, value),
        };
        let field = named(Object::new(), "field", &self.field);
        let field = match self.role() {
            "" => field,
            "group" => field.with("group", true),
            aggregate => field.with("aggregate", aggregate),
        };
        let field = match (self.role(), self.percentile.parse::<f64>()) {
            ("percentile", Ok(percentile)) => field.with("percentile", Value::Float(percentile)),
            ("percentile", Err(_)) => {
                let rule = format!("which percentile of {} is a number up to 100", self.field);
                return Err(Fault::new(FaultCode::InvalidValue, rule).at("/percentile"));
            }
            _ => field,
        };
        Ok(named(field, "as", &self.name))
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Builder {
    let choice = || {
        vec![Choice {
            value: text.to_owned(),
            label: text.to_owned(),
            is_chosen: true,
        }]
    };
    let row = |at: usize| Row {
        number: at + 1,
        names: ROWS[at],
        field: text.to_owned(),
        roles: choice(),
        percentile: text.to_owned(),
        name: text.to_owned(),
    };
    Builder {
        pools: choice(),
        shapes: choice(),
        interval_field: text.to_owned(),
        is_nested: true,
        rows: vec![row(0)],
        more: vec![row(1)],
        filters: crate::console::filters::sample(text),
        order: text.to_owned(),
        is_falling: true,
        timeframes: choice(),
        intervals: choice(),
        is_series: true,
        shape: "time_series".to_owned(),
    }
}
