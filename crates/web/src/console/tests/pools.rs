//! Pools and their records in the console: made, filled, looked at, emptied, dropped.

use std::time::Duration;

use http::Request;
use model::ids::ProjectId;
use serde_json::{Value as Json, json};

use super::world::{OWN, between, browse, filled, form_token, open, with};
use crate::plane::PlaneError;
use crate::testing::people::{SignedIn, first_signed_in, joined};
use crate::testing::{Reply, World, text};

/// The id of the project, and of its oldest pool.
async fn ids(world: &World) -> (String, String) {
    let projects = world.get("/v1/projects").await.expect(200).json();
    let pools = world.get("/v1/pools").await.expect(200).json();
    let project = text(&projects, "/items/0/id").to_owned();
    (project, text(&pools, "/items/0/id").to_owned())
}

/// Sends a form about the project.
async fn send(world: &World, by: &SignedIn, path: &str, form: &[(&str, &str)]) -> Reply {
    let (project, _) = ids(world).await;
    let project = ProjectId::parse(&project).expect("an id");
    let token = form_token(world, by, project);
    let mut pairs = vec![("_token", token.as_str())];
    pairs.extend(form);
    let call = format!("POST /console/projects/default{path}");
    browse(world, &call, &by.cookie(), OWN, Some(&pairs)).await
}

async fn see(world: &World, by: &SignedIn, path: &str) -> Reply {
    open(world, by, &format!("/console/projects/default{path}")).await
}

/// Sends a form with a file as browsers do.
async fn send_file(world: &World, by: &SignedIn, path: &str, file: (&str, &str)) -> Reply {
    let (project, _) = ids(world).await;
    let token = form_token(world, by, ProjectId::parse(&project).expect("an id"));
    let (name, content) = file;
    let body = format!(
        "--b0\r\nContent-Disposition: form-data; name=\"_token\"\r\n\r\n{token}\r\n--b0\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n{content}\r\n--b0--\r\n"
    );
    let request = Request::builder()
        .method("POST")
        .uri(format!("/console/projects/default{path}"))
        .header("host", "tide.example")
        .header("cookie", by.cookie())
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "multipart/form-data; boundary=b0")
        .body(axum::body::Body::from(body));
    world.send(request.expect("a request")).await
}

/// Somebody who sees the rows of customer `a` alone.
async fn held(world: &World, by: &SignedIn, role: &str) -> SignedIn {
    let (project, _) = ids(world).await;
    let roles = json!([{ "role": role, "project": project,
        "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }]);
    joined(world, by, &format!("held-{role}"), roles).await
}

#[tokio::test]
async fn a_pool_is_made_field_by_field_and_what_is_wrong_is_said_at_its_place() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let empty = see(&world, &ada, "/pools").await.expect(200).text();
    assert!(empty.contains("Make the first one"), "{empty}");
    let form = [
        ("name", "visits"),
        ("schema", "strict"),
        ("field", "page"),
        ("type", "String"),
        ("required", "yes"),
        ("field", ""),
        ("type", ""),
        ("required", "no"),
        ("field", "at"),
        ("type", "DateTime"),
        ("required", "no"),
        ("time_field", "at"),
        ("retention_days", "30"),
    ];
    // More rows, and nothing typed is lost.
    let more: Vec<(&str, &str)> = form.into_iter().chain([("do", "more")]).collect();
    let path = "/console/projects/default/new-pool";
    let project = ada
        .call(&world, "GET /v1/projects", &Json::Null)
        .await
        .json();
    let project = ProjectId::parse(text(&project, "/items/0/id")).expect("an id");
    let send = async |form: &[(&str, &str)]| {
        let token = form_token(&world, &ada, project);
        let mut pairs = vec![("_token", token.as_str())];
        pairs.extend(form);
        browse(
            &world,
            &format!("POST {path}"),
            &ada.cookie(),
            OWN,
            Some(&pairs),
        )
        .await
    };
    let again = send(&more).await.expect(200).text();
    assert_eq!(again.matches("name=\"field\"").count(), 7);
    assert!(again.contains("value=\"page\"") && again.contains("value=\"30\""));
    for (name, value, marked) in [
        ("name", "a/b", "id=\"e-name\""),
        ("retention_days", "soon", "id=\"e-retention_days\""),
        ("time_field", "page", "id=\"e-time_field\""),
        ("type", "Number", "id=\"e-fields\">Field 1: "),
    ] {
        let mut wrong = form.to_vec();
        let place = wrong.iter().position(|(known, _)| *known == name);
        wrong[place.expect("a field")].1 = value;
        let html = send(&wrong).await.expect(400).text();
        assert!(html.contains(marked), "{name}: {html}");
    }
    let made = send(&form).await.expect(303);
    let there = made.header("location").to_owned();
    let html = open(&world, &ada, &there).await.expect(200).text();
    for way in ["for=write", "for=ask"] {
        let way = format!("keys/new?{way}&#38;on=pool%3Avisits");
        assert!(html.contains(&way), "{html}");
    }
    let pool = world.get("/v1/pools/visits").await.expect(200).json();
    assert_eq!(
        pool["fields"][0],
        json!({ "name": "page", "type": "String", "required": true })
    );
    assert_eq!(
        (&pool["time_field"], &pool["retention_days"]),
        (&json!("at"), &json!(30))
    );
    assert_eq!(send(&form).await.status, 409);
}

#[tokio::test]
async fn the_fields_of_a_sample_are_those_that_an_import_would_find() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let csv = "page,seconds,at\n/,12,2026-01-01T00:00:00Z\n/b,,2026-01-02T00:00:00Z\n";
    let html = send_file(&world, &ada, "/new-pool/sample", ("visits.csv", csv))
        .await
        .expect(200)
        .text();
    assert!(html.contains("name=\"name\" type=\"text\""), "{html}");
    assert!(html.contains("value=\"visits\""), "{html}");
    assert!(html.contains("<option selected>Int64</option>"), "{html}");
    assert!(
        html.contains("<option selected>DateTime</option>"),
        "{html}"
    );
    assert!(html.contains("in 1 of 2 records"), "{html}");
    let pasted = [("text", "{\"a\": 1}\n{\"a\": \"x\"}\n")];
    let html = send(&world, &ada, "/new-pool/sample", &pasted)
        .await
        .expect(200)
        .text();
    assert!(html.contains("values of several types"), "{html}");
    assert!(html.contains("value=\"open\" checked"), "{html}");
    for nothing in ["", "\n", "[]", "{", "a,a\n1,2\n"] {
        let reply = send(&world, &ada, "/new-pool/sample", &[("text", nothing)]).await;
        assert!(
            reply.expect(422).text().contains("id=\"e-text\""),
            "{nothing}"
        );
    }
    // Nothing was made of it.
    let pools = world.get("/v1/pools").await.expect(200).json();
    assert_eq!(pools["items"].as_array().expect("items").len(), 1);
}

#[tokio::test]
async fn numbers_and_rows_are_of_what_the_role_shows() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (_, pool) = ids(&world).await;
    let bob = held(&world, &ada, "analyst").await;
    for (by, records, foreign) in [(&ada, "5", true), (&bob, "3", false)] {
        let list = see(&world, by, "/pools").await.expect(200).text();
        assert!(
            list.contains(&format!(
                "<td class=\"number\" data-label=\"Records\">{records}</td>"
            )),
            "{list}"
        );
        for below in ["", "/records"] {
            let html = see(&world, by, &format!("/pools/{pool}{below}"))
                .await
                .expect(200)
                .text();
            assert!(html.contains("a1@example.com"), "{html}");
            assert_eq!(html.contains("b3@example.com"), foreign, "{below}");
        }
        let html = see(&world, by, &format!("/pools/{pool}")).await.text();
        assert!(
            html.contains(&format!("<strong>{records}</strong> records")),
            "{html}"
        );
        // How much is stored tells of all rows.
        assert_eq!(html.contains("</strong> stored"), foreign, "{html}");
        assert_eq!(html.contains("/settings"), foreign, "{html}");
    }
}

#[tokio::test]
async fn what_the_server_added_to_records_is_shown_when_it_is_asked_for() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = held(&world, &ada, "admin").await;
    let (_, pool) = ids(&world).await;
    let ingest = json!([{ "on": "pool:sales", "actions": ["ingest"] }]);
    let body = json!({ "name": "the till", "grants": ingest });
    let key = world.post("/v1/keys", &body).await.expect(201).json();
    let (id, token) = (text(&key, "/id"), text(&key, "/token"));
    let record = json!([{ "customer": "a", "amount": 9, "at": "2026-04-06T00:00:00Z" }]);
    let call = "POST /v1/pools/sales/records";
    world.call(token, call, &record).await.expect(200);
    for (below, asked) in [("", ""), ("/records", ""), ("/remove", "which=all&")] {
        let path = format!("/pools/{pool}{below}?{asked}");
        let html = see(&world, &ada, &path).await.expect(200).text();
        assert!(
            !html.contains(">_id<") && html.contains(">amount<"),
            "{html}"
        );
        let other = format!("{below}?{asked}added=yes").replace('&', "&#38;");
        assert!(html.contains(&other), "{other}: {html}");
        // A key is called by its name for whom it is known, and by its id else.
        for (by, is_known) in [(&ada, true), (&bob, false)] {
            let html = see(&world, by, &format!("{path}added=yes")).await;
            let html = html.expect(200).text();
            assert!(html.contains(">_id<"), "{html}");
            assert_eq!(html.contains("<td>the till</td>"), is_known, "{html}");
            assert_eq!(
                html.contains(&format!("<td>{id}</td>")),
                !is_known,
                "{html}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_is_stored_and_what_is_refused_is_named() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (_, pool) = ids(&world).await;
    let path = format!("/pools/{pool}/upload");
    let csv = "customer,amount\nc,1\nc,much\nc,3\n";
    let html = send_file(&world, &ada, &path, ("a.csv", csv))
        .await
        .expect(200)
        .text();
    assert!(html.contains("2 accepted, 1 refused"), "{html}");
    assert!(
        html.contains("record 2") && html.contains("<code>amount</code>"),
        "{html}"
    );
    let lines = [("text", "{\"customer\":\"d\"}\n{\"amount\":1}\n")];
    let html = send(&world, &ada, &path, &lines).await.expect(200).text();
    assert!(html.contains("1 accepted, 1 refused"), "{html}");
    assert!(
        html.contains("line 2") && html.contains("<code>customer</code>"),
        "{html}"
    );
    let html = send(&world, &ada, &path, &[("text", "[1")])
        .await
        .expect(400)
        .text();
    assert!(html.contains("role=\"alert\""), "{html}");
    send(&world, &ada, &path, &[]).await.expect(422);
    let seen = see(&world, &ada, "/pools").await.text();
    assert!(
        seen.contains("<td class=\"number\" data-label=\"Records\">8</td>"),
        "{seen}"
    );
    // What a role is held to is stamped on what it writes.
    let bob = held(&world, &ada, "admin").await;
    let reply = send(&world, &bob, &path, &[("text", "{\"customer\":\"b\"}")]).await;
    assert!(reply.expect(200).text().contains("1 accepted, 0 refused"));
    for (by, records) in [(&bob, "4"), (&ada, "9")] {
        let seen = see(&world, by, "/pools").await.text();
        let cell = format!("<td class=\"number\" data-label=\"Records\">{records}</td>");
        assert!(seen.contains(&cell), "{seen}");
    }
}

#[tokio::test]
async fn records_go_after_it_was_shown_how_many_and_only_those_of_the_role() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (_, pool) = ids(&world).await;
    let bob = held(&world, &ada, "admin").await;
    let path = format!("/pools/{pool}/remove");
    let html = see(&world, &bob, &format!("{path}?f1=amount&o1=gte&v1=2")).await;
    let html = html.expect(200).text();
    assert!(html.contains("2 records would be deleted"), "{html}");
    assert!(html.contains("amount is at least 2"), "{html}");
    assert!(!html.contains("b3@example.com"), "{html}");
    let definition = between(&html, "name=\"definition\" value=\"", "\"");
    let definition = definition.replace("&#34;", "\"");
    let gone = send(&world, &bob, &path, &[("definition", &definition)]).await;
    assert!(gone.expect(303).header("location").ends_with("?gone=2"));
    let left = see(&world, &ada, "/pools").await.text();
    assert!(
        left.contains("<td class=\"number\" data-label=\"Records\">3</td>"),
        "{left}"
    );
    // Without a definition, and with one that is none, nothing goes.
    for nothing in ["", "[]", "{", "\"some\"", "null"] {
        let form = [("definition", nothing)];
        assert_eq!(
            send(&world, &ada, &path, &form).await.status,
            400,
            "{nothing}"
        );
    }
    for asked in ["f1=nothing&v1=1", "filters=%5B", "which=all&f1=amount&v1=1"] {
        let html = see(&world, &ada, &format!("{path}?{asked}")).await.text();
        assert!(!html.contains("would be deleted"), "{asked}: {html}");
        assert!(html.contains("role=\"alert\""), "{asked}: {html}");
    }
    let html = see(&world, &bob, &format!("{path}?which=all")).await.text();
    assert!(html.contains("1 record would be deleted"), "{html}");
    let gone = send(&world, &bob, &path, &[("definition", "\"all\"")]).await;
    assert!(gone.expect(303).header("location").ends_with("?gone=1"));
    let left = see(&world, &ada, "/pools").await.text();
    assert!(
        left.contains("<td class=\"number\" data-label=\"Records\">2</td>"),
        "{left}"
    );
}

#[tokio::test]
async fn a_pool_is_changed_as_it_was_seen_and_dropped_by_its_name() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (_, pool) = ids(&world).await;
    let path = format!("/pools/{pool}/settings");
    let html = see(&world, &ada, &path).await.expect(200).text();
    let revision = between(&html, "name=\"revision\" value=\"", "\"").to_owned();
    let fields = ["customer", "at", "amount", "mail"];
    let was = ["customer", "at", "amount", "email"];
    let types = ["String", "DateTime", "Int64", "String"];
    let required = ["yes", "no", "no", "no"];
    let form = |revision: &'static str| {
        let mut form = vec![
            ("name", "orders"),
            ("time_field", "at"),
            ("retention_days", "400"),
            ("layout", "shared"),
            ("tier", "core"),
            ("revision", revision),
        ];
        for at in 0..4 {
            form.extend([
                ("field", fields[at]),
                ("was", was[at]),
                ("type", types[at]),
                ("required", required[at]),
            ]);
        }
        form
    };
    assert_eq!(revision, "1");
    send(&world, &ada, &path, &form("7")).await.expect(412);
    // For how long records are kept is new, which destroys some.
    let asked = send(&world, &ada, &path, &form("1")).await.expect(200);
    let seen = between(&asked.text(), "name=\"seen\" value=\"", "\"").to_owned();
    let agreed = [form("1"), vec![("seen", seen.as_str())]].concat();
    // The view shows the field by its name.
    let html = send(&world, &ada, &path, &agreed).await.expect(409).text();
    assert!(html.contains("What that destroys"), "{html}");
    let drop = format!("/pools/{pool}/drop");
    let html = see(&world, &ada, &drop).await.expect(200).text();
    assert!(html.contains("Views read it"), "{html}");
    let reply = send(&world, &ada, &drop, &[("name", "sales")]).await;
    assert_eq!(reply.status, 409);
    let gone = world
        .call(&world.admin, "DELETE /v1/views/all", &Json::Null)
        .await;
    gone.expect(204);
    send(&world, &ada, &path, &agreed).await.expect(303);
    let changed = world.get("/v1/pools/orders").await.expect(200).json();
    assert_eq!(changed["fields"][3]["name"], "mail");
    assert_eq!(changed["retention_days"], 400);
    let html = see(&world, &ada, &format!("/pools/{pool}")).await.text();
    assert!(html.contains("a1@example.com"), "{html}");

    send(&world, &ada, &drop, &[("name", "sales")])
        .await
        .expect(422);
    let gone = send(&world, &ada, &drop, &[("name", "orders")])
        .await
        .expect(303);
    assert!(gone.header("location").ends_with("/pools?done=dropped"));
    see(&world, &ada, &drop).await.expect(404);
}

/// The form of a pool with other days to keep, and other names in the rows of these fields.
fn changed<'f>(
    form: &'f [(String, String)],
    days: &'f str,
    names: &[(&str, &'f str)],
) -> Vec<(&'f str, &'f str)> {
    let form = with(form, &[("retention_days", days), ("do", "save")]);
    // The token is put in where it is sent.
    let form = form.into_iter().filter(|(name, _)| *name != "_token");
    let renamed = form.map(|(name, value)| {
        let other = names
            .iter()
            .find(|(was, _)| name == "field" && value == *was);
        (name, other.map_or(value, |(_, other)| *other))
    });
    renamed.collect()
}

/// What the page says that a change destroys, and what agrees to that.
fn destroyed(html: &str) -> (String, String) {
    let told = between(html, "id=\"destroys\"", "</section>");
    let seen = between(html, "name=\"seen\" value=\"", "\"");
    assert!(html.contains(">Save it, and destroy that<"), "{html}");
    (told.to_owned(), seen.to_owned())
}

#[tokio::test]
async fn what_a_change_destroys_is_said_and_done_once_that_was_agreed_to() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (_, pool) = ids(&world).await;
    let call = "DELETE /v1/views/all";
    let gone = world.call(&world.admin, call, &Json::Null).await;
    gone.expect(204);
    let path = format!("/pools/{pool}/settings");
    let as_it_is = filled(&see(&world, &ada, &path).await.expect(200).text(), "post");
    let before = world.get("/v1/pools/sales").await.expect(200).json();
    let asked = changed(&as_it_is, "28", &[("email", "")]);
    let html = send(&world, &ada, &path, &asked).await.expect(200).text();
    let (told, seen) = destroyed(&html);
    assert!(
        told.contains("<code>email</code>: 5 records with a value"),
        "{told}"
    );
    assert!(
        told.contains("older than 28 days") && told.contains("that is 3 records."),
        "{told}"
    );
    assert_eq!(told.matches("<code>").count(), 1, "{told}");
    // Enter looks again; and what was agreed to is this change, and no other one.
    let look = [asked.clone(), vec![("seen", seen.as_str())]].concat();
    let look: Vec<(&str, &str)> = look
        .into_iter()
        .map(|(name, value)| match name {
            "do" => (name, "look"),
            _ => (name, value),
        })
        .collect();
    let html = send(&world, &ada, &path, &look).await.expect(200).text();
    assert_eq!(destroyed(&html), (told, seen.clone()));
    for (days, names, older, is_dropped) in [
        ("27", [("email", "")], "that is 4 records.", true),
        ("28", [("email", "email")], "that is 3 records.", false),
    ] {
        let other = changed(&as_it_is, days, &names);
        let other = [other, vec![("seen", seen.as_str())]].concat();
        let html = send(&world, &ada, &path, &other).await.expect(200).text();
        let (told, another) = destroyed(&html);
        assert!(told.contains(older), "{told}");
        assert_eq!(told.contains("<code>email</code>"), is_dropped, "{told}");
        assert_ne!(another, seen);
    }
    let now = world.get("/v1/pools/sales").await.expect(200).json();
    assert_eq!(now, before, "nothing was done so far");
    let agreed = [asked, vec![("seen", seen.as_str())]].concat();
    send(&world, &ada, &path, &agreed).await.expect(303);
    let now = world.get("/v1/pools/sales").await.expect(200).json();
    assert_eq!(now["retention_days"], 28);
    assert_eq!(now["fields"].as_array().map(Vec::len), Some(3), "{now}");
    // What destroys nothing is done at once; what was agreed to counts once.
    let as_it_is = filled(&see(&world, &ada, &path).await.expect(200).text(), "post");
    for (days, names) in [("28", [("amount", "sum")]), ("400", [("at", "at")])] {
        let html = see(&world, &ada, &path).await.expect(200).text();
        let form = filled(&html, "post");
        let form = changed(&form, days, &names);
        send(&world, &ada, &path, &form).await.expect(303);
    }
    let again = changed(&as_it_is, "28", &[]);
    let again = [again, vec![("seen", seen.as_str())]].concat();
    send(&world, &ada, &path, &again).await.expect(412);
    // Where the server is busy nothing is counted, and that stands in nobody's way.
    let as_it_is = filled(&see(&world, &ada, &path).await.expect(200).text(), "post");
    let form = changed(&as_it_is, "399", &[("sum", "")]);
    let failure = |failure| *world.plane.failure.lock().expect("not poisoned") = failure;
    failure(Some(PlaneError::Busy {
        retry_after: Duration::from_secs(1),
    }));
    let html = send(&world, &ada, &path, &form).await.expect(200).text();
    let (told, seen) = destroyed(&html);
    assert!(told.contains("<code>sum</code>: not counted"), "{told}");
    assert!(
        told.contains("How many that is now is not counted"),
        "{told}"
    );
    let agreed = [form, vec![("seen", seen.as_str())]].concat();
    send(&world, &ada, &path, &agreed).await.expect(303);
    failure(None);
}

#[tokio::test]
async fn what_was_agreed_to_is_the_end_of_this_field_and_not_of_another_one() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (_, pool) = ids(&world).await;
    let call = "DELETE /v1/views/all";
    let gone = world.call(&world.admin, call, &Json::Null).await;
    gone.expect(204);
    let mut fields = world.get("/v1/pools/sales").await.expect(200).json()["fields"].clone();
    let phone = json!({ "name": "phone", "type": "String" });
    fields.as_array_mut().expect("fields").push(phone);
    let call = "PATCH /v1/pools/sales";
    let more = json!({ "fields": fields });
    world.call(&world.admin, call, &more).await.expect(200);
    let path = format!("/pools/{pool}/settings");
    let as_it_is = filled(&see(&world, &ada, &path).await.expect(200).text(), "post");
    // Both leave a field of the same name and type, of which either has the values.
    let one = changed(&as_it_is, "", &[("email", "contact"), ("phone", "")]);
    let other = changed(&as_it_is, "", &[("email", ""), ("phone", "contact")]);
    let html = send(&world, &ada, &path, &one).await.expect(200).text();
    let (told, seen) = destroyed(&html);
    assert!(
        told.contains("<code>phone</code>: 0 records with a value"),
        "{told}"
    );
    let other = [other, vec![("seen", seen.as_str())]].concat();
    let html = send(&world, &ada, &path, &other).await.expect(200).text();
    let (told, _) = destroyed(&html);
    assert!(
        told.contains("<code>email</code>: 5 records with a value"),
        "{told}"
    );
    let now = world.get("/v1/pools/sales").await.expect(200).json();
    assert_eq!(now["fields"].as_array().map(Vec::len), Some(5), "{now}");
}

#[tokio::test]
async fn the_tail_marks_what_is_new_and_stops_by_itself() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (_, pool) = ids(&world).await;
    let path = format!("/pools/{pool}/records");
    let html = see(&world, &ada, &path).await.expect(200).text();
    let next = between(&html, "hx-get=\"", "\"").replace("&#38;", "&");
    assert!(next.contains("turn=1&seen="), "{next}");
    assert!(!html.contains("is-new"), "{html}");
    // What is pressed is not in the part that comes anew.
    let (before, part) = html.split_once("id=\"tail\"").expect("a part");
    assert!(
        before.contains(">Pause<") && !part.contains("<a "),
        "{html}"
    );
    let record = json!([{ "customer": "z" }]);
    world
        .post("/v1/pools/sales/records", &record)
        .await
        .expect(200);
    let html = open(&world, &ada, &next).await.expect(200).text();
    assert_eq!(html.matches("class=\"is-new\"").count(), 1, "{html}");
    for (asked, word) in [("?live=no", "Paused"), ("?turn=200", "nobody touched it")] {
        let html = see(&world, &ada, &format!("{path}{asked}")).await.text();
        assert!(
            !html.contains("hx-get") && html.contains(word),
            "{asked}: {html}"
        );
    }
}
