//! Groups as bars, in the order of the answer. A bar is as long as its value
//! is large: bars begin at zero, always.

use super::measure::{BOLD, shortened, width};
use super::read::{Bar, Bars};
use super::scale::Lengths;
use super::style::TEXT_SIZE;
use super::svg::{Anchor, Svg};
use super::{Area, ROW, left_out};

/// The least and the most that a bar with its space takes.
pub(super) const LEAST: f64 = 20.0;
pub(super) const MOST: f64 = 48.0;
/// What a bar is thick at most.
const THICK: f64 = 28.0;
/// How much of the width names and values take at most.
const NAMES: f64 = 0.36;
const VALUES: f64 = 0.3;
/// Values are bold.
pub(super) const VALUE_SIZE: f64 = TEXT_SIZE * BOLD;
/// Between names, bars and values.
pub(super) const GAP: f64 = 10.0;

pub(super) fn draw(svg: &mut Svg, mut area: Area, bars: &Bars) {
    let shown = rows_in(area.height(), bars.all).min(bars.bars.len());
    if let Some(note) = left_out(shown, bars.all, "groups") {
        let note = format!("The first {note}");
        svg.text("s", area.left, area.bottom, Anchor::Start, &note);
        area.bottom -= ROW;
    }
    let shown = &bars.bars[..shown];
    let each = (area.height() / count(shown.len())).min(MOST);
    let area = area.around(count(shown.len()) * each);
    let names = widest(shown.iter().map(|bar| &*bar.name), TEXT_SIZE).min(area.width() * NAMES);
    let values = widest(shown.iter().map(|bar| &*bar.text), VALUE_SIZE).min(area.width() * VALUES);
    let columns = Area {
        left: area.left + names + GAP,
        right: area.right - values - GAP,
        ..area
    };
    let lengths = Lengths::over(shown.iter().filter_map(|bar| bar.value));
    let x = |value: f64| columns.left + lengths.share(value) * columns.width().max(0.0);
    for (at, bar) in shown.iter().enumerate() {
        let middle = area.top + (count(at) + 0.5) * each;
        let name = shortened(&bar.name, TEXT_SIZE, names);
        svg.text("m", columns.left - GAP, middle + 4.0, Anchor::End, &name);
        draw_bar(
            svg,
            bar,
            (x(0.0), bar.value.map(x)),
            (middle, thickness(each)),
        );
        let text = shortened(&bar.text, VALUE_SIZE, values);
        svg.text("v", area.right, middle + 4.0, Anchor::End, &text);
    }
    let end = area.top + count(shown.len()) * each;
    svg.line("z", (x(0.0), area.top), (x(0.0), end));
}

fn draw_bar(svg: &mut Svg, bar: &Bar, (zero, end): (f64, Option<f64>), (y, thick): (f64, f64)) {
    if let Some(end) = end.filter(|_| bar.value != Some(0.0)) {
        // A value that is not zero is seen.
        let long = (end - zero).abs().max(1.0);
        svg.rectangle("f0", zero.min(end), y - thick / 2.0, long, thick, 2.0);
    }
}

/// How thick a bar is that has so much room.
pub(super) fn thickness(each: f64) -> f64 {
    (each * 0.62).min(THICK)
}

/// The width of the widest.
pub(super) fn widest<'a>(texts: impl Iterator<Item = &'a str>, size: f64) -> f64 {
    let widths = texts.map(|text| width(text, size));
    widths.fold(0.0, f64::max)
}

/// How many rows there is room for, with a line about the others if there are such.
pub(super) fn rows_in(height: f64, all: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a height has at most a hundred rows"
    )]
    let rows = |height: f64| (height / LEAST).max(1.0) as usize;
    match rows(height) {
        enough if enough >= all => all,
        _ => rows(height - ROW),
    }
}

/// Rows as a factor of lengths.
#[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
pub(super) fn count(rows: usize) -> f64 {
    rows as f64
}
