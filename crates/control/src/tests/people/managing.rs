//! Who makes, changes and removes whom.

use model::ids::PersonId;
use model::people::Area;

use super::*;

#[tokio::test]
async fn who_leaves_has_no_access_and_the_keys_that_were_made_live_on() {
    let plane = Plane::new().await;
    let (ada, shown) = plane.owner().await;
    let ada_in = plane
        .enter("ada@example.com", &shown)
        .await
        .expect("signs in");
    let owner = plane.permit_of(&ada_in);
    let proven = plane.proven_by(&shown);
    let invited = proven
        .invite(&owner, named("bob@example.com"), role(Role::Admin))
        .await;
    let token = invited.expect("an invitation").1;
    let renewed = proven.renewed().expect("another token");
    let (bob, bobs) = plane.join(&token, "Bob").await;
    // An invitation makes one person.
    let twice = plane
        .control
        .accept_invitation(&token, new("Eve"), None)
        .await;
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
async fn what_a_person_invited_others_to_ends_with_the_right_to_it() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let ada_in = plane.enter("ada@example.com", &shown).await;
    let owner = plane.permit_of(&ada_in.expect("signs in"));
    let invited = plane.proven_by(&shown);
    let invited = invited.invite(&owner, named("bob@example.com"), role(Role::Admin));
    let (_, token) = invited.await.expect("invites");
    let (bob, bobs) = plane.join(&token, "Bob").await;
    let bob_in = plane.enter("bob@example.com", &bobs).await;
    let bob_by = plane.permit_of(&bob_in.expect("signs in"));
    let second = plane.proven_by(&bobs);
    let second = second.invite(&bob_by, named("second@example.com"), role(Role::Admin));
    let (_, admins) = second.await.expect("invites");
    let people = || plane.control.invitations(&owner).expect("a list").len();
    assert_eq!(people(), 1);
    // An owner's own stays, whatever becomes of others.
    let mine = plane
        .control
        .invite(&owner, named("mine@example.com"), role(Role::Viewer));
    let (_, mine) = mine.await.expect("invites");
    let control = &plane.control;
    let changed = control.change_person(&owner, bob.id(), None, role(Role::Viewer));
    changed.await.expect("changes");
    let late = control
        .accept_invitation(&admins, new("Second"), None)
        .await;
    assert_eq!(refusal(late), Refusal::NoInvitation);
    assert_eq!(people(), 1);
    let audit = plane.audit().await;
    let ended = (
        "person.uninvite".to_owned(),
        "second@example.com".to_owned(),
    );
    assert!(audit.contains(&ended), "{audit:?}");
    control
        .accept_invitation(&mine, new("Mine"), None)
        .await
        .expect("joins");
}

#[tokio::test]
async fn who_leaves_takes_the_own_invitations_along() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let ada_in = plane.enter("ada@example.com", &shown).await;
    let owner = plane.permit_of(&ada_in.expect("signs in"));
    let proven = plane.proven_by(&shown);
    let invited = proven.invite(&owner, named("bob@example.com"), role(Role::Admin));
    let (_, token) = invited.await.expect("invites");
    let (bob, bobs) = plane.join(&token, "Bob").await;
    let bob_in = plane.enter("bob@example.com", &bobs).await;
    let by = plane.permit_of(&bob_in.expect("signs in"));
    let control = &plane.control;
    let invited = control.invite(&by, named("eve@example.com"), role(Role::Viewer));
    let (_, eves) = invited.await.expect("invites");
    let ada_in = proven.renewed().expect("another token");
    let owner = control.enter(&ada_in, None).expect("is let in");
    let owner = owner.permit(On::Project).expect("administers");
    let gone = control.remove_person(&owner, bob.id(), None).await;
    gone.expect("goes");
    let late = control.accept_invitation(&eves, new("Eve"), None).await;
    assert_eq!(refusal(late), Refusal::NoInvitation);
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
    let proven = plane.proven_by(&shown);
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
    let late = plane
        .control
        .accept_invitation(&token, new("Bob"), None)
        .await;
    assert_eq!(refusal(late), Refusal::NoInvitation);
    let plane = plane.restarted().await;
    plane.owner().await;
    let audit = plane.audit().await;
    assert!(audit.contains(&("person.delete".to_owned(), "ada@example.com".to_owned())));
}

#[tokio::test]
async fn every_session_of_a_person_ends_at_once_and_stays_ended() {
    let plane = Plane::new().await;
    let (ada, shown) = plane.owner().await;
    let ada_in = plane.enter("ada@example.com", &shown).await;
    let ada_in = ada_in.expect("signs in");
    let owner = plane.permit_of(&ada_in);
    let viewer = plane.invited(&owner, "bob@example.com", role(Role::Viewer));
    let (bob, bobs) = plane.join(&viewer.await, "Bob").await;
    let invited = plane.proven_by(&shown);
    let invited = invited.invite(&owner, named("cy@example.com"), role(Role::Admin));
    let (_, token) = invited.await.expect("invites");
    let (_, cys) = plane.join(&token, "Cy").await;
    let cy_in = plane.enter("cy@example.com", &cys).await.expect("signs in");
    let admin = plane.permit_of(&cy_in);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        plane.step();
        let entered = plane.enter("bob@example.com", &bobs).await;
        sessions.push(entered.expect("signs in").token);
    }
    let control = &plane.control;
    // An owner's are not an admin's to end, and no key ends any.
    let above = control.end_sessions_of(&admin, ada.id()).await;
    assert_eq!(refusal(above), Refusal::NotAllowed(Area::People));
    let by_key = control.end_sessions_of(&plane.admin(), bob.id()).await;
    assert_eq!(refusal(by_key), Refusal::NeedsPerson);
    let nobody = PersonId::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV").expect("an id");
    let nobody = control.end_sessions_of(&admin, nobody).await;
    assert!(matches!(nobody, Err(ControlError::NotFound)), "{nobody:?}");
    assert!(
        sessions
            .iter()
            .all(|token| control.enter(token, None).is_ok())
    );
    let before = plane.audit().await.len();
    let ended = control.end_sessions_of(&admin, bob.id()).await;
    assert_eq!(ended.expect("ends them"), 3);
    assert!(
        sessions
            .iter()
            .all(|token| control.enter(token, None).is_err())
    );
    assert!(control.enter(&cy_in.token, None).is_ok());
    let again = control.end_sessions_of(&admin, bob.id()).await;
    assert_eq!(again.expect("there are none"), 0);
    let audit = plane.audit().await;
    assert_eq!(audit.len(), before + 1, "{audit:?}");
    let plane = plane.restarted().await;
    assert!(
        sessions
            .iter()
            .all(|token| plane.control.enter(token, None).is_err())
    );
    plane.step();
    let anew = plane.enter("bob@example.com", &bobs).await;
    assert!(anew.is_ok(), "{anew:?}");
}
