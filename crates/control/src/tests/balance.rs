//! K6: what a key used, and what is left of it, belongs to the key. No roll, no
//! undoing of one and no restart moves it, and both secrets draw on one balance.

use std::num::NonZeroU32;
use std::time::Duration;

use model::credits::{Allowance, Period, Tier};
use model::document::Document;
use model::ids::KeyId;
use model::keys::{Circumstances, KeyLimits, Roll};
use model::permit::Access;

use super::*;
use crate::{Did, Made, UsageAsked, UsageBy, UsageCounts};

const CREDITS: u64 = 20;
const RATE: u32 = 6;

impl Plane {
    async fn metered(&self) -> (Arc<KeyRecord>, Secret) {
        let draft = KeyDraft {
            limits: KeyLimits {
                requests_per_second: NonZeroU32::new(RATE),
                core: Some(Allowance {
                    amount: CREDITS,
                    period: Period::Month,
                }),
                ..KeyLimits::NONE
            },
            ..self.key_draft("metered", "[]")
        };
        let made = self.control.create_key(&self.admin(), draft).await;
        made.expect("a key")
    }

    async fn rolled(&self, id: KeyId) -> Secret {
        let asked = value(r#"{"grace":"1h"}"#);
        let asked = Roll::read(&mut Document::new(&asked).expect("an object"));
        let (by, asked) = (self.admin(), asked.expect("a roll"));
        match self.control.roll_key(&by, id, asked, None).await {
            Ok(Made::Now(_, secret)) => secret,
            other => panic!("{other:?}"),
        }
    }

    fn holder(&self, secret: &Secret) -> Access {
        let entered = self.control.authenticate(secret, &Circumstances::unknown());
        entered.expect("is let in")
    }

    async fn charge(&self, secret: &Secret, amount: u64) {
        let access = self.holder(secret);
        let reserved = self.control.reserve(&access, Tier::Core, amount);
        let reserved = reserved.expect("there are so many");
        let charged = self.control.charge(reserved, amount).await;
        charged.expect("charged");
    }

    /// What is left of the credits, and how much usage there is of the key.
    async fn balance(&self, id: KeyId) -> (u64, u64) {
        let key = self.definitions().key(id).expect("a key").clone();
        let left = self.control.credits_left(&key)[0].left();
        let asked = UsageAsked {
            from: 0,
            to: i32::MAX,
            key: Some(id),
            limit: 10,
        };
        let sums = self
            .control
            .usage_sums(&self.admin(), asked, UsageBy::Key)
            .await;
        let sums = sums.expect("sums");
        (left, sums.first().map_or(0, |(_, sum)| sum.requests))
    }

    fn count_requests(&self, secret: &Secret, requests: u64) {
        let counts = UsageCounts {
            requests,
            refused: 0,
            records: 0,
        };
        let did = Did {
            pool: None,
            view: None,
            from: None,
            counts,
        };
        self.control.note_usage(&self.holder(secret), did);
    }
}

#[tokio::test]
async fn k6_no_roll_moves_usage_credits_or_the_rate_and_both_secrets_draw_on_one_balance() {
    let plane = Plane::new().await;
    let (key, old) = plane.metered().await;
    let id = key.id();
    plane.charge(&old, 3).await;
    plane.count_requests(&old, 5);
    let before = plane.balance(id).await;
    assert_eq!(before, (CREDITS - 3, 5));
    let new = plane.rolled(id).await;
    assert_eq!(plane.balance(id).await, before, "a roll");
    // Each takes from what the other leaves.
    plane.charge(&new, 4).await;
    plane.charge(&old, 2).await;
    plane.count_requests(&new, 1);
    let shared = plane.balance(id).await;
    assert_eq!(shared, (CREDITS - 9, 6));
    let too_many = plane.control.reserve(&plane.holder(&new), Tier::Core, 12);
    assert!(too_many.is_err(), "the old secret took of these, too");
    // So does the rate: of one second they have one, whoever comes first.
    plane.clock.advance(Duration::from_secs(2));
    let tries = [&old, &new].repeat(usize::try_from(RATE).expect("few"));
    let accesses = tries.into_iter().map(|secret| plane.holder(secret));
    let let_in = accesses.filter(|access| plane.control.meter(access, false).is_ok());
    assert_eq!(let_in.count(), usize::try_from(RATE).expect("few"));
    let undone = plane.control.undo_roll(&plane.admin(), id, true).await;
    undone.expect("goes back");
    assert_eq!(plane.balance(id).await, shared, "an undone roll");
    let still = plane.control.meter(&plane.holder(&old), false);
    assert!(still.is_err(), "an undone roll gives no second back");
    let newest = plane.rolled(id).await;
    let still = plane.control.meter(&plane.holder(&newest), false);
    assert!(still.is_err(), "nor does a roll");
    let plane = plane.restarted().await;
    assert_eq!(plane.balance(id).await, shared, "a restart");
    plane.charge(&newest, 11).await;
    assert_eq!(plane.balance(id).await.0, 0);
    for secret in [&old, &newest] {
        let more = plane.control.reserve(&plane.holder(secret), Tier::Core, 1);
        assert!(more.is_err());
    }
    let ended = plane.control.end_grace(&plane.admin(), id, true).await;
    ended.expect("ends");
    assert_eq!(plane.balance(id).await, (0, shared.1), "the end of a grace");
}
