//! What pages tell those who do not see them: each rule at what breaks it, what each table is, and
//! headings without a gap.

use crate::console::samples;

/// What stands in this attribute, wherever a page has it, word by word.
fn words<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let open = format!("{attribute}=\"");
    let values = html.split(&open).skip(1);
    let values = values.filter_map(|rest| rest.split('"').next());
    values.flat_map(str::split_whitespace).collect()
}

/// What stands in the tags that begin so.
fn tags<'a>(html: &'a str, open: &str) -> Vec<&'a str> {
    let tags = html.split(open).skip(1);
    tags.filter_map(|rest| rest.split('>').next()).collect()
}

#[test]
fn every_rule_is_told_at_what_breaks_it() {
    for (name, html) in samples::all("harmless") {
        let described = words(&html, "aria-describedby");
        for tag in tags(&html, "<p class=\"error\"") {
            let ids = words(tag, " id");
            let is_described = ids.iter().any(|id| described.contains(id));
            let is_told = is_described || tag.contains("role=\"alert\"");
            assert!(is_told, "{name}: {tag}");
        }
    }
}

#[test]
fn every_table_and_every_column_says_what_it_is() {
    for (name, html) in samples::all("harmless") {
        for tag in tags(&html, "<table") {
            assert!(tag.contains("aria-label"), "{name}: {tag}");
        }
        assert!(!html.contains("<th>"), "{name}");
        for tag in tags(&html, "<th ") {
            assert!(tag.contains("scope=\""), "{name}: {tag}");
        }
    }
}

#[test]
fn headings_skip_no_level() {
    for (name, html) in samples::all("harmless") {
        let mut before = 0;
        for heading in html.split("<h").skip(1) {
            let level = heading.chars().next().and_then(|digit| digit.to_digit(10));
            let Some(level) = level else { continue };
            assert!(level <= before + 1, "{name}: h{level} after h{before}");
            before = level;
        }
    }
}
