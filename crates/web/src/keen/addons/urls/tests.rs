use super::*;

fn text(url: &str) -> Option<String> {
    Url::parse(url).map(|url| model::json::to_text(&Value::Object(url.parts())))
}

#[test]
fn a_url_is_taken_apart_and_what_is_not_there_is_left_out() {
    for (url, parts) in [
        (
            "https://shop.example/cart?coupon=SPRING#top",
            "{\"protocol\":\"https\",\"domain\":\"shop.example\",\"path\":\"/cart\",\
             \"query_string\":{\"coupon\":\"SPRING\"},\"anchor\":\"top\"}",
        ),
        (
            "http://Example.COM",
            "{\"protocol\":\"http\",\"domain\":\"example.com\"}",
        ),
        (
            "https://user:pw@[2001:db8::1]:8443/a?x=1&y=a+b%21&x=2&flag#",
            "{\"protocol\":\"https\",\"domain\":\"2001:db8::1\",\"path\":\"/a\",\
             \"query_string\":{\"y\":\"a b!\",\"x\":\"2\",\"flag\":\"\"}}",
        ),
        (
            "//cdn.example:80/x.js",
            "{\"domain\":\"cdn.example\",\"path\":\"/x.js\"}",
        ),
        (
            "/a/b?next=http://x/#c?d",
            "{\"path\":\"/a/b\",\"query_string\":{\"next\":\"http://x/\"},\"anchor\":\"c?d\"}",
        ),
        (
            "https://a.example/?q=%zz",
            "{\"protocol\":\"https\",\"domain\":\"a.example\",\"path\":\"/\",\"query_string\":{\"q\":\"%zz\"}}",
        ),
    ] {
        assert_eq!(text(url).as_deref(), Some(parts), "{url}");
    }
    for none in [
        "",
        "shop.example/cart",
        "mailto:a@b.example",
        "https:///path",
        "https://",
        "1x://a/",
    ] {
        assert_eq!(text(none), None, "{none}");
    }
}

#[test]
fn parameters_that_no_property_can_be_called_are_left_out_and_so_are_too_many() {
    let odd = "https://a.example/?utm.source=x&_ga=1&$x=1&=1&ok=1&customer.id=c2";
    let parts = text(odd).expect("a URL");
    assert!(parts.contains("\"query_string\":{\"ok\":\"1\"}"), "{parts}");
    let many: Vec<String> = (0..2_000).map(|n| format!("p{n}=1")).collect();
    let url = format!("https://a.example/?{}", many.join("&"));
    let parts = Url::parse(&url).expect("a URL").parts();
    let query = parts.get("query_string").and_then(Value::as_object);
    assert_eq!(query.map(Object::len), Some(KEEN_QUERY_PARAMETERS_MAX));
}
