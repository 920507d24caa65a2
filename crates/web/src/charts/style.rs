//! Colours and letters.
//!
//! The colours of lines are told apart by readers who do not tell red from
//! green, and each has a contrast of 3 to 1 with its ground; the fifth to
//! eighth line are dashed besides.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Theme;

/// Pixels of letters.
pub(super) const TEXT_SIZE: f64 = 12.0;
/// Pixels of a title's letters.
pub(super) const TITLE_SIZE: f64 = 15.0;

/// The colours of one theme.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colours {
    pub(super) ground: &'static str,
    pub(super) ink: &'static str,
    pub(super) soft: &'static str,
    grid: &'static str,
    zero: &'static str,
    pub(super) lines: [&'static str; super::LINES_MAX],
}

pub(super) const LIGHT: Colours = Colours {
    ground: "#ffffff",
    ink: "#1f2328",
    soft: "#59636e",
    grid: "#e8eaed",
    zero: "#aab2bb",
    lines: [
        "#0b46cc", "#ab590a", "#0a4a36", "#b161af", "#d17b00", "#2e346c", "#0e89f5", "#de4361",
    ],
};

pub(super) const DARK: Colours = Colours {
    ground: "#14181d",
    ink: "#e6edf3",
    soft: "#9aa5b1",
    grid: "#282e36",
    zero: "#5b6672",
    lines: [
        "#4d82ff", "#f75a2b", "#4fe8a0", "#c277b0", "#f6b60c", "#ced7e4", "#46a0f5", "#f5455f",
    ],
};

/// The colours of the console's stylesheet, so that a picture is part of its page.
pub(super) const CONSOLE_LIGHT: Colours = Colours {
    ground: "#fffefb",
    ink: "#17272c",
    soft: "#52646a",
    grid: "#dedacd",
    zero: "#89968f",
    lines: [
        "#0b5c6b", "#ab590a", "#7a3fa0", "#17653f", "#b3261e", "#2e346c", "#0e79c5", "#0b46cc",
    ],
};

/// The same where the reader prefers dark pages.
pub(super) const CONSOLE_DARK: Colours = Colours {
    ground: "#152124",
    ink: "#e4ebea",
    soft: "#a0b3b5",
    grid: "#273639",
    zero: "#6d8084",
    lines: [
        "#74d6ca", "#f5a24b", "#c9a0ee", "#7fd6a3", "#ff9e90", "#ced7e4", "#46a0f5", "#c277b0",
    ],
};

/// The style sheet of a picture.
pub(super) fn sheet(theme: Theme) -> String {
    let letters = format!(
        "text{{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;\
         font-variant-numeric:tabular-nums}}svg{{font-size:{TEXT_SIZE}px}}\
         .t{{font-size:{TITLE_SIZE}px;font-weight:600}}.v,.x{{font-weight:600}}\
         .g,.z{{stroke-width:1;shape-rendering:crispEdges}}\
         .l{{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}}.d{{stroke-dasharray:5 4}}.a{{opacity:.13}}"
    );
    match theme {
        Theme::Light => letters + &LIGHT.rules(),
        Theme::Dark => letters + &DARK.rules(),
        Theme::ConsoleLight => letters + &CONSOLE_LIGHT.rules(),
        Theme::ConsoleDark => letters + &CONSOLE_DARK.rules(),
        Theme::OfReader => format!(
            "{letters}{}@media(prefers-color-scheme:dark){{{}}}",
            LIGHT.rules(),
            DARK.rules()
        ),
    }
}

/// What a policy of contents names the style sheet by: its very text, and no other.
pub(super) fn source(theme: Theme) -> String {
    let digest = Sha256::digest(sheet(theme));
    format!("'sha256-{}'", STANDARD.encode(digest))
}

impl Colours {
    fn rules(&self) -> String {
        let Self {
            ground,
            ink,
            soft,
            grid,
            zero,
            lines,
        } = self;
        let mut rules = format!(
            ".b{{fill:{ground}}}.t,.m,.v,.x{{fill:{ink}}}.s{{fill:{soft}}}.g{{stroke:{grid}}}.z{{stroke:{zero}}}.k{{fill:{grid}}}"
        );
        for (at, colour) in lines.iter().enumerate() {
            rules += &format!(".l{at}{{stroke:{colour}}}.f{at}{{fill:{colour}}}");
        }
        rules
    }
}

/// The classes of the line of this number.
pub(super) fn line_class(at: usize) -> String {
    let dashed = if at >= super::LINES_MAX / 2 { " d" } else { "" };
    format!("l l{at}{dashed}")
}
