//! The functions.

use model::analyses::{Function, Metric};
use model::document::expected;
use model::fault::{Fault, FaultCode, shorten, step};
use model::value::Value;

use super::reader::{Reader, missing};

/// The function of this name; of a percentile, which one is said beside it.
pub(super) fn function(name: &str) -> Option<Function> {
    Some(match name {
        "count" => Function::Count,
        "count_unique" => Function::CountUnique,
        "minimum" => Function::Minimum,
        "maximum" => Function::Maximum,
        "sum" => Function::Sum,
        "average" => Function::Average,
        "median" | "percentile" => Function::MEDIAN,
        "standard_deviation" => Function::StandardDeviation,
        "select_unique" => Function::SelectUnique,
        _ => return None,
    })
}

/// The function with what it goes over. `count` counts events, whatever it names.
pub(super) fn metric(name: &str, function: Function, reader: &Reader<'_>) -> Result<Metric, Fault> {
    let field = match function {
        Function::Count => None,
        _ => Some(reader.path("target_property")?),
    };
    let function = match name {
        "percentile" => Function::Percentile(percentile(reader)?),
        _ => function,
    };
    Ok(Metric { function, field })
}

/// Which percentile, in hundredths of a percent.
fn percentile(reader: &Reader<'_>) -> Result<u32, Fault> {
    let number = reader.number("percentile")?;
    let number = number.ok_or_else(|| missing("percentile"))?.to_f64();
    let hundredths = number * 100.0;
    let rounded = hundredths.round();
    if !(1.0..=10_000.0).contains(&rounded) || (hundredths - rounded).abs() > 1e-6 {
        let rule = "percentile is a number above 0 and up to 100, with at most 2 decimals";
        return Err(Fault::new(FaultCode::InvalidValue, rule).at("/percentile"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 1 to 10,000"
    )]
    let hundredths = rounded as u32;
    Ok(hundredths)
}

/// The functions of a `multi_analysis` under their labels, as they were sent.
pub(super) fn labelled(reader: &Reader<'_>) -> Result<Vec<(String, Metric)>, Fault> {
    let value = reader
        .value("analyses")
        .ok_or_else(|| missing("analyses"))?;
    let labels = value.as_object().ok_or_else(|| {
        expected("an object of labels, each with its analysis", value).at("/analyses")
    })?;
    let each = labels.iter().map(|(label, value)| {
        let metric = one(value).map_err(|f| f.under(&format!("/analyses{}", step(label))))?;
        Ok((label.to_owned(), metric))
    });
    each.collect()
}

fn one(value: &Value) -> Result<Metric, Fault> {
    let object = value
        .as_object()
        .ok_or_else(|| expected("an object", value))?;
    let reader = Reader::new(object);
    let name = reader.required("analysis_type")?;
    let function = function(name).ok_or_else(|| {
        let rule = format!(
            "{} is not an analysis that stands beside others",
            shorten(name)
        );
        Fault::new(FaultCode::InvalidValue, rule).at("/analysis_type")
    })?;
    metric(name, function, &reader)
}
