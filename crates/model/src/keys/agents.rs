//! What programs call themselves: text that anybody may have written.

use crate::limits::SESSION_AGENT_CHARS_MAX;

/// The characters that are kept of what a program calls itself: the first
/// [`SESSION_AGENT_CHARS_MAX`], those that steer a terminal or turn the
/// direction of text replaced.
pub fn shown_agent(said: &str) -> impl Iterator<Item = char> + '_ {
    said.chars().take(SESSION_AGENT_CHARS_MAX).map(plain)
}

fn plain(c: char) -> char {
    let steers = c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    match steers {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_short_and_steers_nothing() {
        let shown: String = shown_agent("curl/8.1\t\u{1b}[31m \u{202e}x\n").collect();
        assert_eq!(shown, "curl/8.1\u{fffd}\u{fffd}[31m \u{fffd}x\u{fffd}");
        let long = "\u{e9}".repeat(SESSION_AGENT_CHARS_MAX + 1);
        assert_eq!(shown_agent(&long).count(), SESSION_AGENT_CHARS_MAX);
    }
}
