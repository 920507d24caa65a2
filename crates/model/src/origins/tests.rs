use super::*;

#[test]
fn origins_are_read_as_browsers_send_them() {
    for text in [
        "https://shop.example",
        "https://a-b.c_d.shop.example:8443",
        "http://localhost",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "https://[2001:db8::1]",
        "https://[::1]:8443",
        "https://xn--bcher-kva.example",
        "http://shop.example:443",
        "https://shop.example:80",
    ] {
        assert_eq!(Origin::parse(text).expect(text).as_str(), text);
    }
}

#[test]
fn every_other_text_is_refused() {
    let long = format!("https://{}.example", "a".repeat(64));
    let longer = format!("https://{}example", "a.".repeat(200));
    for text in [
        "",
        "null",
        "*",
        "https://",
        "https://*",
        "https://*.shop.example",
        "shop.example",
        "//shop.example",
        "ftp://shop.example",
        "javascript://shop.example",
        "HTTPS://shop.example",
        "https://Shop.example",
        "https://shop.example/",
        "https://shop.example/page",
        "https://shop.example?x",
        "https://shop.example#x",
        "https://user@shop.example",
        "https://shop.example@evil.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://shop.example:",
        "https://shop.example:0",
        "https://shop.example:08443",
        "https://shop.example:65536",
        "https://shop.example:+1",
        "https://shop..example",
        "https://.shop.example",
        "https://shop.example.",
        "https://bücher.example",
        "https://shop.example https://evil.example",
        "https://shop.example\r\nX: y",
        "https://shop.example;",
        "https://[2001:DB8::1]",
        "https://[2001:db8:0::1]",
        "https://[::1",
        "https://::1",
        &long,
        &longer,
    ] {
        assert_eq!(Origin::parse(text), Err(OriginError), "{text:?}");
    }
}

#[test]
fn an_address_is_of_the_origin_that_it_begins_with_as_a_whole() {
    let shop = Origin::parse("https://shop.example").expect("an origin");
    for address in [
        "https://shop.example",
        "https://shop.example/",
        "https://shop.example/a?b#c",
        "https://shop.example?b",
        "https://shop.example#c",
    ] {
        assert!(shop.is_of_address(address), "{address}");
    }
    for address in [
        "",
        "/",
        "https://shop.example.evil.example/",
        "https://shop.example:8443/",
        "https://shop.example@evil.example/",
        "https://shop.exampleevil/",
        "http://shop.example/",
        "https://evil.example/https://shop.example/",
        " https://shop.example/",
        "https://SHOP.example/",
        "https://shop.example\\evil",
        "https://shop.example%2f",
    ] {
        assert!(!shop.is_of_address(address), "{address}");
    }
}
