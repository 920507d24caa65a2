//! Device, browser and system of a user agent, by the public rules of
//! `uap-core` (`crates/web/data/README.md`).

use std::sync::LazyLock;

use model::value::{Object, Value};
use ua_parser::{Extractor, Regexes};

/// The rules as they are compiled: a tenth of a second, at the first use.
static RULES: LazyLock<Option<Extractor<'static>>> = LazyLock::new(|| {
    let rules: Regexes<'static> =
        serde_json::from_str(include_str!("../../../data/user-agents.json")).ok()?;
    Extractor::try_from(rules).ok()
});

/// The word for what no rule knows.
const OTHER: &str = "Other";

/// The parts of a user agent's text; `None` for an empty one.
pub(crate) fn parts(text: &str) -> Option<Object> {
    let rules = RULES.as_ref().filter(|_| !text.trim().is_empty())?;
    let (browser, system, device) = rules.extract(text);
    let browser = browser.map_or_else(
        || named(OTHER, []),
        |found| {
            let parts = [
                ("major", found.major),
                ("minor", found.minor),
                ("patch", found.patch),
            ];
            named(&found.family, parts)
        },
    );
    let system = system.map_or_else(
        || named(OTHER, []),
        |found| {
            let parts = [
                ("major", found.major.as_deref()),
                ("minor", found.minor.as_deref()),
                ("patch", found.patch.as_deref()),
                ("patch_minor", found.patch_minor.as_deref()),
            ];
            named(&found.os, parts)
        },
    );
    let family = device.map_or(OTHER.to_owned(), |found| found.device.into_owned());
    let device = Object::new()
        .with("type", kind(text, &family))
        .with("family", family);
    let parts = Object::new().with("device", device);
    Some(parts.with("browser", browser).with("os", system))
}

fn named<'t>(
    family: &str,
    parts: impl IntoIterator<Item = (&'static str, Option<&'t str>)>,
) -> Object {
    let parts = parts
        .into_iter()
        .filter_map(|(name, part)| Some((name, part?)));
    parts.fold(
        Object::new().with("family", family),
        |object, (name, part)| object.with(name, Value::from(part)),
    )
}

/// The kind of device, which the rules do not tell.
fn kind(text: &str, family: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_android = has(&["Android"]);
    if family == "Spider" {
        "spider"
    } else if has(&["iPad", "Tablet", "Kindle", "Silk/"]) || (is_android && !has(&["Mobile"])) {
        "tablet"
    } else if is_android || has(&["Mobile", "iPhone", "iPod", "Opera Mini", "BlackBerry"]) {
        "mobile"
    } else if has(&["Windows", "Macintosh", "X11", "Linux", "CrOS"]) {
        "desktop"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests;
