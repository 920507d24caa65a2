use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::{NewPerson, Refusal, SecondFactor, Shown, SignIn, SignedIn};
use model::ids::PersonId;
use model::people::{
    Area, Code, InvitationToken, Password, PersonDraft, PersonRecord, RecoveryCode, Role,
    RoleGrant, SignInName,
};

pub(super) const PASSWORD: &str = "violet harbour under glass";
const OTHER_PASSWORD: &str = "amber orchard over stone";

pub(super) fn new(name: &str) -> NewPerson {
    NewPerson {
        name: name.to_owned(),
        password: Password::choose(PASSWORD, &[]).expect("a good one"),
    }
}

pub(super) fn named(text: &str) -> SignInName {
    SignInName::parse(text).expect("a name")
}

pub(super) fn role(role: Role) -> PersonDraft {
    PersonDraft {
        name: "x".to_owned(),
        roles: vec![RoleGrant {
            project: None,
            role,
            constraints: None,
        }],
    }
}

pub(super) fn sign_in(name: &str, password: &str, second: SecondFactor) -> SignIn {
    SignIn {
        name: named(name),
        password: Password::presented(password).expect("fits"),
        second,
        agent: "a test".to_owned(),
    }
}

pub(super) fn refusal<T: std::fmt::Debug>(outcome: Result<T, ControlError>) -> Refusal {
    match outcome {
        Err(ControlError::Refused(refusal)) => refusal,
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

impl Plane {
    /// Ada, who is the first owner.
    pub(super) async fn owner(&self) -> (Arc<PersonRecord>, Shown) {
        let control = &self.control;
        let by = self.admin();
        let made = control.set_up_first_owner(&by, named("ada@example.com"), new("Ada"));
        made.await.expect("the first owner")
    }

    pub(super) fn code(&self, shown: &Shown) -> SecondFactor {
        let text = shown.totp.shown_at(self.now());
        SecondFactor::Code(Code::parse(&text).expect("a code"))
    }

    pub(super) async fn enter(&self, name: &str, shown: &Shown) -> Result<SignedIn, ControlError> {
        let asked = sign_in(name, PASSWORD, self.code(shown));
        self.control.sign_in(asked).await
    }

    /// The next step of the clock, so that the next code is another one.
    pub(super) fn step(&self) {
        self.clock.advance(Duration::from_secs(30));
    }

    pub(super) fn permit_of(&self, signed_in: &SignedIn) -> Permit<Admin> {
        let access = self.control.enter(&signed_in.token, None);
        let access = access.expect("is let in");
        access.permit(On::Project).expect("administers")
    }

    pub(super) async fn invited(
        &self,
        by: &Permit<Admin>,
        name: &str,
        draft: PersonDraft,
    ) -> InvitationToken {
        let invited = self.control.invite(by, named(name), draft).await;
        invited.expect("an invitation").1
    }

    pub(super) async fn join(
        &self,
        token: &InvitationToken,
        name: &str,
    ) -> (Arc<PersonRecord>, Shown) {
        let joined = self.control.accept_invitation(token, new(name)).await;
        joined.expect("a person")
    }
}

#[tokio::test]
async fn the_first_owner_is_set_up_once_and_with_the_master_key_alone() {
    let plane = Plane::new().await;
    // It administers, but reaches less far than an owner does.
    let (_, limited) = plane.key("limited", &format!("[{ADMIN}]")).await;
    let by = plane.permit(&limited);
    let made = plane
        .control
        .set_up_first_owner(&by, named("eve@example.com"), new("Eve"));
    assert_eq!(refusal(made.await), Refusal::NeedsMasterKey);
    // An owner reaches every project: the master key of another one is none to make it.
    plane.clock.advance(Duration::from_secs(1));
    let made = plane
        .control
        .create_project(&plane.admin(), &super::organization::name("second"))
        .await;
    let (_, second) = made.expect("a project");
    let second = plane.permit(&second);
    let made = plane
        .control
        .set_up_first_owner(&second, named("eve@example.com"), new("Eve"));
    assert_eq!(refusal(made.await), Refusal::NeedsMasterKey);
    let (ada, shown) = plane.owner().await;
    assert_eq!(
        ada.parts().created_by,
        format!("key:{}", plane.admin().access().key())
    );
    assert_eq!(shown.recovery.len(), 10);
    let master = plane.admin();
    let again = plane
        .control
        .set_up_first_owner(&master, named("eve@example.com"), new("Eve"));
    assert_eq!(refusal(again.await), Refusal::PeopleExist);
    let people = plane.control.people_of(&plane.admin()).expect("a list");
    assert_eq!(people.len(), 1);
    // Another organization of the server has its own people.
    let other = plane.other_project().await;
    assert!(plane.control.people_of(&other).expect("a list").is_empty());
    let made = plane
        .control
        .set_up_first_owner(&other, named("bob@example.com"), new("Bob"));
    made.await.expect("its own first owner");
    let audit = plane.audit().await;
    assert!(audit.contains(&("person.create".to_owned(), "ada@example.com".to_owned())));
}

#[tokio::test]
async fn k10_a_session_is_an_ordinary_access_until_it_ends() {
    let plane = Plane::new().await;
    let pool = plane.pool("sales").await;
    let (ada, shown) = plane.owner().await;
    let first = plane
        .enter("Ada@Example.com", &shown)
        .await
        .expect("signs in");
    let access = plane.control.enter(&first.token, None).expect("is let in");
    let person = access.person().expect("a person");
    assert_eq!((person.id, person.role), (ada.id(), Role::Owner));
    assert!(
        access
            .permit::<model::permit::AskPool>(On::Pool(Some(&pool)))
            .is_ok()
    );
    assert!(plane.control.is_current(&access));
    let made = plane
        .control
        .create_pool(&plane.permit_of(&first), super::pool("made"))
        .await;
    made.expect("an owner makes pools");
    // A new id at each sign-in; a code opens one session.
    plane.step();
    let second = plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in again");
    assert_ne!(first.session.hash, second.session.hash);
    assert_eq!(plane.control.sessions_of(ada.id()).len(), 2);
    // Signing out ends one at once, for those who were let in by it, too.
    plane
        .control
        .end_session(&ada, first.session.id)
        .await
        .expect("ends");
    assert!(plane.control.enter(&first.token, None).is_err());
    assert!(!plane.control.is_current(&access));
    let by = access.permit(On::Project).expect("was let in before");
    let late = plane.control.create_pool(&by, super::pool("late")).await;
    assert_eq!(refusal(late), Refusal::CallerChanged);
    // The other one is there after a restart, and neither is after its end.
    let plane = plane.restarted().await;
    assert!(plane.control.enter(&second.token, None).is_ok());
    assert!(plane.control.enter(&first.token, None).is_err());
    plane.clock.advance(Duration::from_secs(3_600));
    assert!(
        plane.control.enter(&second.token, None).is_err(),
        "an hour without use"
    );
}

#[tokio::test]
async fn k7_a_clock_that_steps_back_revives_no_session_and_no_invitation() {
    let plane = Plane::new().await;
    let (ada, shown) = plane.owner().await;
    let entered = plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in");
    let by = plane.permit_of(&entered);
    let token = plane
        .invited(&by, "bob@example.com", role(Role::Viewer))
        .await;
    let start = plane.now();
    plane.clock.advance(Duration::from_secs(8 * 86_400));
    assert!(plane.control.enter(&entered.token, None).is_err());
    plane.clock.set(start);
    assert!(plane.control.enter(&entered.token, None).is_err());
    assert!(plane.control.sessions_of(ada.id()).is_empty());
    let late = plane.control.accept_invitation(&token, new("Bob")).await;
    assert_eq!(refusal(late), Refusal::NoInvitation);
}

#[tokio::test]
async fn k7_nor_does_a_restart_with_the_clock_before_what_is_stored() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let first = plane.enter("ada@example.com", &shown).await;
    let (first, start) = (first.expect("signs in"), plane.now());
    // A wrong code of the next day is stored, and with it how late it is.
    plane.clock.advance(Duration::from_secs(25 * 3_600));
    let later = plane.code(&shown);
    plane.clock.advance(Duration::from_secs(3_600));
    assert!(plane.is_used_up(later).await, "too old");
    plane.clock.set(start);
    let plane = plane.restarted().await;
    assert!(plane.control.enter(&first.token, None).is_err());
}

#[tokio::test]
async fn k10_whether_somebody_has_the_name_cannot_be_told() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let mut told = Vec::new();
    for name in ["ada@example.com", "nobody@example.com"] {
        let mut answers = Vec::new();
        for _ in 0..7 {
            let asked = sign_in(name, OTHER_PASSWORD, plane.code(&shown));
            answers.push(refusal(plane.control.sign_in(asked).await));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0][4], Refusal::SignIn);
    let wait = Some(Duration::from_secs(30));
    assert_eq!(told[0][5], Refusal::TooManyAttempts { wait });
    // Now the right password must wait, too, and is then good again.
    let early = plane.enter("ada@example.com", &shown).await;
    assert_eq!(refusal(early), Refusal::TooManyAttempts { wait });
    plane.step();
    plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in");
}

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
            let entered = control.second_step(&ada, &password, &second, String::new());
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
    async fn is_used_up(&self, second: SecondFactor) -> bool {
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
    let wrong = control.change_factors(
        &ada,
        entered.session.id,
        password(OTHER_PASSWORD),
        recovery(&shown, 1),
    );
    assert_eq!(refusal(wrong.await), Refusal::SignIn);
    let changed = control.change_factors(
        &ada,
        entered.session.id,
        password(PASSWORD),
        recovery(&shown, 1),
    );
    let (again, new) = changed.await.expect("changes");
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
        &entered.person,
        entered.session.id,
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

#[tokio::test]
async fn who_leaves_has_no_access_and_the_keys_that_were_made_live_on() {
    let plane = Plane::new().await;
    let (ada, shown) = plane.owner().await;
    let ada_in = plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in");
    let owner = plane.permit_of(&ada_in);
    plane.step();
    let proven = plane.control.proving(Some(crate::Proof {
        person: None,
        code: Code::parse(&shown.totp.shown_at(plane.now())).expect("a code"),
    }));
    let invited = proven
        .invite(&owner, named("bob@example.com"), role(Role::Admin))
        .await;
    let token = invited.expect("an invitation").1;
    let renewed = proven.renewed().expect("another token");
    let (bob, bobs) = plane.join(&token, "Bob").await;
    // An invitation makes one person.
    let twice = plane.control.accept_invitation(&token, new("Eve")).await;
    assert_eq!(refusal(twice), Refusal::NoInvitation);
    let bob_in = plane
        .enter("bob@example.com", &bobs)
        .await
        .expect("signs in");
    let by = plane.permit_of(&bob_in);
    let draft = plane.key_draft(
        "of Bob",
        r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#,
    );
    let (key, secret) = plane.control.create_key(&by, draft).await.expect("a key");
    assert_eq!(key.created_by(), format!("person:{}", bob.id()));
    plane
        .control
        .remove_person(&owner, bob.id(), None)
        .await
        .expect("goes");
    assert!(plane.control.enter(&bob_in.token, None).is_err());
    let late = plane.control.create_pool(&by, super::pool("late")).await;
    assert_eq!(refusal(late), Refusal::CallerChanged);
    plane.step();
    assert_eq!(
        refusal(plane.enter("bob@example.com", &bobs).await),
        Refusal::SignIn
    );
    assert!(
        plane
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .is_ok()
    );
    // Nothing of Bob is left but what the audit says.
    let plane = plane.restarted().await;
    assert!(
        plane
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .is_ok()
    );
    let people = plane.control.people_of(&plane.admin()).expect("a list");
    assert_eq!(
        people.iter().map(|p| p.id()).collect::<Vec<PersonId>>(),
        [ada.id()]
    );
    // The last owner stays.
    let ada_in = plane.control.enter(&renewed, None).expect("is let in");
    let owner = ada_in.permit(On::Project).expect("administers");
    let last = plane.control.remove_person(&owner, ada.id(), None).await;
    assert_eq!(refusal(last), Refusal::LastOwner);
    let last = plane
        .control
        .change_person(&owner, ada.id(), None, role(Role::Admin))
        .await;
    assert_eq!(refusal(last), Refusal::LastOwner);
}

#[tokio::test]
async fn nobody_gives_or_takes_a_role_that_reaches_further_than_the_own() {
    let plane = Plane::new().await;
    let (ada, shown) = plane.owner().await;
    // A key manages no people, whatever it may do.
    let master = plane.admin();
    let by_key = plane
        .control
        .invite(&master, named("x@example.com"), role(Role::Viewer));
    assert_eq!(refusal(by_key.await), Refusal::NeedsPerson);
    let by_key = plane
        .control
        .remove_person(&plane.admin(), ada.id(), None)
        .await;
    assert_eq!(refusal(by_key), Refusal::NeedsPerson);
    let entered = plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in");
    let owner = plane.permit_of(&entered);
    plane.step();
    let proven = plane.control.proving(Some(crate::Proof {
        person: None,
        code: Code::parse(&shown.totp.shown_at(plane.now())).expect("a code"),
    }));
    let invited = proven
        .invite(&owner, named("bob@example.com"), role(Role::Admin))
        .await;
    let token = invited.expect("an invitation").1;
    let (bob, bobs) = plane.join(&token, "Bob").await;
    let bob_in = plane
        .enter("bob@example.com", &bobs)
        .await
        .expect("signs in");
    let admin = plane.permit_of(&bob_in);
    let control = &plane.control;
    let not_allowed = Refusal::NotAllowed(Area::People);
    let owners = control
        .invite(&admin, named("eve@example.com"), role(Role::Owner))
        .await;
    assert_eq!(refusal(owners), not_allowed);
    let own = control
        .change_person(&admin, bob.id(), None, role(Role::Owner))
        .await;
    assert_eq!(refusal(own), not_allowed);
    let above = control
        .change_person(&admin, ada.id(), None, role(Role::Viewer))
        .await;
    assert_eq!(refusal(above), not_allowed);
    let above = control.remove_person(&admin, ada.id(), None).await;
    assert_eq!(refusal(above), not_allowed);
    // A developer manages nobody, and no keys either.
    let token = plane
        .invited(&admin, "cy@example.com", role(Role::Developer))
        .await;
    let (cy, cys) = plane.join(&token, "Cy").await;
    let cy_in = plane.enter("cy@example.com", &cys).await.expect("signs in");
    let developer = plane.permit_of(&cy_in);
    control
        .create_pool(&developer, super::pool("made"))
        .await
        .expect("a pool");
    let invited = control
        .invite(&developer, named("z@example.com"), role(Role::Viewer))
        .await;
    assert_eq!(refusal(invited), not_allowed);
    let draft = plane.key_draft("k", "[]");
    let made = control.create_key(&developer, draft).await;
    assert_eq!(refusal(made), Refusal::NotAllowed(Area::Keys));
    // A role that changes is another one for the next call, and for the one under way.
    control
        .change_person(&admin, cy.id(), None, role(Role::Analyst))
        .await
        .expect("changes");
    let late = control.create_pool(&developer, super::pool("late")).await;
    assert_eq!(refusal(late), Refusal::CallerChanged);
    let access = control.enter(&cy_in.token, None).expect("is let in");
    assert!(access.permit::<Admin>(On::Project).is_err());
}

#[tokio::test]
async fn k10_no_password_code_or_token_is_in_the_file() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let entered = plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in");
    let owner = plane.permit_of(&entered);
    let invited = plane
        .invited(&owner, "bob@example.com", role(Role::Viewer))
        .await;
    plane.control.close().await.expect("closes");
    let bytes = std::fs::read(plane.file()).expect("reads");
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(holds(b"ada@example.com"), "what is looked for can be found");
    let secret = shown.totp.reveal();
    for text in [
        PASSWORD,
        secret.as_str(),
        entered.token.reveal(),
        invited.reveal(),
    ] {
        assert!(!holds(text.as_bytes()), "{text}");
    }
    for code in &shown.recovery {
        assert!(!holds(code.reveal().as_bytes()));
    }
}

#[tokio::test]
async fn who_holds_the_machine_begins_anew_with_people_and_keys_stay() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let entered = plane.enter("ada@example.com", &shown).await;
    let entered = entered.expect("signs in");
    let owner = plane.permit_of(&entered);
    let token = plane
        .invited(&owner, "bob@example.com", role(Role::Viewer))
        .await;
    plane.control.forget_people().await.expect("forgets");
    assert!(plane.control.enter(&entered.token, None).is_err());
    let late = plane.control.accept_invitation(&token, new("Bob")).await;
    assert_eq!(refusal(late), Refusal::NoInvitation);
    let plane = plane.restarted().await;
    plane.owner().await;
    let audit = plane.audit().await;
    assert!(audit.contains(&("person.delete".to_owned(), "ada@example.com".to_owned())));
}
