//! What Tidegate does not promise, said where people decide about it: each sentence of security
//! stands on its pages, whatever else these say. What is not protected: `docs/operating.md`.

use crate::console::samples;

/// The page's template, what is not promised, and the sentence that says so.
const SAID: [(&str, &str, &str); 13] = [
    (
        "pool_settings.html",
        "times of answers, where customers share files",
        "the time that an answer takes may tell how much other customers have in them",
    ),
    (
        "key_new.html",
        "lists of domains against anything but browsers",
        "A brake for browsers, not a lock: anybody with curl can say what they like.",
    ),
    (
        "key_settings.html",
        "lists of domains against anything but browsers",
        "A brake for browsers, not a lock: anybody with curl can say what they like.",
    ),
    (
        "saved_query.html",
        "lists of domains against anything but browsers",
        "The domain is a brake for browsers, not a lock: anyone with a tool can send that header",
    ),
    (
        "saved_query.html",
        "a key in a page",
        "Whoever opens the page has the key, and sees what it shows.",
    ),
    (
        "key_new.html",
        "a stolen secret from an allowed address",
        "A copied token that is used from one of them is not told from yours: end it as soon as you know.",
    ),
    (
        "key_settings.html",
        "a stolen secret from an allowed address",
        "A copied token that is used from one of them is not told from yours: end it as soon as you know.",
    ),
    (
        "audit.html",
        "an administrator with the root key and the disk",
        "Whoever has the root key and the disk could write all of it anew.",
    ),
    (
        "key_new.html",
        "what visible numbers tell together",
        "Sums and counts that several keys see can be put together by whoever holds them.",
    ),
    (
        "key_grant.html",
        "what visible numbers tell together",
        "Sums and counts that several keys see can be put together by whoever holds them.",
    ),
    (
        "once.html",
        "one-time codes against a page that imitates this one",
        "No code of an app protects from a page that only looks like this one: before you type a code, look at the address.",
    ),
    (
        "settings.html",
        "the loss of the disk itself",
        "A disk that is lost takes everything.",
    ),
    (
        "settings.html",
        "copies, but for those that somebody makes",
        "keep the copy on another machine",
    ),
];

#[test]
fn what_is_not_promised_is_said_on_the_page_where_it_matters() {
    let pages = samples::all("harmless");
    for (template, what, sentence) in SAID {
        let mut shown = pages.iter().filter(|(file, _)| *file == template);
        assert!(
            shown.any(|(_, html)| html.contains(sentence)),
            "{template} does not say of {what}: {sentence}"
        );
    }
}
