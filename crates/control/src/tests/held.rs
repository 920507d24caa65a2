//! People and keys that are held to some rows, at the door of every change.

use model::filters::parse_list;
use model::people::{PersonDraft, Role, RoleGrant};

use super::people::role;
use super::*;
use crate::{Refusal, SignedIn};

const OF_93I: &str = r#"[{"field":"customer.id","operator":"eq","value":"93i"}]"#;
const ALL: &str = r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#;

impl Plane {
    /// Somebody who administers the project for one customer, signed in.
    async fn customers_admin(&self) -> SignedIn {
        self.both_admins().await.1
    }

    /// The owner, and the same.
    pub(super) async fn both_admins(&self) -> (Permit<Admin>, SignedIn) {
        let (_, ada) = self.owner().await;
        let entered = self.enter("ada@example.com", &ada).await;
        let by = self.permit_of(&entered.expect("signs in"));
        let draft = PersonDraft {
            roles: vec![RoleGrant {
                project: Some(self.project()),
                role: Role::Admin,
                constraints: Some(parse_list(&value(OF_93I)).expect("a filter")),
            }],
            ..role(Role::Viewer)
        };
        let proven = self.proven_by(&ada);
        let sign_in = super::people::named("cara@example.com");
        let (_, token) = proven.invite(&by, sign_in, draft).await.expect("invites");
        let (_, cara) = self.join(&token, "Cara").await;
        let entered = self.enter("cara@example.com", &cara).await;
        (by, entered.expect("signs in"))
    }
}

#[tokio::test]
async fn who_is_held_to_rows_changes_no_key_of_others_whichever_call_it_is() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let (others, _) = plane.key("others", ALL).await;
    let (alike, _) = plane
        .key("alike", &ALL.replace("\"all_rows\"", OF_93I))
        .await;
    let cara = plane.customers_admin().await;
    let by = plane.permit_of(&cara);
    let control = &plane.control;
    let absent = |outcome: Result<(), ControlError>| {
        assert!(
            matches!(outcome, Err(ControlError::NotFound)),
            "{outcome:?}"
        );
    };
    let picture = plane.picture();
    for key in [&others, &alike] {
        let id = key.id();
        absent(control.set_key_disabled(&by, id, true).await.map(drop));
        absent(control.delete_key(&by, id, None).await);
        let mut draft = plane.key_draft_over("renamed", "[]", Some(key));
        draft.description = "d".to_owned();
        absent(control.change_key(&by, id, None, draft).await.map(drop));
    }
    assert_eq!(plane.picture(), picture);
    // What it makes is within its rows, is known to be after a restart, and is its own to change.
    let draft = plane.key_draft("own", ALL);
    let (own, _) = control.create_key(&by, draft).await.expect("a key");
    assert!(by.access().knows(&own));
    let again = plane.restarted().await;
    let by = again.permit_of(&cara);
    let own = again.definitions().key(own.id()).cloned().expect("a key");
    assert!(by.access().knows(&own));
    assert!(again.admin().access().knows(&own));
    let off = again.control.set_key_disabled(&by, own.id(), true).await;
    assert!(off.expect("its own").is_disabled());
}

#[tokio::test]
async fn keys_made_for_one_customer_found_no_pool_and_move_no_records_of_others() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let cara = plane.customers_admin().await;
    let by = plane.permit_of(&cara);
    let writes = plane.key_draft("writes", r#"[{"on":"pool:*","actions":["ingest"]}]"#);
    let made = plane.control.create_key(&by, writes).await;
    let (own, secret) = made.expect("a key");
    assert!(by.access().knows(&own));
    let access = plane
        .control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("is let in");
    let name = model::names::Name::parse("new").expect("a name");
    let refused = access.permit_founding(&name).err();
    assert_eq!(refused, Some(model::permit::Denied::NotFound));
    let carried = || {
        let definitions = plane.definitions();
        let pool = definitions.pool("sales").cloned().expect("the pool");
        definitions.carried(&pool)
    };
    let before = format!("{:?}", carried());
    for number in 0..50 {
        let grants = format!(
            r#"[{{"on":"pool:sales","actions":["query"],"constraints":[{{"field":"amount","operator":"eq","value":{number}}}]}}]"#
        );
        let draft = plane.key_draft(&format!("k{number}"), &grants);
        plane.control.create_key(&by, draft).await.expect("a key");
    }
    assert_eq!(format!("{:?}", carried()), before);
}

/// A name that others have, here or elsewhere, is answered as one that nobody has.
#[tokio::test]
async fn who_is_held_to_rows_learns_of_no_name_by_inviting_and_takes_few_places() {
    let plane = Plane::new().await;
    let cara = plane.customers_admin().await;
    let by = plane.permit_of(&cara);
    let within = || PersonDraft {
        roles: vec![RoleGrant {
            project: Some(plane.project()),
            role: Role::Viewer,
            constraints: Some(parse_list(&value(OF_93I)).expect("a filter")),
        }],
        ..role(Role::Viewer)
    };
    let invite = async |name: &str| {
        let sign_in = super::people::named(name);
        plane.control.invite(&by, sign_in, within()).await
    };
    let known = count_of(&plane, &by);
    for name in ["ada@example.com", "nobody@example.com"] {
        let (invitation, token) = invite(name).await.expect("made alike");
        assert_eq!(invitation.sign_in.as_str(), name);
        let listed = plane.control.invitations(&by).expect("reads");
        assert!(listed.iter().any(|other| other.id == invitation.id));
        // The token of a name that somebody has is of no use, as one that has ended.
        let joined = plane
            .control
            .accept_invitation(&token, super::people::new("X"), None);
        let joined = joined.await;
        match name {
            "ada@example.com" => assert_eq!(
                super::people::refusal(joined.map(drop)),
                Refusal::NoInvitation
            ),
            _ => assert_eq!(joined.expect("joins").0.parts().sign_in.as_str(), name),
        }
    }
    // Of whom they know, they are told.
    for name in ["nobody@example.com", "cara@example.com"] {
        let taken = invite(name).await.map(drop);
        assert!(matches!(taken, Err(ControlError::NameTaken)), "{taken:?}");
    }
    assert_eq!(count_of(&plane, &by), known + 2);
    for number in known + 2..model::limits::PEOPLE_OF_ROWS_MAX {
        invite(&format!("p{number}@example.com"))
            .await
            .expect("a place");
    }
    let over = fault(invite("last@example.com").await.map(drop));
    assert_eq!(over.0, FaultCode::LimitExceeded);
}

fn count_of(plane: &Plane, by: &Permit<Admin>) -> usize {
    let people = plane.control.people_of(by).expect("reads").len();
    people + plane.control.invitations(by).expect("reads").len()
}

/// A name that somebody is invited under is kept for the first, whoever that is.
#[tokio::test]
async fn who_is_held_to_rows_takes_no_name_from_somebody_who_is_invited() {
    let plane = Plane::new().await;
    let (owner, cara) = plane.both_admins().await;
    let by = plane.permit_of(&cara);
    let within = PersonDraft {
        roles: vec![RoleGrant {
            project: Some(plane.project()),
            role: Role::Viewer,
            constraints: Some(parse_list(&value(OF_93I)).expect("a filter")),
        }],
        ..role(Role::Viewer)
    };
    let accept = async |token: &model::people::InvitationToken| {
        let joined = plane
            .control
            .accept_invitation(token, super::people::new("X"), None);
        joined.await.map(drop)
    };
    let first = plane
        .invited(&owner, "dan@example.com", role(Role::Viewer))
        .await;
    plane.clock.advance(std::time::Duration::from_secs(1));
    let second = plane.invited(&by, "dan@example.com", within.clone()).await;
    let refused = super::people::refusal(accept(&second).await);
    assert_eq!(refused, Refusal::NoInvitation);
    accept(&first).await.expect("joins");
    // In the other order the owner, who may know, is told.
    let first = plane.invited(&by, "eve@example.com", within).await;
    let sign_in = super::people::named("eve@example.com");
    let taken = plane
        .control
        .invite(&owner, sign_in, role(Role::Viewer))
        .await;
    assert!(matches!(taken.map(drop), Err(ControlError::NameTaken)));
    accept(&first).await.expect("joins");
}
