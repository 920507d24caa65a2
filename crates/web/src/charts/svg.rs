//! Writing SVG. Every text goes through [`escaped`], so that whatever a
//! record holds is shown and never read as a part of the picture.

use std::fmt::Write as _;

use super::{Look, Theme, style};

/// Where a text lies from its point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture: what it is called, and what it is made of.
#[derive(Debug)]
pub(crate) struct Sketch {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// What it is.
    pub(crate) name: String,
    /// What it shows, for those who do not see it.
    pub(crate) words: String,
    /// Its parts; what comes later lies above.
    pub(crate) shapes: Vec<Shape>,
}

/// A part of a picture. Its class says how it looks.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Letters; `anchor` is the value of the attribute, or empty.
    Text {
        class: String,
        x: Px,
        y: Px,
        anchor: &'static str,
        size: Option<Px>,
        text: String,
    },
    /// A rectangle with round corners, unless they are 0.
    Rectangle {
        class: String,
        at: (Px, Px),
        size: (Px, Px),
        round: Px,
    },
    /// A straight line.
    Line {
        class: String,
        from: (Px, Px),
        to: (Px, Px),
    },
    /// A small circle.
    Dot { class: String, at: (Px, Px) },
    /// Whatever the path says.
    Path { class: String, path: String },
}

/// A picture in the making.
#[derive(Debug)]
pub(super) struct Svg(Sketch);

impl Svg {
    /// A picture with a name and a description for those who do not see it.
    pub(super) fn begin(look: &Look, kind: &str, words: &str) -> Self {
        let (width, height) = (look.width, look.height);
        let title = look.title.as_deref().map(cleaned);
        let name = title.filter(|title| !title.trim().is_empty());
        let mut svg = Self(Sketch {
            width,
            height,
            name: name.unwrap_or_else(|| cleaned(kind)),
            words: cleaned(words),
            shapes: Vec::new(),
        });
        svg.rectangle("b", 0.0, 0.0, f64::from(width), f64::from(height), 8.0);
        svg
    }

    pub(super) fn end(self) -> Sketch {
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
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.0.shapes.push(Shape::Text {
            class: class.to_owned(),
            x: Px(x),
            y: Px(y),
            anchor,
            size: size.map(Px),
            text: cleaned(text),
        });
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
        self.0.shapes.push(Shape::Rectangle {
            class: class.to_owned(),
            at: (Px(x), Px(y)),
            size: (Px(width.max(0.0)), Px(height.max(0.0))),
            round: Px(round.max(0.0)),
        });
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.0.shapes.push(Shape::Line {
            class: class.to_owned(),
            from: (Px(from.0), Px(from.1)),
            to: (Px(to.0), Px(to.1)),
        });
    }

    pub(super) fn dot(&mut self, class: &str, at: (f64, f64)) {
        self.0.shapes.push(Shape::Dot {
            class: class.to_owned(),
            at: (Px(at.0), Px(at.1)),
        });
    }

    pub(super) fn path(&mut self, class: &str, path: &str) {
        self.0.shapes.push(Shape::Path {
            class: class.to_owned(),
            path: path.to_owned(),
        });
    }
}

impl Sketch {
    /// The picture as a document of its own, in these colours.
    pub(super) fn to_svg(&self, theme: Theme) -> String {
        let Self { width, height, .. } = self;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n<desc>{}</desc>\n<style>{}</style>\n",
            escaped(&self.name),
            escaped(&self.words),
            style::sheet(theme),
        );
        for shape in &self.shapes {
            // Writing to a string cannot fail.
            let _ = shape.write(&mut svg);
        }
        svg + "</svg>\n"
    }
}

impl Shape {
    fn write(&self, svg: &mut String) -> std::fmt::Result {
        match self {
            Self::Text {
                class,
                x,
                y,
                anchor,
                size,
                text,
            } => {
                write!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\"")?;
                if !anchor.is_empty() {
                    write!(svg, " text-anchor=\"{anchor}\"")?;
                }
                if let Some(size) = size {
                    write!(svg, " font-size=\"{size}\"")?;
                }
                writeln!(svg, ">{}</text>", escaped(text))
            }
            Self::Rectangle {
                class,
                at: (x, y),
                size: (width, height),
                round,
            } => {
                write!(
                    svg,
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\""
                )?;
                if round.0 > 0.0 {
                    write!(svg, " rx=\"{round}\"")?;
                }
                writeln!(svg, "/>")
            }
            Self::Line {
                class,
                from: (x1, y1),
                to: (x2, y2),
            } => writeln!(
                svg,
                "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
            ),
            Self::Dot { class, at: (x, y) } => {
                writeln!(
                    svg,
                    "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"3\"/>"
                )
            }
            Self::Path { class, path } => writeln!(svg, "<path class=\"{class}\" d=\"{path}\"/>"),
        }
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
pub(crate) struct Px(f64);

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

/// The text as XML may hold it, and as what it is shown beside stays in its order.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in cleaned(text).chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}

/// The text without what XML forbids, and without what would turn round the
/// text beside it.
fn cleaned(text: &str) -> String {
    let kept = text.chars().filter_map(|character| match character {
        '\t' | '\n' | '\r' => Some(' '),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        other if other.is_control() || is_no_character(other) => Some('\u{fffd}'),
        other => Some(other),
    });
    kept.collect()
}

/// Code points that stand for no character, ever.
fn is_no_character(character: char) -> bool {
    let code = u32::from(character);
    code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
}
