//! Several functions in one question: a row of the form for each.

use model::fault::{Fault, FaultCode, step};
use model::value::{Object, Value};

use super::question::{ANALYSES, percentile};
use crate::console::views::Choice;

/// Rows that there may be.
const ROWS_MAX: usize = 8;
/// Rows that are there to begin with.
const ROWS: usize = 2;

/// What is found, of which field, which percentile, and its name in the answer.
pub(super) struct Names {
    pub(super) function: &'static str,
    pub(super) field: &'static str,
    pub(super) percentile: &'static str,
    pub(super) label: &'static str,
}

macro_rules! rows {
    ($($n:literal)*) => {
        static NAMES: [Names; ROWS_MAX] = [$(Names {
            function: concat!("k", $n),
            field: concat!("c", $n),
            percentile: concat!("q", $n),
            label: concat!("l", $n),
        }),*];
        /// The fields of all rows, and how many rows are shown.
        pub(super) const FIELDS: [&str; 4 * ROWS_MAX + 1] = [
            SHOWN,
            $(concat!("k", $n), concat!("c", $n), concat!("q", $n), concat!("l", $n)),*
        ];
    };
}
rows!(1 2 3 4 5 6 7 8);

/// The field with how many rows are shown.
pub(super) const SHOWN: &str = "functions";

/// One function.
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) names: &'static Names,
    pub(super) functions: Vec<Choice>,
    pub(super) field: String,
    pub(super) percentile: String,
    pub(super) label: String,
    pub(super) is_new: bool,
    function: String,
}

/// Functions over one set of records, as they were typed.
pub(super) struct Functions {
    pub(super) rows: Vec<Row>,
    pub(super) may_add: bool,
    pub(super) may_drop: bool,
}

impl Row {
    fn typed<'a>(at: usize, from: usize, get: &impl Fn(&str) -> Option<&'a str>) -> Self {
        let text = |name: &str| get(name).unwrap_or_default().trim().to_owned();
        let names = &NAMES[from];
        let function = text(names.function);
        Self {
            number: at + 1,
            names: &NAMES[at],
            functions: choices(&function),
            field: text(names.field),
            percentile: text(names.percentile),
            label: text(names.label),
            is_new: false,
            function,
        }
    }

    fn is_used(&self) -> bool {
        let texts = [&self.function, &self.field, &self.label];
        texts.iter().any(|text| !text.is_empty())
    }

    /// What the result is called.
    fn name(&self) -> String {
        match (self.label.as_str(), self.field.as_str()) {
            ("", "") => self.function.clone(),
            ("", field) => format!("{}_{}", self.function, field.replace('.', "_")),
            (label, _) => label.to_owned(),
        }
    }

    fn to_value(&self) -> Result<Object, Fault> {
        let at = |member: &str| format!("/functions/{}/{member}", self.number);
        if self.function.is_empty() {
            let rule = "choose what is to be found, or remove the row";
            return Err(Fault::new(FaultCode::MissingMember, rule).at(at("function")));
        }
        let function = Object::new().with("analysis", self.function.as_str());
        let function = match self.field.as_str() {
            "" => function,
            field => function.with("field", field),
        };
        Ok(match self.function.as_str() {
            "percentile" => {
                let number = percentile(&self.percentile);
                let number = number.map_err(|fault| fault.at(at("percentile")))?;
                function.with("percentile", Value::Float(number))
            }
            _ => function,
        })
    }
}

/// The functions that go together: no records.
fn choices(chosen: &str) -> Vec<Choice> {
    let known = ANALYSES
        .into_iter()
        .filter(|(name, _)| *name != "extraction");
    let all: Vec<_> = [("", "Choose…")].into_iter().chain(known).collect();
    Choice::of(&all, chosen)
}

impl Functions {
    /// As they were typed, with a row more or less where `get` has that; a
    /// single function that was asked before is the first of them.
    pub(super) fn typed<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let shown = get(SHOWN).and_then(|text| text.parse::<usize>().ok());
        let mut all = (0..ROWS_MAX).map(|at| Row::typed(at, at, &get));
        let used = all.rfind(Row::is_used);
        let used = used.map_or(0, |row| row.number);
        let least = if shown.is_some() { 1 } else { ROWS };
        let shown = shown.unwrap_or(0).clamp(least, ROWS_MAX).max(used);
        let dropped = super::parameters::dropped(&get).filter(|at| (1..=shown).contains(at));
        let places = (0..shown).filter(|at| shown == 1 || Some(at + 1) != dropped);
        let places = places.enumerate();
        let mut rows: Vec<Row> = places
            .map(|(at, from)| Row::typed(at, from, &get))
            .collect();
        if super::parameters::adds(&get) && rows.len() < ROWS_MAX {
            let mut row = Row::typed(rows.len(), rows.len(), &|_| None);
            row.is_new = true;
            rows.push(row);
        }
        if used == 0 && get(SHOWN).is_none() {
            let text = |name: &str| get(name).unwrap_or_default().trim().to_owned();
            let function = text("analysis");
            let is_one = choices(&function).iter().any(|choice| choice.is_chosen);
            let function = if is_one { function } else { String::new() };
            let function = if function.is_empty() {
                "count".to_owned()
            } else {
                function
            };
            if let Some(first) = rows.first_mut() {
                first.functions = choices(&function);
                first.function = function;
                first.field = text("field");
                first.percentile = text("percentile");
            }
        }
        Self {
            may_add: rows.len() < ROWS_MAX,
            may_drop: rows.len() > 1,
            rows,
        }
    }

    fn used(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.is_used())
    }

    /// What the first result is called.
    pub(super) fn first_name(&self) -> String {
        self.used().next().map(Row::name).unwrap_or_default()
    }

    /// The functions as the API takes them.
    ///
    /// # Errors
    /// A fault that points at what cannot be read.
    pub(super) fn to_value(&self) -> Result<Object, Fault> {
        let mut all = Object::new();
        for row in self.used() {
            let function = row.to_value()?;
            let name = row.name();
            if all.get(&name).is_some() {
                let rule =
                    format!("another result is called {name}; give this one a name of its own");
                let fault = Fault::new(FaultCode::InvalidValue, rule);
                return Err(fault.at(format!("/functions/{}/label", row.number)));
            }
            all = all.with(name, Value::Object(function));
        }
        if all.is_empty() {
            let rule = "choose at least one function";
            return Err(Fault::new(FaultCode::MissingMember, rule).at("/functions/1/function"));
        }
        Ok(all)
    }

    /// What errors point at, and the fields that stand for it.
    pub(super) fn places(&self) -> Vec<(String, &'static str)> {
        let each = self.rows.iter().flat_map(|row| {
            let own = |member: &str| format!("/functions/{}/{member}", row.number);
            let sent = format!("/analyses{}", step(row.name()));
            let below = |member: &str| format!("{sent}/{member}");
            [
                (own("function"), row.names.function),
                (own("percentile"), row.names.percentile),
                (own("label"), row.names.label),
                (below("field"), row.names.field),
                (below("percentile"), row.names.percentile),
                (sent, row.names.label),
            ]
        });
        each.collect()
    }
}

/// The fields of the form that ask for these functions; `None` where its rows
/// cannot.
pub(super) fn said(analyses: &Value) -> Option<Vec<(&'static str, String)>> {
    let members: Vec<_> = analyses.as_object()?.iter().collect();
    if members.len() > ROWS_MAX {
        return None;
    }
    let mut fields = vec![(SHOWN, members.len().to_string())];
    for ((label, function), names) in members.into_iter().zip(&NAMES) {
        fields.push((names.label, label.to_owned()));
        for (member, value) in function.as_object()?.iter() {
            let text = value.as_str().map(str::to_owned);
            let text = text.unwrap_or_else(|| model::json::to_text(value));
            let name = match member {
                "analysis" => names.function,
                "field" => names.field,
                "percentile" => names.percentile,
                _ => return None,
            };
            fields.push((name, text));
        }
    }
    Some(fields)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Functions {
    let row = Row {
        number: 1,
        names: &NAMES[0],
        functions: Choice::plain([text.to_owned()], text),
        field: text.to_owned(),
        percentile: text.to_owned(),
        label: text.to_owned(),
        is_new: true,
        function: String::new(),
    };
    Functions {
        rows: vec![row],
        may_add: true,
        may_drop: true,
    }
}
