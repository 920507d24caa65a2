use super::*;

#[test]
fn both_alphabets_are_read_with_and_without_padding() {
    for (sent, meant) in [
        (
            "eyJza3UiOiJhIiwiYW1vdW50IjoxfQ==",
            "{\"sku\":\"a\",\"amount\":1}",
        ),
        (
            "eyJza3UiOiJhIiwiYW1vdW50IjoxfQ",
            "{\"sku\":\"a\",\"amount\":1}",
        ),
        ("eyJub3RlIjoiPj4-Pz8_In0", "{\"note\":\">>>???\"}"),
        ("eyJub3RlIjoiPj4+Pz8/In0=", "{\"note\":\">>>???\"}"),
        ("eyJub3RlIjoiPj4 Pz8/In0=", "{\"note\":\">>>???\"}"),
        ("eyJhIjogIj8/Pz4+PiJ9", "{\"a\": \"???>>>\"}"),
        ("", ""),
    ] {
        assert_eq!(decode(sent).as_deref(), Some(meant.as_bytes()), "{sent}");
    }
    for bad in ["e", "eyJhI", "{\"a\":1}", "ey=J"] {
        assert_eq!(decode(bad), None, "{bad}");
    }
}

#[test]
fn a_callback_is_a_name_and_nothing_else() {
    let long = "x".repeat(129);
    for good in ["keenCb7", "a.b.$c_", "_"] {
        assert!(is_callback(good), "{good}");
    }
    for bad in [
        "",
        "a b",
        "alert(1)//",
        "a;b",
        "1a",
        "a..b",
        ".a",
        "a[0]",
        "é",
        "</script>",
        &long,
    ] {
        assert!(!is_callback(bad), "{bad}");
    }
}

#[test]
fn links_lead_to_pages_alone() {
    for (sent, meant) in [
        ("https://shop.example/", "https://shop.example/"),
        (
            "HTTP://shop.example/a?b=1&c=%20#d",
            "HTTP://shop.example/a?b=1&c=%20#d",
        ),
        (
            "https://shop.example/grün x",
            "https://shop.example/gr%C3%BCn%20x",
        ),
    ] {
        assert_eq!(
            target(sent).as_ref().map(HeaderValue::as_bytes),
            Some(meant.as_bytes()),
            "{sent}"
        );
    }
    let long = format!("https://a.example/{}", "x".repeat(5_000));
    for bad in [
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/",
        "/path",
        "https://",
        "https:///x",
        "https:/\\evil.example",
        "ftp://a.example/",
        "https://a.example/\r\nSet-Cookie: x",
        " https://a.example/",
        &long,
    ] {
        assert_eq!(target(bad), None, "{bad}");
    }
}
