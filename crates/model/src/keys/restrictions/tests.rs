use std::net::IpAddr;

use super::*;
use crate::fixtures::{json, refusal};
use crate::json::to_text;

fn parse(list: &str) -> Result<IpRanges, Fault> {
    IpRanges::parse(json(list).as_array().expect("a list"))
}

#[test]
fn k13_networks_are_read_in_one_way_and_shown_in_one() {
    for (text, shown) in [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1/32", "192.0.2.1"),
        ("192.0.2.128/25", "192.0.2.128/25"),
        ("::/0", "::/0"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ] {
        let read = parse(&format!("[\"{text}\"]")).expect(text);
        let value = read.to_value();
        assert_eq!(to_text(&value), format!("[\"{shown}\"]"), "{text}");
        assert_eq!(IpRanges::parse(value.as_array().expect("a list")), Ok(read));
    }
}

#[test]
fn k13_what_is_no_network_is_refused_at_its_place() {
    for text in [
        "",
        " ",
        "any",
        "*",
        "all",
        "localhost",
        "10.0.0.0/08",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/",
        "10.0.0.0/ 8",
        "10.0.0.0/8/8",
        "10.0.0.0/255.0.0.0",
        "10.0.0.1/8",
        "10.0.0.0 /8",
        " 10.0.0.0/8",
        "10.0.0.0/8 ",
        "10.0.0",
        "10/8",
        "10.*.*.*",
        "10.0.0.0-10.0.0.9",
        "010.0.0.0/8",
        "10.0.0.01",
        "0x0a.0.0.0",
        "167772160",
        "10.0.0.256",
        "10.0.0.1:80",
        "[::1]",
        "[::1]:80",
        "fe80::1%eth0",
        "fe80::%1/64",
        "2001:db8::1/32",
        "2001:db8::/129",
        "2001:db8::/064",
        "2001:db8:::/32",
        "2001:db8::1::/64",
        "2001:00db8::/32",
        "::ffff:10.0.0.1/104",
        "::ffff:10.0.0.0/95",
        "::ffff:10.0.0.0/129",
        "10.0.0.0/٨",
        "１0.0.0.0/8",
    ] {
        let list = format!("[\"192.0.2.0/24\",\"{text}\"]");
        assert_eq!(refusal(parse(&list)), "InvalidValue /1", "{text}");
    }
    for (list, expected) in [
        ("[]", "InvalidValue "),
        ("[null]", "WrongType /0"),
        ("[true]", "WrongType /0"),
        ("[\"10.0.0.0/8\",8]", "WrongType /1"),
        ("[[\"10.0.0.0/8\"]]", "WrongType /0"),
    ] {
        assert_eq!(refusal(parse(list)), expected, "{list}");
    }
    let many = |count: usize| format!("[{}]", vec!["\"10.0.0.0/8\""; count].join(","));
    assert!(parse(&many(256)).is_ok());
    assert_eq!(refusal(parse(&many(257))), "LimitExceeded ");
}

#[test]
fn k13_a_request_is_let_in_from_the_networks_alone() {
    let none: Option<&str> = None;
    for (list, from, expected) in [
        (r#"["10.0.0.0/8"]"#, Some("10.0.0.0"), true),
        (r#"["10.0.0.0/8"]"#, Some("10.255.255.255"), true),
        (r#"["10.0.0.0/8"]"#, Some("::ffff:10.1.2.3"), true),
        (r#"["10.0.0.0/8"]"#, Some("11.0.0.0"), false),
        (r#"["10.0.0.0/8"]"#, Some("9.255.255.255"), false),
        (r#"["10.0.0.0/8"]"#, Some("::1"), false),
        (r#"["10.0.0.0/8"]"#, Some("::10.1.2.3"), false),
        (r#"["10.0.0.0/8"]"#, Some("64:ff9b::10.1.2.3"), false),
        (r#"["10.0.0.0/8"]"#, Some("2002:0a01:0203::1"), false),
        (r#"["10.0.0.0/8"]"#, none, false),
        (r#"["::ffff:10.0.0.0/104"]"#, Some("10.1.2.3"), true),
        (r#"["::ffff:10.0.0.0/104"]"#, Some("::ffff:10.1.2.3"), true),
        (r#"["::ffff:10.0.0.0/104"]"#, Some("11.1.2.3"), false),
        (r#"["192.0.2.1"]"#, Some("192.0.2.1"), true),
        (r#"["192.0.2.1"]"#, Some("192.0.2.0"), false),
        (r#"["192.0.2.1"]"#, Some("192.0.2.2"), false),
        (r#"["2001:db8::/32"]"#, Some("2001:db8:ffff::1"), true),
        (r#"["2001:db8::/32"]"#, Some("2001:db9::1"), false),
        (r#"["2001:db8::1"]"#, Some("2001:db8::1"), true),
        (r#"["2001:db8::1"]"#, Some("2001:db8::2"), false),
        (r#"["::/0"]"#, Some("2001:db8::1"), true),
        (r#"["::/0"]"#, Some("10.0.0.1"), false),
        (r#"["::/0"]"#, Some("::ffff:10.0.0.1"), false),
        (r#"["0.0.0.0/0"]"#, Some("10.0.0.1"), true),
        (r#"["0.0.0.0/0"]"#, Some("2001:db8::1"), false),
        (r#"["0.0.0.0/0","::/0"]"#, Some("2001:db8::1"), true),
        (r#"["0.0.0.0/0","::/0"]"#, none, false),
        (r#"["192.0.2.1","10.0.0.0/8"]"#, Some("10.9.9.9"), true),
    ] {
        let restrictions = Restrictions {
            ip_ranges: Some(parse(list).expect(list)),
            ..Restrictions::NONE
        };
        let from: Option<IpAddr> = from.map(|text| text.parse().expect(text));
        let outcome = restrictions.check(Proof::Token, &Circumstances::from_address(from));
        let refused = Err(AuthError::AddressNotAllowed);
        assert_eq!(
            outcome,
            if expected { Ok(()) } else { refused },
            "{list} {from:?}"
        );
    }
    for from in [None, Some("10.0.0.1".parse().expect("an address"))] {
        assert_eq!(
            Restrictions::NONE.check(Proof::Token, &Circumstances::from_address(from)),
            Ok(())
        );
    }
}

#[test]
fn what_is_taken_off_or_widened_is_not_within_what_was() {
    let with = |list: Option<&str>| Restrictions {
        ip_ranges: list.map(|list| parse(list).expect(list)),
        ..Restrictions::NONE
    };
    let (tens, some) = (
        Some(r#"["10.0.0.0/8"]"#),
        Some(r#"["10.1.0.0/16","10.2.3.4"]"#),
    );
    let (six, both) = (Some(r#"["::/0"]"#), Some(r#"["10.0.0.0/8","::/0"]"#));
    for (after, before, expected) in [
        (None, None, true),
        (tens, None, true),
        (None, tens, false),
        (tens, tens, true),
        (some, tens, true),
        (tens, some, false),
        (six, tens, false),
        (tens, six, false),
        (tens, both, true),
        (both, tens, false),
    ] {
        assert_eq!(
            with(after).are_within(&with(before)),
            expected,
            "{after:?} {before:?}"
        );
    }
}
