//! What a secret in quarantine lets in.

use super::*;

fn at(address: &str) -> Circumstances<'static> {
    Circumstances::from_address(Some(address.parse().expect("an address")))
}

fn quarantine(networks: &[&str]) -> Quarantine {
    let networks = networks
        .iter()
        .map(|network| Network::parse(network).expect("a network"));
    Quarantine {
        since: Timestamp::parse("2026-06-01T12:00:00Z").expect("a time"),
        networks: networks.collect(),
    }
}

#[test]
fn k21_the_usual_networks_alone_are_let_in() {
    let held = quarantine(&["192.0.2.0/24", "2001:db8:1::/48"]);
    for inside in [
        "192.0.2.0",
        "192.0.2.255",
        "::ffff:192.0.2.9",
        "2001:db8:1:ffff::1",
    ] {
        assert_eq!(held.check(&at(inside)), Ok(()), "{inside}");
    }
    let refused = Err(AuthError::Quarantined);
    for outside in [
        "192.0.3.0",
        "192.0.1.255",
        "127.0.0.1",
        "2001:db8:2::1",
        "::1",
    ] {
        assert_eq!(held.check(&at(outside)), refused, "{outside}");
    }
    assert_eq!(held.check(&Circumstances::unknown()), refused);
    // Without any usual network nobody is.
    assert_eq!(quarantine(&[]).check(&at("192.0.2.0")), refused);
    assert_eq!(quarantine(&[]).check(&Circumstances::unknown()), refused);
}

#[test]
fn what_is_stored_is_read_back_and_anything_else_is_damage() {
    for held in [
        quarantine(&[]),
        quarantine(&["192.0.2.0/24", "2001:db8:1::/48"]),
    ] {
        let stored = crate::json::to_text(&held.to_value());
        let read = crate::json::parse(stored.as_bytes()).expect("JSON");
        assert_eq!(Quarantine::restore(&read), Some(held));
    }
    for damaged in [
        "null",
        "{}",
        r#"{"since":"2026-06-01T12:00:00Z"}"#,
        r#"{"since":"x","networks":[]}"#,
        r#"{"since":"2026-06-01T12:00:00Z","networks":["192.0.2.0/24","all"]}"#,
        r#"{"since":"2026-06-01T12:00:00Z","networks":["0.0.0.0/0"]}"#,
    ] {
        let read = crate::json::parse(damaged.as_bytes()).expect("JSON");
        assert_eq!(Quarantine::restore(&read), None, "{damaged}");
    }
}

#[test]
fn what_would_outlast_the_quarantine_nobody_does() {
    let refused = [Action::Admin, Action::Issue, Action::Delete, Action::Drop];
    let all = [
        Action::POOL.as_slice(),
        &Action::POOL_NOT_YET,
        &Action::VIEW,
        &Action::SAVED,
    ];
    let all = all
        .into_iter()
        .chain([Action::DATASET.as_slice(), &Action::PROJECT]);
    for action in all.flatten() {
        assert_eq!(
            Quarantine::allows(*action),
            !refused.contains(action),
            "{action:?}"
        );
    }
}
