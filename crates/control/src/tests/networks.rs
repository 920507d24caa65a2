//! Usage by network: bounded whoever comes, whole, and forgotten in time.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use model::ids::KeyId;
use model::keys::Network;
use model::limits::USAGE_NETWORKS_MAX;
use model::permit::Access;
use model::usage::USAGE_NETWORK_DAYS;

use super::*;
use crate::networks::ByNetwork;
use crate::{Did, UsageAsked, UsageBy, UsageCounts, Whence};

const ONE: UsageCounts = UsageCounts {
    requests: 1,
    refused: 0,
    records: 0,
};
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One of many networks of IPv4, by its number.
fn network(number: u32) -> Network {
    let address = Ipv4Addr::from(0x0b00_0000 + (number << 8) + 7);
    Network::of(IpAddr::from(address))
}

fn holder(plane: &Plane, secret: &Secret) -> Access {
    let access = plane
        .control
        .authenticate(secret, &Circumstances::unknown());
    access.expect("is let in")
}

fn use_it(plane: &Plane, access: &Access, from: Option<Network>) {
    let did = Did {
        pool: None,
        view: None,
        from,
        counts: ONE,
    };
    plane.control.note_usage(access, did);
}

fn of(key: KeyId) -> UsageAsked {
    UsageAsked {
        from: 0,
        to: i32::MAX,
        key: Some(key),
        limit: 100,
    }
}

/// From where a key was used, and how often.
async fn told(plane: &Plane, by: &Permit<Admin>, key: KeyId) -> Vec<(Whence, u64)> {
    let told = plane.control.usage_by_network(by, of(key)).await;
    let told = told.expect("reads").into_iter();
    told.map(|(of, counts)| (of.whence, counts.requests))
        .collect()
}

/// How many requests of the key are counted at all.
async fn requests(plane: &Plane, key: KeyId) -> u64 {
    let sums = plane
        .control
        .usage_sums(&plane.admin(), of(key), UsageBy::Day)
        .await;
    let sums = sums.expect("reads").into_iter();
    sums.map(|(_, counts)| counts.requests).sum()
}

#[tokio::test]
async fn of_ten_thousand_networks_a_few_are_told_apart_and_no_request_is_lost() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("Ada", "[]").await;
    let access = holder(&plane, &secret);
    for number in 0..10_000 {
        use_it(&plane, &access, Some(network(number)));
        if number % 1_000 == 5 {
            plane.control.save_last_used().await.expect("saves");
        }
    }
    use_it(&plane, &access, None);
    // Those that came first are the ones that are known, however often it was written.
    use_it(&plane, &access, Some(network(0)));
    let first = told(&plane, &plane.admin(), key.id()).await;
    let networks = u32::try_from(USAGE_NETWORKS_MAX).expect("few");
    let mut expected = vec![(Whence::NotKept, 1)];
    expected.extend((0..networks).map(|number| {
        let requests = if number == 0 { 2 } else { 1 };
        (Whence::Network(network(number)), requests)
    }));
    expected.push((Whence::Others, u64::from(10_000 - networks)));
    let sorted = |mut told: Vec<(Whence, u64)>| {
        told.sort_unstable();
        told
    };
    assert_eq!(sorted(first), sorted(expected.clone()));
    assert_eq!(requests(&plane, key.id()).await, 10_002);
    // Nor does a start make room for more: what is written knows its bound.
    let plane = plane.restarted().await;
    let access = holder(&plane, &secret);
    for number in 20_000..20_100 {
        use_it(&plane, &access, Some(network(number)));
    }
    let again = told(&plane, &plane.admin(), key.id()).await;
    expected.pop();
    expected.push((Whence::Others, u64::from(10_000 - networks) + 100));
    assert_eq!(sorted(again), sorted(expected));
    assert_eq!(requests(&plane, key.id()).await, 10_102);
    let file = plane.file();
    plane.control.close().await.expect("closes");
    let rows = count(&file, "usage_by_network").await;
    assert_eq!(usize::try_from(rows), Ok(USAGE_NETWORKS_MAX + 2));
}

#[tokio::test]
async fn memory_holds_as_many_networks_of_a_key_as_are_told_apart() {
    let plane = Plane::new().await;
    let key = plane.admin().access().key();
    let mut counted = ByNetwork::default();
    for number in 0..10_000 {
        counted.note((key, 20_000), Some(network(number)), ONE);
    }
    assert_eq!(counted.take().count(), USAGE_NETWORKS_MAX + 1);
    // One that is known stays so after it was written, and on another day all are new.
    counted.note((key, 20_000), Some(network(3)), ONE);
    counted.note((key, 20_000), Some(network(9_999)), ONE);
    let mut taken: Vec<Whence> = counted.take().map(|(of, _)| of.whence).collect();
    taken.sort_unstable();
    assert_eq!(taken, [Whence::Network(network(3)), Whence::Others]);
    counted.note((key, 20_001), Some(network(9_999)), ONE);
    let taken: Vec<Whence> = counted.take().map(|(of, _)| of.whence).collect();
    assert_eq!(taken, [Whence::Network(network(9_999))]);
}

#[tokio::test]
async fn keys_are_counted_apart_and_each_is_told_to_whom_may_know_it() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let all = r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#;
    let (others, secret) = plane.key("others", all).await;
    let (_, cara) = plane.both_admins().await;
    let held = plane.permit_of(&cara);
    let draft = plane.key_draft("own", all);
    let (own, own_secret) = plane.control.create_key(&held, draft).await.expect("a key");
    for (secret, number, times) in [(&secret, 1, 3), (&own_secret, 1, 1), (&own_secret, 2, 2)] {
        let access = holder(&plane, secret);
        for _ in 0..times {
            use_it(&plane, &access, Some(network(number)));
        }
    }
    let from = |number, requests| (Whence::Network(network(number)), requests);
    let plane = plane.restarted().await;
    let (admin, held) = (plane.admin(), plane.permit_of(&cara));
    assert_eq!(told(&plane, &admin, others.id()).await, [from(1, 3)]);
    let of_own = [from(1, 1), from(2, 2)];
    assert_eq!(told(&plane, &admin, own.id()).await, of_own);
    assert_eq!(told(&plane, &held, own.id()).await, of_own);
    assert_eq!(told(&plane, &held, others.id()).await, []);
    let elsewhere = plane.other_project().await;
    assert_eq!(told(&plane, &elsewhere, own.id()).await, []);
}

#[tokio::test]
async fn what_cannot_be_written_stays_counted_by_network() {
    let plane = Plane::new().await;
    let plane = plane
        .restarted_after(
            "CREATE TRIGGER refuse BEFORE INSERT ON usage_by_network BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .await;
    let (key, secret) = plane.key("Ada", "[]").await;
    let access = holder(&plane, &secret);
    use_it(&plane, &access, Some(network(1)));
    assert!(plane.control.save_last_used().await.is_err());
    use_it(&plane, &access, Some(network(1)));
    let mut turn = plane.control.0.turn().await.expect("a turn");
    turn.store()
        .expect("a database")
        .run("DROP TRIGGER refuse")
        .await;
    drop(turn);
    let by = plane.admin();
    let twice = [(Whence::Network(network(1)), 2)];
    assert_eq!(told(&plane, &by, key.id()).await, twice);
    assert_eq!(requests(&plane, key.id()).await, 2);
}

#[tokio::test]
async fn networks_are_forgotten_in_time_and_with_their_key() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("Ada", "[]").await;
    let (gone, gone_secret) = plane.key("Bob", "[]").await;
    use_it(&plane, &holder(&plane, &secret), Some(network(1)));
    let access = holder(&plane, &gone_secret);
    use_it(&plane, &access, Some(network(2)));
    plane.control.save_last_used().await.expect("saves");
    use_it(&plane, &access, Some(network(3)));
    plane
        .control
        .delete_key(&plane.admin(), gone.id(), None)
        .await
        .expect("deletes");
    // What was counted before it went, and is written afterwards, is of no key.
    plane.control.save_last_used().await.expect("saves");
    assert_eq!(told(&plane, &plane.admin(), gone.id()).await, []);
    assert_eq!(requests(&plane, gone.id()).await, 2);
    plane.control.close().await.expect("closes");
    assert_eq!(count(&plane.file(), "usage_by_network").await, 1);
    let plane = plane.opened_again(3).await;
    plane
        .clock
        .advance(DAY * (u32::from(USAGE_NETWORK_DAYS) - 1));
    plane.control.save_last_used().await.expect("saves");
    let once = [(Whence::Network(network(1)), 1)];
    assert_eq!(told(&plane, &plane.admin(), key.id()).await, once);
    plane.clock.advance(DAY);
    plane.control.save_last_used().await.expect("saves");
    assert_eq!(told(&plane, &plane.admin(), key.id()).await, []);
    assert_eq!(requests(&plane, key.id()).await, 1);
    let plane = plane.restarted().await;
    let file = plane.file();
    plane.control.close().await.expect("closes");
    assert_eq!(count(&file, "usage_by_network").await, 0);
    let held = std::fs::read(&file).expect("the file");
    for number in 1..=3 {
        let trace = network(number).to_string();
        let found = held
            .windows(trace.len())
            .any(|part| part == trace.as_bytes());
        assert!(!found, "{trace}");
    }
}

#[tokio::test]
async fn networks_of_a_false_time_are_forgotten_once_it_is_taken_back() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("Ada", "[]").await;
    let truth = plane.now();
    use_it(&plane, &holder(&plane, &secret), Some(network(1)));
    plane.control.save_last_used().await.expect("saves");
    // The clock is 30 days ahead for two of them.
    for (ahead, number) in [(DAY * 30, 2), (DAY, 3)] {
        plane.clock.advance(ahead);
        use_it(&plane, &holder(&plane, &secret), Some(network(number)));
        plane.control.save_last_used().await.expect("saves");
    }
    let plane = plane.restarted().await;
    plane.control.save_last_used().await.expect("saves");
    let all = told(&plane, &plane.admin(), key.id()).await;
    assert_eq!(all.len(), 3, "as long as nobody says that it was false");
    plane.clock.set(truth.checked_add(DAY).expect("a time"));
    let plane = plane.restarted().await;
    let accepted = plane.control.accept_clock(plane.now()).await;
    accepted.expect("is taken back");
    let plane = plane.opened_again(7).await;
    use_it(&plane, &holder(&plane, &secret), Some(network(4)));
    plane.control.save_last_used().await.expect("saves");
    let of_true_days = [
        (Whence::Network(network(1)), 1),
        (Whence::Network(network(4)), 1),
    ];
    let kept = told(&plane, &plane.admin(), key.id()).await;
    assert_eq!(kept, of_true_days);
    // They are gone, and not only untold until their days come.
    let file = plane.file();
    plane.control.close().await.expect("closes");
    assert_eq!(count(&file, "usage_by_network").await, 2);
}
