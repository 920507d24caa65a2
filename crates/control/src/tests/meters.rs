use std::num::NonZeroU32;
use std::time::Duration;

use model::keys::{Circumstances, KeyDraft, KeyLimits, KeyRecord};
use model::permit::Access;
use model::secrets::Secret;

use super::Plane;
use crate::{LimitsLeft, OverLimit};

fn limits(requests_per_second: Option<u32>, concurrent_queries: Option<u32>) -> KeyLimits {
    KeyLimits {
        requests_per_second: requests_per_second.and_then(NonZeroU32::new),
        concurrent_queries: concurrent_queries.and_then(NonZeroU32::new),
        ..KeyLimits::NONE
    }
}

impl Plane {
    async fn limited(&self, limits: KeyLimits) -> (std::sync::Arc<KeyRecord>, Secret) {
        let draft = KeyDraft {
            limits,
            ..self.key_draft("limited", "[]")
        };
        let made = self.control.create_key(&self.admin(), draft).await;
        made.expect("a key")
    }

    async fn relimit(&self, key: &KeyRecord, limits: KeyLimits) {
        let now = self.definitions().key(key.id()).expect("a key").clone();
        let draft = KeyDraft {
            limits,
            ..now.draft().clone()
        };
        let by = self.admin();
        let changed = self.control.change_key(&by, key.id(), None, draft);
        changed.await.expect("changes");
    }

    fn access(&self, secret: &Secret) -> Access {
        self.control
            .authenticate(secret, &Circumstances::unknown())
            .expect("is let in")
    }

    fn requests(&self, secret: &Secret, tries: usize) -> usize {
        let access = self.access(secret);
        let tried = (0..tries).filter(|_| self.control.meter(&access, false).is_ok());
        tried.count()
    }
}

#[tokio::test]
async fn k17_a_change_of_the_key_gives_nothing_back() {
    let plane = Plane::new().await;
    let (key, secret) = plane.limited(limits(Some(5), None)).await;
    assert_eq!(plane.requests(&secret, 20), 5);
    plane.relimit(&key, limits(Some(8), None)).await;
    assert_eq!(plane.requests(&secret, 20), 3);
    let by = plane.admin();
    for disabled in [true, false] {
        let switched = plane.control.set_key_disabled(&by, key.id(), disabled);
        switched.await.expect("switches");
    }
    assert_eq!(plane.requests(&secret, 20), 0);
    let refused = plane.control.meter(&plane.access(&secret), false);
    let limit = NonZeroU32::new(8).expect("not zero");
    let retry_after = Duration::from_secs(1);
    let expected = OverLimit::Rate { limit, retry_after };
    assert_eq!(refused.map(drop), Err(expected));
    plane.clock.advance(retry_after);
    assert_eq!(plane.requests(&secret, 20), 8);
    // A key of its own.
    let (_, other) = plane.limited(limits(Some(1), None)).await;
    assert_eq!(plane.requests(&other, 20), 1);
}

#[tokio::test]
async fn a_key_without_limits_goes_on_without_them() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("as ever", "[]").await;
    assert_eq!(plane.requests(&secret, 10_000), 10_000);
    let left = LimitsLeft {
        requests_per_second: None,
        concurrent_queries: None,
    };
    assert_eq!(plane.control.limits_left(&key), left);
}

#[tokio::test]
async fn a_question_counts_until_it_is_let_go() {
    let plane = Plane::new().await;
    let (key, secret) = plane.limited(limits(Some(9), Some(2))).await;
    let (access, control) = (plane.access(&secret), &plane.control);
    let first = control.meter(&access, true).expect("a place");
    let second = control.meter(&access, true).expect("a place");
    let limit = NonZeroU32::new(2).expect("not zero");
    let refused = control.meter(&access, true).map(drop);
    assert_eq!(refused, Err(OverLimit::Questions { limit }));
    // What asks nothing needs no place; what was refused took nothing of the rate.
    let writes = control.meter(&access, false).expect("asks nothing");
    assert_eq!(writes.rate().map(|rate| rate.remaining), Some(6));
    let left = control.limits_left(&key);
    assert_eq!(left.concurrent_queries, Some(0));
    assert_eq!(left.requests_per_second, Some(6));
    // A change of the key does not forget who is asking.
    plane.relimit(&key, limits(None, Some(1))).await;
    let access = plane.access(&secret);
    drop(first);
    assert!(control.meter(&access, true).is_err());
    drop(second);
    let third = control.meter(&access, true);
    assert!(third.is_ok());
}

#[tokio::test]
async fn a_question_that_the_rate_refuses_gives_its_place_back() {
    let plane = Plane::new().await;
    let (key, secret) = plane.limited(limits(Some(1), Some(3))).await;
    let access = plane.access(&secret);
    drop(plane.control.meter(&access, true).expect("let in"));
    for _ in 0..10 {
        let refused = plane.control.meter(&access, true).map(drop);
        assert!(matches!(refused, Err(OverLimit::Rate { .. })));
    }
    assert_eq!(plane.control.limits_left(&key).concurrent_queries, Some(3));
}

/// K17: 64 clients at one instant.
#[tokio::test]
async fn k17_clients_at_once_are_never_let_in_more_than_the_limit() {
    for round in 0..20 {
        let plane = Plane::new().await;
        let (_, secret) = plane.limited(limits(Some(100), Some(7))).await;
        let access = plane.access(&secret);
        let (control, barrier) = (&plane.control, std::sync::Barrier::new(64));
        let let_in: usize = std::thread::scope(|scope| {
            let clients = (0..64).map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let entered = (0..4).filter(|_| control.meter(&access, false).is_ok());
                    let entered = entered.count();
                    let asking: Vec<_> = (0..4).map(|_| control.meter(&access, true)).collect();
                    barrier.wait();
                    entered + asking.iter().filter(|asked| asked.is_ok()).count()
                })
            });
            let clients: Vec<_> = clients.collect();
            clients
                .into_iter()
                .map(|client| client.join().expect("ends"))
                .sum()
        });
        assert_eq!(let_in, 100, "round {round}");
    }
}
