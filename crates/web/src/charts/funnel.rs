//! The steps of a funnel: how many came so far, what share of the first step
//! that is, and, where there is room, what share of the step before.

use model::analyses::Tally;
use model::time::TimeZone;
use model::value::Value;

use super::bars::{GAP, MOST, VALUE_SIZE, count, rows_in, thickness, widest};
use super::measure::shortened;
use super::read::{Step, cut, told};
use super::style::TEXT_SIZE;
use super::svg::{Anchor, Svg};
use super::{Area, ROW, left_out, numbers};

/// How much higher than a bar of groups a step may be.
pub(super) const HIGHER: f64 = 1.2;
const NAMES: f64 = 0.34;
/// What the share of the step before takes between two bars, and the least that
/// is left of a bar.
const SHARE: f64 = 17.0;
const THIN: f64 = 12.0;

/// The steps, each with what it goes on from: of a step that only counts, later
/// ones do without.
pub(super) fn steps(tally: &Tally, steps: &[Value]) -> Vec<Step> {
    let mut before = None;
    let named = tally.counts.iter().zip(steps).enumerate();
    let steps = named.map(|(at, (count, step))| {
        let is = |name: &str| matches!(member(step, name), Some(Value::Boolean(true)));
        let pool = member(step, "pool").and_then(Value::as_str);
        let without = if is("inverted") { "without " } else { "" };
        let kept = conditions(step);
        let step = Step {
            name: format!(
                "{}. {without}{}{kept}",
                at + 1,
                cut(pool.unwrap_or_default())
            ),
            count: *count,
            before,
        };
        if !is("optional") {
            before = Some((at + 1, *count));
        }
        step
    });
    steps.collect()
}

fn member<'a>(step: &'a Value, name: &str) -> Option<&'a Value> {
    step.as_object()?.get(name)
}

/// What tells steps of one pool apart: its conditions, as short as they go.
fn conditions(step: &Value) -> String {
    let parts = member(step, "filters").and_then(Value::as_array);
    let each = parts.unwrap_or_default().iter().map(|part| {
        let text = |name: &str| member(part, name).and_then(Value::as_str);
        let (Some(field), Some(operator)) = (text("field"), text("operator")) else {
            return "…".to_owned();
        };
        let sign = match operator {
            "eq" => "=",
            "ne" => "≠",
            "lt" => "<",
            "lte" => "≤",
            "gt" => ">",
            "gte" => "≥",
            other => other,
        };
        let value = member(part, "value").unwrap_or(&Value::Null);
        format!("{} {sign} {}", cut(field), told(value, &TimeZone::utc()))
    });
    let each: Vec<String> = each.collect();
    match each.is_empty() {
        true => String::new(),
        false => format!(": {}", each.join(", ")),
    }
}

pub(super) fn draw(svg: &mut Svg, mut area: Area, steps: &[Step]) {
    let shown = rows_in(area.height(), steps.len());
    if let Some(note) = left_out(shown, steps.len(), "steps") {
        let note = format!("The first {note}");
        svg.text("s", area.left, area.bottom, Anchor::Start, &note);
        area.bottom -= ROW;
    }
    let first = steps.first().map_or(0, |step| step.count);
    let most = steps.iter().map(|step| step.count).max().unwrap_or(0);
    let shown = &steps[..shown];
    let texts = shown.iter().map(|step| {
        let number = numbers::text(&i64::try_from(step.count).unwrap_or(i64::MAX).into());
        (number, numbers::percent(step.count, first))
    });
    let texts: Vec<(String, String)> = texts.collect();
    let each = (area.height() / count(shown.len())).min(MOST * HIGHER);
    let area = area.around(count(shown.len()) * each);
    let names = widest(shown.iter().map(|step| &*step.name), TEXT_SIZE).min(area.width() * NAMES);
    let values = widest(texts.iter().map(|(number, _)| &**number), VALUE_SIZE);
    let shares = widest(texts.iter().map(|(_, share)| &**share), TEXT_SIZE);
    let left = area.left + names + GAP;
    let right = area.right - values - shares - 2.0 * GAP;
    let has_room = each >= THIN + SHARE;
    let thick = thickness(each) * 1.2;
    let thick = if has_room {
        thick.min(each - SHARE)
    } else {
        thick
    };
    for (at, (step, (number, share))) in shown.iter().zip(&texts).enumerate() {
        let middle = area.top + (count(at) + 0.5) * each;
        let name = shortened(&step.name, TEXT_SIZE, names);
        svg.text("m", left - GAP, middle + 4.0, Anchor::End, &name);
        let whole = (right - left).max(0.0);
        svg.rectangle("k", left, middle - thick / 2.0, whole, thick, 3.0);
        if step.count > 0 {
            let long = (whole * part(step.count, most)).max(1.0);
            svg.rectangle("f0", left, middle - thick / 2.0, long, thick, 3.0);
        }
        if let Some((number, before)) = step.before.filter(|_| has_room) {
            let went_on = format!("{} of step {number}", numbers::percent(step.count, before));
            let between = middle - each / 2.0 + 4.0;
            svg.text(
                "s",
                left,
                between,
                Anchor::Start,
                &shortened(&went_on, TEXT_SIZE, whole),
            );
        }
        let end = area.right - shares - GAP;
        svg.text("v", end, middle + 4.0, Anchor::End, number);
        svg.text("s", area.right, middle + 4.0, Anchor::End, share);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a length in pixels")]
fn part(of: u64, most: u64) -> f64 {
    of as f64 / most.max(1) as f64
}
