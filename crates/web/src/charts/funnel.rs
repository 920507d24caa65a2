//! The steps of a funnel: how many came so far, and what share of the first
//! step that is.

use super::bars::{GAP, MOST, VALUE_SIZE, count, rows_in, thickness, widest};
use super::measure::shortened;
use super::read::Step;
use super::style::TEXT_SIZE;
use super::svg::{Anchor, Svg};
use super::{Area, ROW, left_out, numbers};

const NAMES: f64 = 0.34;

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
    let each = (area.height() / count(shown.len())).min(MOST * 1.4);
    let names = widest(shown.iter().map(|step| &*step.name), TEXT_SIZE).min(area.width() * NAMES);
    let values = widest(texts.iter().map(|(number, _)| &**number), VALUE_SIZE);
    let shares = widest(texts.iter().map(|(_, share)| &**share), TEXT_SIZE);
    let left = area.left + names + GAP;
    let right = area.right - values - shares - 2.0 * GAP;
    let thick = thickness(each) * 1.2;
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
        let end = area.right - shares - GAP;
        svg.text("v", end, middle + 4.0, Anchor::End, number);
        svg.text("s", area.right, middle + 4.0, Anchor::End, share);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a length in pixels")]
fn part(of: u64, most: u64) -> f64 {
    of as f64 / most.max(1) as f64
}
