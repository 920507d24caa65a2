//! Numbers over all rows, each large and with its label below it.

use super::bars::count;
use super::measure::{BOLD, shortened, width};
use super::read::Figure;
use super::style::TEXT_SIZE;
use super::svg::{Anchor, Svg};
use super::{Area, ROW, left_out};

/// Figures in one chart.
const FIGURES_MAX: usize = 12;
/// Figures beside each other.
const COLUMNS_MAX: usize = 4;
/// The least height that a figure takes.
const LEAST: f64 = 52.0;
/// Pixels of its letters.
const SIZES: (f64, f64) = (11.0, 64.0);

pub(super) fn draw(svg: &mut Svg, area: &Area, figures: &[Figure]) {
    let mut area = *area;
    let mut table = Table::best(&area, figures);
    if let Some(note) = left_out(table.shown.len(), figures.len(), "figures") {
        let note = format!("The first {note}");
        svg.text("s", area.left, area.bottom, Anchor::Start, &note);
        area.bottom -= ROW;
        table = Table::of(&area, table.shown, table.columns);
    }
    let size = table.size.max(SIZES.0);
    for (at, figure) in table.shown.iter().enumerate() {
        let (column, row) = (at % table.columns, at / table.columns);
        let x = area.left + (count(column) + 0.5) * table.cell.0;
        let middle = area.top + (count(row) + 0.5) * table.cell.1;
        let lift = if table.has_labels { ROW / 2.0 } else { 0.0 };
        let baseline = middle + size * 0.36 - lift;
        let text = shortened(&figure.text, BOLD * size, table.room);
        svg.sized_text("x", x, baseline, Anchor::Middle, Some(size), &text);
        if let Some(label) = &figure.label {
            let label = shortened(label, TEXT_SIZE, table.room);
            svg.text("s", x, baseline + ROW + 4.0, Anchor::Middle, &label);
        }
    }
}

/// Figures in rows and columns, all in letters of one size: none is more
/// important than the others.
struct Table<'a> {
    shown: &'a [Figure],
    columns: usize,
    cell: (f64, f64),
    /// The width of what stands in a cell.
    room: f64,
    has_labels: bool,
    size: f64,
}

impl<'a> Table<'a> {
    /// The one that shows most figures without cutting one, and of those the
    /// one with the largest letters.
    fn best(area: &Area, figures: &'a [Figure]) -> Self {
        let mut best = Self::of(area, figures, 1);
        for columns in 2..=COLUMNS_MAX.min(figures.len()) {
            let other = Self::of(area, figures, columns);
            let (shown, size) = (other.shown.len(), other.size);
            let is_better = shown > best.shown.len() || size > best.size;
            if size >= SIZES.0 && shown >= best.shown.len() && is_better {
                best = other;
            }
        }
        best
    }

    fn of(area: &Area, figures: &'a [Figure], columns: usize) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a picture has room for a few rows"
        )]
        let rows_max = (area.height() / LEAST).max(1.0) as usize;
        let rows = figures.len().min(FIGURES_MAX).div_ceil(columns);
        let rows = rows.clamp(1, rows_max);
        let shown = &figures[..(rows * columns).min(figures.len())];
        let cell = (area.width() / count(columns), area.height() / count(rows));
        let has_labels = shown.iter().any(|figure| figure.label.is_some());
        let below = if has_labels { ROW + 10.0 } else { 8.0 };
        let room = cell.0 - 16.0;
        let texts = shown.iter();
        let fits = texts.map(|figure| room / width(&figure.text, BOLD).max(0.1));
        let size = fits.fold(SIZES.1, f64::min).min(cell.1 - below);
        Self {
            shown,
            columns,
            cell,
            room,
            has_labels,
            size,
        }
    }
}
