//! Numbers over all rows, each large and with its label below it.

use super::bars::count;
use super::measure::{shortened, width};
use super::read::Figure;
use super::style::TEXT_SIZE;
use super::svg::{Anchor, Svg};
use super::{Area, ROW, left_out};

/// Figures in one chart.
const FIGURES_MAX: usize = 12;
/// The least that a figure takes.
const LEAST: (f64, f64) = (110.0, 52.0);
/// Pixels of its letters.
const SIZES: (f64, f64) = (16.0, 64.0);

pub(super) fn draw(svg: &mut Svg, area: &Area, figures: &[Figure]) {
    let mut area = *area;
    let (columns, rows) = table(&area, figures.len());
    let shown = (columns * rows).min(figures.len());
    if let Some(note) = left_out(shown, figures.len(), "figures") {
        let note = format!("The first {note}");
        svg.text("s", area.left, area.bottom, Anchor::Start, &note);
        area.bottom -= ROW;
    }
    let cell = (area.width() / count(columns), area.height() / count(rows));
    let shown = &figures[..shown];
    let has_labels = shown.iter().any(|figure| figure.label.is_some());
    let room = (
        cell.0 - 16.0,
        cell.1 - if has_labels { ROW + 10.0 } else { 8.0 },
    );
    // All of one size: none is more important than the others.
    let fits = shown
        .iter()
        .map(|figure| room.0 / width(&figure.text, 1.0).max(0.1));
    let size = fits.fold(SIZES.1, f64::min).min(room.1).max(SIZES.0);
    for (at, figure) in shown.iter().enumerate() {
        let (column, row) = (at % columns, at / columns);
        let x = area.left + (count(column) + 0.5) * cell.0;
        let middle = area.top + (count(row) + 0.5) * cell.1;
        let baseline = middle + size * 0.36 - if has_labels { ROW / 2.0 } else { 0.0 };
        let text = shortened(&figure.text, size, room.0);
        svg.sized_text("x", x, baseline, Anchor::Middle, Some(size), &text);
        if let Some(label) = &figure.label {
            let label = shortened(label, TEXT_SIZE, room.0);
            svg.text("s", x, baseline + ROW + 4.0, Anchor::Middle, &label);
        }
    }
}

/// How many columns and rows so many figures have.
fn table(area: &Area, figures: usize) -> (usize, usize) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a picture has room for a few"
    )]
    let fit = |room: f64, least: f64| (room / least).max(1.0) as usize;
    let figures = figures.clamp(1, FIGURES_MAX);
    let columns = fit(area.width(), LEAST.0).min(figures).min(4);
    let rows = figures.div_ceil(columns).min(fit(area.height(), LEAST.1));
    // The last row is not left almost empty: 4 are 2 and 2.
    (figures.div_ceil(figures.div_ceil(columns)).max(1), rows)
}
