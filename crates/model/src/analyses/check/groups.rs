//! The rules of what makes groups.

use std::collections::BTreeSet;

use super::{check_label, check_path, invalid};
use crate::analyses::{Band, Bins, GroupBy};
use crate::fault::{Fault, FaultCode};
use crate::limits::{GROUP_FIELDS_MAX, GROUP_RANGES_MAX};
use crate::value::{Number, Value};

/// There are too few or too many.
pub(in crate::analyses) fn group_count() -> Fault {
    invalid(format!(
        "group_by names 1 to {GROUP_FIELDS_MAX} fields; leave the member out for no groups"
    ))
}

pub(super) fn check(groups: &[GroupBy]) -> Result<(), Fault> {
    if groups.len() > GROUP_FIELDS_MAX {
        return Err(group_count());
    }
    for (at, group) in groups.iter().enumerate() {
        let place = format!("/{at}");
        check_path(&group.field).map_err(|f| f.at("/field").under(&place))?;
        check_label(&group.name).map_err(|f| f.at("/as").under(&place))?;
        if let Some(Bins::Ranges(bands)) = &group.bins {
            check_bands(bands).map_err(|f| f.under(&format!("{place}/ranges")))?;
        }
    }
    Ok(())
}

fn check_bands(bands: &[Band]) -> Result<(), Fault> {
    if bands.is_empty() || bands.len() > GROUP_RANGES_MAX {
        return Err(invalid(format!("there are 1 to {GROUP_RANGES_MAX} ranges")));
    }
    for (at, band) in bands.iter().enumerate() {
        check_band(band).map_err(|f| f.under(&format!("/{at}")))?;
    }
    for (at, pair) in bands.windows(2).enumerate() {
        check_neighbours(&pair[0], &pair[1]).map_err(|f| f.at(format!("/{}", at + 1)))?;
    }
    let mut labels = BTreeSet::new();
    match (bands.iter()).position(|band| !labels.insert(&band.label)) {
        None => Ok(()),
        Some(at) => Err(
            invalid("two ranges are called so; tell them apart with \"as\"")
                .at(format!("/{at}/as")),
        ),
    }
}

/// A bound of a range, which is a number that can be told from others.
fn bound(side: Option<&Value>, pointer: &str) -> Result<Option<Number>, Fault> {
    let Some(value) = side else {
        return Ok(None);
    };
    let number = value.as_number();
    let number = number.filter(|number| number.to_f64().is_finite());
    number
        .map(Some)
        .ok_or_else(|| Fault::new(FaultCode::WrongType, "expected a number").at(pointer))
}

fn check_band(band: &Band) -> Result<(), Fault> {
    let from = bound(band.from.as_ref(), "/from")?;
    let to = bound(band.to.as_ref(), "/to")?;
    match (from, to) {
        (None, None) => {
            let rule = "a range has from, to or both";
            return Err(Fault::new(FaultCode::MissingMember, rule).at("/from"));
        }
        (Some(from), Some(to)) if from.compare(to).is_ge() => {
            return Err(invalid("a range ends above its start").at("/to"));
        }
        _ => {}
    }
    check_label(&band.label).map_err(|f| f.at("/as"))
}

fn check_neighbours(band: &Band, next: &Band) -> Result<(), Fault> {
    let number = |side: Option<&Value>| side.and_then(Value::as_number);
    match (number(band.to.as_ref()), number(next.from.as_ref())) {
        (Some(end), Some(start)) if end.compare(start).is_le() => Ok(()),
        _ => Err(invalid(
            "ranges come in ascending order, and none reaches into the next",
        )),
    }
}
