//! Writing SVG. Every text goes through [`escaped`], so that whatever a
//! record holds is shown and never read as a part of the picture.

use std::fmt::Write as _;

use super::{Look, style};

/// Where a text lies from its point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture in the making.
#[derive(Debug)]
pub(super) struct Svg(String);

impl Svg {
    /// A picture with a name and a description for those who do not see it.
    pub(super) fn begin(look: &Look, kind: &str, words: &str) -> Self {
        let (width, height) = (look.width, look.height);
        let title = look.title.as_deref().map(escaped);
        let name = title.filter(|title| !title.trim().is_empty());
        let name = name.unwrap_or_else(|| escaped(kind));
        let mut svg = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{name}</title>\n<desc>{}</desc>\n<style>{}</style>\n",
            escaped(words),
            style::sheet(look.theme),
        ));
        svg.rectangle("b", 0.0, 0.0, f64::from(width), f64::from(height), 8.0);
        svg
    }

    pub(super) fn end(mut self) -> String {
        self.0 += "</svg>\n";
        self.0
    }

    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, anchor: Anchor, text: &str) {
        self.sized_text(class, x, y, anchor, None, text);
    }

    /// A text of so many pixels, unless its class says it.
    pub(super) fn sized_text(
        &mut self,
        class: &str,
        x: f64,
        y: f64,
        anchor: Anchor,
        size: Option<f64>,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let size = size.map_or_else(String::new, |size| format!(" font-size=\"{}\"", Px(size)));
        let (x, y, text) = (Px(x), Px(y), escaped(text));
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}{size}>{text}</text>\n"
        ));
    }

    pub(super) fn rectangle(
        &mut self,
        class: &str,
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        round: f64,
    ) {
        let round = match round > 0.0 {
            true => format!(" rx=\"{}\"", Px(round)),
            false => String::new(),
        };
        let (x, y, width, height) = (Px(x), Px(y), Px(width.max(0.0)), Px(height.max(0.0)));
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{round}/>\n"
        ));
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let (x1, y1, x2, y2) = (Px(from.0), Px(from.1), Px(to.0), Px(to.1));
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n"
        ));
    }

    pub(super) fn dot(&mut self, class: &str, at: (f64, f64)) {
        let (x, y) = (Px(at.0), Px(at.1));
        self.put(format_args!(
            "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"3\"/>\n"
        ));
    }

    pub(super) fn path(&mut self, class: &str, path: &str) {
        self.put(format_args!("<path class=\"{class}\" d=\"{path}\"/>\n"));
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(text);
    }
}

/// A path through these points.
pub(super) fn through(points: &[(f64, f64)]) -> String {
    let mut path = String::with_capacity(points.len() * 12);
    for (at, (x, y)) in points.iter().enumerate() {
        let command = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", Px(*x), Px(*y));
    }
    path
}

/// A length to a tenth of a pixel. What is no number is 0: a picture is never broken by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Px(pub(super) f64);

impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rounded = (self.0 * 10.0).round() / 10.0;
        let rounded = if rounded.is_finite() {
            rounded + 0.0
        } else {
            0.0
        };
        write!(f, "{rounded}")
    }
}

/// The text as XML may hold it: what XML forbids is replaced, and what would
/// turn round the text beside it is left out.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other if other.is_control() || is_no_character(other) => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Code points that stand for no character, ever.
fn is_no_character(character: char) -> bool {
    let code = u32::from(character);
    code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
}
