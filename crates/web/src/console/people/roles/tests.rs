use model::filters::{Filter, parse_list};

use super::*;

fn rows(text: &str) -> Filter {
    let value = model::json::parse(text.as_bytes()).expect("JSON");
    parse_list(&value).expect("a filter")
}

fn a() -> Filter {
    rows(r#"[{"field":"customer","operator":"eq","value":"a"}]"#)
}

fn a_north() -> Filter {
    rows(
        r#"[{"field":"customer","operator":"eq","value":"a"},
            {"field":"region","operator":"eq","value":"north"}]"#,
    )
}

fn project() -> ProjectId {
    ProjectId::from_bytes([1; 16])
}

fn role(is_here: bool, role: Role, constraints: Option<Filter>) -> RoleGrant {
    RoleGrant {
        project: is_here.then(project),
        role,
        constraints,
    }
}

fn person(roles: Vec<RoleGrant>) -> PersonDraft {
    let name = "Bob".to_owned();
    PersonDraft { name, roles }
}

fn choose(here: Chosen, everywhere: Chosen) -> Choosing<'static> {
    Choosing {
        project: project(),
        here,
        everywhere,
        own: None,
        widens: false,
    }
}

const ADMIN: Chosen = Chosen::Role(Role::Admin);
const VIEWER: Chosen = Chosen::Role(Role::Viewer);

#[test]
fn another_role_keeps_the_rows_that_the_one_before_was_held_to() {
    let before = person(vec![role(true, Role::Analyst, Some(a()))]);
    let after = changed(&before, choose(ADMIN, Chosen::Same));
    assert_eq!(after, Ok(vec![role(true, Role::Admin, Some(a()))]));
    let before = person(vec![role(false, Role::Analyst, Some(a()))]);
    let after = changed(&before, choose(Chosen::Same, VIEWER));
    assert_eq!(after, Ok(vec![role(false, Role::Viewer, Some(a()))]));
}

#[test]
fn from_here_to_everywhere_and_back_the_rows_stay() {
    let before = person(vec![role(true, Role::Analyst, Some(a()))]);
    let after = changed(&before, choose(Chosen::None, VIEWER));
    assert_eq!(after, Ok(vec![role(false, Role::Viewer, Some(a()))]));
    let before = person(vec![role(false, Role::Analyst, Some(a()))]);
    let after = changed(&before, choose(ADMIN, Chosen::Same)).expect("a role of its own");
    assert_eq!(after[1], role(true, Role::Admin, Some(a())));
    let after = changed(&before, choose(ADMIN, Chosen::None));
    assert_eq!(after, Ok(vec![role(true, Role::Admin, Some(a()))]));
}

#[test]
fn a_role_that_falls_away_does_not_uncover_a_wider_one() {
    let before = person(vec![
        role(false, Role::Analyst, None),
        role(true, Role::Analyst, Some(a())),
    ]);
    let refused = changed(&before, choose(Chosen::None, Chosen::Same));
    assert_eq!(refused, Err(Refused("here", WIDER)));
    let meant = Choosing {
        widens: true,
        ..choose(Chosen::None, Chosen::Same)
    };
    assert_eq!(
        changed(&before, meant),
        Ok(vec![role(false, Role::Analyst, None)])
    );
}

#[test]
fn more_rows_come_into_sight_when_that_is_said_alone() {
    let before = person(vec![role(true, Role::Analyst, Some(a()))]);
    let meant = Choosing {
        widens: true,
        ..choose(ADMIN, Chosen::Same)
    };
    assert_eq!(
        changed(&before, meant),
        Ok(vec![role(true, Role::Admin, None)])
    );
}

#[test]
fn who_is_held_gives_no_more_than_the_own_rows_and_widens_nobody() {
    let own = a();
    let by_held = |before: &PersonDraft, widens| {
        let choosing = Choosing {
            own: Some(&own),
            widens,
            ..choose(VIEWER, Chosen::Same)
        };
        changed(before, choosing)
    };
    let narrower = person(vec![role(true, Role::Analyst, Some(a_north()))]);
    let kept = Ok(vec![role(true, Role::Viewer, Some(a_north()))]);
    assert_eq!(by_held(&narrower, false), kept);
    // Saying that more is meant reaches as far as the own rows.
    let widened = Ok(vec![role(true, Role::Viewer, Some(a()))]);
    assert_eq!(by_held(&narrower, true), widened);
    let free = person(vec![role(true, Role::Analyst, None)]);
    assert_eq!(by_held(&free, false), widened);
}

#[test]
fn what_was_not_shown_or_not_changed_stays_and_nobody_is_left_without_a_role() {
    let before = person(vec![
        role(false, Role::Owner, None),
        role(true, Role::Analyst, Some(a())),
    ]);
    let same = changed(&before, choose(Chosen::Same, Chosen::Same));
    assert_eq!(same, Ok(before.roles.clone()));
    let one = person(vec![role(true, Role::Analyst, None)]);
    let refused = changed(&one, choose(Chosen::None, Chosen::Same));
    assert_eq!(refused, Err(Refused("here", NO_ROLE)));
}
