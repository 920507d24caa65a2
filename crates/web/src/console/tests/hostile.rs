//! Strings that would run if a page let them (K23): each is put wherever pages
//! show a text, and a browser's reading of the page finds the same elements
//! with the same attributes as of a harmless one.

use html5gum::{Token, Tokenizer};
use serde_json::Value as Json;

use crate::console::samples;

/// What people try, and what stands before and behind, to get out of what a
/// text stands in. The journeys of `xtask/console` show the same to a browser.
const STRINGS: &str = include_str!("hostile.json");

/// Every attempt in every wrapping.
fn strings() -> Vec<String> {
    let read: Json = serde_json::from_str(STRINGS).expect("JSON");
    let list = |name: &str| read[name].as_array().expect("a list").clone();
    let text = |value: &Json| value.as_str().expect("a text").to_owned();
    let wrap = |attempt: &Json| {
        let wrappings = list("wrappings").into_iter();
        let attempt = text(attempt);
        let each =
            wrappings.map(move |pair| format!("{}{attempt}{}", text(&pair[0]), text(&pair[1])));
        each.collect::<Vec<_>>()
    };
    list("attempts").iter().flat_map(wrap).collect()
}

/// Of each element its name and the names of its attributes, in order; and of
/// those that lead somewhere, where.
fn elements(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                let mut text = format!("<{name}");
                for (attribute, value) in &tag.attributes {
                    let attribute = String::from_utf8_lossy(attribute);
                    let value = String::from_utf8_lossy(value);
                    text.push_str(&format!(" {attribute}"));
                    if ["href", "action", "src"].contains(&&*attribute) {
                        let goes = ["/console", "#", "otpauth://"];
                        let is_own = goes.iter().any(|start| value.starts_with(start));
                        assert!(is_own, "{attribute} leads to {value}");
                    }
                }
                found.push(text);
            }
            Token::EndTag(tag) => {
                found.push(format!("</{}", String::from_utf8_lossy(&tag.name)));
            }
            Token::Comment(_) => found.push("<!--".to_owned()),
            Token::Doctype(_) => found.push("<!".to_owned()),
            Token::String(_) | Token::Error(_) => {}
        }
    }
    found
}

#[test]
fn k23_two_hundred_hostile_strings_stay_text_wherever_pages_show_them() {
    let plain: Vec<_> = samples::all("harmless");
    assert!(plain.len() >= 11, "every template has a sample");
    let harmless: Vec<Vec<String>> = plain.iter().map(|(_, html)| elements(html)).collect();
    let strings = strings();
    assert_eq!(strings.len(), 200);
    for text in strings {
        for ((name, html), expected) in samples::all(&text).iter().zip(&harmless) {
            assert_eq!(&elements(html), expected, "{name} with {text:?}");
        }
    }
}

#[test]
fn a_page_that_did_not_escape_would_be_found() {
    let page = |text: &str| format!("<p title=\"{text}\">{text}</p>");
    let harmless = elements(&page("harmless"));
    assert_ne!(elements(&page(&strings()[0])), harmless);
    assert_ne!(elements(&page("\" onfocus=\"alert(1)")), harmless);
}

#[test]
fn every_sample_shows_the_text_that_it_is_given() {
    for (name, html) in samples::all("harmless") {
        assert!(html.contains("harmless"), "{name} shows it nowhere");
    }
}

#[test]
fn every_template_of_the_console_has_a_sample() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/console");
    let files = std::fs::read_dir(folder).expect("the templates");
    let samples = samples::all("harmless");
    for file in files {
        let file = file.expect("a template").file_name();
        let file = file.to_string_lossy().into_owned();
        let is_around = [
            "frame.html",
            "parts.html",
            "key_parts.html",
            "explore_parts.html",
        ]
        .contains(&file.as_str());
        let has_sample = samples.iter().any(|(name, _)| *name == file);
        assert!(is_around || has_sample, "{file} has no sample");
    }
}
