//! What each role gets from each page of a project, by GET and by POST.

use std::fmt::Write as _;
use std::path::Path;

use model::ids::ProjectId;
use model::people::{Area, Role};
use serde_json::{Value as Json, json};

use super::doors::{path_of, stocked};
use super::world::{OWN, between, browse, form_token};
use crate::console::routes::{For, PAGES};
use crate::testing::people::{SignedIn, first_signed_in, joined};
use crate::testing::{World, committed, text};

/// What pages of this address are about; `None` for one that every role has.
fn area_of(pattern: &str) -> Option<Area> {
    let below = pattern.strip_prefix("/console/projects/{project}")?;
    let mut parts = below.split('/').skip(1);
    let (first, page) = (parts.next(), parts.nth(1));
    match first {
        None => None,
        Some("new-pool") => Some(Area::Definitions),
        Some("new-view" | "new-question" | "make-again") => Some(Area::Definitions),
        Some("views" | "saved" | "datasets") => match page {
            Some("change" | "delete") => Some(Area::Definitions),
            _ => Some(Area::ReadResults),
        },
        Some("explore") => Some(Area::ReadRecords),
        Some("pools") => match page {
            Some("settings" | "drop") => Some(Area::Definitions),
            Some("upload" | "remove") => Some(Area::WriteRecords),
            _ => Some(Area::ReadRecords),
        },
        Some("people") => Some(Area::People),
        Some("audit") => Some(Area::Audit),
        Some("settings") => Some(Area::Projects),
        Some("keys" | "usage" | "notices") => Some(Area::Keys),
        Some(other) => panic!("{other}: say here which area of a role it is for"),
    }
}

#[tokio::test]
async fn what_each_role_gets_from_each_page() {
    let world = stocked().await;
    let ada = first_signed_in(&world).await;
    let projects = ada.call(&world, "GET /v1/projects", &Json::Null).await;
    let projects = projects.expect(200).json();
    let id = text(&projects, "/items/0/id");
    let project = ProjectId::parse(id).expect("an id");
    let mut callers = Vec::new();
    for role in Role::ALL {
        let roles = json!([{ "role": role.name() }]);
        let person = joined(&world, &ada, role.name(), roles).await;
        callers.push((role.name().to_owned(), role, false, person));
    }
    for role in [Role::Admin, Role::Analyst] {
        let roles = json!([{ "role": role.name(), "project": id,
            "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }]);
        let name = format!("held-{}", role.name());
        let person = joined(&world, &ada, &name, roles).await;
        callers.push((name, role, true, person));
    }
    let mut table = format!("{:<72}", "");
    for (name, ..) in &callers {
        write!(table, " {name:<12}").expect("memory");
    }
    table = table.trim_end().to_owned() + "\n";
    for page in PAGES.iter().filter(|page| page.of == For::Role) {
        // What is asked of rows is asked of some that are there.
        let of_rows = [
            "/pools/{id}",
            "/views/{id}",
            "/saved/{id}",
            "/datasets/{id}",
        ];
        let is_of_rows = of_rows.iter().any(|below| page.pattern.contains(below));
        let path = match is_of_rows && page.method == "GET" {
            true => path_of(page, &world, &ada).await,
            false => page.pattern.replace("{project}", "default"),
        };
        let call = format!(
            "{} {}",
            page.method,
            path.replace("{id}", "none")
                .replace("{grant}", "none")
                .replace("{secret}", "none")
                .replace("{token}", "none")
        );
        let mut line = format!("{:<4} {:<67}", page.method, page.pattern);
        for (name, role, is_held, person) in &callers {
            let token = form_token(&world, person, project);
            let form = [("_token", token.as_str())];
            let form = (page.method == "POST").then_some(&form[..]);
            let reply = browse(&world, &call, &person.cookie(), OWN, form).await;
            let has = area_of(page.pattern)
                .is_none_or(|area| role.may(area) && (!is_held || area.is_within_rows()));
            assert_eq!(
                reply.status != 403,
                has,
                "{call} by {name}: {}",
                reply.text()
            );
            write!(line, " {:<12}", reply.status).expect("memory");
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    committed(Path::new("page-by-role.txt"), &table);
}

/// What a role in the project is held to, and which it is, as the API says.
async fn roles_of(world: &World, by: &SignedIn, id: &str) -> Json {
    let call = format!("GET /v1/people/{id}");
    let person = by.call(world, &call, &Json::Null).await.expect(200).json();
    person["roles"].clone()
}

#[tokio::test]
async fn a_role_is_exchanged_within_its_rows_and_nothing_is_stored_that_cannot_be_read() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let projects = ada.call(&world, "GET /v1/projects", &Json::Null).await;
    let projects = projects.expect(200).json();
    let id = text(&projects, "/items/0/id");
    let project = ProjectId::parse(id).expect("an id");
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    let held = json!([{ "role": "analyst", "project": id, "constraints": rows }]);
    let bob = joined(&world, &ada, "bob", held).await;
    let path = format!("/console/projects/default/people/{}", bob.id);
    let change = async |here: &str, everywhere: &str, more: &[(&str, &str)]| {
        let call = format!("GET {path}");
        let page = browse(&world, &call, &ada.cookie(), OWN, None)
            .await
            .expect(200)
            .text();
        let revision = between(&page, "name=\"revision\" value=\"", "\"").to_owned();
        let token = form_token(&world, &ada, project);
        let mut form = vec![
            ("_token", token.as_str()),
            ("name", "Bob"),
            ("revision", &revision),
            ("here", here),
            ("everywhere", everywhere),
        ];
        form.extend(more);
        browse(
            &world,
            &format!("POST {path}"),
            &ada.cookie(),
            OWN,
            Some(&form),
        )
        .await
    };
    // Roles that cannot be held to rows, or cannot be in one project.
    for (here, everywhere) in [
        ("owner", ""),
        ("", "owner"),
        ("", "admin"),
        ("", "developer"),
    ] {
        let reply = change(here, everywhere, &[]).await.expect(400);
        assert!(
            reply.text().contains("id=\"e-here\""),
            "{here} {everywhere}"
        );
        assert_eq!(roles_of(&world, &ada, &bob.id).await[0]["role"], "analyst");
    }
    assert_eq!(change("", "", &[]).await.status, 422);
    change("viewer", "", &[]).await.expect(303);
    let roles = roles_of(&world, &ada, &bob.id).await;
    assert_eq!(
        (&roles[0]["role"], &roles[0]["constraints"]),
        (&json!("viewer"), &rows)
    );
    change("", "analyst", &[]).await.expect(303);
    let roles = roles_of(&world, &ada, &bob.id).await;
    assert_eq!(
        (&roles[0]["project"], &roles[0]["constraints"]),
        (&Json::Null, &rows)
    );
    // More rows here alone, which asks for a code and keeps what was ticked.
    let asked = change("analyst", "analyst", &[("widens", "yes")]).await;
    let asked = asked.text();
    assert!(asked.contains("id=\"e-code\""), "{asked}");
    let ticked = "name=\"widens\" value=\"yes\" checked";
    assert!(asked.contains(ticked), "{asked}");
    let code = ada.code(&world);
    change("analyst", "analyst", &[("widens", "yes"), ("code", &code)])
        .await
        .expect(303);
    let call = format!("GET /v1/people/{}", bob.id);
    let bob = world.call(&world.admin, &call, &Json::Null).await;
    let roles = bob.expect(200).json()["roles"].clone();
    let everywhere = |role: &Json| role["project"] == Json::Null;
    for role in roles.as_array().expect("roles") {
        let held = if everywhere(role) {
            rows.clone()
        } else {
            Json::Null
        };
        assert_eq!(role["constraints"], held, "{roles}");
    }
    assert_eq!(roles.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn rows_of_a_role_are_given_by_the_forms() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let projects = ada.call(&world, "GET /v1/projects", &Json::Null).await;
    let projects = projects.expect(200).json();
    let id = text(&projects, "/items/0/id");
    let project = ProjectId::parse(id).expect("an id");
    let send = async |path: &str, form: &[(&str, &str)]| {
        let token = form_token(&world, &ada, project);
        let form = [&[("_token", token.as_str()), ("held", "shown")], form].concat();
        let call = format!("POST /console/projects/default{path}");
        browse(&world, &call, &ada.cookie(), OWN, Some(&form)).await
    };
    let of_a = [
        ("field_1", "customer"),
        ("operator_1", "eq"),
        ("value_1", "a"),
    ];
    let invite = |role: &'static str| {
        let own = [
            ("sign_in", "eve@example.com"),
            ("role", role),
            ("place", "here"),
        ];
        [&own[..], &of_a].concat()
    };
    // An owner has every row, and the form says so.
    let owner = send("/people/invite", &invite("owner")).await.expect(400);
    assert!(owner.text().contains("id=\"e-role\""), "{}", owner.text());
    send("/people/invite", &invite("analyst")).await.expect(200);
    let invitations = ada.call(&world, "GET /v1/invitations", &Json::Null).await;
    let invitations = invitations.expect(200).json();
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    assert_eq!(invitations["items"][0]["roles"][0]["constraints"], rows);

    let free = json!([{ "role": "analyst", "project": id }]);
    let bob = joined(&world, &ada, "bob", free).await;
    let own = format!("/people/{}", bob.id);
    let change = async |rows: &[(&str, &str)]| {
        let call = format!("GET /console/projects/default{own}");
        let page = browse(&world, &call, &ada.cookie(), OWN, None).await;
        let page = page.expect(200).text();
        let revision = between(&page, "name=\"revision\" value=\"", "\"").to_owned();
        let role = [
            ("name", "Bob"),
            ("revision", &*revision),
            ("here", "analyst"),
        ];
        (page.clone(), send(&own, &[&role[..], rows].concat()).await)
    };
    change(&of_a).await.1.expect(303);
    assert_eq!(
        roles_of(&world, &ada, &bob.id).await[0]["constraints"],
        rows
    );
    let half = [("field_1", "customer")];
    let (page, refused) = change(&half).await;
    assert!(page.contains("name=\"value_1\" value=\"a\""), "{page}");
    assert!(refused.expect(422).text().contains("id=\"e-field_1\""));
    // Fewer conditions are more rows, which must be meant.
    let refused = change(&[]).await.1.expect(422).text();
    assert!(refused.contains("id=\"e-here\""), "{refused}");
    assert_eq!(
        roles_of(&world, &ada, &bob.id).await[0]["constraints"],
        rows
    );
}
