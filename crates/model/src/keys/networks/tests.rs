//! Which networks are kept, and which are usual.

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn noon() -> Timestamp {
    Timestamp::parse("2026-06-01T12:00:00Z").expect("a time")
}

fn after(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).expect("a time")
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn names(networks: &SeenNetworks) -> Vec<String> {
    let all = networks.all().iter();
    all.map(|known| known.network.to_string()).collect()
}

#[test]
fn an_address_is_taken_for_its_network() {
    for (one, network) in [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.200", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
    ] {
        let found = Network::of(address(one));
        assert_eq!(found.to_string(), network);
        assert_eq!(Network::parse(network), Some(found));
    }
    for wrong in [
        "",
        "192.0.2.0",
        "192.0.2.0/25",
        "192.0.2.1/24",
        "2001:db8::/32",
    ] {
        assert_eq!(Network::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_network_is_usual_a_day_after_its_first_use_and_until_it_is_forgotten() {
    let mut seen = SeenNetworks::default();
    let first = address("192.0.2.7");
    assert_eq!(
        seen.note(first, noon()),
        Sighting::First(Network::of(first))
    );
    assert_eq!(
        seen.note(address("192.0.2.9"), after(noon(), HOUR / 2)),
        Sighting::Known
    );
    let other = address("198.51.100.1");
    assert_eq!(
        seen.note(other, after(noon(), HOUR)),
        Sighting::New(Network::of(other))
    );
    assert_eq!(seen.note(first, after(noon(), HOUR)), Sighting::Again);
    let milli = Duration::from_millis(1);
    assert_eq!(seen.usual(after(noon(), USUAL_AFTER - milli)), []);
    assert_eq!(seen.usual(after(noon(), USUAL_AFTER)), [Network::of(first)]);
    assert_eq!(seen.usual(after(noon(), USUAL_AFTER + HOUR)).len(), 2);
    let last = after(noon(), HOUR);
    assert!(!seen.forget_old(after(last, WHEREABOUTS_KEPT)));
    assert_eq!(seen.usual(after(last, WHEREABOUTS_KEPT)).len(), 2);
    assert_eq!(seen.usual(after(last, WHEREABOUTS_KEPT + milli)), []);
    assert!(seen.forget_old(after(last, WHEREABOUTS_KEPT + milli)));
    assert_eq!(names(&seen), [""; 0]);
}

#[test]
fn nobody_drives_usual_networks_out_within_a_day() {
    let mut seen = SeenNetworks::default();
    seen.note(address("192.0.2.7"), noon());
    seen.note(address("2001:db8::1"), noon());
    let theft = after(noon(), 48 * HOUR);
    for third in 0..200 {
        seen.note(
            address(&format!("198.51.{third}.1")),
            after(theft, third * HOUR / 10),
        );
        assert!(seen.all().len() <= KEY_NETWORKS_MAX);
    }
    let kept = names(&seen);
    assert_eq!(kept[..2], ["192.0.2.0/24", "2001:db8::/48"]);
    assert_eq!(kept.last().map(String::as_str), Some("198.51.199.0/24"));
    // Among usual ones the one that was silent for the longest time leaves.
    let mut seen = SeenNetworks::default();
    for third in 0..8 {
        seen.note(address(&format!("10.0.{third}.1")), noon());
    }
    let later = after(noon(), 30 * HOUR);
    for third in [0, 1, 2, 4, 5, 6, 7] {
        seen.note(address(&format!("10.0.{third}.1")), later);
    }
    seen.note(address("192.0.2.7"), later);
    assert!(!names(&seen).contains(&"10.0.3.0/24".to_owned()));
    assert_eq!(seen.all().len(), KEY_NETWORKS_MAX);
}

#[test]
fn a_clock_that_steps_back_makes_nothing_usual() {
    let mut seen = SeenNetworks::default();
    seen.note(address("192.0.2.7"), noon());
    let before = noon().checked_sub(48 * HOUR).expect("a time");
    assert_eq!(seen.usual(before), []);
    assert_eq!(seen.note(address("192.0.2.7"), before), Sighting::Known);
    assert_eq!(seen.all()[0].last, noon());
}

#[test]
fn what_is_stored_is_read_back_and_nonsense_is_not() {
    let mut seen = SeenNetworks::default();
    seen.note(address("192.0.2.7"), noon());
    seen.note(address("2001:db8::1"), after(noon(), HOUR));
    let stored = crate::json::to_text(&seen.to_value());
    let read = crate::json::parse(stored.as_bytes()).expect("JSON");
    assert_eq!(SeenNetworks::restore(&read), seen);
    let nonsense =
        crate::json::parse(br#"[1,{"network":"x"},{"network":"10.0.0.0/24","first":"x"}]"#);
    let nonsense = SeenNetworks::restore(&nonsense.expect("JSON"));
    assert_eq!(nonsense, SeenNetworks::default());
    assert_eq!(SeenNetworks::restore(&Value::Null), SeenNetworks::default());
}
