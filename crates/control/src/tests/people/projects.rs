//! Roles in several projects and over some rows: who is told of them, which
//! audit, and what asks for a code.

use model::audit::AuditEntry;
use model::filters::{Filter, parse_list};
use model::people::RoleGrant;

use super::*;

fn rows(text: &str) -> Filter {
    let list = model::json::parse(text.as_bytes()).expect("JSON");
    parse_list(&list).expect("a filter")
}

/// A role in a project, over the rows of a customer.
fn held(project: ProjectId, role: Role, customer: &str) -> RoleGrant {
    let list = format!(r#"[{{"field":"customer","operator":"eq","value":"{customer}"}}]"#);
    RoleGrant {
        project: Some(project),
        role,
        constraints: Some(rows(&list)),
    }
}

fn free(project: ProjectId, role: Role) -> RoleGrant {
    RoleGrant {
        project: Some(project),
        role,
        constraints: None,
    }
}

fn with(roles: &[RoleGrant]) -> PersonDraft {
    PersonDraft {
        name: "x".to_owned(),
        roles: roles.to_vec(),
    }
}

/// A plane with an owner, who proves each call, and a second project.
async fn two_projects() -> (Plane, crate::Shown, SignedIn, ProjectId) {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let entered = plane.enter("ada@example.com", &shown).await;
    let entered = entered.expect("signs in");
    let owner = plane.permit_of(&entered);
    let proven = plane.proven_by(&shown);
    let name = model::names::Name::parse("second").expect("a name");
    let (second, _) = proven.create_project(&owner, &name).await.expect("made");
    let token = proven.renewed().expect("another token");
    let entered = SignedIn { token, ..entered };
    (plane, shown, entered, second)
}

#[tokio::test]
async fn who_is_held_in_another_project_is_told_of_roles_over_those_rows_alone() {
    let (plane, shown, entered, second) = two_projects().await;
    let (first, owner) = (plane.project(), plane.permit_of(&entered));
    let mia = with(&[free(first, Role::Admin), held(second, Role::Admin, "a")]);
    let invited = plane.proven_by(&shown);
    let invited = invited.invite(&owner, named("mia@example.com"), mia).await;
    let (_, mias) = plane.join(&invited.expect("invites").1, "Mia").await;
    let mia = plane
        .enter("mia@example.com", &mias)
        .await
        .expect("signs in");
    let access = plane.control.enter(&mia.token, Some("default"));
    let by = access.expect("is let in").permit(On::Project);
    let by = by.expect("administers");
    let here = free(first, Role::Analyst);
    for (there, is_told) in [
        (held(second, Role::Analyst, "b"), false),
        (free(second, Role::Analyst), false),
        (held(second, Role::Analyst, "a"), true),
    ] {
        let told = plane.control.told_of(&by, &with(&[here.clone(), there]));
        assert_eq!(told.roles.len(), 1 + usize::from(is_told), "{told:?}");
        assert_eq!(told.roles[0], here);
    }
}

#[tokio::test]
async fn the_audit_of_a_project_tells_of_roles_that_reach_into_it_alone() {
    let (plane, _, entered, second) = two_projects().await;
    let first = plane.project();
    let owner = plane.permit_of(&entered);
    let there = |customer: &str| held(first, Role::Analyst, customer);
    let both = with(&[free(second, Role::Analyst), there("theirs")]);
    let other = with(&[there("others")]);
    // In the second project, by somebody who manages people in all of them.
    let token = entered.token.reveal().to_owned();
    let access = plane.control.enter(&entered.token, Some("second"));
    let by = access.expect("is let in").permit(On::Project);
    let by = by.expect("administers");
    let mut ids = Vec::new();
    for (name, draft) in [("bob@example.com", &both), ("eve@example.com", &other)] {
        let invited = plane.control.invite(&by, named(name), draft.clone()).await;
        let (person, _) = plane.join(&invited.expect("invites").1, "x").await;
        let changed = PersonDraft {
            name: "another".to_owned(),
            ..draft.clone()
        };
        let changed = plane.control.change_person(&by, person.id(), None, changed);
        changed.await.expect("changes");
        ids.push(person.id());
    }
    for id in ids {
        plane
            .control
            .remove_person(&by, id, None)
            .await
            .expect("goes");
    }
    let told = |entries: Vec<AuditEntry>| {
        let of_people = entries.into_iter().rev();
        let of_people = of_people.filter(|entry| entry.action.starts_with("person."));
        let texts = of_people.map(|entry| {
            let AuditEntry {
                action,
                subject_name,
                before,
                after,
                ..
            } = entry;
            format!("{action} {subject_name} {before:?} {after:?}")
        });
        texts.collect::<Vec<String>>()
    };
    let here = plane
        .control
        .audit_entries(&by, 1_000)
        .await
        .expect("reads");
    let here = told(here);
    let all = here.join("\n");
    assert!(!all.contains("theirs") && !all.contains("others"), "{all}");
    for name in ["eve@example.com", "fay@example.com"] {
        assert!(!all.contains(name), "{all}");
    }
    assert!(all.contains("person.invite bob@example.com"), "{all}");
    assert!(all.contains("person.delete bob@example.com"), "{all}");
    let home = plane
        .control
        .audit_entries(&owner, 1_000)
        .await
        .expect("reads");
    let home = told(home).join("\n");
    for text in [
        "theirs",
        "others",
        "person.delete eve@example.com",
        "person.change eve",
    ] {
        assert!(home.contains(text), "{text}: {home}");
    }
    assert!(!home.contains(&token));
}

#[tokio::test]
async fn k8_rows_that_a_role_held_somebody_from_are_given_with_a_code() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let entered = plane.enter("ada@example.com", &shown).await;
    let by = plane.permit_of(&entered.expect("signs in"));
    let over = |customer: Option<&str>| {
        let (project, analyst) = (plane.project(), Role::Analyst);
        with(&[match customer {
            Some(customer) => held(project, analyst, customer),
            None => free(project, analyst),
        }])
    };
    let invited = plane
        .control
        .invite(&by, named("bob@example.com"), over(None));
    let (bob, _) = plane.join(&invited.await.expect("invites").1, "Bob").await;
    let change = async |draft: PersonDraft| {
        let changed = plane.control.change_person(&by, bob.id(), None, draft);
        changed.await.map(drop)
    };
    // Fewer rows need none, and others or all of them do.
    change(over(Some("a"))).await.expect("narrows");
    for draft in [over(Some("b")), over(None), role(Role::Analyst)] {
        assert_eq!(refusal(change(draft).await), Refusal::NeedsCode);
    }
    let proven = plane.proven_by(&shown);
    let changed = proven.change_person(&by, bob.id(), None, over(None)).await;
    changed.expect("widens");
}
