//! Lines over time; one line by itself stands on an area. Or columns, where that was
//! chosen and each has a pixel.

use super::bars::count;
use super::measure::{shortened, width};
use super::read::{Line, Lines};
use super::scale::Axis;
use super::style::{TEXT_SIZE, line_class};
use super::svg::{Anchor, Svg, through};
use super::{Area, Kind, ROW, dates, left_out};

/// The least height that lines have, whatever stands above them.
const PLOT_LEAST: f64 = 48.0;
/// Pixels from one round number to the next, about.
const TICK_SPACE: f64 = 52.0;
/// The widest that a name is.
const NAME_WIDTH: f64 = 180.0;
/// A line's sign before its name.
const SIGN: f64 = 18.0;
/// What stands beneath an axis of time.
const DATES: f64 = 34.0;
/// How much of an interval its columns take.
const COLUMNS: f64 = 0.72;
/// The least that a column is thick; thinner ones are a line.
const COLUMN_LEAST: f64 = 1.0;

pub(super) fn draw(svg: &mut Svg, mut area: Area, lines: &Lines) {
    let drawn = legend(svg, &mut area, lines);
    let values = drawn.iter().flat_map(|line| line.values.iter().flatten());
    let bottom = area.bottom - DATES + 8.0;
    // What is filled begins at zero.
    let zero = matches!(lines.kind, Some(Kind::Area | Kind::Bars)).then_some(0.0);
    let axis = Axis::over(
        values.copied().chain(zero),
        ((bottom - area.top) / TICK_SPACE).clamp(1.0, 8.0),
    );
    let numbers = axis.ticks.iter().map(|tick| width(&tick.text, TEXT_SIZE));
    let plot = Area {
        left: area.left + numbers.fold(0.0, f64::max) + 8.0,
        top: area.top + 6.0,
        right: area.right - 4.0,
        bottom,
    };
    grid(svg, &plot, &axis);
    let each = plot.width() / count(lines.starts.len());
    let thick = each * COLUMNS / count(drawn.len());
    let has_columns = lines.kind == Some(Kind::Bars) && thick >= COLUMN_LEAST;
    // Columns stand around their moment, also those at the edges.
    let aside = if has_columns { each / 2.0 } else { 0.0 };
    let plot = Area {
        left: plot.left + aside,
        right: plot.right - aside,
        ..plot
    };
    times(svg, &area, &plot, lines);
    let places = Places {
        plot,
        axis: &axis,
        intervals: lines.starts.len(),
    };
    let is_line = lines.kind == Some(Kind::Line);
    let has_area = drawn.len() == 1 && axis.has_zero && !is_line;
    for (at, line) in drawn.iter().enumerate() {
        match has_columns {
            true => places.columns(svg, at, line, (drawn.len(), thick)),
            false => places.draw(svg, at, line, has_area),
        }
    }
}

/// The names of the lines, in as many rows as there is room for; answers the
/// lines that have a name there: the highest, in the order of the answer.
fn legend<'a>(svg: &mut Svg, area: &mut Area, lines: &'a Lines) -> Vec<&'a Line> {
    let mut drawn: Vec<&Line> = lines.lines.iter().collect();
    if lines.all == 1 && drawn.iter().all(|line| line.name.is_empty()) {
        return drawn;
    }
    let room = area.height() - DATES - PLOT_LEAST;
    let (places, rows) = loop {
        let (places, rows) = flow(area, &drawn, lines.all);
        if f64::from(rows) * ROW <= room || drawn.len() <= 1 {
            break (places, rows);
        }
        let by_height =
            |(_, a): &(usize, &&Line), (_, b): &(usize, &&Line)| a.peak().total_cmp(&b.peak());
        let least = drawn.iter().enumerate().rev().min_by(by_height);
        drawn.remove(least.map_or(0, |(at, _)| at));
    };
    let shown = drawn.len();
    for (at, place) in places.iter().enumerate() {
        let (x, y) = (place.x, area.top + f64::from(place.row) * ROW + 10.0);
        match at < shown {
            true => {
                svg.line(&line_class(at), (x, y - 4.0), (x + SIGN - 6.0, y - 4.0));
                svg.text("m", x + SIGN, y, Anchor::Start, &place.text);
            }
            false => svg.text("s", x, y, Anchor::Start, &place.text),
        }
    }
    area.top += f64::from(rows) * ROW + 8.0;
    drawn
}

struct Place {
    x: f64,
    row: u16,
    text: String,
}

/// Where the names of lines stand, and a word of those left out.
fn flow(area: &Area, lines: &[&Line], all: usize) -> (Vec<Place>, u16) {
    let widest = NAME_WIDTH.min(area.width() - SIGN);
    let names = lines.iter();
    let names = names.map(|line| (SIGN, shortened(&line.name, TEXT_SIZE, widest)));
    let more = left_out(lines.len(), all, "lines").map(|text| (0.0, text));
    let (mut x, mut row) = (area.left, 0);
    let mut places = Vec::new();
    for (sign, text) in names.chain(more) {
        let takes = sign + width(&text, TEXT_SIZE);
        if x + takes > area.right && x > area.left {
            (x, row) = (area.left, row + 1);
        }
        places.push(Place { x, row, text });
        x += takes + 16.0;
    }
    (places, row + 1)
}

fn grid(svg: &mut Svg, plot: &Area, axis: &Axis) {
    for tick in &axis.ticks {
        let y = plot.bottom - tick.share * (plot.bottom - plot.top);
        let class = if tick.is_zero { "z" } else { "g" };
        svg.line(class, (plot.left, y), (plot.right, y));
        svg.text("s", plot.left - 8.0, y + 4.0, Anchor::End, &tick.text);
    }
}

fn times(svg: &mut Svg, area: &Area, plot: &Area, lines: &Lines) {
    let widest = match lines.pace {
        dates::Pace::Minutes | dates::Pace::Days | dates::Pace::Weeks => "00 Mmm",
        dates::Pace::Months | dates::Pace::Years => "0000",
    };
    let each = width(widest, TEXT_SIZE) + 16.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few hundred"
    )]
    let most = (plot.width() / each).max(1.0) as usize;
    for mark in dates::marks(&lines.starts, lines.pace, most) {
        let x = x_of(plot, mark.at, lines.starts.len());
        let half = |text: &str| width(text, TEXT_SIZE) / 2.0;
        let within = |text: &str| x.clamp(area.left + half(text), area.right - half(text));
        let y = plot.bottom + 16.0;
        svg.text("s", within(&mark.text), y, Anchor::Middle, &mark.text);
        if let Some(part_of) = &mark.part_of {
            svg.text("s", within(part_of), y + 15.0, Anchor::Middle, part_of);
        }
    }
}

/// Where the interval of this number lies.
#[expect(
    clippy::cast_precision_loss,
    reason = "intervals are counted in thousands"
)]
fn x_of(plot: &Area, at: usize, of: usize) -> f64 {
    match of {
        0 | 1 => plot.middle().0,
        of => plot.left + plot.width() * at as f64 / (of - 1) as f64,
    }
}

struct Places<'a> {
    plot: Area,
    axis: &'a Axis,
    intervals: usize,
}

impl Places<'_> {
    fn y(&self, value: f64) -> f64 {
        self.plot.bottom - self.axis.share(value) * (self.plot.bottom - self.plot.top)
    }

    fn draw(&self, svg: &mut Svg, at: usize, line: &Line, has_area: bool) {
        let fill = format!("f{at}");
        for run in self.runs(line) {
            let points = thinned(&run);
            if let [point] = points[..] {
                svg.dot(&fill, point);
                continue;
            }
            let path = through(&points);
            if let ([first, .., last], true) = (&points[..], has_area) {
                let zero = self.y(0.0);
                let ends = through(&[(last.0, zero), (first.0, zero)]);
                let area = format!("{path}{}Z", ends.replacen('M', "L", 1));
                svg.path(&format!("a {fill}"), &area);
            }
            svg.path(&line_class(at), &path);
        }
    }

    /// A column for each value, beside those of the other lines.
    fn columns(&self, svg: &mut Svg, at: usize, line: &Line, (of, thick): (usize, f64)) {
        let zero = self.y(0.0);
        let left = (count(at) - count(of) / 2.0) * thick;
        let values = line.values.iter().enumerate();
        for (interval, value) in values.filter_map(|(at, value)| Some((at, (*value)?))) {
            if value == 0.0 {
                continue;
            }
            // A value that is not zero is seen.
            let high = (self.y(value) - zero).abs().max(1.0);
            let top = if value < 0.0 { zero } else { zero - high };
            let x = x_of(&self.plot, interval, self.intervals) + left;
            svg.rectangle(&format!("f{at}"), x, top, thick, high, 0.0);
        }
    }

    /// The points of the line, cut at its gaps.
    fn runs(&self, line: &Line) -> Vec<Vec<(f64, f64)>> {
        let mut runs = Vec::new();
        let mut run = Vec::new();
        for (at, value) in line.values.iter().enumerate() {
            match value {
                Some(value) => run.push((x_of(&self.plot, at, self.intervals), self.y(*value))),
                None if run.is_empty() => {}
                None => runs.push(std::mem::take(&mut run)),
            }
        }
        if !run.is_empty() {
            runs.push(run);
        }
        runs
    }
}

/// The same to the eye: where many points lie in one column of pixels, its
/// first, lowest, highest and last.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut thinned: Vec<(f64, f64)> = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        if column.len() <= 4 {
            thinned.extend(column);
            continue;
        }
        let by_height = |(a, b): (&usize, &usize)| column[*a].1.total_cmp(&column[*b].1);
        let places = 0..column.len();
        let lowest = places.clone().max_by(|a, b| by_height((a, b))).unwrap_or(0);
        let highest = places.min_by(|a, b| by_height((a, b))).unwrap_or(0);
        let mut kept = [0, lowest, highest, column.len() - 1];
        kept.sort_unstable();
        thinned.extend(kept.map(|at| column[at]));
    }
    thinned
}
