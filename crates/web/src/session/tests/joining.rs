//! Somebody who is here already is invited to another project: nobody is told
//! before the person joins.

use super::*;

/// Two projects with people of their own: Bob administers the second alone, Cara
/// looks at the first alone.
async fn two_projects(world: &World) -> (String, SignedIn, SignedIn) {
    let ada = first_signed_in(world).await;
    let made = json!({ "name": "second", "code": ada.code(world) });
    let made = ada.call(world, "POST /v1/projects", &made).await;
    let second = text(&made.expect(201).json(), "/id").to_owned();
    let projects = ada.call(world, "GET /v1/projects", &Json::Null).await;
    let projects = projects.expect(200).json();
    let first = projects["items"].as_array().expect("projects");
    let first = first.iter().find(|project| project["name"] != "second");
    let first = text(first.expect("the first one"), "/id").to_owned();
    let role = |role: &str, project: &str| json!([{ "role": role, "project": project }]);
    let bob = joined(world, &ada, "bob", role("admin", &second)).await;
    let cara = joined(world, &ada, "cara", role("viewer", &first)).await;
    (second, bob, cara)
}

async fn invite(world: &World, by: &SignedIn, name: &str, project: &str) -> Json {
    let roles = json!([{ "role": "analyst", "project": project }]);
    let draft = json!({ "sign_in": format!("{name}@example.com"), "roles": roles });
    let made = by.call(world, "POST /v1/invitations", &draft).await;
    made.expect(201).json()
}

/// What is the same in answers about different people.
fn alike(answer: &Json, name: &str) -> String {
    let mut answer = answer.clone();
    for of_its_own in ["id", "token", "created_at", "ends_at", "request_id"] {
        if let Some(members) = answer.as_object_mut() {
            members.remove(of_its_own);
        }
    }
    answer.to_string().replace(name, "somebody")
}

#[tokio::test]
async fn nobody_learns_by_inviting_who_works_in_another_project() {
    let world = World::with_sales().await;
    let (second, bob, cara) = two_projects(&world).await;
    let of_cara = invite(&world, &bob, "cara", &second).await;
    let of_dan = invite(&world, &bob, "dan", &second).await;
    assert_eq!(alike(&of_cara, "cara"), alike(&of_dan, "dan"));
    let listed = bob.call(&world, "GET /v1/invitations", &Json::Null).await;
    let listed = listed.expect(200).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    let audit = bob.call(&world, "GET /v1/audit", &Json::Null).await;
    let audit = audit.expect(200).text();
    assert_eq!(audit.matches("person.invite").count(), 2, "{audit}");
    // A second time each of them is refused alike.
    let mut refused = Vec::new();
    for name in ["cara", "dan"] {
        let roles = json!([{ "role": "viewer", "project": second }]);
        let draft = json!({ "sign_in": format!("{name}@example.com"), "roles": roles });
        let again = bob.call(&world, "POST /v1/invitations", &draft).await;
        refused.push(alike(&again.expect(409).json(), name));
    }
    assert_eq!(refused[0], refused[1]);
    // Whoever has the token and not the name is told as of one that has ended.
    let ended =
        json!({ "token": "A".repeat(43), "name": "X", "password": "violet harbour under glass" });
    let ended = world.call("", "POST /v1/invitations/accept", &ended).await;
    let body = json!({ "token": text(&of_cara, "/token"), "name": "X", "password": "violet harbour under glass" });
    let taken = world.call("", "POST /v1/invitations/accept", &body).await;
    assert_eq!(
        alike(&taken.expect(404).json(), "X"),
        alike(&ended.expect(404).json(), "X")
    );
    let people = bob.call(&world, "GET /v1/people", &Json::Null).await;
    assert!(!people.expect(200).text().contains("cara"));
    drop(cara);
}

#[tokio::test]
async fn whoever_is_here_joins_by_the_own_session_once() {
    let world = World::with_sales().await;
    let (second, bob, cara) = two_projects(&world).await;
    let invited = invite(&world, &bob, "cara", &second).await;
    let body = json!({ "token": text(&invited, "/token") });
    let accept = "POST /v1/invitations/accept";
    // Neither without a session, nor by somebody else's, nor from another site.
    world.call("", accept, &body).await.expect(401);
    bob.call(&world, accept, &body).await.expect(404);
    let elsewhere = SignedIn {
        cookie: std::sync::Mutex::new(cara.cookie()),
        site: "cross-site",
        app: model::people::Totp::parse(cara.app.reveal().as_str()).expect("a secret"),
        id: cara.id.clone(),
    };
    elsewhere.call(&world, accept, &body).await.expect(403);
    let half = json!({ "token": text(&invited, "/token"), "name": "Cara" });
    cara.call(&world, accept, &half).await.expect(400);
    let before = bob.call(&world, "GET /v1/people", &Json::Null).await;
    assert!(!before.expect(200).text().contains(&cara.id));

    let mut asked = crate::testing::request("", accept, &body);
    let from = crate::Proxies::default();
    let from = from.client("203.0.113.9".parse().expect("one"), asked.headers());
    asked.extensions_mut().insert(from);
    for (name, value) in [
        ("cookie", cara.cookie()),
        ("sec-fetch-site", "same-origin".to_owned()),
    ] {
        let value = value.parse().expect("a header");
        asked.headers_mut().insert(name, value);
    }
    let joined = world.send(asked).await.expect(200).json();
    assert_eq!(text(&joined, "/id"), cara.id);
    let roles = joined["roles"].as_array().expect("roles");
    assert_eq!(roles.len(), 2, "{joined}");
    cara.call(&world, accept, &body).await.expect(404);
    // Bob knows her from now on, by what reaches into his project.
    let people = bob.call(&world, "GET /v1/people", &Json::Null).await;
    let people = people.expect(200).json();
    let known = people["items"].as_array().expect("people");
    let known = known.iter().find(|person| person["id"] == cara.id.as_str());
    let known = known.expect("Bob knows Cara");
    assert_eq!(known["roles"].as_array().map(Vec::len), Some(1), "{known}");
    assert_eq!(known["roles"][0]["role"], "analyst");
    let audit = bob.call(&world, "GET /v1/audit", &Json::Null).await;
    let audit = audit.expect(200).json();
    let actor = format!("person:{}", cara.id);
    let entries = audit["items"].as_array().expect("entries");
    let change = entries
        .iter()
        .find(|entry| entry["action"] == "person.change");
    let change = change.expect("the audit tells of it");
    assert_eq!(change["actor"], actor.as_str());
    assert_eq!(change["address"], "203.0.113.9");
    assert!(!change.to_string().contains("viewer"), "{change}");
    // Of whom Bob knows he is told, and what she has is not taken away by another one.
    let roles = json!([{ "role": "viewer", "project": second }]);
    let draft = json!({ "sign_in": "cara@example.com", "roles": roles });
    let taken = bob.call(&world, "POST /v1/invitations", &draft).await;
    assert_eq!(taken.expect(409).code(), "name_taken");
}
