use std::num::NonZeroU32;

use super::people::{named, refusal, role};
use super::*;
use crate::{Proof, Refusal, Shown, SignedIn};
use model::credits::Tier;
use model::keys::{KeyCopy, KeyLimits};
use model::people::{Code, Role};
use sha2::{Digest, Sha256};

const DATA: &str = r#"{"on":"pool:*","actions":["query"],"constraints":"all_rows"}"#;

/// A project with Ada, an owner who is signed in.
pub(super) async fn with_ada() -> (Plane, Shown, SignedIn) {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let entered = plane.enter("ada@example.com", &shown).await;
    (plane, shown, entered.expect("signs in"))
}

impl Plane {
    /// A control plane that is shown the next code.
    pub(super) fn proven(&self, shown: &Shown, person: Option<&str>) -> Control {
        self.step();
        self.shown(&shown.totp.shown_at(self.now()), person)
    }

    pub(super) fn shown(&self, code: &str, person: Option<&str>) -> Control {
        self.control.proving(Some(Proof {
            person: person.map(named),
            code: Code::parse(code).expect("a code"),
        }))
    }

    pub(super) async fn last_audit(&self) -> Vec<(String, String)> {
        let mut audit = self.audit().await;
        audit.split_off(audit.len() - 2)
    }
}

#[tokio::test]
async fn without_people_a_key_needs_no_code() {
    let plane = Plane::new().await;
    plane.key("an admin", &format!("[{ADMIN}]")).await;
}

#[tokio::test]
async fn k8_what_widens_needs_a_code_and_what_narrows_needs_none() {
    let (plane, shown, _) = with_ada().await;
    let by = plane.admin();
    let control = &plane.control;
    let needed = |outcome: Result<Arc<KeyRecord>, ControlError>| {
        assert_eq!(refusal(outcome), Refusal::NeedsCode);
    };
    // A key that administers; one that does not needs none.
    let admin = plane.key_draft("an admin", &format!("[{ADMIN}]"));
    let made = control.create_key(&by, admin.clone()).await;
    needed(made.map(|(key, _)| key));
    let (plain, _) = plane.key("plain", &format!("[{DATA}]")).await;
    let proven = plane.proven(&shown, Some("ada@example.com"));
    let (key, _) = proven.create_key(&by, admin).await.expect("a key");
    assert!(proven.renewed().is_none(), "a key has no session");
    let audit = plane.last_audit().await;
    assert_eq!(audit[0].0, "key.create");
    assert_eq!(
        audit[1],
        ("person.step_up".to_owned(), "ada@example.com".to_owned())
    );
    // Off without, on with one.
    control
        .set_key_disabled(&by, key.id(), true)
        .await
        .expect("goes off");
    needed(control.set_key_disabled(&by, key.id(), false).await);
    let proven = plane.proven(&shown, Some("ada@example.com"));
    proven
        .set_key_disabled(&by, key.id(), false)
        .await
        .expect("goes on");
    // Wider grants and a later end; narrower ones and an earlier end.
    let of_93i = r#"[{"field":"customer.id","operator":"eq","value":"93i"}]"#;
    let narrow = DATA.replace(r#""all_rows""#, of_93i);
    let change = |grants: String, end: Option<&str>| {
        let key = plane.definitions().key(plain.id()).cloned().expect("a key");
        let mut draft = plane.key_draft_over("plain", &grants, Some(&key));
        draft.expires_at = end.map(|end| Timestamp::parse(end).expect("a time"));
        draft
    };
    let narrower = change(format!("[{narrow}]"), Some("2027-01-01T00:00:00Z"));
    control
        .change_key(&by, plain.id(), None, narrower)
        .await
        .expect("narrows");
    let earlier = change(format!("[{narrow}]"), Some("2026-12-01T00:00:00Z"));
    control
        .change_key(&by, plain.id(), None, earlier)
        .await
        .expect("narrows");
    for (grants, end) in [
        (DATA.to_owned(), Some("2026-12-01T00:00:00Z")),
        (
            narrow.replace("query", "extract"),
            Some("2026-12-01T00:00:00Z"),
        ),
        (narrow.clone(), Some("2026-12-01T00:00:01Z")),
        (narrow.clone(), None),
    ] {
        let wider = change(format!("[{grants}]"), end);
        needed(control.change_key(&by, plain.id(), None, wider).await);
    }
    control
        .delete_key(&by, plain.id(), None)
        .await
        .expect("goes");
}

#[tokio::test]
async fn a_new_name_that_keys_follow_needs_no_code() {
    let (plane, _, _) = with_ada().await;
    plane.pool("sales").await;
    let grants = format!("[{}]", DATA.replace("pool:*", "pool:sales"));
    let (key, _) = plane.key("k", &grants).await;
    let by = plane.admin();
    let id = plane.definitions().pool("sales").expect("a pool").id;
    let renamed = plane
        .control
        .change_pool(&by, id, None, super::pool("sold"))
        .await;
    renamed.expect("is renamed");
    let key = plane.definitions().key(key.id()).cloned().expect("a key");
    assert!(format!("{:?}", key.grants()).contains("sold"));
}

#[tokio::test]
async fn k8_a_code_is_used_up_by_the_change_that_it_was_sent_with_and_by_no_other() {
    let (plane, shown, _) = with_ada().await;
    let by = plane.admin();
    let admin = |name: &str| plane.key_draft(name, &format!("[{ADMIN}]"));
    plane.step();
    let code = shown.totp.shown_at(plane.now());
    let ada = Some("ada@example.com");
    // A change that is refused for another reason uses it up not.
    let nobodys = model::ids::KeyId::generate(plane.now(), &SeededRandom::new(1));
    let proven = plane.shown(&code, ada);
    let missing = proven.set_key_disabled(&by, nobodys, false).await;
    assert!(matches!(missing, Err(ControlError::NotFound)));
    let first = plane
        .shown(&code, ada)
        .create_key(&by, admin("first"))
        .await;
    first.expect("a key");
    let keys = plane.definitions().keys().count();
    let second = plane
        .shown(&code, ada)
        .create_key(&by, admin("second"))
        .await;
    assert_eq!(refusal(second), Refusal::WrongCode);
    assert_eq!(plane.definitions().keys().count(), keys, "nothing is made");
    let plane = plane.restarted().await;
    let by = plane.admin();
    let draft = plane.key_draft("third", &format!("[{ADMIN}]"));
    let third = plane.shown(&code, ada).create_key(&by, draft).await;
    assert_eq!(refusal(third), Refusal::WrongCode);
    assert_eq!(plane.definitions().keys().count(), keys);
    let people = plane.control.people_of(&by).expect("a list");
    assert_eq!(people[0].parts().by_keys.failures(), 2);
    assert_eq!(people[0].parts().attempts.failures(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k8_one_good_code_sent_with_a_hundred_changes_at_once_makes_one() {
    let (plane, shown, _) = with_ada().await;
    plane.step();
    let code = shown.totp.shown_at(plane.now());
    let before = plane.definitions().keys().count();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let control = plane.shown(&code, Some("ada@example.com"));
        let (by, draft) = (
            plane.admin(),
            plane.key_draft(&format!("{n}"), &format!("[{ADMIN}]")),
        );
        tasks.spawn(async move { control.create_key(&by, draft).await.is_ok() });
    }
    let made = tasks.join_all().await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
    assert_eq!(plane.definitions().keys().count(), before + 1);
}

#[tokio::test]
async fn k10_a_session_has_another_token_after_a_step_up() {
    let (plane, shown, entered) = with_ada().await;
    let by = plane.permit_of(&entered);
    let draft = plane.key_draft("an admin", &format!("[{ADMIN}]"));
    let without = plane.control.create_key(&by, draft.clone()).await;
    assert_eq!(refusal(without), Refusal::NeedsCode);
    // Nobody stands behind somebody else's session.
    let other = plane.proven(&shown, Some("bob@example.com"));
    assert_eq!(
        refusal(other.create_key(&by, draft.clone()).await),
        Refusal::WrongCode
    );
    let proven = plane.proven(&shown, None);
    proven.create_key(&by, draft).await.expect("a key");
    let token = proven.renewed().expect("another token");
    assert!(
        plane.control.enter(&entered.token, None).is_err(),
        "the one before"
    );
    let access = plane.control.enter(&token, None).expect("is let in");
    let session = access.person().expect("a person").session;
    assert_eq!(session, entered.session.id, "it is the same session");
    assert!(plane.control.is_current(by.access()));
    let plane = plane.restarted().await;
    assert!(plane.control.enter(&token, None).is_ok());
    assert!(plane.control.enter(&entered.token, None).is_err());
}

#[tokio::test]
async fn who_manages_no_keys_stands_behind_none() {
    let (plane, shown, entered) = with_ada().await;
    let owner = plane.permit_of(&entered);
    let token = plane
        .invited(&owner, "cy@example.com", role(Role::Developer))
        .await;
    let (_, cys) = plane.join(&token, "Cy").await;
    let draft = plane.key_draft("an admin", &format!("[{ADMIN}]"));
    for (who, shown) in [("cy@example.com", &cys), ("nobody@example.com", &shown)] {
        let proven = plane.proven(shown, Some(who));
        let made = proven.create_key(&plane.admin(), draft.clone()).await;
        assert_eq!(refusal(made), Refusal::WrongCode, "{who}");
    }
}

#[tokio::test]
async fn k8_a_role_that_manages_is_given_with_a_code() {
    let (plane, shown, entered) = with_ada().await;
    let owner = plane.permit_of(&entered);
    let invited = plane
        .control
        .invite(&owner, named("bob@example.com"), role(Role::Admin))
        .await;
    assert_eq!(refusal(invited), Refusal::NeedsCode);
    let token = plane
        .invited(&owner, "cy@example.com", role(Role::Viewer))
        .await;
    let (cy, _) = plane.join(&token, "Cy").await;
    let control = &plane.control;
    let wider = control
        .change_person(&owner, cy.id(), None, role(Role::Admin))
        .await;
    assert_eq!(refusal(wider), Refusal::NeedsCode);
    let proven = plane.proven(&shown, None);
    let wider = proven
        .change_person(&owner, cy.id(), None, role(Role::Admin))
        .await;
    wider.expect("is an admin now");
    let narrower = control
        .change_person(&owner, cy.id(), None, role(Role::Viewer))
        .await;
    narrower.expect("needs none");
    let gone = control.remove_person(&owner, cy.id(), None).await;
    gone.expect("needs none");
}

#[tokio::test]
async fn k8_to_take_a_roll_back_needs_a_code() {
    let (plane, shown, _) = with_ada().await;
    let by = plane.admin();
    let (key, old) = plane.key("plain", &format!("[{DATA}]")).await;
    let asked = model::json::parse(br#"{"grace":"24h"}"#).expect("JSON");
    let mut asked = model::document::Document::new(&asked).expect("an object");
    let asked = model::keys::Roll::read(&mut asked).expect("a roll");
    let proven = plane.proven(&shown, Some("ada@example.com"));
    let rolled = proven.roll_key(&by, key.id(), asked, None).await;
    rolled.expect("rolls");
    // Whoever has the old secret would make it last for ever.
    let undone = plane.control.undo_roll(&by, key.id(), true).await;
    assert_eq!(refusal(undone), Refusal::NeedsCode);
    let proven = plane.proven(&shown, Some("ada@example.com"));
    let undone = proven
        .undo_roll(&by, key.id(), true)
        .await
        .expect("goes back");
    assert_eq!(undone.secrets().len(), 1);
    assert_eq!(undone.secrets()[0].id, old.id());
}

#[tokio::test]
async fn k8_what_opens_a_resource_to_pages_or_tiers_needs_a_code_and_what_closes_it_none() {
    let (plane, shown, _) = with_ada().await;
    let by = plane.admin();
    let control = &plane.control;
    let ada = Some("ada@example.com");
    let pool = plane.pool("sales").await;
    let view = plane.view("v", "sales").await;
    let pool_as = |change: &dyn Fn(&mut model::pools::PoolDraft)| {
        let definitions = plane.definitions();
        let mut draft = definitions
            .pool_by_id(pool.id)
            .expect("a pool")
            .draft
            .clone();
        change(&mut draft);
        draft
    };
    let view_as = |change: &dyn Fn(&mut model::views::ViewDraft)| {
        let definitions = plane.definitions();
        let (view, _) = definitions.view_by_id(view.id).expect("a view");
        let mut draft = view.draft.clone();
        change(&mut draft);
        draft
    };
    // Public, of what is there and of what is made.
    let public = pool_as(&|pool| pool.public = true);
    let refused = control
        .change_pool(&by, pool.id, None, public.clone())
        .await;
    assert_eq!(refusal(refused), Refusal::NeedsCode);
    let mut born = public.clone();
    born.name = model::names::Name::parse("born").expect("a name");
    let refused = control.create_pool(&by, born).await;
    assert_eq!(refusal(refused), Refusal::NeedsCode);
    let public_view = view_as(&|view| view.public = true);
    let refused = control
        .change_view(&by, view.id, None, public_view.clone())
        .await;
    assert_eq!(refusal(refused), Refusal::NeedsCode);
    let mut born = public_view.clone();
    born.name = model::names::Name::parse("born").expect("a name");
    let refused = control.create_view(&by, born).await;
    assert_eq!(refusal(refused), Refusal::NeedsCode);
    let proven = plane.proven(&shown, ada);
    let changed = proven.change_pool(&by, pool.id, None, public).await;
    changed.expect("with a code");
    let proven = plane.proven(&shown, ada);
    let changed = proven.change_view(&by, view.id, None, public_view).await;
    changed.expect("with a code");
    // Something else of what is public, and public no more.
    let described = pool_as(&|pool| pool.description = "d".to_owned());
    let changed = control.change_pool(&by, pool.id, None, described).await;
    changed.expect("opens nothing");
    let private = pool_as(&|pool| pool.public = false);
    let changed = control.change_pool(&by, pool.id, None, private).await;
    changed.expect("closes");
    let private = view_as(&|view| view.public = false);
    let changed = control.change_view(&by, view.id, None, private).await;
    changed.expect("closes");
    // Another tier, once some key looks at all of it.
    let premium = || pool_as(&|pool| pool.tier = Tier::Premium);
    let core = || pool_as(&|pool| pool.tier = Tier::Core);
    let changed = control.change_pool(&by, pool.id, None, premium()).await;
    changed.expect("opens nothing");
    let of_tier = r#"{"on":"tier:core","actions":["read"],"constraints":"all_rows"}"#;
    plane.key("all of core", &format!("[{of_tier}]")).await;
    let refused = control.change_pool(&by, pool.id, None, core()).await;
    assert_eq!(refusal(refused), Refusal::NeedsCode);
    let own = view_as(&|view| view.tier = Some(Tier::Core));
    let refused = control.change_view(&by, view.id, None, own).await;
    assert_eq!(refusal(refused), Refusal::NeedsCode);
    let proven = plane.proven(&shown, ada);
    let changed = proven.change_pool(&by, pool.id, None, core()).await;
    changed.expect("with a code");
    let changed = control.change_pool(&by, pool.id, None, premium()).await;
    changed.expect("nobody looks at all of premium");
}

#[tokio::test]
async fn k8_a_copy_that_lasts_longer_than_its_original_needs_a_code_and_others_none() {
    let (plane, shown, _) = with_ada().await;
    let (by, control) = (plane.admin(), &plane.control);
    let hour = std::time::Duration::from_secs(3_600);
    let end = plane.now().checked_add(hour).expect("a time");
    let draft = KeyDraft {
        expires_at: Some(end),
        ..plane.key_draft("plain", &format!("[{DATA}]"))
    };
    let (first, _) = control.create_key(&by, draft).await.expect("a key");
    let copy = |expires_at: &str| {
        let body = value(&format!(r#"{{"expires_at":{expires_at}}}"#));
        let mut document = model::document::Document::new(&body).expect("an object");
        KeyCopy::read(&mut document).expect("legal")
    };
    let sooner = plane.now().checked_add(hour / 2).expect("a time");
    for allowed in [KeyCopy::default(), copy(&format!(r#""{sooner}""#))] {
        let made = control.copy_key(&by, first.id(), allowed).await;
        made.expect("needs none");
    }
    let later = end.checked_add(hour).expect("a time");
    for longer in ["null".to_owned(), format!(r#""{later}""#)] {
        let refused = control.copy_key(&by, first.id(), copy(&longer)).await;
        assert_eq!(refusal(refused), Refusal::NeedsCode, "{longer}");
        let proven = plane.proven(&shown, Some("ada@example.com"));
        let made = proven.copy_key(&by, first.id(), copy(&longer)).await;
        made.expect("with one");
    }
}

#[tokio::test]
async fn k8_the_audit_names_the_change_that_a_code_was_used_for() {
    let (plane, shown, _) = with_ada().await;
    let (by, control) = (plane.admin(), &plane.control);
    let limited = |draft: &KeyDraft, requests: u32| KeyDraft {
        limits: KeyLimits {
            requests_per_second: NonZeroU32::new(requests),
            ..KeyLimits::NONE
        },
        ..draft.clone()
    };
    let draft = plane.key_draft("plain", &format!("[{DATA}]"));
    let made = control.create_key(&by, limited(&draft, 1)).await;
    let (key, _) = made.expect("a key");
    let mut digests = Vec::new();
    for requests in [5, 6, 5] {
        let proven = plane.proven(&shown, Some("ada@example.com"));
        let wider = limited(key.draft(), requests);
        let changed = proven.change_key(&by, key.id(), None, wider).await;
        changed.expect("with a code");
        // The newest first.
        let entries = control.audit_entries(&by, 2).await.expect("reads");
        let (used, change) = (&entries[0], &entries[1]);
        assert_eq!(
            (used.action.as_str(), change.action.as_str()),
            ("person.step_up", "key.change")
        );
        let note = value(used.after.as_deref().expect("a note"));
        let note = note.as_object().expect("an object");
        let digest = note.get("change").and_then(|digest| digest.as_str());
        let digest = digest.expect("a text").to_owned();
        let mut hash = Sha256::new();
        let after = change.after.as_deref().expect("the key afterwards");
        for part in [change.action.as_str(), &change.subject_id, after] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let hash: [u8; 32] = hash.finalize().into();
        assert_eq!(digest, model::audit::Digest::from_bytes(hash).to_string());
        assert_eq!(digest.len(), 64);
        digests.push(digest);
        // Back to what it was, which needs no code.
        let narrower = limited(key.draft(), 1);
        let changed = control.change_key(&by, key.id(), None, narrower).await;
        changed.expect("narrows");
    }
    assert_ne!(digests[0], digests[1], "another limit is another change");
    assert_eq!(digests[0], digests[2], "the same change");
}
