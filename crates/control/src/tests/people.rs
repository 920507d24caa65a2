mod factors;
mod managing;
mod projects;
mod whence;

use std::time::Duration;

use super::*;
use crate::{NewPerson, OwnSession, Refusal, SecondFactor, Shown, SignIn, SignedIn};
use model::ids::SessionId;
use model::people::{
    Code, InvitationToken, Password, PersonDraft, PersonRecord, Role, RoleGrant, SignInName,
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
        address: None,
    }
}

pub(super) fn own(person: &PersonRecord, session: SessionId) -> OwnSession<'_> {
    OwnSession {
        person,
        session,
        address: None,
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

    /// A control plane that is shown this person's next code.
    pub(super) fn proven_by(&self, shown: &Shown) -> Control {
        self.step();
        let code = shown.totp.shown_at(self.now());
        self.control.proving(Some(crate::Proof {
            person: None,
            code: Code::parse(&code).expect("a code"),
        }))
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
        let joined = self.control.accept_invitation(token, new(name), None).await;
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
        .end_session(own(&ada, second.session.id), first.session.id)
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
    let late = plane
        .control
        .accept_invitation(&token, new("Bob"), None)
        .await;
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

#[tokio::test]
async fn k10_nor_while_its_owner_waits_for_a_code() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let missed = |shown: &Shown| {
        let good = shown.totp.shown_at(plane.now());
        let wrong = if good.as_str() == "000000" {
            "000001"
        } else {
            "000000"
        };
        SecondFactor::Code(Code::parse(wrong).expect("a code"))
    };
    for _ in 0..5 {
        let asked = sign_in("ada@example.com", PASSWORD, missed(&shown));
        assert_eq!(refusal(plane.control.sign_in(asked).await), Refusal::SignIn);
    }
    for name in ["ada@example.com", "nobody@example.com"] {
        let asked = sign_in(name, OTHER_PASSWORD, missed(&shown));
        assert_eq!(
            refusal(plane.control.sign_in(asked).await),
            Refusal::SignIn,
            "{name}"
        );
    }
    // Whoever knows the password is told.
    let early = plane.enter("ada@example.com", &shown).await;
    let wait = Some(Duration::from_secs(30));
    assert_eq!(refusal(early), Refusal::TooManyAttempts { wait });
    plane.step();
    plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in");
}

#[tokio::test]
async fn what_is_kept_of_a_session_goes_with_it_also_when_nobody_ends_it() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let entered = plane.enter("ada@example.com", &shown).await;
    let token = entered.expect("signs in").token;
    let address: std::net::IpAddr = "198.51.100.7".parse().expect("an address");
    let seen = Circumstances::from_address(Some(address));
    plane.control.note_session(&token, &seen);
    plane.control.save_last_used().await.expect("saved");
    plane.clock.advance(Duration::from_secs(3_600));
    plane.control.save_last_used().await.expect("saved");
    assert!(plane.control.session(&token).is_err());
    plane.control.close().await.expect("closes");
    assert_eq!(count(&plane.file(), "sessions").await, 0);
    // Not even in the free pages of the file.
    let file = std::fs::read(plane.file()).expect("a file");
    let network = b"198.51.100.0/24";
    assert!(!file.windows(network.len()).any(|part| part == network));
}
