//! What goes by the names of fields and is no key's grant: people's roles, and
//! what the holders of keys say for themselves.

use super::*;
use crate::tests::people::{named, role};
use model::filters::parse_list;
use model::people::{PersonDraft, Role, RoleGrant};

#[tokio::test]
async fn a_field_is_kept_while_tokens_of_a_key_may_name_it() {
    let plane = Plane::new().await;
    wide(&plane).await;
    let everything = r#"[{"on":"pool:*","actions":["extract"],"constraints":"all_rows"}]"#;
    let mut draft = plane.key_draft("derives", everything);
    draft.derived_tokens = true;
    let by = plane.admin();
    let made = plane.control.create_key(&by, draft.clone()).await;
    let (key, _) = made.expect("a key");
    for (gone, renamed) in [(&["a"][..], &[][..]), (&[], &[("a", "z")])] {
        let refused = refusal(change(&plane, gone, renamed).await);
        assert!(
            refused.contains("derived tokens of the key \"derives\""),
            "{refused}"
        );
    }
    draft.derived_tokens = false;
    let changed = plane.control.change_key(&by, key.id(), None, draft).await;
    changed.expect("is switched off");
    change(&plane, &["a"], &[("b", "c")])
        .await
        .expect("is free");
    // One that reaches nothing of the pool names none of its fields.
    let mut draft = plane.key_draft("elsewhere", "[]");
    draft.derived_tokens = true;
    let made = plane.control.create_key(&by, draft).await;
    made.expect("a key");
    change(&plane, &["amount"], &[]).await.expect("is free");
}

#[tokio::test]
async fn a_field_is_kept_that_a_role_or_an_invitation_is_held_by() {
    let plane = Plane::new().await;
    wide(&plane).await;
    let (owner, _) = plane.both_admins().await;
    let kept = async |user: &str| {
        for (gone, renamed) in [(&["a"][..], &[][..]), (&[], &[("a", "z")])] {
            let refused = refusal(change(&plane, gone, renamed).await);
            assert!(refused.contains(user), "{refused}");
        }
    };
    let held = r#"[{"any":[{"field":"a","operator":"eq","value":"x"},
        {"field":"a","operator":"exists","value":false}]}]"#;
    let viewer = PersonDraft {
        roles: vec![RoleGrant {
            project: Some(plane.project()),
            role: Role::Viewer,
            constraints: Some(parse_list(&value(held)).expect("a filter")),
        }],
        ..role(Role::Viewer)
    };
    let invited = plane
        .control
        .invite(&owner, named("eve@example.com"), viewer);
    let (_, token) = invited.await.expect("invites");
    // Somebody who did not come yet has it just as well.
    kept("the invitation of eve@example.com").await;
    let (eve, _) = plane.join(&token, "Eve").await;
    kept("the role of eve@example.com").await;
    let gone = plane.control.remove_person(&owner, eve.id(), None).await;
    gone.expect("goes");
    change(&plane, &["a"], &[]).await.expect("is free");
}

#[tokio::test]
async fn a_field_of_a_strict_pool_is_kept_while_scoped_keys_may_name_it() {
    let plane = Plane::new().await;
    plane.speaking(true).await;
    wide(&plane).await;
    for (gone, renamed) in [(&["a"][..], &[][..]), (&[], &[("a", "z")])] {
        let refused = refusal(change(&plane, gone, renamed).await);
        assert!(refused.contains("scoped keys"), "{refused}");
    }
    plane.off().await;
    change(&plane, &["a"], &[]).await.expect("is free");
}
