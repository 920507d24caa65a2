use super::people::{named, refusal, role};
use super::*;
use crate::{Proof, Refusal, Shown, SignedIn};
use model::names::Name;
use model::people::{Code, PersonDraft, Role, RoleGrant};

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

impl Plane {
    /// A control plane that is shown Ada's next code.
    fn by_ada(&self, shown: &Shown) -> Control {
        self.step();
        let code = shown.totp.shown_at(self.now());
        self.control.proving(Some(Proof {
            person: Some(named("ada@example.com")),
            code: Code::parse(&code).expect("a code"),
        }))
    }

    async fn ada_in(&self) -> (Shown, SignedIn) {
        let (_, shown) = self.owner().await;
        let entered = self.enter("ada@example.com", &shown).await;
        (shown, entered.expect("signs in"))
    }
}

#[tokio::test]
async fn without_people_the_master_key_makes_projects_that_know_nothing_of_each_other() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let (_, limited) = plane.key("limited", &format!("[{ADMIN}]")).await;
    let by = plane.permit(&limited);
    let made = plane.control.create_project(&by, &name("made")).await;
    assert_eq!(refusal(made), Refusal::NeedsMasterKey);
    plane.clock.advance(std::time::Duration::from_secs(1));
    let (id, master) = plane
        .control
        .create_project(&plane.admin(), &name("made"))
        .await
        .expect("a project");
    let taken = plane
        .control
        .create_project(&plane.admin(), &name("made"))
        .await;
    assert!(matches!(taken, Err(ControlError::NameTaken)));
    // Whoever means a project by its id means no other that is called so.
    let like_an_id = name(&id.to_string());
    let by = plane.admin();
    let (code, detail) = fault(
        plane
            .control
            .change_project(&by, plane.project(), Some(&like_an_id), None)
            .await,
    );
    assert_eq!(code, FaultCode::InvalidName, "{detail}");
    let other = plane.permit(&master);
    assert_eq!(other.access().project(), id);
    assert_eq!(plane.control.definitions(id).pools().len(), 0);
    // A key knows of its own project alone.
    let known = |by: &Permit<Admin>| {
        let known = plane.control.known_projects(by);
        known.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(known(&other), [id]);
    assert_eq!(known(&plane.admin()), [plane.project()]);
    let renamed = plane
        .control
        .change_project(&other, plane.project(), Some(&name("mine")), None)
        .await;
    assert!(matches!(renamed, Err(ControlError::NotFound)));
    plane
        .control
        .change_project(&other, id, Some(&name("renamed")), None)
        .await
        .expect("is renamed");
    let taken = plane
        .control
        .change_project(&other, id, Some(&name("default")), None)
        .await;
    assert!(matches!(taken, Err(ControlError::NameTaken)));
    let deleted = plane.control.delete_project(&other, id).await;
    assert_eq!(refusal(deleted), Refusal::NeedsPerson);
    let plane = plane.restarted().await;
    assert_eq!(plane.control.definitions(id).project().name, "renamed");
    assert!(
        plane
            .control
            .authenticate(&master, &Circumstances::unknown())
            .is_ok()
    );
}

#[tokio::test]
async fn with_people_an_owner_or_admin_of_all_makes_and_deletes_projects() {
    let plane = Plane::new().await;
    let (shown, entered) = plane.ada_in().await;
    let owner = plane.permit_of(&entered);
    let by_key = plane
        .by_ada(&shown)
        .create_project(&plane.admin(), &name("made"))
        .await;
    assert_eq!(refusal(by_key), Refusal::NeedsPerson);
    let without = plane.control.create_project(&owner, &name("made")).await;
    assert_eq!(refusal(without), Refusal::NeedsCode);
    let before = plane.control.projects();
    let wrong = plane.control.proving(Some(Proof {
        person: None,
        code: Code::parse("000000").expect("a code"),
    }));
    assert_eq!(
        refusal(wrong.create_project(&owner, &name("made")).await),
        Refusal::WrongCode
    );
    assert_eq!(
        plane.control.projects(),
        before,
        "nothing is made, not even in memory"
    );
    let proven = plane.by_ada(&shown);
    let (id, master) = proven
        .create_project(&owner, &name("made"))
        .await
        .expect("a project");
    let token = proven.renewed().expect("another token");
    assert!(plane.control.enter(&token, Some("made")).is_ok());
    assert_eq!(plane.control.known_projects(&owner).len(), 2);

    // One who runs a single project makes and deletes none.
    let draft = in_project(id, Role::Developer);
    let invited = plane
        .control
        .invite(&owner, named("cy@example.com"), draft)
        .await;
    let (cy, cys) = plane.join(&invited.expect("an invitation").1, "Cy").await;
    let cy_in = plane.enter("cy@example.com", &cys).await.expect("signs in");
    let developer = plane.permit_of(&cy_in);
    assert_eq!(developer.access().project(), id, "the only one with a role");
    assert!(plane.control.known_projects(&developer).is_empty());
    assert!(plane.control.enter(&cy_in.token, Some("default")).is_err());

    // It is deleted when nothing is in it and nobody is only there.
    let by = plane.permit(&master);
    let pool = plane
        .control
        .create_pool(&by, super::pool("sales"))
        .await
        .expect("a pool");
    let used = plane.control.delete_project(&owner, id).await;
    let Err(ControlError::InUse(uses)) = used else {
        panic!("it is in use: {used:?}");
    };
    assert_eq!(uses, ["pool sales", "person cy@example.com"]);
    plane
        .control
        .delete_pool(&by, pool.id, None)
        .await
        .expect("goes");
    plane
        .control
        .change_person(&owner, cy.id(), None, role(Role::Viewer))
        .await
        .expect("changes");
    plane
        .control
        .delete_project(&owner, id)
        .await
        .expect("goes");
    assert!(
        plane
            .control
            .authenticate(&master, &Circumstances::unknown())
            .is_err()
    );
    assert_eq!(plane.control.projects(), before);
    let last = plane.control.delete_project(&owner, before[0]).await;
    assert_eq!(refusal(last), Refusal::LastProject);
    let plane = plane.restarted().await;
    assert!(
        plane
            .control
            .authenticate(&master, &Circumstances::unknown())
            .is_err()
    );
    assert_eq!(plane.control.projects(), before);
}

/// A role in one project.
fn in_project(project: ProjectId, role: Role) -> PersonDraft {
    PersonDraft {
        name: "x".to_owned(),
        roles: vec![RoleGrant {
            project: Some(project),
            role,
            constraints: None,
        }],
    }
}

#[tokio::test]
async fn a_projects_quota_is_set_by_who_makes_projects_and_is_there_after_a_restart() {
    let plane = Plane::new().await;
    let (own, id) = (plane.admin(), plane.project());
    let control = &plane.control;
    // The oldest project is the first one.
    plane.clock.advance(std::time::Duration::from_secs(1));
    let made = control.create_project(&own, &name("second")).await;
    let (there, token) = made.expect("a project");
    let other = plane.permit(&token);
    // Whoever administers one project could lift its own.
    let refused = control
        .change_project(&other, there, None, Some(Some(1)))
        .await;
    assert_eq!(super::people::refusal(refused), Refusal::NeedsMasterKey);
    let set = control
        .change_project(&own, id, None, Some(Some(5_000)))
        .await;
    set.expect("sets");
    let again = control
        .change_project(&own, id, None, Some(Some(5_000)))
        .await;
    again.expect("changes nothing");
    let renamed = control
        .change_project(&own, id, Some(&name("mine")), None)
        .await;
    renamed.expect("renames");
    let audit = plane.audit().await;
    let changes = audit
        .iter()
        .filter(|(action, _)| action == "project.change");
    assert_eq!(changes.count(), 2);
    let plane = plane.restarted().await;
    let project = plane.definitions().project().clone();
    assert_eq!(
        (project.name.as_str(), project.storage_bytes),
        ("mine", Some(5_000))
    );
    let lifted = plane
        .control
        .change_project(&plane.admin(), id, None, Some(None))
        .await;
    lifted.expect("lifts");
    let plane = plane.restarted().await;
    assert_eq!(plane.definitions().project().storage_bytes, None);
}
