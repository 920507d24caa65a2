use http::HeaderValue;

use super::*;

/// Lines of a forwarded list by what a client or a proxy wrote.
type Lines = &'static [&'static str];

const NO_PROXY: &[&str] = &[];
const TENS: &[&str] = &["10.0.0.0/8"];
const SIXES: &[&str] = &["2001:db8:f::/48"];
const BOTH: &[&str] = &["10.0.0.0/8", "2001:db8:f::/48"];

/// K13: networks of proxies, who connects, what X-Forwarded-For says, and who
/// is found; `-` for nobody.
const WALKS: &[(&[&str], &str, Lines, &str)] = &[
    // Nobody is trusted, so nothing that is forwarded is read.
    (NO_PROXY, "198.51.100.9", &[], "198.51.100.9"),
    (NO_PROXY, "198.51.100.9", &["203.0.113.1"], "198.51.100.9"),
    (NO_PROXY, "127.0.0.1", &["203.0.113.1"], "127.0.0.1"),
    (NO_PROXY, "::1", &["203.0.113.1"], "::1"),
    (NO_PROXY, "10.0.0.1", &["not an address"], "10.0.0.1"),
    (NO_PROXY, "::ffff:192.0.2.1", &[], "192.0.2.1"),
    (NO_PROXY, "2001:db8::7", &["10.0.0.1"], "2001:db8::7"),
    // Whoever is not a proxy is believed nothing.
    (TENS, "198.51.100.9", &[], "198.51.100.9"),
    (TENS, "198.51.100.9", &["203.0.113.1"], "198.51.100.9"),
    (TENS, "198.51.100.9", &["10.0.0.1"], "198.51.100.9"),
    (TENS, "11.0.0.1", &["203.0.113.1"], "11.0.0.1"),
    (TENS, "9.255.255.255", &["203.0.113.1"], "9.255.255.255"),
    (TENS, "2001:db8:f::1", &["203.0.113.1"], "2001:db8:f::1"),
    // The last address that is not ours is the client.
    (TENS, "10.0.0.1", &["198.51.100.9"], "198.51.100.9"),
    (TENS, "10.255.255.255", &["198.51.100.9"], "198.51.100.9"),
    (TENS, "::ffff:10.0.0.1", &["198.51.100.9"], "198.51.100.9"),
    (TENS, "127.0.0.1", &["198.51.100.9"], "198.51.100.9"),
    (TENS, "127.9.9.9", &["198.51.100.9"], "198.51.100.9"),
    (TENS, "::1", &["198.51.100.9"], "198.51.100.9"),
    (
        TENS,
        "10.0.0.1",
        &["203.0.113.1, 198.51.100.9"],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["203.0.113.1,198.51.100.9"],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["203.0.113.1 \t,\t 198.51.100.9 "],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["203.0.113.1, 198.51.100.9, 10.0.0.2"],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["198.51.100.9, 10.0.0.3, 10.0.0.2"],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["198.51.100.9, 127.0.0.1"],
        "198.51.100.9",
    ),
    (TENS, "10.0.0.1", &["198.51.100.9, ::1"], "198.51.100.9"),
    (
        TENS,
        "10.0.0.1",
        &["198.51.100.9, ::ffff:10.0.0.2"],
        "198.51.100.9",
    ),
    (TENS, "10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
    (TENS, "10.0.0.1", &["2001:DB8:0:0::1"], "2001:db8::1"),
    (TENS, "10.0.0.1", &["::ffff:198.51.100.9"], "198.51.100.9"),
    (TENS, "10.0.0.1", &["::ffff:c633:6409"], "198.51.100.9"),
    (SIXES, "2001:db8:f::1", &["198.51.100.9"], "198.51.100.9"),
    (
        SIXES,
        "2001:db8:f:ffff::1",
        &["2001:db8:e::1"],
        "2001:db8:e::1",
    ),
    (SIXES, "2001:db8:10::1", &["198.51.100.9"], "2001:db8:10::1"),
    (
        BOTH,
        "10.0.0.1",
        &["198.51.100.9, 2001:db8:f::2"],
        "198.51.100.9",
    ),
    (
        BOTH,
        "2001:db8:f::1",
        &["198.51.100.9, 10.1.2.3"],
        "198.51.100.9",
    ),
    // All lines are one list.
    (
        TENS,
        "10.0.0.1",
        &["203.0.113.1", "198.51.100.9"],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["203.0.113.1", "198.51.100.9, 10.0.0.2"],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["203.0.113.1, 198.51.100.9", "10.0.0.2"],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["198.51.100.9", "10.0.0.3", "10.0.0.2"],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["10.0.0.3", "198.51.100.9", "10.0.0.2"],
        "198.51.100.9",
    ),
    // Only ours on the way: the first of them asked.
    (TENS, "10.0.0.1", &[], "10.0.0.1"),
    (TENS, "127.0.0.1", &[], "127.0.0.1"),
    (TENS, "10.0.0.1", &["10.0.0.2"], "10.0.0.2"),
    (TENS, "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    (TENS, "10.0.0.1", &["10.0.0.3", "10.0.0.2"], "10.0.0.3"),
    // What is no address on the way: nobody knows.
    (TENS, "10.0.0.1", &[""], "-"),
    (TENS, "10.0.0.1", &["unknown"], "-"),
    (TENS, "10.0.0.1", &["_hidden"], "-"),
    (TENS, "10.0.0.1", &["203.0.113.1, unknown"], "-"),
    (TENS, "10.0.0.1", &["203.0.113.1, unknown, 10.0.0.2"], "-"),
    (TENS, "10.0.0.1", &["203.0.113.1,"], "-"),
    (TENS, "10.0.0.1", &["203.0.113.1,,10.0.0.2"], "-"),
    (TENS, "10.0.0.1", &["203.0.113.1", ""], "-"),
    (TENS, "10.0.0.1", &["198.51.100.9:443"], "-"),
    (TENS, "10.0.0.1", &["[2001:db8::1]"], "-"),
    (TENS, "10.0.0.1", &["[2001:db8::1]:443"], "-"),
    (TENS, "10.0.0.1", &["\"198.51.100.9\""], "-"),
    (TENS, "10.0.0.1", &["for=198.51.100.9"], "-"),
    (TENS, "10.0.0.1", &["fe80::1%eth0"], "-"),
    (TENS, "10.0.0.1", &["2001:db8::1%1"], "-"),
    (TENS, "10.0.0.1", &["198.51.100.009"], "-"),
    (TENS, "10.0.0.1", &["198.051.100.9"], "-"),
    (TENS, "10.0.0.1", &["0xc6.0x33.0x64.0x09"], "-"),
    (TENS, "10.0.0.1", &["198.51.25609"], "-"),
    (TENS, "10.0.0.1", &["3325256713"], "-"),
    (TENS, "10.0.0.1", &["198.51.100.9/32"], "-"),
    (TENS, "10.0.0.1", &["198.51.100.9 203.0.113.1"], "-"),
    (TENS, "10.0.0.1", &["198.51.100.256"], "-"),
    (TENS, "10.0.0.1", &["localhost"], "-"),
    (TENS, "10.0.0.1", &["::ffff:10.0.0.2, x"], "-"),
    // Before the client's address anything may stand.
    (TENS, "10.0.0.1", &["unknown, 198.51.100.9"], "198.51.100.9"),
    (TENS, "10.0.0.1", &["x", "198.51.100.9"], "198.51.100.9"),
    (
        TENS,
        "10.0.0.1",
        &[",,,198.51.100.9, 10.0.0.2"],
        "198.51.100.9",
    ),
    (
        TENS,
        "10.0.0.1",
        &["10.0.0.9, 198.51.100.9, 10.0.0.2"],
        "198.51.100.9",
    ),
];

fn found(networks: &[&str], peer: &str, headers: &HeaderMap) -> String {
    let networks = networks.iter();
    let networks = networks.map(|text| text.parse().expect("a network"));
    let client =
        Proxies::new(networks.collect()).client(peer.parse().expect("an address"), headers);
    client
        .get()
        .map_or("-".to_owned(), |found| found.to_string())
}

fn forwarded(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(X_FORWARDED_FOR, line.parse().expect("visible text"));
    }
    headers
}

#[test]
fn k13_a_client_is_who_our_proxies_saw_and_not_who_it_says_it_is() {
    assert!(WALKS.len() >= 60, "{}", WALKS.len());
    for (networks, peer, lines, expected) in WALKS {
        let found = found(networks, peer, &forwarded(lines));
        assert_eq!(found, *expected, "{networks:?} {peer} {lines:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_no_address() {
    let mut headers = HeaderMap::new();
    headers.append(X_FORWARDED_FOR, HeaderValue::from_static("198.51.100.9"));
    let odd = HeaderValue::from_bytes(b"10.0.0.2\xff").expect("legal in a header");
    headers.append(X_FORWARDED_FOR, odd);
    assert_eq!(
        found(TENS, "10.0.0.1", &headers),
        "-",
        "a line is never left out"
    );
}

#[test]
fn a_proxy_that_speaks_the_other_header_alone_is_not_taken_for_its_clients() {
    let mut headers = HeaderMap::new();
    headers.append(FORWARDED, HeaderValue::from_static("for=198.51.100.9"));
    assert_eq!(found(TENS, "10.0.0.1", &headers), "-");
    assert_eq!(found(TENS, "203.0.113.1", &headers), "203.0.113.1");
    assert_eq!(found(NO_PROXY, "10.0.0.1", &headers), "10.0.0.1");
    // A client may send it through a proxy that adds the right one.
    headers.append(X_FORWARDED_FOR, HeaderValue::from_static("203.0.113.1"));
    assert_eq!(found(TENS, "10.0.0.1", &headers), "203.0.113.1");
}

#[test]
fn behind_proxies_nobody_else_connects() {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let nobody = Proxies::default();
    let ours = Proxies::new(vec!["10.0.0.0/8".parse().expect("a network")]);
    for (peer, expected) in [
        ("10.0.0.1", true),
        ("::ffff:10.0.0.1", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("198.51.100.9", false),
        ("2001:db8::1", false),
    ] {
        assert!(nobody.admit(address(peer)), "{peer}");
        assert_eq!(ours.admit(address(peer)), expected, "{peer}");
    }
}
