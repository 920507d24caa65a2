//! Numbers, drawn in block characters.
//!
//! Drawn here and not by a library: those there are panic on ordinary numbers
//! (rasciigraph), count in single precision and bring a licence that we do not
//! take (textplots, by `colored`), or are whole frameworks.

use super::printable;

/// A number with its name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    /// The name.
    pub(crate) name: String,
    /// The number; `None` where there is none.
    pub(crate) value: Option<f64>,
    /// The number as the server wrote it.
    pub(crate) shown: String,
}

/// Numbers one after another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    /// The name; empty for the only one.
    pub(crate) name: String,
    /// The numbers; `None` where there is none.
    pub(crate) values: Vec<Option<f64>>,
}

/// Characters of a name.
const NAME_CHARS_MAX: usize = 32;
/// Lines of the only chart, and of one of several.
const HEIGHTS: (usize, usize) = (10, 4);
/// Columns of one number.
const COLUMN_WIDTH_MAX: usize = 8;
/// From nothing to full, from the left and from below.
const LEFT: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
const BELOW: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How a stretch of numbers with zero in it is drawn.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let zero = Self {
            low: 0.0,
            high: 0.0,
        };
        values.fold(zero, |scale, value| Self {
            low: scale.low.min(value),
            high: scale.high.max(value),
        })
    }

    /// The place of a number between the ends, in so many eighths of a character.
    fn eighths(self, value: f64, characters: usize) -> usize {
        // Halved first: the ends may be further apart than a double reaches.
        let (low, high) = (self.low / 2.0, self.high / 2.0);
        let share = (value / 2.0 - low) / (high - low);
        if !share.is_finite() {
            return 0;
        }
        let most = characters * 8;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "the product lies between 0 and a few thousand"
        )]
        let eighths = (share * most as f64).round() as usize;
        // What is there is seen.
        let least = usize::from(value > self.low);
        eighths.clamp(least, most)
    }
}

/// A bar for each number, the names on the left and the numbers on the right.
pub(crate) fn bars(bars: &[Bar], width: usize) -> String {
    let names: Vec<String> = bars.iter().map(|bar| name(&bar.name)).collect();
    let widest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let name_width = widest(&mut names.iter().map(|name| name.chars().count()));
    let shown_width = widest(&mut bars.iter().map(|bar| bar.shown.chars().count()));
    let room = width.saturating_sub(name_width + shown_width + 3).max(8);
    let values = bars.iter().filter_map(|bar| bar.value);
    let scale = Scale::of(values);
    let lines = bars.iter().zip(&names).map(|(bar, name)| {
        let eighths = bar.value.map_or(0, |value| scale.eighths(value, room));
        let (whole, rest) = (eighths / 8, eighths % 8);
        let drawn = "█".repeat(whole) + LEFT[rest];
        let shown = printable(&bar.shown);
        let line = format!("{name:name_width$} ▕{drawn} {shown}");
        line.trim_end().to_owned()
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    if scale.low < 0.0 {
        text += &format!("\nbars begin at {}", short(scale.low));
    }
    text
}

/// A chart for each series, one below the other and to one scale: a column for
/// each number, `ends` below the first and the last.
pub(crate) fn columns(all: &[Series], ends: [&str; 2], width: usize) -> String {
    let values = all.iter().flat_map(|series| &series.values);
    let scale = Scale::of(values.filter_map(|value| *value));
    let labels = [short(scale.high), short(scale.low)];
    let label_width = labels.iter().map(String::len).max().unwrap_or(0);
    let room = width.saturating_sub(label_width + 2).max(8);
    let most = all.iter().map(|series| series.values.len()).max();
    let most = most.unwrap_or(0).max(1);
    let together = most.div_ceil(room);
    let shown = most.div_ceil(together);
    let column = (room / shown).clamp(1, COLUMN_WIDTH_MAX);
    let height = if all.len() > 1 { HEIGHTS.1 } else { HEIGHTS.0 };
    let mut lines = Vec::new();
    for series in all {
        if !series.name.is_empty() {
            lines.push(name(&series.name));
        }
        let numbers: Vec<Option<f64>> = series.values.chunks(together).map(largest).collect();
        for row in (0..height).rev() {
            let label = match row {
                row if row + 1 == height => labels[0].as_str(),
                0 => labels[1].as_str(),
                _ => "",
            };
            let drawn = numbers
                .iter()
                .map(|number| cell(*number, scale, row, height, column));
            let line = format!("{label:>label_width$} ▕{}", drawn.collect::<String>());
            lines.push(line.trim_end().to_owned());
        }
    }
    let below = between(ends, shown * column - gap(column));
    lines.push(format!("{:label_width$}  {below}", ""));
    if together > 1 {
        lines.push(format!(
            "each column is the largest of {together} intervals"
        ));
    }
    lines.join("\n")
}

/// The ends of a stretch at its ends.
fn between(ends: [&str; 2], width: usize) -> String {
    let [first, last] = ends;
    if first == last {
        return first.to_owned();
    }
    let taken = first.chars().count() + last.chars().count();
    match width.checked_sub(taken) {
        Some(room) if room > 0 => format!("{first}{}{last}", " ".repeat(room)),
        _ => format!("{first} … {last}"),
    }
}

/// One number's part of a line. Where there is none, a dot says so.
fn cell(number: Option<f64>, scale: Scale, row: usize, height: usize, width: usize) -> String {
    let drawn = match number {
        None if row == 0 => '·',
        None => ' ',
        Some(number) => {
            let filled = scale.eighths(number, height).saturating_sub(row * 8);
            BELOW[filled.min(8)]
        }
    };
    drawn.to_string().repeat(width - gap(width)) + &" ".repeat(gap(width))
}

/// Columns that are wide enough stand apart.
fn gap(width: usize) -> usize {
    usize::from(width > 2)
}

fn largest(values: &[Option<f64>]) -> Option<f64> {
    let there = values.iter().filter_map(|value| *value);
    there.reduce(f64::max)
}

/// A name that fits beside a bar.
fn name(text: &str) -> String {
    let text = printable(text);
    if text.chars().count() <= NAME_CHARS_MAX {
        return text;
    }
    text.chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect()
}

/// A number in few characters.
fn short(number: f64) -> String {
    let is_whole = number.fract() == 0.0;
    match number.abs() {
        size if size >= 1e9 || (size > 0.0 && size < 1e-3) => format!("{number:.3e}"),
        _ if is_whole => format!("{number:.0}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests;
