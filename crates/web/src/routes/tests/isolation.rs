//! Projects of one server do not exist for each other, over every route.

use super::*;
use crate::testing::people::{first_signed_in, joined};

/// What a path and a body may name, each in a project where it is and where
/// nothing is.
struct Names {
    pool: &'static str,
    view: &'static str,
    saved: &'static str,
    kept: &'static str,
    dataset: &'static str,
    project: String,
    key: String,
    person: String,
    invitation: String,
    notice: String,
}

impl Names {
    fn path(&self, route: &Route) -> String {
        let id = if route.pattern.contains("/keys/") {
            &self.key
        } else if route.pattern.contains("/people/") {
            &self.person
        } else if route.pattern.contains("/notices/") {
            &self.notice
        } else {
            &self.invitation
        };
        route
            .pattern
            .replace("{pool}", self.pool)
            .replace("{view}", self.view)
            .replace("{saved}", self.saved)
            .replace(
                "{dataset}/results",
                &format!("{}/results?index_by=a", self.dataset),
            )
            .replace("{dataset}", self.dataset)
            .replace("{project}", &self.project)
            .replace("{jti}", &crate::testing::derived::id(1))
            .replace("{secret}", "AAAAAAAAAAAA")
            .replace("{id}", id)
    }

    /// A body that names what the path does not.
    fn body(&self, route: &Route) -> Json {
        let query = json!({ "analysis": "count", "pool": self.pool });
        match (route.method, route.pattern) {
            ("POST", "/v1/views") => json!({ "name": "made", "pool": self.pool,
                "shape": "records", "fields": [{ "field": "amount" }] }),
            ("POST", "/v1/saved-queries") => json!({ "name": "made", "query": query }),
            ("POST", "/v1/datasets") => dataset("made", self.pool),
            ("POST", "/v1/keys" | "/v1/issued-keys") => json!({ "name": "made", "grants": [{ "on":
                format!("pool:{}", self.pool), "actions": ["query"],
                "constraints": "all_rows" }] }),
            ("POST", "/v1/tickets") => json!({ "origin": "https://shop.example",
                "saved_query": self.kept }),
            ("POST", "/v1/query") => query,
            ("POST", "/v1/pools/{pool}/records") => json!([{ "customer": "a" }]),
            ("POST", "/v1/pools/{pool}/delete") => json!({ "all": true }),
            ("POST", "/v1/views/{view}/data") | ("PATCH", _) => json!({}),
            ("POST", "/v1/people/first") => crate::testing::people::first_owner(),
            ("POST", "/v1/invitations") => json!({ "sign_in": "x@example.com",
                "roles": [{ "role": "viewer" }] }),
            ("POST", "/v1/projects") => json!({ "name": "made" }),
            _ => Json::Null,
        }
    }

    /// An answer, with the name of that pool in it instead of this one's: no
    /// other name is in any answer.
    fn read_as(&self, other: &Self, reply: &Reply) -> String {
        let text = format!("{} {}", reply.status, reply.text());
        text.replace(self.pool, other.pool)
            .replace(reply.header("x-request-id"), "")
    }
}

#[tokio::test]
async fn a_project_does_not_exist_for_another_over_every_route() {
    let world = world().await;
    let ada = first_signed_in(&world).await;
    let me = ada
        .call(&world, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200)
        .json();
    let first = text(&me, "/project").to_owned();
    let only_there = json!([{ "project": first, "role": "viewer" }]);
    let bob = joined(&world, &ada, "bob", only_there.clone()).await;
    let draft = json!({ "sign_in": "cy@example.com", "roles": only_there });
    let invited = ada
        .call(&world, "POST /v1/invitations", &draft)
        .await
        .expect(201)
        .json();
    let (key, _) = world.key(json!([])).await;
    let made = json!({ "name": "elsewhere", "code": ada.code(&world) });
    let made = ada
        .call(&world, "POST /v1/projects", &made)
        .await
        .expect(201)
        .json();
    let other = text(&made, "/token").to_owned();

    let notice = notice(&world).await;
    let there = Names {
        pool: "sales",
        view: "all",
        saved: "total",
        kept: "kept",
        dataset: "daily",
        project: first.clone(),
        key,
        person: bob.id,
        invitation: text(&invited, "/id").to_owned(),
        notice,
    };
    let nobodys = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let nowhere = Names {
        pool: "nopool",
        view: "noview",
        saved: "nosaved",
        kept: "nokept",
        dataset: "nodaily",
        project: nobodys.to_owned(),
        key: nobodys.to_owned(),
        person: nobodys.to_owned(),
        invitation: nobodys.to_owned(),
        notice: nobodys.to_owned(),
    };
    let picture = || async {
        // First, so that the lists say the same of when the key was used.
        let rows = world.get("/v1/views/all/data").await.expect(200);
        let mut picture = rows.json()["data"].to_string();
        for list in [
            "pools",
            "views",
            "saved-queries",
            "datasets",
            "keys",
            "people",
            "invitations",
        ] {
            let list = ada
                .call(&world, &format!("GET /v1/{list}"), &Json::Null)
                .await;
            picture += &list.expect(200).text();
        }
        picture
    };
    let before = picture().await;
    let (mut compared, mut listed) = (0, 0);
    for route in ROUTES {
        if matches!(route.needs, Needs::Nothing | Needs::Session | Needs::Ticket) {
            continue;
        }
        // It only takes away, and nothing would be left to ask with.
        if route.pattern == "/v1/keys/self/revoke" {
            continue;
        }
        let call = |names: &Names| {
            let call = format!("{} {}", route.method, names.path(route));
            (call, names.body(route))
        };
        let (of_there, body) = call(&there);
        let from_there = world.call(&other, &of_there, &body).await;
        let names_something = route.pattern.contains('{') || body != nowhere.body(route);
        if names_something {
            let (of_nowhere, body) = call(&nowhere);
            let from_nowhere = world.call(&other, &of_nowhere, &body).await;
            let read = there.read_as(&nowhere, &from_there);
            assert_eq!(read, nowhere.read_as(&nowhere, &from_nowhere), "{of_there}");
            assert!(from_there.status >= 400, "{of_there}: {read}");
            compared += 1;
        } else {
            let read = from_there.text();
            for name in [
                &there.key,
                &there.person,
                &there.invitation,
                &there.notice,
                &there.project,
            ] {
                assert!(!read.contains(name.as_str()), "{of_there}: {read}");
            }
            listed += 1;
        }
    }
    assert!(
        compared >= 30 && listed >= 8,
        "{compared} compared, {listed} listed"
    );
    assert_eq!(picture().await, before, "nothing was changed");
    // The comparison can fail: in its own project the same key finds everything.
    let own = world
        .call(&world.admin, "GET /v1/pools/sales", &Json::Null)
        .await;
    assert_ne!(
        there.read_as(&nowhere, &own),
        nowhere.read_as(&nowhere, &world.get("/v1/pools/nopool").await)
    );
    // A pool of the same name is another pool, with records of its own.
    let pool = json!({ "name": "sales", "schema": "open" });
    world
        .call(&other, "POST /v1/pools", &pool)
        .await
        .expect(201);
    let record = json!([{ "customer": "z" }]);
    world
        .call(&other, "POST /v1/pools/sales/records", &record)
        .await
        .expect(200);
    let count = json!({ "analysis": "count", "pool": "sales" });
    let counted = world
        .call(&other, "POST /v1/query", &count)
        .await
        .expect(200)
        .json();
    assert_eq!(counted["result"], 1);
    assert_eq!(picture().await, before);
}
