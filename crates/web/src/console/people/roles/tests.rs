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
        rows: Rows::Same,
        shown: None,
        own: None,
        widens: false,
    }
}

const ADMIN: Chosen = Chosen::Role(Role::Admin);
const VIEWER: Chosen = Chosen::Role(Role::Viewer);

#[test]
fn another_role_keeps_the_rows_that_the_one_before_was_held_to() {
    let before = person(vec![role(true, Role::Analyst, Some(a()))]);
    let after = changed(&before, &choose(ADMIN, Chosen::Same));
    assert_eq!(after, Ok(vec![role(true, Role::Admin, Some(a()))]));
    let before = person(vec![role(false, Role::Analyst, Some(a()))]);
    let after = changed(&before, &choose(Chosen::Same, VIEWER));
    assert_eq!(after, Ok(vec![role(false, Role::Viewer, Some(a()))]));
}

#[test]
fn from_here_to_everywhere_and_back_the_rows_stay() {
    let before = person(vec![role(true, Role::Analyst, Some(a()))]);
    let after = changed(&before, &choose(Chosen::None, VIEWER));
    assert_eq!(after, Ok(vec![role(false, Role::Viewer, Some(a()))]));
    let before = person(vec![role(false, Role::Analyst, Some(a()))]);
    let after = changed(&before, &choose(ADMIN, Chosen::Same)).expect("a role of its own");
    assert_eq!(after[1], role(true, Role::Admin, Some(a())));
    let after = changed(&before, &choose(ADMIN, Chosen::None));
    assert_eq!(after, Ok(vec![role(true, Role::Admin, Some(a()))]));
}

#[test]
fn a_role_that_falls_away_does_not_uncover_a_wider_one() {
    let before = person(vec![
        role(false, Role::Analyst, None),
        role(true, Role::Analyst, Some(a())),
    ]);
    let refused = changed(&before, &choose(Chosen::None, Chosen::Same));
    assert_eq!(refused, Err(Refused("here", WIDER)));
    let meant = Choosing {
        widens: true,
        ..choose(Chosen::None, Chosen::Same)
    };
    assert_eq!(
        changed(&before, &meant),
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
        changed(&before, &meant),
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
        changed(before, &choosing)
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
    let same = changed(&before, &choose(Chosen::Same, Chosen::Same));
    assert_eq!(same, Ok(before.roles.clone()));
    let one = person(vec![role(true, Role::Analyst, None)]);
    let refused = changed(&one, &choose(Chosen::None, Chosen::Same));
    assert_eq!(refused, Err(Refused("here", NO_ROLE)));
}

fn b() -> Filter {
    rows(r#"[{"field":"customer","operator":"eq","value":"b"}]"#)
}

/// These rows are said where others, or none, were shown.
fn say(shown: Option<Filter>, rows: Rows, here: Chosen, widens: bool) -> Choosing<'static> {
    Choosing {
        rows,
        shown,
        widens,
        ..choose(here, Chosen::Same)
    }
}

const ANALYST: Chosen = Chosen::Role(Role::Analyst);

#[test]
fn rows_that_are_said_are_those_of_the_role_here() {
    let before = person(vec![role(true, Role::Analyst, None)]);
    let held = vec![role(true, Role::Analyst, Some(a()))];
    let said = changed(&before, &say(None, Rows::Only(a()), Chosen::Same, false));
    assert_eq!(said.as_ref(), Ok(&held));
    // Fewer than before are taken as said; others are more, and that must be meant.
    let before = person(held);
    let fewer = changed(
        &before,
        &say(Some(a()), Rows::Only(a_north()), ADMIN, false),
    );
    assert_eq!(fewer, Ok(vec![role(true, Role::Admin, Some(a_north()))]));
    for other in [Rows::Only(b()), Rows::All] {
        let choosing = say(Some(a()), other.clone(), Chosen::Same, false);
        let refused = changed(&before, &choosing);
        assert_eq!(refused, Err(Refused("here", WIDER)), "{other:?}");
    }
    let meant = changed(&before, &say(Some(a()), Rows::Only(b()), ANALYST, true));
    assert_eq!(meant, Ok(vec![role(true, Role::Analyst, Some(b()))]));
    let all = changed(&before, &say(Some(a()), Rows::All, ANALYST, true));
    assert_eq!(all, Ok(vec![role(true, Role::Analyst, None)]));
    // What was shown and left is what is meant, also where more is said to be.
    let left = changed(&before, &say(Some(a()), Rows::Only(a()), ANALYST, true));
    assert_eq!(left, Ok(before.roles.clone()));
}

#[test]
fn rows_need_a_role_here() {
    let before = person(vec![role(false, Role::Analyst, Some(a()))]);
    let shown = || Some(a());
    // Those of the role everywhere are shown, and left.
    let same = changed(&before, &say(shown(), Rows::Only(a()), Chosen::Same, false));
    assert_eq!(same, Ok(before.roles.clone()));
    for rows in [Rows::Only(a_north()), Rows::All] {
        let nobody = changed(&before, &say(shown(), rows, Chosen::Same, true));
        assert_eq!(nobody, Err(Refused("here", NO_ROLE_HERE)));
    }
    // A role of its own here goes on to be held to what held the one everywhere.
    let own = changed(&before, &say(shown(), Rows::Only(a()), VIEWER, false));
    assert_eq!(own.expect("roles")[1], role(true, Role::Viewer, Some(a())));
    let wider = changed(&before, &say(shown(), Rows::All, VIEWER, false));
    assert_eq!(wider, Err(Refused("here", WIDER)));
    // Whoever takes the role away leaves its rows in the form.
    let both = person(vec![
        role(false, Role::Viewer, Some(a())),
        role(true, Role::Analyst, Some(a())),
    ]);
    let taken = changed(&both, &say(shown(), Rows::Only(a()), Chosen::None, false));
    assert_eq!(taken, Ok(vec![role(false, Role::Viewer, Some(a()))]));
}

#[test]
fn more_rows_here_are_no_more_rows_everywhere() {
    let held = role(false, Role::Viewer, Some(a()));
    for before in [
        person(vec![held.clone(), role(true, Role::Analyst, Some(a()))]),
        person(vec![held]),
    ] {
        for everywhere in [Chosen::Same, VIEWER, ANALYST] {
            let meant = Choosing {
                everywhere,
                ..say(Some(a()), Rows::Only(b()), ANALYST, true)
            };
            let after = changed(&before, &meant).expect("roles");
            let find = |is_here: bool| {
                let mut roles = after.iter();
                let found = roles.find(|role| role.project.is_some() == is_here);
                found.expect("a role").constraints.clone()
            };
            assert_eq!((find(true), find(false)), (Some(b()), Some(a())));
        }
    }
}

#[test]
fn more_rows_are_meant_of_the_role_that_counts_afterwards() {
    let before = person(vec![role(true, Role::Analyst, Some(a()))]);
    let meant = Choosing {
        widens: true,
        ..choose(Chosen::None, Chosen::Role(Role::Developer))
    };
    let after = changed(&before, &meant);
    assert_eq!(after, Ok(vec![role(false, Role::Developer, None)]));
    let before = person(vec![role(false, Role::Viewer, Some(a()))]);
    let meant = Choosing {
        widens: true,
        ..choose(Chosen::Same, ANALYST)
    };
    let after = changed(&before, &meant);
    assert_eq!(after, Ok(vec![role(false, Role::Analyst, None)]));
}

#[test]
fn who_is_held_says_rows_among_the_own() {
    let own = a();
    let choosing = Choosing {
        rows: Rows::Only(rows(
            r#"[{"field":"region","operator":"eq","value":"north"}]"#,
        )),
        own: Some(&own),
        ..choose(VIEWER, Chosen::Same)
    };
    let before = person(vec![role(true, Role::Analyst, Some(a()))]);
    let after = changed(&before, &choosing).expect("roles");
    let held = after[0].constraints.as_ref().expect("rows");
    assert!(held.says_all_of(&a_north()), "{held:?}");
    let all = Choosing {
        rows: Rows::All,
        ..choosing
    };
    assert_eq!(
        changed(&before, &all),
        Ok(vec![role(true, Role::Viewer, Some(a()))])
    );
}
