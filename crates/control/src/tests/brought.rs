//! Codes that callers bring of others: counted, in the audit, and no way to
//! shut anybody out.

use std::time::Duration;

use model::limits::CODES_BY_KEYS_MAX;
use model::people::PersonRecord;

use super::people::refusal;
use super::step_up::with_ada;
use super::*;
use crate::{Refusal, Shown};

const ADA: &str = "ada@example.com";
const REFUSED: &str = "person.code_refused";

impl Plane {
    /// What a wrong code of somebody is answered, brought with a key.
    async fn misses(&self, by: &Permit<Admin>, shown: &Shown, name: &str) -> Refusal {
        let good = shown.totp.shown_at(self.now());
        let wrong = if good.as_str() == "000000" {
            "000001"
        } else {
            "000000"
        };
        let draft = self.key_draft("an admin", &format!("[{ADMIN}]"));
        let made = self.shown(wrong, Some(name)).create_key(by, draft).await;
        refusal(made)
    }

    fn ada(&self) -> Arc<PersonRecord> {
        let people = self.control.people_of(&self.admin()).expect("a list");
        people.into_iter().next().expect("Ada")
    }

    /// Brings wrong codes of Ada with each key as soon as it is looked at, for so
    /// long: how many were looked at.
    async fn guesses(&self, keys: &[Permit<Admin>], shown: &Shown, hours: i64) -> u32 {
        let end = Duration::from_secs(u64::try_from(hours * 3_600).expect("later"));
        let end = self.now().checked_add(end).expect("in range");
        let mut looked_at = 0;
        while self.now() < end {
            let mut wait = Duration::MAX;
            for by in keys {
                match self.misses(by, shown, ADA).await {
                    Refusal::WrongCode => {
                        looked_at += 1;
                        wait = Duration::ZERO;
                    }
                    Refusal::TooManyAttempts { wait: Some(left) } => wait = wait.min(left),
                    other => panic!("{other}"),
                }
            }
            self.clock.advance(wait);
        }
        looked_at
    }
}

#[tokio::test]
async fn k8_whoever_has_admin_keys_shuts_no_person_out() {
    let (plane, shown, _) = with_ada().await;
    let draft = plane.key_draft("another", &format!("[{ADMIN}]"));
    let proven = plane.proven(&shown, Some(ADA));
    let made = proven.create_key(&plane.admin(), draft).await;
    let (_, second) = made.expect("a key");
    let keys = [plane.admin(), plane.permit(&second)];
    let first_day = plane.guesses(&keys, &shown, 24).await;
    assert_eq!(first_day, CODES_BY_KEYS_MAX);
    // It is on disk: a restart gives no further one.
    let next = plane.misses(&plane.admin(), &shown, ADA).await;
    assert_eq!(next, Refusal::WrongCode);
    let plane = plane.restarted().await;
    let early = plane.misses(&plane.admin(), &shown, ADA).await;
    assert!(matches!(early, Refusal::TooManyAttempts { .. }), "{early}");
    let keys = [plane.admin(), plane.permit(&second)];
    let month = plane.guesses(&keys, &shown, 30 * 24).await;
    assert!((29..=31).contains(&month), "{month}");
    assert_eq!(plane.ada().parts().attempts.failures(), 0);
    // The person signs in all the while, and the keys may bring codes again.
    plane.enter(ADA, &shown).await.expect("signs in");
    assert_eq!(plane.ada().parts().by_keys.failures(), 0);
    plane.clock.advance(Duration::from_secs(3_600));
    let draft = plane.key_draft("a third", &format!("[{ADMIN}]"));
    let proven = plane.proven(&shown, Some(ADA));
    let made = proven.create_key(&plane.admin(), draft).await;
    made.expect("a key");
    assert_eq!(
        plane.misses(&plane.admin(), &shown, ADA).await,
        Refusal::WrongCode
    );
}

#[tokio::test]
async fn k8_a_name_that_nobody_has_is_answered_like_another_and_is_in_the_audit() {
    let mut told = Vec::new();
    for name in [ADA, "nobody@example.com"] {
        let (plane, shown, _) = with_ada().await;
        let mut answers = Vec::new();
        for _ in 0..8 {
            let answer = plane.misses(&plane.admin(), &shown, name).await;
            if let Refusal::TooManyAttempts { wait: Some(wait) } = answer {
                plane.clock.advance(wait);
            }
            answers.push(answer);
        }
        told.push(answers);
        let audit = plane.audit().await;
        let refused: Vec<_> = audit
            .iter()
            .filter(|(action, _)| action == REFUSED)
            .collect();
        assert_eq!(refused.len(), 6, "{name}");
        let about = match name {
            ADA => ADA.to_owned(),
            _ => plane.admin().access().key_name().to_owned(),
        };
        assert!(
            refused.iter().all(|(_, subject)| *subject == about),
            "{refused:?}"
        );
    }
    assert_eq!(told[0], told[1]);
    let wait = Some(Duration::from_secs(30));
    assert_eq!(told[0][5], Refusal::TooManyAttempts { wait });
}

#[tokio::test]
async fn k8_one_key_brings_codes_of_many_names_no_faster() {
    let (plane, shown, _) = with_ada().await;
    let mut looked_at = 0;
    for number in 0..100 {
        let name = format!("nobody{number}@example.com");
        match plane.misses(&plane.admin(), &shown, &name).await {
            Refusal::WrongCode => looked_at += 1,
            other => assert!(matches!(other, Refusal::TooManyAttempts { .. }), "{other}"),
        }
    }
    assert_eq!(looked_at, 5);
}

#[tokio::test]
async fn k8_who_signed_in_and_names_another_is_counted_and_in_the_audit() {
    let (plane, shown, entered) = with_ada().await;
    let by = plane.permit_of(&entered);
    for _ in 0..5 {
        let answer = plane.misses(&by, &shown, "bob@example.com").await;
        assert_eq!(answer, Refusal::WrongCode);
        let last = plane.last_audit().await.pop().expect("an entry");
        assert_eq!(last, (REFUSED.to_owned(), ADA.to_owned()));
    }
    let late = plane.misses(&by, &shown, "bob@example.com").await;
    assert!(matches!(late, Refusal::TooManyAttempts { .. }), "{late}");
    // An own code is another matter.
    assert_eq!(plane.ada().parts().attempts.failures(), 0);
    let draft = plane.key_draft("an admin", &format!("[{ADMIN}]"));
    let made = plane.proven(&shown, None).create_key(&by, draft).await;
    made.expect("a key");
}
