//! From the wire's tree of values to what makes groups.

use super::{field, invalid, path};
use crate::analyses::{Band, BinSize, Bins, GroupBy};
use crate::document::{Document, each, expected};
use crate::fault::Fault;
use crate::value::{Number, Value};

pub(super) fn parse(document: &mut Document<'_>) -> Result<Vec<GroupBy>, Fault> {
    let Some(value) = document.optional("group_by") else {
        return Ok(Vec::new());
    };
    let values = value.as_array().ok_or_else(|| expected("a list", value))?;
    if values.is_empty() {
        return Err(super::check::group_count());
    }
    each(values, group)
}

fn group(value: &Value) -> Result<GroupBy, Fault> {
    if value.as_str().is_some() {
        let field = field(value)?;
        let name = field.to_string();
        return Ok(GroupBy {
            name,
            field,
            bins: None,
        });
    }
    let mut document = Document::new(value)
        .map_err(|_| expected("a field's name, or an object with field", value))?;
    let field = path(document.text("field")?, "/field")?;
    let name = document.optional_text("as")?.unwrap_or(field.as_str());
    let size = document.optional("bin_size").map(bin_size).transpose()?;
    let ranges = document.optional_list("ranges")?.map(ranges).transpose()?;
    let bins = match (size, ranges) {
        (Some(_), Some(_)) => return Err(invalid("give either bin_size or ranges").at("/ranges")),
        (Some(size), None) => Some(Bins::Size(size)),
        (None, ranges) => ranges.map(Bins::Ranges),
    };
    document.finish()?;
    let name = name.to_owned();
    Ok(GroupBy { name, field, bins })
}

fn number(value: &Value) -> Result<Number, Fault> {
    value.as_number().ok_or_else(|| expected("a number", value))
}

fn bin_size(value: &Value) -> Result<BinSize, Fault> {
    let size = number(value).map_err(|f| f.at("/bin_size"))?;
    BinSize::new(size).ok_or_else(|| {
        invalid("bin_size is a number above 0 with at most 6 decimals").at("/bin_size")
    })
}

fn ranges(values: &[Value]) -> Result<Vec<Band>, Fault> {
    each(values, band).map_err(|f| f.under("/ranges"))
}

fn band(value: &Value) -> Result<Band, Fault> {
    let mut document = Document::new(value)?;
    let mut side = |member: &'static str| {
        let Some(sent) = document.optional(member) else {
            return Ok(None);
        };
        number(sent).map_err(|f| f.at(format!("/{member}")))?;
        Ok::<_, Fault>(Some(sent.clone()))
    };
    let (from, to) = (side("from")?, side("to")?);
    let called = document.optional_text("as")?.map(str::to_owned);
    document.finish()?;
    let shown = |bound: &Value| crate::json::to_text(bound);
    let label = match (&from, &to) {
        // No range has no side, however it is called.
        (None, None) => String::new(),
        (Some(from), Some(to)) => format!("[{},{})", shown(from), shown(to)),
        (Some(from), None) => format!(">={}", shown(from)),
        (None, Some(to)) => format!("<{}", shown(to)),
    };
    let label = called.unwrap_or(label);
    Ok(Band { label, from, to })
}
