use super::*;
use model::value::Value;

fn text(referrer: &str, page: Option<&str>) -> Option<String> {
    parts(referrer, page).map(|parts| model::json::to_text(&Value::Object(parts)))
}

#[test]
fn pages_are_told_apart_by_their_host() {
    for (referrer, expected) in [
        (
            "https://www.google.de/search?q=blue+shoes",
            "{\"medium\":\"SEARCH\",\"source\":\"Google\",\"term\":\"blue shoes\"}",
        ),
        (
            "https://www.google.co.uk/",
            "{\"medium\":\"SEARCH\",\"source\":\"Google\"}",
        ),
        (
            "http://search.yahoo.com/search?p=shoes",
            "{\"medium\":\"SEARCH\",\"source\":\"Yahoo!\",\"term\":\"shoes\"}",
        ),
        (
            "https://mail.google.com/mail/u/0",
            "{\"medium\":\"EMAIL\",\"source\":\"Gmail\"}",
        ),
        (
            "https://t.co/abc",
            "{\"medium\":\"SOCIAL\",\"source\":\"Twitter\"}",
        ),
        (
            "https://de-de.facebook.com/",
            "{\"medium\":\"SOCIAL\",\"source\":\"Facebook\"}",
        ),
        (
            "https://google.evil.example/?q=x",
            "{\"medium\":\"UNKNOWN\"}",
        ),
        ("https://notfacebook.com/", "{\"medium\":\"UNKNOWN\"}"),
        ("https://nat.co/", "{\"medium\":\"UNKNOWN\"}"),
        ("https://blog.example/", "{\"medium\":\"UNKNOWN\"}"),
    ] {
        assert_eq!(
            text(referrer, None).as_deref(),
            Some(expected),
            "{referrer}"
        );
    }
    assert_eq!(text("not a url", None), None);
    assert_eq!(text("/relative", None), None);
}

#[test]
fn a_page_of_the_same_host_is_internal() {
    let internal = Some("{\"medium\":\"INTERNAL\"}".to_owned());
    assert_eq!(
        text("https://www.shop.example/a", Some("http://shop.example/b")),
        internal
    );
    assert_eq!(
        text("https://www.google.com/a", Some("https://google.com/b")),
        internal
    );
    assert_ne!(
        text(
            "https://blog.shop.example/a",
            Some("https://shop.example/b")
        ),
        internal
    );
}
