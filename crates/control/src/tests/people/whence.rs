//! From where a person's own changes come, in the audit.

use std::collections::BTreeSet;

use super::*;
use model::ids::PersonId;

const ADDRESS: &str = "203.0.113.9";

fn seen<'a>(person: &'a PersonRecord, signed_in: &SignedIn) -> OwnSession<'a> {
    OwnSession {
        address: Some(ADDRESS.parse().expect("an address")),
        ..own(person, signed_in.session.id)
    }
}

impl Plane {
    async fn enter_from(&self, second: SecondFactor) -> Result<SignedIn, ControlError> {
        let mut asked = sign_in("bob@example.com", PASSWORD, second);
        asked.address = Some(ADDRESS.parse().expect("an address"));
        self.control.sign_in(asked).await
    }

    /// The actions of this person that the audit has, all from the one address.
    async fn actions_of(&self, actors: &[String]) -> BTreeSet<String> {
        let entries = self.control.audit_entries(&self.admin(), 200).await;
        let entries = entries.expect("entries").into_iter();
        let own = entries.filter(|entry| actors.contains(&entry.actor));
        own.map(|entry| {
            let from = entry.address.map(|address| address.to_string());
            assert_eq!(from.as_deref(), Some(ADDRESS), "{}", entry.action);
            entry.action
        })
        .collect()
    }
}

fn named_person(id: PersonId) -> String {
    format!("person:{id}")
}

#[tokio::test]
async fn k20_whatever_a_person_changes_of_the_own_access_says_from_where() {
    let plane = Plane::new().await;
    let (_, owners) = plane.owner().await;
    let control = &plane.control;
    let address = Some(ADDRESS.parse().expect("an address"));
    let ada = plane.enter("ada@example.com", &owners).await.expect("in");
    let by = plane.permit_of(&ada);
    let proven = plane.proven_by(&owners);
    let invited = proven.invite(&by, named("bob@example.com"), role(Role::Viewer));
    let (invitation, token) = invited.await.expect("an invitation");
    let joined = control.accept_invitation(&token, new("Bob"), address);
    let (bob, shown) = joined.await.expect("a person");

    // A good code, a wrong one, and each change of what lets in.
    let first = plane.enter_from(plane.code(&shown)).await.expect("in");
    plane.step();
    let wrong = SecondFactor::Code(Code::parse("000000").expect("a code"));
    assert_eq!(refusal(plane.enter_from(wrong).await), Refusal::SignIn);
    plane.clock.advance(Duration::from_secs(600));
    let password = |text: &str| Password::presented(text).expect("fits");
    let choose = |text: &str| Password::choose(text, &[]).expect("a good one");
    let changed = control.change_password(
        seen(&bob, &first),
        password(PASSWORD),
        plane.code(&shown),
        choose(OTHER_PASSWORD),
    );
    let second = changed.await.expect("another password");
    plane.step();
    let here = seen(&second.person, &second);
    let offered = control.offer_factors(here, password(OTHER_PASSWORD), plane.code(&shown));
    let offered = offered.await.expect("an offer");
    let text = offered.totp.shown_at(plane.now());
    let confirmed = control.confirm_factors(here, Code::parse(&text).expect("a code"));
    let third = confirmed.await.expect("other factors");
    let here = seen(&third.person, &third);
    let ended = control.end_session(here, third.session.id).await;
    ended.expect("ended");

    let actors = [
        named_person(bob.id()),
        format!("invitation:{}", invitation.id),
    ];
    let actions = plane.actions_of(&actors).await;
    let all = [
        "person.create",
        "person.sign_in",
        "person.code_refused",
        "person.password",
        "person.factors_offered",
        "person.factors",
        "person.sign_out",
    ];
    let all: BTreeSet<String> = all.into_iter().map(str::to_owned).collect();
    assert_eq!(actions, all);
}
