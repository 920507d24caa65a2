//! Keys that keys make: what stops them, and one balance, also across a kill.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::credits::{Allowance, Period, Tier};
use model::ids::KeyId;
use model::keys::{AuthError, KeyLimits};
use model::permit::{Access, Issue};

use super::*;
use crate::{Ended, LeakReport, Made, OverLimit, Spent};
use model::keys::KeyCopy;

const ISSUES: &str = r#"{"on":"project","actions":["issue"]}"#;
const ALL: &str = r#"{"on":"pool:*","actions":["query"],"constraints":"all_rows"}"#;

impl Plane {
    fn enters(&self, secret: &Secret) -> Result<Access, AuthError> {
        let seen = Circumstances::unknown();
        self.control.authenticate(secret, &seen)
    }

    fn issues(&self, secret: &Secret) -> Permit<Issue> {
        let access = self.enters(secret).expect("is let in");
        access.permit(On::Project).expect("issues")
    }

    async fn issue(&self, maker: &Secret, grants: &str) -> (Arc<KeyRecord>, Secret) {
        let draft = self.key_draft("issued", grants);
        let by = self.issues(maker);
        let made = self.control.issue_key(&by, draft, None).await;
        match made.expect("a key") {
            Made::Now(key, secret) => (key, secret),
            Made::Before(_) => panic!("it was made just now"),
        }
    }

    /// A key that issues, with these limits.
    async fn maker(&self, limits: KeyLimits) -> (Arc<KeyRecord>, Secret) {
        let mut draft = self.key_draft("maker", &format!("[{ISSUES},{ALL}]"));
        draft.limits = limits;
        let made = self.control.create_key(&self.admin(), draft).await;
        made.expect("a key")
    }

    fn spent(&self, key: KeyId) -> u64 {
        let key = self.definitions().key(key).expect("a key").clone();
        self.control.credits_left(&key)[0].spent
    }
}

fn credits(amount: u64) -> KeyLimits {
    KeyLimits {
        core: Some(Allowance {
            amount,
            period: Period::Month,
        }),
        ..KeyLimits::NONE
    }
}

#[tokio::test]
async fn whatever_ends_a_maker_ends_the_keys_that_it_issued_at_once() {
    let plane = Plane::new().await;
    let control = Arc::clone(&plane.control);
    let admin = plane.admin();
    for end in ["disable", "delete", "expire", "revoke", "report"] {
        let (maker, secret) = plane.maker(KeyLimits::NONE).await;
        let (issued, token) = plane.issue(&secret, &format!("[{ALL}]")).await;
        let copied = control
            .copy_key(&admin, issued.id(), KeyCopy::default())
            .await;
        let (_, copy) = copied.expect("copies");
        let begun = plane.enters(&token).expect("is let in");
        let (key, by) = (maker.id(), &admin);
        match end {
            "disable" => drop(control.set_key_disabled(by, key, true).await.expect("off")),
            "delete" => control.delete_key(by, key, None).await.expect("ends"),
            "expire" => {
                let mut draft = maker.draft().clone();
                draft.expires_at = Some(plane.now());
                drop(
                    control
                        .change_key(by, key, None, draft)
                        .await
                        .expect("ends"),
                );
            }
            "revoke" => {
                let presented = plane.enters(&secret).expect("is let in");
                control.revoke_presented(&presented).await.expect("ends");
            }
            _ => {
                let report = LeakReport {
                    token: crate::Leaked::read(secret.reveal()),
                    found_at: None,
                    address: None,
                };
                assert!(control.report_leak(report).await.expect("is taken"));
            }
        }
        for token in [&token, &copy] {
            let refused = plane.enters(token).err();
            assert_eq!(refused, Some(AuthError::IssuerEnded), "{end}");
        }
        let ended = control.check_still(&begun);
        let ended = ended.expect_err("ends with its maker");
        assert!(
            matches!(ended, Ended::ShutOut(AuthError::IssuerEnded)),
            "{end}"
        );
        // It is there to be looked at and deleted, and goes on with its maker alone.
        let kept = plane.definitions().key(issued.id()).cloned();
        assert!(kept.is_some(), "{end}");
        if end == "disable" {
            let on = control.set_key_disabled(by, key, false).await;
            on.expect("on again");
            assert!(plane.enters(&token).is_ok());
        }
    }
    let plane = plane.restarted().await;
    let entries = plane.audit().await;
    let made = entries
        .iter()
        .filter(|(action, name)| action == "key.create" && name == "issued");
    assert_eq!(made.count(), 5);
}

#[tokio::test]
async fn narrowing_a_maker_narrows_what_it_issued_at_once_and_widening_it_gives_nothing() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let (maker, secret) = plane.maker(KeyLimits::NONE).await;
    let (issued, token) = plane.issue(&secret, &format!("[{ALL}]")).await;
    let change = async |grants: &str| {
        let grants = plane.key_draft("maker", grants).grants;
        let now = plane.definitions().key(maker.id()).cloned().expect("a key");
        let draft = KeyDraft {
            grants,
            ..now.draft().clone()
        };
        let by = plane.admin();
        let changed = plane.control.change_key(&by, maker.id(), None, draft).await;
        changed.expect("changes");
    };
    let begun = plane.enters(&token).expect("is let in");
    assert_eq!(begun.grants_as_written(), &**issued.grants());
    let only = r#"[{"field":"customer.id","operator":"eq","value":"a"}]"#;
    let held = format!(r#"{{"on":"pool:*","actions":["query"],"constraints":{only}}}"#);
    change(&format!("[{ISSUES},{held}]")).await;
    let ended = plane.control.check_still(&begun);
    assert!(matches!(ended, Err(Ended::Changed)), "{ended:?}");
    let access = plane.enters(&token).expect("is let in");
    let expected = plane.key_draft("k", &format!("[{held}]")).grants;
    assert_eq!(access.grants_as_written()[0].rows, expected[0].rows);
    assert!(plane.control.check_still(&access).is_ok());
    // What it has no more on all that the key is on, the key has no more.
    let sales = r#"{"on":"pool:sales","actions":["query"],"constraints":"all_rows"}"#;
    change(&format!("[{ISSUES},{sales}]")).await;
    let access = plane.enters(&token).expect("is let in");
    assert!(access.grants_as_written().is_empty());
    // Even that it may not issue any more ends nothing; and what it gains is its own.
    let more = r#"{"on":"pool:*","actions":["query","ingest"],"constraints":"all_rows"}"#;
    change(&format!("[{more}]")).await;
    let access = plane.enters(&token).expect("is let in");
    assert_eq!(access.grants_as_written(), &**issued.grants());
    let plane = plane.restarted().await;
    let access = plane.enters(&token).expect("is let in");
    assert_eq!(access.grants_as_written(), &**issued.grants());
}

#[tokio::test]
async fn an_administrator_widens_no_issued_key_beyond_its_maker() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let (_, secret) = plane.maker(credits(10)).await;
    let (issued, _) = plane.issue(&secret, &format!("[{ALL}]")).await;
    let change = async |change: &dyn Fn(&mut KeyDraft)| {
        let mut draft = issued.draft().clone();
        change(&mut draft);
        let by = plane.admin();
        plane
            .control
            .change_key(&by, issued.id(), None, draft)
            .await
    };
    let grants = |text: &str| plane.key_draft("k", text).grants;
    for (more, pointer) in [
        (
            r#"[{"on":"pool:sales","actions":["ingest"]}]"#,
            "/grants/0/actions",
        ),
        (ADMIN, "/grants/0/actions"),
        (ISSUES, "/grants/0/actions"),
    ] {
        let more = grants(&match more.starts_with('[') {
            true => more.to_owned(),
            false => format!("[{more}]"),
        });
        let refused = change(&|draft| draft.grants.clone_from(&more)).await;
        assert_eq!(
            fault(refused),
            (FaultCode::InvalidValue, pointer.to_owned())
        );
    }
    let refused = change(&|draft| draft.limits = credits(11)).await;
    assert_eq!(fault(refused).1, "/limits/credits/core");
    let narrower = change(&|draft| draft.limits = credits(3)).await;
    assert_eq!(narrower.expect("changes").draft().limits, credits(3));
}

/// Every third client is the maker, the others come by keys that it issued.
async fn clients(control: &Arc<Control>, callers: &[Access], answered: &Arc<AtomicU64>) {
    let calls = (0..64_usize).map(|client| {
        let (control, answered) = (Arc::clone(control), Arc::clone(answered));
        let access = callers[client % callers.len()].clone();
        tokio::spawn(async move {
            for call in 0..4 {
                let Ok(reserved) = control.reserve(&access, Tier::Core, 2) else {
                    continue;
                };
                tokio::task::yield_now().await;
                if (client + call) % 5 != 0 && control.charge(reserved, 1).await.is_ok() {
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("ends");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k16_a_maker_and_its_keys_never_use_up_more_than_its_allowance_across_a_kill() {
    for run in 0..20_u64 {
        let plane = Plane::new().await;
        let amount = 20 + 5 * run;
        let (maker, secret) = plane.maker(credits(amount)).await;
        let (first, first_secret) = plane.issue(&secret, "[]").await;
        let (second, second_secret) = plane.issue(&secret, "[]").await;
        assert_eq!(first.draft().limits, maker.draft().limits);
        let secrets = [&secret, &first_secret, &second_secret];
        let callers = |plane: &Plane| secrets.map(|s| plane.enters(s).expect("is let in"));
        let answered = Arc::new(AtomicU64::new(0));
        let running = {
            let (control, answered) = (Arc::clone(&plane.control), Arc::clone(&answered));
            let callers = callers(&plane);
            tokio::spawn(async move { clients(&control, &callers, &answered).await })
        };
        while answered.load(Ordering::SeqCst) < run && !running.is_finished() {
            tokio::task::yield_now().await;
        }
        let before = answered.load(Ordering::SeqCst);
        // The files as a kill finds them.
        let image = tempfile::tempdir().expect("a folder");
        for name in ["control.db", "control.db-wal"] {
            let from = plane.folder.path().join(name);
            std::fs::copy(from, image.path().join(name)).expect("copies");
        }
        running.await.expect("ends");
        let all = answered.load(Ordering::SeqCst);
        assert!(all <= amount, "run {run}: {all} of {amount}");
        assert_eq!(plane.spent(maker.id()), all, "run {run}");
        plane.control.close().await.expect("closes");

        let plane = Plane {
            folder: image,
            ..plane
        };
        let plane = plane.opened_again(3).await;
        let found = plane.spent(maker.id());
        let of_keys = plane.spent(first.id()) + plane.spent(second.id());
        assert!(
            before <= found && of_keys <= found,
            "run {run}: {before} {of_keys} {found}"
        );
        let again = Arc::new(AtomicU64::new(0));
        clients(&plane.control, &callers(&plane), &again).await;
        let spent = plane.spent(maker.id());
        assert_eq!(spent, found + again.load(Ordering::SeqCst), "run {run}");
        assert!(spent <= amount, "run {run}");
        plane.control.close().await.expect("closes");
    }
}

#[tokio::test]
async fn what_a_maker_has_not_left_is_not_taken_of_its_keys_own_credits() {
    let plane = Plane::new().await;
    let (maker, secret) = plane.maker(credits(3)).await;
    let (issued, token) = plane.issue(&secret, "[]").await;
    let (own, through) = (
        plane.enters(&secret).expect("is let in"),
        plane.enters(&token).expect("is let in"),
    );
    let reserved = plane.control.reserve(&own, Tier::Core, 2).expect("is left");
    let refused = plane.control.reserve(&through, Tier::Core, 2);
    let refused = refused.expect_err("the maker has one left");
    let Spent::Issuer { tier, cost, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!((tier, cost), (Tier::Core, 2));
    // What that one has is not said.
    assert!(!refused.to_string().contains('3') && !refused.to_string().contains('1'));
    drop(reserved);
    let reserved = plane.control.reserve(&through, Tier::Core, 3);
    let reserved = reserved.expect("all is left of both");
    plane.control.charge(reserved, 2).await.expect("is charged");
    assert_eq!((plane.spent(maker.id()), plane.spent(issued.id())), (2, 2));
    assert!(plane.control.reserve(&own, Tier::Core, 2).is_err());
}

#[tokio::test]
async fn a_maker_and_its_keys_share_its_rate_and_its_places() {
    let plane = Plane::new().await;
    let limits = KeyLimits {
        requests_per_second: NonZeroU32::new(4),
        concurrent_queries: NonZeroU32::new(2),
        ..KeyLimits::NONE
    };
    let (_, secret) = plane.maker(limits).await;
    let (_, first) = plane.issue(&secret, "[]").await;
    let (_, second) = plane.issue(&secret, "[]").await;
    let [own, first, second] =
        [&secret, &first, &second].map(|secret| plane.enters(secret).expect("is let in"));
    let places = [&first, &own].map(|access| plane.control.meter(access, true).expect("has room"));
    let refused = plane.control.meter(&second, true).map(drop);
    assert!(
        matches!(refused, Err(OverLimit::IssuerQuestions { .. })),
        "{refused:?}"
    );
    drop(places);
    // What was refused took nothing: two of four are left in this second.
    drop(plane.control.meter(&second, true).expect("is let in"));
    drop(plane.control.meter(&first, false).expect("is let in"));
    for access in [&first, &second] {
        let refused = plane.control.meter(access, true).map(drop);
        assert!(
            matches!(refused, Err(OverLimit::IssuerRate { .. })),
            "{refused:?}"
        );
    }
    assert!(plane.control.meter(&own, false).is_err());
    plane.clock.advance(Duration::from_secs(1));
    let entered = plane.control.meter(&first, true).expect("is let in");
    assert_eq!(entered.rate().expect("a rate").remaining, 3);
    // None of the places was kept by what was refused.
    assert!(plane.control.meter(&second, true).is_ok());
}

#[tokio::test]
async fn nobody_issues_keys_before_an_administrator_lets_a_key() {
    let plane = Plane::new().await;
    let master = plane.enters(&plane.master).expect("is let in");
    assert!(master.permit::<Issue>(On::Project).is_err());
    let other = plane.other_project().await;
    assert!(other.access().permit::<Issue>(On::Project).is_err());
    let (_, secret) = plane.key("issues", &format!("[{ISSUES}]")).await;
    assert!(
        plane
            .issues(&secret)
            .access()
            .permit::<Admin>(On::Project)
            .is_err()
    );
}
