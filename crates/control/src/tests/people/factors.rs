//! Passwords, one-time codes and recovery codes: what counts how often.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::people::RecoveryCode;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k10_no_more_than_two_passwords_are_compared_at_once() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let (compared, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let guess = |name: String| {
        let (control, code) = (&plane.control, plane.code(&shown));
        let (compared, refused) = (&compared, &refused);
        async move {
            let asked = sign_in(&name, OTHER_PASSWORD, code);
            match refusal(control.sign_in(asked).await) {
                Refusal::SignIn => compared.fetch_add(1, Ordering::Relaxed),
                Refusal::TooManyPasswords => refused.fetch_add(1, Ordering::Relaxed),
                other => panic!("{other:?}"),
            }
        }
    };
    let guesses = (0..10).map(|n| guess(format!("n{n}@example.com")));
    futures_all(guesses).await;
    // All begin before the first is done: a future that is asked first takes
    // its place without waiting.
    assert_eq!(compared.into_inner(), 2);
    assert_eq!(refused.into_inner(), 8);
    // Both places are free again.
    plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in");
}

/// A name that nobody has takes the place of a password that is compared, and
/// waits for none, as one that somebody has does.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k10_a_name_that_nobody_has_is_as_much_work_as_one_that_somebody_has() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let (ada, nobody) = ("ada@example.com", "nobody@example.com");
    for names in [
        [ada, nobody, ada],
        [ada, nobody, nobody],
        [nobody, nobody, ada],
        [nobody, ada, nobody],
    ] {
        let told = Mutex::new(Vec::new());
        let guess = |(place, name): (usize, &str)| {
            let asked = sign_in(name, OTHER_PASSWORD, plane.code(&shown));
            let (control, told) = (&plane.control, &told);
            async move {
                let said = refusal(control.sign_in(asked).await);
                told.lock().expect("nobody panicked").push((place, said));
            }
        };
        futures_all(names.into_iter().enumerate().map(guess)).await;
        let mut told = told.into_inner().expect("nobody panicked");
        told.sort_by_key(|(place, _)| *place);
        let told: Vec<Refusal> = told.into_iter().map(|(_, said)| said).collect();
        let expected = [Refusal::SignIn, Refusal::SignIn, Refusal::TooManyPasswords];
        assert_eq!(told, expected, "{names:?}");
        // Of the few wrong ones of each round nobody has to wait in the next.
        plane.clock.advance(Duration::from_secs(25 * 3_600));
    }
}

/// Asks every future once in turn, and then waits for all.
async fn futures_all(all: impl Iterator<Item = impl Future>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        match all.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}

/// Signs in as Ada with one code, a hundred times at once; answers how often
/// that succeeded. The password is compared before, since only two are at a time.
async fn hundred_at_once(plane: &Plane, second: impl Fn() -> SecondFactor) -> usize {
    let ada = plane.control.people_of(&plane.admin()).expect("a list")[0].clone();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (control, ada, second) = (Arc::clone(&plane.control), Arc::clone(&ada), second());
        tasks.spawn(async move {
            let password = ada.parts().password.clone();
            let entered = control.second_step((&ada, None), &password, &second, String::new());
            matches!(entered.await, Ok(Some(_)))
        });
    }
    let entered = tasks.join_all().await;
    entered.into_iter().filter(|entered| *entered).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k8_a_hundred_submissions_of_one_good_code_succeed_once_and_after_a_crash_never() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let code = shown.totp.shown_at(plane.now());
    let second = || SecondFactor::Code(Code::parse(&code).expect("a code"));
    assert_eq!(hundred_at_once(&plane, second).await, 1);
    // What a machine finds that fails right after the answer.
    let crashed = plane.photographed().await;
    // The wrong ones of the hundred have been waited for; the code is within its window yet.
    plane.step();
    for plane in [&plane, &crashed] {
        assert!(plane.is_used_up(second()).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k9_a_recovery_code_counts_once_under_a_race_and_after_a_crash_never() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let code = shown.recovery[3].reveal().to_owned();
    let second = || SecondFactor::Recovery(RecoveryCode::parse(&code).expect("a code"));
    assert_eq!(hundred_at_once(&plane, second).await, 1);
    let people = plane.control.people_of(&plane.admin()).expect("a list");
    assert_eq!(people[0].parts().recovery.len(), 9);
    let crashed = plane.photographed().await;
    plane.step();
    for plane in [&plane, &crashed] {
        assert!(plane.is_used_up(second()).await);
    }
    let audit = plane
        .control
        .audit_entries(&plane.admin(), 1_000)
        .await
        .expect("reads");
    let entered = audit.iter().find(|entry| entry.action == "person.sign_in");
    let after = entered
        .and_then(|entry| entry.after.clone())
        .expect("a note");
    assert!(
        after.contains(r#""by":"recovery_code","recovery_codes_left":9"#),
        "{after}"
    );
}

impl Plane {
    /// Whether what Ada brings beside the password is looked at and is of no use.
    pub(super) async fn is_used_up(&self, second: SecondFactor) -> bool {
        let asked = sign_in("ada@example.com", PASSWORD, second);
        refusal(self.control.sign_in(asked).await) == Refusal::SignIn
    }

    /// Another control plane on what the disk holds at this moment.
    async fn photographed(&self) -> Plane {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["control.db", "control.db-wal"] {
            let from = self.folder.path().join(name);
            std::fs::copy(from, folder.path().join(name)).expect("copies");
        }
        let file = folder.path().join("control.db");
        let control = Control::open(&file, options(&self.clock, 3)).await;
        let master = Secret::parse(self.master.reveal()).expect("a token");
        Plane {
            control: Arc::new(control.expect("opens")),
            clock: Arc::clone(&self.clock),
            folder,
            master,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k8_five_wrong_codes_and_no_sixth_is_looked_at_also_at_once_and_after_a_crash() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let wrong = || {
        let good = shown.totp.shown_at(plane.now());
        let wrong = if good.as_str() == "000000" {
            "000001"
        } else {
            "000000"
        };
        SecondFactor::Code(Code::parse(wrong).expect("a code"))
    };
    assert_eq!(hundred_at_once(&plane, wrong).await, 0);
    let crashed = plane.photographed().await;
    for plane in [&plane, &crashed] {
        let people = plane.control.people_of(&plane.admin()).expect("a list");
        assert_eq!(people[0].parts().attempts.failures(), 5);
        // A good one must wait, too.
        let early = refusal(plane.enter("ada@example.com", &shown).await);
        assert!(matches!(early, Refusal::TooManyAttempts { .. }));
    }
    let refused = plane.audit().await;
    let refused = refused
        .iter()
        .filter(|(action, _)| action == "person.code_refused");
    assert_eq!(refused.count(), 5);
    plane.step();
    plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in");
    let people = plane.control.people_of(&plane.admin()).expect("a list");
    assert_eq!(people[0].parts().attempts.failures(), 0);
}

#[tokio::test]
async fn k9_no_code_stands_in_for_the_password_and_a_new_set_ends_the_old_one() {
    let plane = Plane::new().await;
    let (ada, shown) = plane.owner().await;
    let recovery = |shown: &Shown, at: usize| {
        let text = shown.recovery[at].reveal();
        SecondFactor::Recovery(RecoveryCode::parse(text).expect("a code"))
    };
    for second in [recovery(&shown, 0), plane.code(&shown)] {
        let asked = sign_in("ada@example.com", OTHER_PASSWORD, second);
        assert_eq!(refusal(plane.control.sign_in(asked).await), Refusal::SignIn);
    }
    // Neither was used up by that.
    let asked = sign_in("ada@example.com", PASSWORD, recovery(&shown, 0));
    let entered = plane.control.sign_in(asked).await.expect("signs in");
    let password = |text: &str| Password::presented(text).expect("fits");
    let control = &plane.control;
    let wrong = control.offer_factors(
        own(&ada, entered.session.id),
        password(OTHER_PASSWORD),
        recovery(&shown, 1),
    );
    assert_eq!(refusal(wrong.await), Refusal::SignIn);
    let offered = control.offer_factors(
        own(&ada, entered.session.id),
        password(PASSWORD),
        recovery(&shown, 1),
    );
    let new = offered.await.expect("an offer");
    let confirmed = control.confirm_factors(own(&ada, entered.session.id), shown_now(&plane, &new));
    let again = confirmed.await.expect("changes");
    assert!(
        control.enter(&entered.token, None).is_err(),
        "the session before"
    );
    assert!(control.enter(&again.token, None).is_ok());
    plane.step();
    for second in [recovery(&shown, 2), plane.code(&shown)] {
        let asked = sign_in("ada@example.com", PASSWORD, second);
        assert_eq!(refusal(control.sign_in(asked).await), Refusal::SignIn);
    }
    plane
        .enter("ada@example.com", &new)
        .await
        .expect("by the new app");
    let asked = sign_in("ada@example.com", PASSWORD, recovery(&new, 0));
    let entered = control.sign_in(asked).await.expect("by a new code");
    plane.step();
    let changed = control.change_password(
        own(&entered.person, entered.session.id),
        password(PASSWORD),
        plane.code(&new),
        Password::choose(OTHER_PASSWORD, &[]).expect("a good one"),
    );
    changed.await.expect("changes");
    plane.step();
    let before = plane.enter("ada@example.com", &new).await;
    assert_eq!(refusal(before), Refusal::SignIn);
    let asked = sign_in("ada@example.com", OTHER_PASSWORD, plane.code(&new));
    control.sign_in(asked).await.expect("by the new password");
}

fn shown_now(plane: &Plane, shown: &Shown) -> Code {
    Code::parse(&shown.totp.shown_at(plane.now())).expect("a code")
}

#[tokio::test]
async fn k9_factors_that_nobody_confirmed_do_not_count_and_those_before_do() {
    let plane = Plane::new().await;
    let (ada, shown) = plane.owner().await;
    let control = &plane.control;
    let entered = plane.enter("ada@example.com", &shown).await.expect("in");
    let here = entered.session.id;
    let password = || Password::presented(PASSWORD).expect("fits");
    let offer = async || {
        plane.step();
        let offered = control.offer_factors(own(&ada, here), password(), plane.code(&shown));
        offered.await.expect("an offer")
    };
    let confirm = async |session, code| {
        control
            .confirm_factors(own(&ada, session), code)
            .await
            .map(|_| ())
    };
    let nothing = confirm(here, shown_now(&plane, &shown)).await;
    assert_eq!(refusal(nothing), Refusal::NothingOffered);
    let lost = offer().await;
    // The answer was lost: those before let in, those offered do not.
    plane.step();
    let by_lost = plane.enter("ada@example.com", &lost).await;
    assert_eq!(refusal(by_lost), Refusal::SignIn);
    plane.step();
    let elsewhere = plane.enter("ada@example.com", &shown).await;
    let elsewhere = elsewhere.expect("by the app as it was").session.id;
    // Another session confirms nothing, and neither does the app as it was.
    let other = confirm(elsewhere, shown_now(&plane, &lost)).await;
    assert_eq!(refusal(other), Refusal::NothingOffered);
    let by_old = confirm(here, shown_now(&plane, &shown)).await;
    assert_eq!(refusal(by_old), Refusal::NotTheNewApp);
    let person = control.people_of(&plane.admin()).expect("a list")[0].clone();
    assert_eq!(person.parts().attempts.failures(), 1);
    // A later offer takes the place of the one before, and lasts 15 minutes.
    let second = offer().await;
    let by_first = confirm(here, shown_now(&plane, &lost)).await;
    assert_eq!(refusal(by_first), Refusal::NotTheNewApp);
    (0..30).for_each(|_| plane.step());
    let late = confirm(here, shown_now(&plane, &second)).await;
    assert_eq!(refusal(late), Refusal::NothingOffered);
    let third = offer().await;
    // One of the step before counts, too, although a later one of the app before was used.
    let before = plane.now().checked_sub(std::time::Duration::from_secs(30));
    let code = third.totp.shown_at(before.expect("a time"));
    let code = Code::parse(&code).expect("a code");
    confirm(here, code).await.expect("taken");
    let sessions = control.sessions_of(ada.id());
    assert_eq!(sessions.len(), 1, "every other session has ended");
    let again = confirm(sessions[0].record.id, shown_now(&plane, &third)).await;
    assert_eq!(refusal(again), Refusal::NothingOffered);
    // The code that confirmed is used up.
    let used = plane.enter("ada@example.com", &third).await;
    assert_eq!(refusal(used), Refusal::SignIn);
    plane.step();
    plane
        .enter("ada@example.com", &third)
        .await
        .expect("by the new app");
    plane.step();
    let by_old = plane.enter("ada@example.com", &shown).await;
    assert_eq!(refusal(by_old), Refusal::SignIn);
}
