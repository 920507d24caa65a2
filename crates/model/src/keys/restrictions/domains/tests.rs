use super::*;
use crate::fixtures::{json, refusal};
use crate::json::to_text;

fn parse(list: &str) -> Result<AllowedDomains, Fault> {
    AllowedDomains::parse(json(list).as_array().expect("a list"))
}

fn one(entry: &str) -> AllowedDomains {
    parse(&format!("[\"{entry}\"]")).expect(entry)
}

fn by_origin(origin: &str) -> Circumstances<'_> {
    Circumstances::unknown().of_page(Said::Text(origin), Said::Nothing)
}

fn by_referer(referer: &str) -> Circumstances<'_> {
    Circumstances::unknown().of_page(Said::Nothing, Said::Text(referer))
}

/// K14: an entry, what `Origin` says, and whether the request is let in.
const ORIGINS: &[(&str, &str, bool)] = &[
    ("www.example.com", "https://www.example.com", true),
    ("www.example.com", "http://www.example.com", true),
    ("WWW.Example.com", "https://www.example.com", true),
    ("www.example.com", "https://WWW.EXAMPLE.COM", true),
    ("www.example.com", "https://example.com", false),
    ("www.example.com", "https://a.www.example.com", false),
    ("www.example.com", "https://www.example.com.evil.org", false),
    ("www.example.com", "https://www.example.community", false),
    ("www.example.com", "https://evil.org", false),
    ("www.example.com", "https://evil.org/www.example.com", false),
    ("www.example.com", "https://www.example.com@evil.org", false),
    ("www.example.com", "https://evil.org#www.example.com", false),
    ("www.example.com", "https://wwwXexample.com", false),
    ("www.example.com", "https://evilwww.example.com", false),
    ("www.example.com", "https://www.example.com.", false),
    ("www.example.com", "https://www.example.com/", false),
    ("www.example.com", "https://www.example.com:443", true),
    ("www.example.com", "http://www.example.com:80", true),
    ("www.example.com", "https://www.example.com:80", false),
    ("www.example.com", "https://www.example.com:8443", false),
    ("www.example.com", "https://www.example.com:0443", false),
    ("www.example.com", "https://www.example.com:", false),
    ("www.example.com", "www.example.com", false),
    ("www.example.com", "ftp://www.example.com", false),
    ("www.example.com", "null", false),
    ("www.example.com", "", false),
    ("www.example.com", "https://", false),
    ("www.example.com:8443", "https://www.example.com:8443", true),
    ("www.example.com:8443", "http://www.example.com:8443", true),
    ("www.example.com:8443", "https://www.example.com", false),
    (
        "www.example.com:8443",
        "https://www.example.com:84430",
        false,
    ),
    ("www.example.com:443", "https://www.example.com", true),
    ("www.example.com:443", "http://www.example.com", false),
    ("https://www.example.com", "https://www.example.com", true),
    ("https://www.example.com", "http://www.example.com", false),
    ("http://www.example.com", "https://www.example.com", false),
    ("*.example.com", "https://a.example.com", true),
    ("*.example.com", "https://a.b.example.com", true),
    ("*.example.com", "https://example.com", false),
    ("*.example.com", "https://aexample.com", false),
    ("*.example.com", "https://.example.com", false),
    ("*.example.com", "https://a.example.com.evil.org", false),
    ("*.example.com", "https://a.example.com:8443", false),
    ("https://*.example.com", "http://a.example.com", false),
    (
        "https://*.example.com:8443",
        "https://a.example.com:8443",
        true,
    ),
    (
        "xn--bcher-kva.example",
        "https://xn--bcher-kva.example",
        true,
    ),
    ("xn--bcher-kva.example", "https://bücher.example", false),
    ("localhost:3000", "http://localhost:3000", true),
    ("localhost:3000", "http://localhost:3001", false),
    ("192.0.2.1", "http://192.0.2.1", true),
    ("192.0.2.1", "http://192.0.2.11", false),
    ("192.0.2.1", "http://0xc0.0.2.1", false),
    ("[2001:db8::1]", "https://[2001:db8::1]", true),
    ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443", true),
    ("[2001:db8::1]", "https://[2001:db8::11]", false),
    ("www.example.com/", "https://www.example.com", true),
    ("www.example.com/app", "https://www.example.com", false),
];

/// The same for `Referer`, without an `Origin`.
const REFERERS: &[(&str, &str, bool)] = &[
    ("www.example.com", "https://www.example.com/", true),
    ("www.example.com", "https://www.example.com", true),
    ("www.example.com", "https://www.example.com/a/b?c=d", true),
    ("www.example.com", "https://www.example.com?c=d", true),
    ("www.example.com", "https://www.example.com:443/a", true),
    ("www.example.com", "https://www.example.com:8443/a", false),
    (
        "www.example.com",
        "https://www.example.com.evil.org/",
        false,
    ),
    (
        "www.example.com",
        "https://evil.org/?www.example.com/",
        false,
    ),
    (
        "www.example.com",
        "https://evil.org?https://www.example.com/",
        false,
    ),
    (
        "www.example.com",
        "https://www.example.com\\@evil.org/",
        false,
    ),
    (
        "www.example.com",
        "https://evil.org\\www.example.com/",
        false,
    ),
    ("www.example.com", "https://u:p@www.example.com/", false),
    ("www.example.com", "about:blank", false),
    (
        "www.example.com/app/stock",
        "https://www.example.com/app/stock",
        true,
    ),
    (
        "www.example.com/app/stock",
        "https://www.example.com/app/stock/AAPL",
        true,
    ),
    (
        "www.example.com/app/stock",
        "https://www.example.com/app/stock?x=1",
        true,
    ),
    (
        "www.example.com/app/stock",
        "https://www.example.com/app",
        false,
    ),
    (
        "www.example.com/app/stock",
        "https://www.example.com/",
        false,
    ),
    (
        "www.example.com/app/stock",
        "https://www.example.com/?/app/stock",
        false,
    ),
    (
        "www.example.com/app/stock",
        "https://www.example.com/App/Stock",
        false,
    ),
    (
        "www.example.com/app/stock",
        "https://www.example.com/app/stock/../x",
        false,
    ),
    (
        "www.example.com/app/stock",
        "https://www.example.com/app/stock/%2e%2e/x",
        false,
    ),
    (
        "https://www.example.com/app",
        "http://www.example.com/app",
        false,
    ),
];

#[test]
fn k14_a_page_is_compared_by_its_whole_host_port_and_scheme() {
    assert!(ORIGINS.len() >= 50 && REFERERS.len() >= 20);
    for (entry, origin, expected) in ORIGINS {
        let admitted = one(entry).admit(&by_origin(origin));
        assert_eq!(admitted, *expected, "{entry} {origin}");
    }
    for (entry, referer, expected) in REFERERS {
        let admitted = one(entry).admit(&by_referer(referer));
        assert_eq!(admitted, *expected, "{entry} {referer}");
    }
}

#[test]
fn k14_what_is_absent_or_unclear_is_refused_and_origin_goes_first() {
    let list = one("www.example.com");
    let (good, bad) = (
        Said::Text("https://www.example.com"),
        Said::Text("https://evil.org"),
    );
    for (origin, referer, expected) in [
        (Said::Nothing, Said::Nothing, false),
        (Said::Unclear, good, false),
        (good, Said::Unclear, true),
        (good, bad, true),
        (bad, good, false),
        (Said::Text("null"), good, false),
        (Said::Nothing, Said::Unclear, false),
        (Said::Nothing, good, true),
    ] {
        let seen = Circumstances::unknown().of_page(origin, referer);
        assert_eq!(list.admit(&seen), expected, "{origin:?} {referer:?}");
    }
    let below = one("www.example.com/app");
    for (referer, expected) in [
        ("https://www.example.com/app/1", true),
        ("https://www.example.com/other", false),
        ("http://www.example.com/app/1", false),
        ("https://evil.org/app/1", false),
    ] {
        let seen = Circumstances::unknown().of_page(good, Said::Text(referer));
        assert_eq!(below.admit(&seen), expected, "{referer}");
    }
}

#[test]
fn k14_what_names_no_page_is_refused_at_its_place() {
    for entry in [
        "",
        " ",
        "*",
        "*.",
        "*.com",
        "*.*.example.com",
        "a.*.example.com",
        "*example.com",
        "*.192.0.2.1",
        "*.[2001:db8::1]",
        "https://",
        "ftp://example.com",
        "//example.com",
        "example.com:",
        "example.com:0",
        "example.com:080",
        "example.com:65536",
        "example.com:x",
        "example.com?x",
        "example.com/a?x",
        "example.com/a#x",
        "example.com#x",
        "u@example.com",
        "example..com",
        ".example.com",
        "example.com.",
        "exa mple.com",
        " example.com",
        "example.com ",
        "example.com example.org",
        "example.com,example.org",
        "bücher.example",
        "192.0.2.01",
        "192.0.2",
        "192.0.2.256",
        "1",
        "[2001:db8::1",
        "[2001:DB8:0::1]",
        "[::1%1]",
        "2001:db8::1",
        "example.com/../a",
        "example.com/%2e%2e/a",
        "example.com/a b",
        "null",
    ] {
        if entry == "null" {
            // A host like any other; what a browser sends as its origin is not one.
            assert!(!one(entry).admit(&by_origin("null")));
            continue;
        }
        let list = format!("[\"example.com\",\"{entry}\"]");
        assert_eq!(refusal(parse(&list)), "InvalidValue /1", "{entry}");
    }
    for (list, expected) in [
        ("[]", "InvalidValue "),
        ("[1]", "WrongType /0"),
        ("[\"example.com\",null]", "WrongType /1"),
    ] {
        assert_eq!(refusal(parse(list)), expected, "{list}");
    }
    let many = format!("[{}]", ["\"example.com\""; 101].join(","));
    assert_eq!(refusal(parse(&many)), "LimitExceeded ");
}

#[test]
fn a_list_reads_back_and_its_sites_are_those_that_have_the_page() {
    for (entry, shown) in [
        ("WWW.example.com/", "www.example.com"),
        ("https://*.Example.com:443/App", "https://*.example.com/App"),
        ("example.com:80", "http://example.com"),
        ("https://example.com:80", "https://example.com:80"),
        ("[2001:db8::1]:1", "[2001:db8::1]:1"),
    ] {
        let read = one(entry);
        let value = read.to_value();
        assert_eq!(to_text(&value), format!("[\"{shown}\"]"));
        assert_eq!(
            AllowedDomains::parse(value.as_array().expect("a list")),
            Ok(read)
        );
    }
    for (entry, origin, _) in ORIGINS {
        let list = one(entry);
        let page = Page::of_origin(origin);
        let found = page.is_some_and(|page| {
            let mut sites = page.sites();
            sites.any(|site| list.sites().any(|known| *known == site))
        });
        let admitted = list
            .sites()
            .any(|site| page.is_some_and(|page| site.has(&page)));
        assert_eq!(found, admitted, "{entry} {origin}");
    }
}
