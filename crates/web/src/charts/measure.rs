//! How wide texts are, about: there is no font here, and the reader's is not known.

/// How much wider bold letters are than others of their size.
pub(super) const BOLD: f64 = 1.22;

/// About how many pixels a text of this size is wide, rather more than less.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(of_character).sum::<f64>() * size
}

/// The text, or as much of its beginning as fits with a sign that it goes on.
pub(super) fn shortened(text: &str, size: f64, max: f64) -> String {
    let mut taken = 0.0;
    let mut fits = 0;
    // What was measured to fit fits, whatever the last digits say.
    let room = max / size + 1e-6;
    for (at, character) in text.char_indices() {
        // What fits before it fits with an ellipsis, too.
        if taken + 1.0 <= room {
            fits = at;
        }
        taken += of_character(character);
        if taken > room {
            let begin = text[..fits].trim_end_matches(|c: char| c.is_whitespace() || joins(c));
            return format!("{begin}…");
        }
    }
    text.to_owned()
}

/// Whether nothing is seen of a character without the one beside it.
fn joins(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// The width of a character in sizes of its font.
fn of_character(character: char) -> f64 {
    match character {
        _ if joins(character) => 0.0,
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '·' | '\u{202f}' => 0.3,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '-' | '/' | '[' | ']' => 0.38,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.9,
        'A'..='Z' => 0.7,
        '\0'..='\u{2ff}' => 0.58,
        '\u{300}'..='\u{10ff}' | '\u{2010}'..='\u{203f}' => 0.65,
        _ => 1.05,
    }
}
