//! Strings that would run if a page let them (K23): each is put wherever pages
//! show a text, and a browser's reading of the page finds the same elements
//! with the same attributes as of a harmless one.

use html5gum::{Token, Tokenizer};

use crate::console::samples;

/// What people try.
const ATTEMPTS: [&str; 40] = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<math><mi xlink:href=\"javascript:alert(1)\">",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<style>@import 'https://evil.example'</style>",
    "<link rel=stylesheet href=https://evil.example>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "<base href=https://evil.example>",
    "<form action=https://evil.example><button>x",
    "<div hx-get=https://evil.example hx-trigger=load>",
    "<div data-hx-on:load=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml version=\"1.0\"?><x/>",
    "x onmouseover=alert(1)",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "{{constructor.constructor('alert(1)')()}}",
    "{% raw %}<script>alert(1)</script>",
    "${alert(1)}",
    "`-alert(1)-`",
    "\\u003cscript\\u003ealert(1)",
    "\u{202e}<script>alert(1)</script>",
    "\u{feff}<script>alert(1)</script>",
    "<\u{0}script>alert(1)</script>",
    "<scr\u{ad}ipt>alert(1)</scr\u{ad}ipt>",
    "＜script＞alert(1)＜/script＞",
    "\u{2028}alert(1)\u{2029}",
    "<x\n\tonclick\n=\nalert(1)\n>",
];

/// What stands before and behind, to get out of what a text stands in.
const WRAPPINGS: [(&str, &str); 5] = [
    ("", ""),
    ("\"'>", "<x y=\"'"),
    ("\" autofocus onfocus=alert(1) x=\"", ""),
    ("</p></td></textarea></title></code>", "<!--"),
    ("' onclick='alert(1)' ", "&quot;&#34;"),
];

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
    let mut tried = 0;
    for attempt in ATTEMPTS {
        for (before, behind) in WRAPPINGS {
            let text = format!("{before}{attempt}{behind}");
            tried += 1;
            for ((name, html), expected) in samples::all(&text).iter().zip(&harmless) {
                assert_eq!(&elements(html), expected, "{name} with {text:?}");
            }
        }
    }
    assert_eq!(tried, 200);
}

#[test]
fn a_page_that_did_not_escape_would_be_found() {
    let page = |text: &str| format!("<p title=\"{text}\">{text}</p>");
    let harmless = elements(&page("harmless"));
    assert_ne!(elements(&page(ATTEMPTS[0])), harmless);
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
