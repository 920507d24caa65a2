//! What `tidegate query` asks, and where.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::cli::QueryArgs;
use crate::client::segment;
use crate::commands::CommandError;
use crate::commands::files::read_definition;
use crate::commands::filters::{parse_condition, parse_order};

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    /// The path of the call.
    pub(super) path: String,
    /// Its body.
    pub(super) body: Value,
    /// What is asked.
    pub(super) about: About,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A view.
    View,
    /// Rows of a pool.
    Rows,
    /// Results of functions, or a funnel.
    Results,
}

impl About {
    /// The member of an answer that holds its rows.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::View => "data",
            Self::Rows | Self::Results => "result",
        }
    }
}

fn usage(rule: &str) -> CommandError {
    CommandError::Usage(rule.to_owned())
}

impl Question {
    /// The question that the arguments ask.
    ///
    /// # Errors
    /// When an argument or the file of a question cannot be read, or one does not go with another.
    pub(super) fn of(args: &QueryArgs) -> Result<Self, CommandError> {
        let question = match (&args.file, args.what.as_deref()) {
            (Some(file), _) => Self::read(file, args)?,
            (None, Some("-")) if args.pool.is_none() => Self::read(Path::new("-"), args)?,
            (None, what) => Self::said(what.unwrap_or_default(), args)?,
        };
        match question.about {
            About::View if args.plot => Err(usage(
                "--plot draws the results of an analysis; give --pool NAME, --file FILE or -",
            )),
            About::Rows if args.plot => Err(usage(
                "rows are not drawn; ask for a function over them, such as count",
            )),
            About::Results if args.all => Err(usage(
                "--all is for rows; the results of an analysis come whole",
            )),
            _ => Ok(question),
        }
    }

    /// A question that stands in a file, or comes by standard input.
    fn read(file: &Path, args: &QueryArgs) -> Result<Self, CommandError> {
        if args.pool.is_some() || body(args)? != json!({}) {
            return Err(usage(
                "a question in JSON says all of it; put pool, conditions, times, order and limit there",
            ));
        }
        let text = read_definition(file)?;
        let body: Value = serde_json::from_slice(&text)
            .map_err(|error| CommandError::Usage(format!("the question is not JSON: {error}")))?;
        Ok(Self::analysis(body))
    }

    fn said(what: &str, args: &QueryArgs) -> Result<Self, CommandError> {
        let Some(pool) = &args.pool else {
            return Ok(Self {
                path: format!("/v1/views/{}/data", segment(what)),
                body: body(args)?,
                about: About::View,
            });
        };
        let mut question = json!({ "analysis": what, "pool": pool });
        if let Value::Object(members) = body(args)? {
            for (name, value) in members {
                let name = if name == "conditions" {
                    "filters"
                } else {
                    &name
                };
                question[name] = value;
            }
        }
        Ok(Self::analysis(question))
    }

    fn analysis(body: Value) -> Self {
        let is_rows = body.get("analysis").and_then(Value::as_str) == Some("extraction");
        Self {
            path: "/v1/query".to_owned(),
            about: if is_rows { About::Rows } else { About::Results },
            body,
        }
    }
}

/// What was said of rows, times, groups and order, by the names of the wire.
///
/// # Errors
/// When a condition or a group cannot be read.
fn body(args: &QueryArgs) -> Result<Value, CommandError> {
    let mut body = Map::new();
    let texts = [
        ("field", &args.field),
        ("interval", &args.interval),
        ("from", &args.from),
        ("to", &args.to),
        ("timeframe", &args.timeframe),
        ("timezone", &args.timezone),
        ("week_start", &args.week_start),
        ("grant", &args.grant),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.as_str().into());
        }
    }
    let mut list = |name: &str, values: Vec<Value>| {
        if !values.is_empty() {
            body.insert(name.to_owned(), values.into());
        }
    };
    let conditions = args.conditions.iter().map(|text| parse_condition(text));
    list("conditions", conditions.collect::<Result<_, _>>()?);
    let groups = args.group_by.iter().map(|text| parse_group(text));
    list("group_by", groups.collect::<Result<_, _>>()?);
    list(
        "fields",
        args.fields.iter().map(|name| json!(name)).collect(),
    );
    let orders = args.order_by.iter().map(|text| parse_order(text));
    list("order_by", orders.collect());
    for (name, number) in [("limit", args.limit), ("latest", args.latest)] {
        if let Some(number) = number {
            body.insert(name.to_owned(), number.into());
        }
    }
    if let Some(percentile) = args.percentile {
        body.insert("percentile".to_owned(), json!(percentile));
    }
    Ok(Value::Object(body))
}

/// Reads `field`, or `field:size` for steps of numbers.
fn parse_group(text: &str) -> Result<Value, CommandError> {
    let Some((field, size)) = text.rsplit_once(':') else {
        return Ok(text.into());
    };
    match serde_json::from_str::<serde_json::Number>(size) {
        Ok(size) => Ok(json!({ "field": field, "bin_size": size })),
        Err(_) => Err(CommandError::Usage(format!(
            "the group `{text}` has the form FIELD, or FIELD:SIZE with a number, such as price:10"
        ))),
    }
}

#[cfg(test)]
mod tests;
