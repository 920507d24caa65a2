//! Views, questions and the first page in the console.

use std::time::Duration;

use model::ids::ProjectId;
use serde_json::{Value as Json, json};

use super::world::{OWN, between, browse, filled, form_token, open, with};
use crate::console::frame::query;
use crate::plane::PlaneError;
use crate::testing::people::{SignedIn, first_signed_in, joined};
use crate::testing::{Reply, World, text};

async fn see(world: &World, by: &SignedIn, path: &str) -> Reply {
    open(world, by, &format!("/console/projects/default{path}")).await
}

async fn project(world: &World) -> String {
    let projects = world.get("/v1/projects").await.expect(200).json();
    text(&projects, "/items/0/id").to_owned()
}

async fn send(world: &World, by: &SignedIn, path: &str, form: &[(&str, &str)]) -> Reply {
    let project = ProjectId::parse(&project(world).await).expect("an id");
    let token = form_token(world, by, project);
    let mut pairs = vec![("_token", token.as_str())];
    pairs.extend(form);
    let call = format!("POST /console/projects/default{path}");
    browse(world, &call, &by.cookie(), OWN, Some(&pairs)).await
}

/// The same of all fields of a form but its token.
async fn send_all(world: &World, by: &SignedIn, path: &str, form: &[(&str, &str)]) -> Reply {
    let own = form.iter().copied().filter(|(name, _)| *name != "_token");
    send(world, by, path, &own.collect::<Vec<_>>()).await
}

/// Somebody with this role who sees the rows of customer `a` alone.
async fn held(world: &World, by: &SignedIn, role: &str) -> SignedIn {
    let project = project(world).await;
    let roles = json!([{ "role": role, "project": project,
        "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }]);
    joined(world, by, &format!("held-{role}"), roles).await
}

/// Deletes what the page at this address shows.
async fn delete(world: &World, by: &SignedIn, path: &str) -> Reply {
    let html = see(world, by, path).await.expect(200).text();
    let revision = hidden(&html, "revision");
    send(world, by, path, &[("revision", revision.as_str())]).await
}

/// A hidden field of a page.
fn hidden(html: &str, name: &str) -> String {
    let value = between(html, &format!("name=\"{name}\" value=\""), "\"");
    value
        .replace("&#34;", "\"")
        .replace("&#38;", "&")
        .replace("&#39;", "'")
}

#[tokio::test]
async fn what_the_builder_shows_is_what_is_saved_in_every_shape() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    for (name, chosen, expected) in [
        (
            "rows",
            "pool=sales&shape=records&g1=at&g2=amount&f1=amount&o1=gte&v1=2&order=amount&direction=desc",
            json!({ "shape": "records", "grouped_output": false,
                "fields": [{ "field": "at", "as": "at" }, { "field": "amount", "as": "amount" }],
                "filters": [{ "field": "amount", "operator": "gte", "value": 2 }],
                "order_by": [{ "field": "amount", "direction": "desc" }] }),
        ),
        (
            "groups",
            "pool=sales&shape=aggregated&g1=customer&r1=group&g2=amount&r2=sum&a2=total&nested=yes",
            json!({ "shape": "aggregated", "grouped_output": true,
                "fields": [{ "field": "customer", "as": "customer", "group": true },
                    { "field": "amount", "as": "total", "aggregate": "sum" }] }),
        ),
        (
            "days",
            "pool=sales&shape=time_series&r1=count&g2=amount&r2=percentile&p2=90&timeframe=this_3_months&interval=daily",
            json!({ "shape": "time_series", "grouped_output": false, "interval_field": "at",
                "fields": [{ "as": "count", "aggregate": "count" },
                    { "field": "amount", "as": "amount", "aggregate": "percentile", "percentile": 90 }] }),
        ),
    ] {
        let html = see(&world, &ada, &format!("/new-view?{chosen}"))
            .await
            .expect(200)
            .text();
        assert!(
            html.contains("What it answers") && !html.contains("role=\"alert\""),
            "{html}"
        );
        // Records as they are have no chart; intervals have names, and no moments.
        let is_records = name == "rows";
        assert_eq!(!html.contains("<picture"), is_records, "{name}: {html}");
        let has_moments = html.contains("<time class=\"exact\"");
        assert_eq!(has_moments, is_records, "{name}: {html}");
        if !is_records {
            let chart = between(&html, "<img src=\"", "\"").replace("&#38;", "&");
            let picture = open(&world, &ada, &chart).await.expect(200).text();
            assert!(
                picture.starts_with("<svg") && !picture.contains("No data"),
                "{name}: {picture}"
            );
        }
        let typed = filled(&html, "post");
        let form = with(&typed, &[("name", name)]);
        let made = send_all(&world, &ada, "/new-view", &form).await.expect(303);
        let there = made.header("location").to_owned();
        let stored = world
            .get(&format!("/v1/views/{name}"))
            .await
            .expect(200)
            .json();
        for (member, value) in expected.as_object().expect("an object") {
            assert_eq!(&stored[member], value, "{name} {member}");
        }
        let html = open(&world, &ada, &there).await.expect(200).text();
        assert!(html.contains(&format!("/v1/views/{name}/data")), "{html}");
        // What it is defined as is said in words.
        let said = match name {
            "rows" => "<span class=\"line\">amount is at least 2</span>",
            "groups" => "<span class=\"line\">sum of amount, called total</span>",
            _ => "<li class=\"tag is-plain\">at</li>",
        };
        let defined = between(&html, "What it is defined as", "</section>");
        assert!(defined.contains(said), "{name}: {defined}");
        // Its form says it again, and saving it unchanged changes nothing.
        let id = text(&stored, "/id");
        let html = see(&world, &ada, &format!("/views/{id}/change"))
            .await
            .expect(200)
            .text();
        let typed = filled(&html, "post");
        let form = with(&typed, &[]);
        send_all(&world, &ada, &format!("/views/{id}/change"), &form)
            .await
            .expect(303);
        let again = world.get(&format!("/v1/views/{name}")).await.json();
        assert_eq!(again, stored, "{name}");
        assert_eq!(send_all(&world, &ada, "/new-view", &form).await.status, 409);
        // What is stale is shown beside what is there, and counts when it is sent again.
        let stale = with(&typed, &[("name", "mine"), ("revision", "99")]);
        let change = format!("/views/{id}/change");
        let reply = send_all(&world, &ada, &change, &stale).await.expect(412);
        let html = reply.text();
        assert!(
            html.contains("As it is now") && html.contains(&format!("<dd>{name}</dd>")),
            "{html}"
        );
        let now = between(&html, "As it is now", "</section>");
        assert!(now.contains(said), "{name}: {now}");
        let again = filled(&html, "post");
        assert!(
            again.contains(&("name".to_owned(), "mine".to_owned())),
            "{again:?}"
        );
        let again = with(&again, &[("name", name)]);
        send_all(&world, &ada, &change, &again).await.expect(303);
        delete(&world, &ada, &format!("/views/{id}/delete"))
            .await
            .expect(303);
        assert_eq!(world.get(&format!("/v1/views/{name}")).await.status, 404);
    }
    for wrong in [
        "g1=nothing",
        "shape=aggregated&g1=customer",
        "shape=aggregated&g1=email&r1=sum",
        "g1=at&order=amount",
        "g1=at&filters=%7B",
        "shape=aggregated&g1=amount&r1=percentile&p1=most",
    ] {
        let html = see(&world, &ada, &format!("/new-view?pool=sales&{wrong}"))
            .await
            .expect(200)
            .text();
        assert!(
            html.contains("role=\"alert\"") && !html.contains("What it answers"),
            "{wrong}"
        );
        let chart = see(
            &world,
            &ada,
            &format!("/new-view/chart.svg?pool=sales&{wrong}"),
        )
        .await;
        assert!(chart.expect(200).text().contains("No data"), "{wrong}");
    }
    // Nothing is chosen: neither is a definition taken that no field of the form says.
    let nothing = [("definition", r#"{"pool":"sales"}"#), ("name", "x")];
    send(&world, &ada, "/new-view", &nothing).await.expect(422);
}

#[tokio::test]
async fn a_view_and_its_chart_show_the_rows_of_the_role_alone() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let id = text(&world.get("/v1/views").await.json(), "/items/0/id").to_owned();
    let sums = json!({ "name": "sums", "pool": "sales", "shape": "aggregated", "fields": [
        { "field": "customer", "group": true },
        { "field": "amount", "aggregate": "sum", "as": "total" }] });
    let sums = world.post("/v1/views", &sums).await.expect(201).json();
    let sums = text(&sums, "/id");
    for role in ["analyst", "viewer"] {
        let bob = held(&world, &ada, role).await;
        for (by, rows, foreign) in [(&ada, "5 rows", true), (&bob, "3 rows", false)] {
            let html = see(&world, by, &format!("/views/{id}"))
                .await
                .expect(200)
                .text();
            assert!(
                html.contains(rows) && html.contains("a1@example.com"),
                "{html}"
            );
            assert_eq!(html.contains("b3@example.com"), foreign, "{html}");
            assert!(
                !html.contains("<picture") && !html.contains("the first"),
                "{html}"
            );
            let list = see(&world, by, "/views").await.expect(200).text();
            let count = format!(
                "<td class=\"number\" data-label=\"Records behind it\">{}</td>",
                &rows[..1]
            );
            assert!(list.contains(&count), "{list}");
            let chart = see(&world, by, &format!("/views/{sums}/chart.svg?theme=dark")).await;
            let chart = chart.expect(200).text();
            assert!(
                chart.contains("a: 7") && !chart.contains("No data"),
                "{chart}"
            );
            assert_eq!(chart.contains("b: 8"), foreign, "{chart}");
        }
        assert_eq!(
            see(&world, &bob, &format!("/views/{id}/change"))
                .await
                .status,
            403
        );
        assert_eq!(see(&world, &bob, "/new-view").await.status, 403);
    }
}

#[tokio::test]
async fn what_something_is_defined_as_is_for_whom_definitions_are() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let canary = json!([{ "field": "email", "operator": "ne", "value": "canary@example.com" }]);
    let filters = json!({ "filters": canary });
    let changed = world.call(&world.admin, "PATCH /v1/views/all", &filters);
    changed.await.expect(200);
    let described = json!({ "description": "canary of the pool" });
    let changed = world.call(&world.admin, "PATCH /v1/pools/sales", &described);
    changed.await.expect(200);
    let question = json!({ "analysis": "count", "pool": "sales", "filters": canary });
    let saved = json!({ "name": "asked", "query": question });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let id = async |list: &str| {
        let all = world.get(list).await.expect(200).json();
        text(&all, "/items/0/id").to_owned()
    };
    let pages = [
        (true, String::new()),
        (true, "/pools".to_owned()),
        (true, format!("/pools/{}", id("/v1/pools").await)),
        (true, format!("/views/{}", id("/v1/views").await)),
        (true, format!("/saved/{}", id("/v1/saved-queries").await)),
        (false, "/views".to_owned()),
        (false, "/saved".to_owned()),
        (false, "/explore?pool=sales".to_owned()),
    ];
    let mut others = vec![
        held(&world, &ada, "viewer").await,
        held(&world, &ada, "admin").await,
    ];
    for role in ["viewer", "analyst"] {
        others.push(joined(&world, &ada, role, json!([{ "role": role }])).await);
    }
    for (is_told, page) in &pages {
        let html = see(&world, &ada, page).await.expect(200).text();
        assert_eq!(html.contains("canary"), *is_told, "{page}: {html}");
        for by in &others {
            let html = see(&world, by, page).await.text();
            assert!(!html.contains("canary"), "{page}: {html}");
        }
    }
}

#[tokio::test]
async fn questions_are_answered_over_the_rows_of_the_role_as_tables_and_charts() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = held(&world, &ada, "analyst").await;
    let ask = "pool=sales&analysis=sum&field=amount";
    for (by, sum, foreign) in [(&ada, "15", true), (&bob, "7", false)] {
        let html = see(&world, by, &format!("/explore?{ask}"))
            .await
            .expect(200)
            .text();
        assert!(
            html.contains(&format!("<p class=\"figure\">{sum}</p>")),
            "{html}"
        );
        assert!(html.contains("Sum of amount in sales. Over"), "{html}");
        let html = see(
            &world,
            by,
            &format!("/explore?{ask}&by1=customer&order=desc"),
        )
        .await
        .text();
        assert_eq!(html.contains("<td>b</td>"), foreign, "{html}");
        assert!(html.contains("<td>a</td>"), "{html}");
        let chart = between(&html, "<img src=\"", "\"").replace("&#38;", "&");
        let picture = open(&world, by, &chart).await.expect(200);
        assert_eq!(picture.header("content-type"), "image/svg+xml");
        assert_eq!(
            picture.text().contains("b: 8"),
            foreign,
            "{}",
            picture.text()
        );
        assert!(picture.text().contains("a: 7"), "{}", picture.text());
        let asked = "pool=sales&analysis=extraction&f1=amount&o1=gte&v1=3";
        let html = see(&world, by, &format!("/explore?{asked}")).await.text();
        assert_eq!(html.contains("b3@example.com"), foreign, "{html}");
        assert!(html.contains("a4@example.com"), "{html}");
    }
    let series = "pool=sales&analysis=count&interval=daily&timeframe=between&from=2026-04-01&to=2026-04-06&timezone=Asia/Tokyo";
    let html = see(&world, &bob, &format!("/explore?{series}"))
        .await
        .expect(200)
        .text();
    assert!(html.contains("5 rows."), "{html}");
    // Days are those of the zone that is asked for, which is that of the chart.
    assert!(
        html.contains("<th scope=\"col\">day</th>") && html.contains("<td>1 Apr 2026</td>"),
        "{html}"
    );
    for wrong in [
        "analysis=sum",
        "analysis=sum&field=email",
        "analysis=count&f1=x&v1=1",
        "question=%7B",
    ] {
        let html = see(&world, &ada, &format!("/explore?pool=sales&{wrong}"))
            .await
            .expect(200)
            .text();
        assert!(html.contains("role=\"alert\""), "{wrong}: {html}");
    }
    // Usage is asked like any pool by whom it is told, and by nobody else.
    let usage = "/explore?pool=_usage&analysis=count";
    assert!(
        see(&world, &ada, usage)
            .await
            .text()
            .contains("class=\"figure\"")
    );
    assert!(
        !see(&world, &bob, usage)
            .await
            .text()
            .contains("class=\"figure\"")
    );
}

#[tokio::test]
async fn an_answer_is_drawn_as_the_kind_that_is_chosen_and_kept_with_the_question() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let picture = async |html: &str| {
        let chart = between(html, "<img src=\"", "\"").replace("&#38;", "&");
        open(&world, &ada, &chart).await.expect(200).text()
    };
    let (area, line) = ("<path class=\"a f0\"", "<path class=\"l l0\"");
    let bars = "<rect class=\"f0\"";
    let asked = "/explore?pool=sales&analysis=count&interval=daily&timeframe=between\
        &from=2026-04-01&to=2026-04-06";
    for (word, chosen, drawn, not) in [
        ("", "", area, bars),
        ("area", "area", area, bars),
        ("line", "line", line, area),
        ("bars", "bars", bars, area),
        // No kind, and one that does not fit.
        ("pie", "", area, bars),
        ("funnel", "", area, bars),
    ] {
        let html = see(&world, &ada, &format!("{asked}&chart={word}")).await;
        let html = html.expect(200).text();
        let offered = between(&html, "name=\"chart\"", "</select>");
        let selected = format!("<option value=\"{chosen}\" selected>");
        assert!(offered.contains(&selected), "{word}: {offered}");
        assert!(offered.contains("value=\"table\""), "{word}: {offered}");
        assert!(!offered.contains("value=\"funnel\""), "{word}: {offered}");
        let svg = picture(&html).await;
        assert!(svg.contains(drawn) && !svg.contains(not), "{word}: {svg}");
    }
    let html = see(&world, &ada, &format!("{asked}&chart=table")).await;
    let html = html.expect(200).text();
    assert!(!html.contains("<img src") && html.contains("<td"), "{html}");
    // One number has no kind to choose, and keeps what was chosen before.
    let one = "/explore?pool=sales&analysis=count&chart=bars";
    let html = see(&world, &ada, one).await.expect(200).text();
    assert_eq!(hidden(&html, "chart"), "bars");

    let html = see(&world, &ada, &format!("{asked}&chart=bars"))
        .await
        .text();
    let typed = filled(&html, "get");
    let form = with(&typed, &[("name", "columns"), ("kind", "saved")]);
    send_all(&world, &ada, "/new-question", &form)
        .await
        .expect(303);
    let stored = world.get("/v1/saved-queries/columns").await.expect(200);
    let stored = stored.json();
    assert_eq!(stored["metadata"], json!({ "chart": "bars" }), "{stored}");
    let own = format!("/saved/{}", text(&stored, "/id"));
    let html = see(&world, &ada, &own).await.expect(200).text();
    assert!(picture(&html).await.contains(bars));
    // Opened again it is chosen, and another one takes its place.
    let explore = between(&html, "/explore?", "\"").replace("&#38;", "&");
    let html = see(&world, &ada, &format!("/explore?{explore}")).await;
    let typed = filled(&html.expect(200).text(), "get");
    assert!(typed.contains(&("chart".to_owned(), "bars".to_owned())));
    let form = with(&typed, &[("chart", "table")]);
    send_all(&world, &ada, "/new-question", &form)
        .await
        .expect(303);
    let stored = world.get("/v1/saved-queries/columns").await.expect(200);
    assert_eq!(stored.json()["metadata"], json!({ "chart": "table" }));
    let html = see(&world, &ada, &own).await.expect(200).text();
    assert!(!html.contains("<img src") && html.contains("PUBLISHABLE_KEY"));
}

#[tokio::test]
async fn a_question_is_saved_as_what_is_chosen_and_shown_to_each_over_the_own_rows() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = held(&world, &ada, "viewer").await;
    let question = json!({ "analysis": "sum", "field": "amount", "pool": "sales",
        "group_by": ["customer"], "interval": "monthly", "timeframe": "this_3_months" });
    let question = question.to_string();
    for (kind, more, call) in [
        ("saved", ("x", ""), "GET /v1/saved-queries/saved"),
        (
            "cached",
            ("refresh_minutes", "5"),
            "GET /v1/saved-queries/cached",
        ),
        (
            "dataset",
            ("index_by", "customer"),
            "GET /v1/datasets/dataset",
        ),
    ] {
        let form = [
            ("question", question.as_str()),
            ("name", kind),
            ("kind", kind),
            more,
        ];
        let made = send(&world, &ada, "/new-question", &form).await.expect(303);
        let there = made.header("location").to_owned();
        let stored = ada.call(&world, call, &Json::Null).await.expect(200).json();
        let rate = stored["refresh_rate"].as_i64();
        assert_eq!(
            rate.unwrap_or(0),
            if kind == "cached" { 300 } else { 0 },
            "{stored}"
        );
        for (by, foreign) in [(&ada, true), (&bob, false)] {
            let list = see(&world, by, "/saved").await.expect(200).text();
            assert!(list.contains(&format!(">{kind}</a>")), "{list}");
            let html = open(&world, by, &there).await.expect(200).text();
            let below = there.split('?').next().expect("a path");
            if kind != "dataset" {
                assert_eq!(html.contains("<td>b</td>"), foreign, "{html}");
                assert!(html.contains("PUBLISHABLE_KEY"), "{html}");
                let chart = open(&world, by, &format!("{below}/chart.svg?theme=dark")).await;
                assert!(chart.expect(200).text().starts_with("<svg"));
            }
            assert_eq!(html.contains("/delete\""), foreign, "{html}");
        }
        assert_eq!(send(&world, &ada, "/new-question", &form).await.status, 409);
    }
    for (kind, more) in [
        ("cached", ("refresh_minutes", "soon")),
        ("dataset", ("index_by", "")),
        ("saved", ("x", "")),
    ] {
        let name = if kind == "saved" { "a/b" } else { "other" };
        let form = [
            ("question", question.as_str()),
            ("name", name),
            ("kind", kind),
            more,
        ];
        let html = send(&world, &ada, "/new-question", &form)
            .await
            .expect(400)
            .text();
        assert!(
            html.contains("aria-invalid=\"true\"") || html.contains("role=\"alert\""),
            "{kind}: {html}"
        );
        // The question is there as it was.
        let again = filled(&html, "get");
        assert!(
            again.contains(&("question".to_owned(), question.clone())),
            "{again:?}"
        );
    }
    let saved = ada
        .call(&world, "GET /v1/saved-queries", &Json::Null)
        .await
        .json();
    let id = text(&saved, "/items/0/id");
    // Another question takes its place, and what else it is stays.
    let list = ada.call(&world, "GET /v1/saved-queries/cached", &Json::Null);
    let cached = text(&list.await.json(), "/id").to_owned();
    let html = see(&world, &ada, &format!("/saved/{cached}")).await.text();
    let explore = between(&html, "/explore?", "\"").replace("&#38;", "&");
    let html = see(&world, &ada, &format!("/explore?{explore}")).await;
    let html = html.expect(200).text();
    assert!(html.contains("In the place of cached"), "{html}");
    let revision = hidden(&html, "revision");
    let other = json!({ "analysis": "count", "pool": "sales" }).to_string();
    assert_eq!(revision, "1");
    let replace = |revision: &'static str| {
        [
            ("question", other.clone()),
            ("name", "renamed".to_owned()),
            ("kind", "replace".to_owned()),
            ("saved", cached.clone()),
            ("revision", revision.to_owned()),
        ]
    };
    let form = replace("7");
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let html = send(&world, &ada, "/new-question", &form)
        .await
        .expect(412)
        .text();
    assert!(
        html.contains("As it is now") && html.contains("<dd>cached</dd>"),
        "{html}"
    );
    assert_eq!(hidden(&html, "revision"), "1");
    let again = filled(&html, "get");
    let again = with(&again, &[]);
    send_all(&world, &ada, "/new-question", &again)
        .await
        .expect(303);
    let changed = ada.call(&world, "GET /v1/saved-queries/renamed", &Json::Null);
    let changed = changed.await.expect(200).json();
    assert_eq!(changed["query"]["analysis"], "count");
    assert_eq!(
        (&changed["refresh_rate"], &changed["id"]),
        (&json!(300), &json!(cached))
    );
    delete(&world, &ada, &format!("/saved/{id}/delete"))
        .await
        .expect(303);
    let sets = ada
        .call(&world, "GET /v1/datasets", &Json::Null)
        .await
        .json();
    let id = text(&sets, "/items/0/id");
    delete(&world, &ada, &format!("/datasets/{id}/delete"))
        .await
        .expect(303);
    assert_eq!(
        see(&world, &ada, &format!("/datasets/{id}")).await.status,
        404
    );
}

/// The table that a view's page shows, row by row, as plain values.
fn table_of(html: &str) -> Vec<Vec<String>> {
    let Some((_, table)) = html.split_once("<table class=\"data\"") else {
        return Vec::new();
    };
    let table = table.split("</table>").next().unwrap_or_default();
    let rows = table.split("<tr").skip(2);
    rows.map(|row| {
        let cells = row.split("<td").skip(1);
        let cells = cells.map(|cell| {
            let text = cell.split_once('>').map_or("", |(_, text)| text);
            let text = text.split("</td>").next().unwrap_or_default();
            // The exact value of a time or of a grouped number stands in its element.
            let exact = ["datetime=\"", "value=\""]
                .iter()
                .find_map(|mark| text.split_once(mark));
            let exact = exact.and_then(|(_, rest)| rest.split('"').next());
            exact.unwrap_or(text).to_owned()
        });
        cells.collect()
    })
    .collect()
}

#[tokio::test]
async fn a_view_is_looked_at_as_a_key_by_its_own_question() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let view = json!({ "name": "sums", "pool": "sales", "shape": "aggregated", "fields": [
        { "field": "customer", "group": true }, { "aggregate": "count", "as": "n" },
        { "field": "amount", "aggregate": "sum", "as": "total" }] });
    world.post("/v1/views", &view).await.expect(201);
    let id = world.get("/v1/views/sums").await.expect(200).json();
    let id = text(&id, "/id").to_owned();
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "b" }]);
    let grant = json!([{ "on": "view:sums", "actions": ["read"], "constraints": rows }]);
    let (key, token) = world.key(grant).await;
    let (other, _) = world.key(json!([])).await;
    let html = see(&world, &ada, &format!("/views/{id}"))
        .await
        .expect(200)
        .text();
    assert!(html.contains(&format!("value=\"{key}\"")), "{html}");
    assert!(!html.contains(&format!("value=\"{other}\"")), "{html}");
    let own = table_of(&html);
    let as_key = format!("/views/{id}?as={key}");
    let html = see(&world, &ada, &as_key).await.expect(200).text();
    let told = table_of(&html);
    let data = world
        .call(&token, "GET /v1/views/sums/data", &Json::Null)
        .await;
    let data = data.expect(200).json();
    let data = data["data"].as_array().expect("rows").iter();
    let answered = data.map(|row| {
        let cell = |name: &str| match &row[name] {
            Json::String(text) => text.clone(),
            number => number.to_string().trim_end_matches(".0").to_owned(),
        };
        vec![cell("customer"), cell("n"), cell("total")]
    });
    let answered: Vec<Vec<String>> = answered.collect();
    assert_eq!(told, answered, "{html}");
    assert_eq!((told.len(), own.len() > 1), (1, true), "{html}");
    let chart = between(&html, "<img src=\"", "\"").replace("&#38;", "&");
    assert!(chart.contains(&format!("as={key}")), "{chart}");
    open(&world, &ada, &chart).await.expect(200);
    // Nobody looks as a key that does not read the view, or that they may not know.
    for (by, key) in [
        (&ada, &other),
        (&ada, &id),
        (&held(&world, &ada, "admin").await, &key),
    ] {
        let path = format!("/views/{id}?as={key}");
        assert_eq!(see(&world, by, &path).await.status, 404);
        let path = format!("/views/{id}/chart.svg?as={key}");
        assert_eq!(see(&world, by, &path).await.status, 404);
    }
    let analyst = joined(&world, &ada, "ann", json!([{ "role": "analyst" }])).await;
    let html = see(&world, &analyst, &format!("/views/{id}")).await;
    assert!(!html.expect(200).text().contains("as key"));
    assert_eq!(see(&world, &analyst, &as_key).await.status, 403);
    // Whoever is held to rows knows no key that others made, though it sees no more than they do.
    let within = joined(
        &world,
        &ada,
        "bea",
        json!([{ "role": "admin", "project": project(&world).await,
        "constraints": [{ "field": "customer", "operator": "eq", "value": "b" }] }]),
    )
    .await;
    assert_eq!(see(&world, &within, &as_key).await.status, 404);
}

#[tokio::test]
async fn what_goes_with_a_pool_a_view_or_a_saved_question_is_named_before_it_goes() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let count = json!({ "analysis": "count", "pool": "sales" });
    let saved = json!({ "name": "tally", "query": count });
    let saved = world
        .post("/v1/saved-queries", &saved)
        .await
        .expect(201)
        .json();
    let dataset = json!({ "name": "daily", "index_by": ["customer"], "query": { "analysis": "count",
        "pool": "sales", "interval": "daily", "timeframe": "this_30_days" } });
    let dataset = world
        .post("/v1/datasets", &dataset)
        .await
        .expect(201)
        .json();
    let mut keys = Vec::new();
    for (name, on, action) in [
        ("pool reader", "pool:sales", "query"),
        ("view reader", "view:all", "read"),
        ("saved reader", "saved:tally", "run"),
        ("dataset reader", "dataset:daily", "retrieve"),
    ] {
        let grants = json!([{ "on": on, "actions": [action], "constraints": "all_rows" }]);
        let body = json!({ "name": name, "grants": grants });
        let key = world.post("/v1/keys", &body).await.expect(201).json();
        keys.push((name, text(&key, "/token").to_owned()));
    }
    let used = world.call(
        &keys[2].1,
        "GET /v1/saved-queries/tally/result",
        &Json::Null,
    );
    used.await.expect(200);
    let pool = world.get("/v1/pools/sales").await.expect(200).json();
    let view = world.get("/v1/views/all").await.expect(200).json();
    for (below, named) in [
        (
            format!("/pools/{}/drop", text(&pool, "/id")),
            &[0, 1, 2, 3][..],
        ),
        (format!("/views/{}/delete", text(&view, "/id")), &[1]),
        (format!("/saved/{}/delete", text(&saved, "/id")), &[2]),
        (format!("/datasets/{}/delete", text(&dataset, "/id")), &[3]),
    ] {
        let html = see(&world, &ada, &below).await.expect(200).text();
        for (at, (name, _)) in keys.iter().enumerate() {
            assert_eq!(
                html.contains(name),
                named.contains(&at),
                "{name} of {below}: {html}"
            );
        }
        if named.contains(&2) {
            assert!(html.contains("last used <time"), "{html}");
        }
        if named.len() == 4 {
            assert!(html.contains("tally") && html.contains("daily"), "{html}");
        }
    }
    // Keys are named to whom keys are told of.
    let dev = joined(&world, &ada, "dev", json!([{ "role": "developer" }])).await;
    let below = format!("/pools/{}/drop", text(&pool, "/id"));
    let html = see(&world, &dev, &below).await.expect(200).text();
    assert!(
        !html.contains("pool reader") && html.contains("owners and admins"),
        "{html}"
    );
}

#[tokio::test]
async fn what_was_deleted_is_made_again_as_it_was() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let count = json!({ "analysis": "count", "pool": "sales" });
    let saved = json!({ "name": "kept", "query": count, "refresh_rate": 14_400,
        "metadata": { "a": [1] } });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let dataset = json!({ "name": "daily", "index_by": ["customer"], "query": { "analysis": "count",
        "pool": "sales", "interval": "daily", "timeframe": "this_30_days" } });
    world.post("/v1/datasets", &dataset).await.expect(201);
    let dev = joined(&world, &ada, "dev", json!([{ "role": "developer" }])).await;
    let viewer = joined(&world, &ada, "vera", json!([{ "role": "viewer" }])).await;
    for (kind, path) in [
        ("views", "/v1/views/all"),
        ("saved", "/v1/saved-queries/kept"),
        ("datasets", "/v1/datasets/daily"),
    ] {
        let before = world.get(path).await.expect(200).json();
        let below = format!("/{kind}/{}/delete", text(&before, "/id"));
        let gone = delete(&world, &dev, &below).await.expect(303);
        world.get(path).await.expect(404);
        let html = open(&world, &dev, gone.header("location"))
            .await
            .expect(200)
            .text();
        let (kind, definition) = (hidden(&html, "kind"), hidden(&html, "definition"));
        let form = [("kind", kind.as_str()), ("definition", definition.as_str())];
        assert_eq!(
            send(&world, &viewer, "/make-again", &form).await.status,
            403
        );
        send(&world, &dev, "/make-again", &form).await.expect(303);
        let after = world.get(path).await.expect(200).json();
        for (name, value) in before.as_object().expect("an object") {
            if !["id", "created_at", "changed_at", "revision"].contains(&name.as_str()) {
                assert_eq!(&after[name], value, "{name} of {path}");
            }
        }
        // What is there already is not made twice.
        let html = send(&world, &dev, "/make-again", &form)
            .await
            .expect(409)
            .text();
        assert!(html.contains("role=\"alert\""), "{html}");
    }
    assert_eq!(see(&world, &dev, "/make-again").await.status, 303);
    let form = [("kind", "view"), ("definition", "nonsense")];
    assert_eq!(send(&world, &dev, "/make-again", &form).await.status, 404);
}

#[tokio::test]
async fn only_what_a_session_deleted_is_made_again_and_is_shown_before() {
    let world = World::with_sales().await;
    let view = json!({ "name": "open", "pool": "sales", "shape": "records",
        "fields": [{ "field": "amount" }], "public": true });
    let made = world.post("/v1/views", &view).await.expect(201).json();
    let ada = first_signed_in(&world).await;
    let bob = joined(&world, &ada, "bob", json!([{ "role": "owner" }])).await;
    let below = format!("/views/{}/delete", text(&made, "/id"));
    let gone = delete(&world, &ada, &below).await.expect(303);
    let place = gone.header("location").to_owned();
    let html = open(&world, &ada, &place).await.expect(200).text();
    assert!(
        html.contains("<code class=\"name\">sales</code>")
            && html.contains("Keys in pages may read it"),
        "{html}"
    );
    let own = hidden(&html, "definition");
    let refuses = async |by: &SignedIn, kind: &str, definition: &str| {
        let pairs = query([("kind", kind), ("definition", definition)]);
        let page = see(&world, by, &format!("/make-again?{pairs}")).await;
        assert_eq!(page.status, 404, "{definition}");
        let code = by.code(&world);
        let form = [("kind", kind), ("definition", definition), ("code", &code)];
        let sent = send(&world, by, "/make-again", &form).await;
        assert_eq!(sent.status, 404, "{definition}");
        world.get("/v1/views/open").await.expect(404);
    };
    let plain = view.to_string();
    refuses(&ada, "view", &plain).await;
    refuses(&bob, "view", &own).await;
    refuses(&ada, "saved", &own).await;
    // What keys in pages do not read says nothing of them.
    let all = world.get("/v1/views/all").await.expect(200).json();
    let below = format!("/views/{}/delete", text(&all, "/id"));
    let gone = delete(&world, &ada, &below).await.expect(303);
    let html = open(&world, &ada, gone.header("location")).await;
    let html = html.expect(200).text();
    assert!(!html.contains("Keys in pages may read it"), "{html}");
}

#[tokio::test]
async fn first_steps_are_ticked_as_they_are_taken_and_then_leave() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let done = async || {
        let html = see(&world, &ada, "").await.expect(200).text();
        let has_steps = html.contains("First steps");
        (has_steps, html.matches("<li class=\"is-done\">").count())
    };
    assert_eq!(done().await, (true, 0));
    let pool = json!({ "name": "visits", "schema": "open" });
    world.post("/v1/pools", &pool).await.expect(201);
    assert_eq!(done().await, (true, 1));
    let (_, writer) = world
        .key(json!([{ "on": "pool:visits", "actions": ["ingest"] }]))
        .await;
    assert_eq!(done().await, (true, 2));
    let record = json!([{ "page": "/" }]);
    let call = "POST /v1/pools/visits/records";
    world.call(&writer, call, &record).await.expect(200);
    assert_eq!(done().await, (true, 3));
    let grants = json!([{ "on": "pool:visits", "actions": ["query"], "constraints": "all_rows" }]);
    let (_, reader) = world.key(grants).await;
    assert_eq!(done().await, (true, 4));
    let dev = joined(&world, &ada, "dev", json!([{ "role": "developer" }])).await;
    let html = see(&world, &dev, "").await.expect(200).text();
    assert!(!html.contains("First steps"), "{html}");
    world
        .call(&reader, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    assert_eq!(done().await, (false, 0));
}

#[tokio::test]
async fn a_notice_is_dismissed_from_the_list_that_has_all_of_them() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    for at in 0..8 {
        let (_, token) = world.key(json!([])).await;
        let mut sent = crate::testing::request(&token, "GET /v1/whoami", &Json::Null);
        let origin = format!("https://shop{at}.example")
            .parse()
            .expect("a header");
        sent.headers_mut().insert("origin", origin);
        world.send(sent).await.expect(403);
    }
    let html = see(&world, &ada, "").await.expect(200).text();
    assert!(html.contains(">2 more</a>"), "{html}");
    // What wants somebody comes before what there is.
    let place = |part: &str| html.find(part).expect("is told");
    assert!(
        place("Wants attention") < place("class=\"figures\""),
        "{html}"
    );
    let html = see(&world, &ada, "/notices").await.expect(200).text();
    assert_eq!(html.matches("/dismiss\"").count(), 8, "{html}");
    assert_eq!(html.matches("/roll\"").count(), 8, "{html}");
    let below = between(&html, "href=\"/console/projects/default/notices/", "\"");
    let below = format!("/notices/{below}");
    see(&world, &ada, &below).await.expect(200);
    let dev = joined(&world, &ada, "dev", json!([{ "role": "developer" }])).await;
    assert_eq!(send(&world, &dev, &below, &[]).await.status, 403);
    let done = send(&world, &ada, &below, &[]).await.expect(303);
    let done = done
        .header("location")
        .replace("/console/projects/default", "");
    let html = see(&world, &ada, &done).await.expect(200).text();
    assert_eq!(html.matches("/dismiss\"").count(), 7, "{html}");
    let html = see(&world, &ada, "").await.expect(200).text();
    assert!(html.contains(">1 more</a>"), "{html}");
}

#[tokio::test]
async fn home_tells_questions_apart_from_records_and_whoami_is_none() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let rows = json!([{ "on": "pool:sales", "actions": ["query"], "constraints": "all_rows" }]);
    let (_, token) = world.key(rows).await;
    // What the world stored is out of the last seconds by then.
    let second = std::time::Duration::from_secs(1);
    world.clock.advance(second * 100);
    let records = ["x"; 5].map(|customer| json!({ "customer": customer }));
    let records = Json::from(records.to_vec());
    world
        .post("/v1/pools/sales/records", &records)
        .await
        .expect(200);
    let count = json!({ "analysis": "count", "pool": "sales" });
    for _ in 0..3 {
        world
            .call(&token, "POST /v1/query", &count)
            .await
            .expect(200);
        world
            .call(&token, "GET /v1/whoami", &Json::Null)
            .await
            .expect(200);
    }
    world.clock.advance(second);
    let html = see(&world, &ada, "").await.expect(200).text();
    let told = |label: &str| {
        let found = html.split_once(&format!("</strong>{label}"));
        let before = found.expect("is told").0;
        before
            .rsplit("<strong>")
            .next()
            .expect("a number")
            .to_owned()
    };
    assert_eq!(told("Questions a second"), "0.3", "{html}");
    assert_eq!(told("Records stored a second"), "0.5", "{html}");
    assert!(!html.contains("Requests a second"), "{html}");
}

#[tokio::test]
async fn home_tells_each_what_the_role_shows() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = held(&world, &ada, "analyst").await;
    let carol = held(&world, &ada, "viewer").await;
    let dan = held(&world, &ada, "admin").await;
    let html = see(&world, &ada, "?range=90").await.expect(200).text();
    assert!(html.contains("<strong>5</strong> records"), "{html}");
    assert!(
        html.contains("Busiest keys") && html.contains("Wants attention"),
        "{html}"
    );
    assert!(html.contains("timeframe=this_90_days"), "{html}");
    let chart = between(&html, "<img src=\"", "\"").replace("&#38;", "&");
    let picture = open(&world, &ada, &chart).await.expect(200).text();
    assert!(
        picture.starts_with("<svg") && !picture.contains("No data"),
        "{picture}"
    );
    for (by, records) in [(&bob, Some("3")), (&carol, None), (&dan, Some("3"))] {
        let html = see(&world, by, "").await.expect(200).text();
        assert!(
            !html.contains("Busiest keys") && !html.contains("_usage"),
            "{html}"
        );
        assert!(!html.contains("</strong> stored"), "{html}");
        match records {
            Some(records) => {
                assert!(
                    html.contains(&format!("<strong>{records}</strong> records")),
                    "{html}"
                );
                let chart = between(&html, "<img src=\"", "\"").replace("&#38;", "&");
                open(&world, by, &chart).await.expect(200);
            }
            None => assert!(
                !html.contains("chart.svg") && !html.contains("records</li>"),
                "{html}"
            ),
        }
    }
    // Whoever is held to rows is told of the keys alone that they know.
    assert!(
        see(&world, &dan, "")
            .await
            .text()
            .contains("<strong>0</strong> keys")
    );
}

#[tokio::test]
async fn what_was_changed_meanwhile_is_shown_and_not_deleted() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let count = json!({ "analysis": "count", "pool": "sales" });
    let saved = json!({ "name": "total", "query": count });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let dataset = json!({ "name": "daily", "index_by": "customer", "query": { "analysis": "count",
        "pool": "sales", "interval": "daily", "timeframe": "this_30_days" } });
    world.post("/v1/datasets", &dataset).await.expect(201);
    let filtered = json!({ "filters": [{ "field": "amount", "operator": "gt", "value": 3 }] });
    let other = json!({ "query": { "analysis": "sum", "pool": "sales", "field": "amount" } });
    for (kind, path, change, now) in [
        ("views", "/v1/views/all", Some(filtered), "amount"),
        (
            "saved",
            "/v1/saved-queries/total",
            Some(other),
            "sum of amount in sales",
        ),
        (
            "datasets",
            "/v1/datasets/daily",
            None,
            "number of records in sales",
        ),
    ] {
        let id = world.get(path).await.expect(200).json();
        let below = format!("/{kind}/{}/delete", text(&id, "/id"));
        let html = see(&world, &ada, &below).await.expect(200).text();
        let old = hidden(&html, "revision");
        let shown = old.clone();
        // A dataset never changes: one that is not the one shown has another revision.
        let stale = match &change {
            Some(change) => {
                let call = format!("PATCH {path}");
                world.call(&world.admin, &call, change).await.expect(200);
                old
            }
            None => "7".to_owned(),
        };
        for form in [&[("revision", stale.as_str())][..], &[]] {
            let html = send(&world, &ada, &below, form).await.expect(412).text();
            assert!(
                html.contains("Somebody changed it") && html.contains(now),
                "{kind}: {html}"
            );
            assert_eq!(
                hidden(&html, "revision") == shown,
                change.is_none(),
                "{kind}"
            );
        }
        world.get(path).await.expect(200);
        delete(&world, &ada, &below).await.expect(303);
        world.get(path).await.expect(404);
    }
}

#[tokio::test]
async fn funnels_and_several_functions_are_asked_by_rows_over_the_rows_of_the_role() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = held(&world, &ada, "analyst").await;
    let funnel =
        "pool=sales&ask=funnel&steps=2&u1=customer&u2=customer&s2f1=amount&s2o1=gte&s2v1=5";
    let several =
        "pool=sales&ask=several&functions=2&k1=sum&c1=amount&k2=maximum&c2=amount&l2=most";
    let number = |text: &str| format!("<td class=\"number\">{text}</td>");
    for (by, share, sum, most) in [(&ada, "50", "15", "5"), (&bob, "0", "7", "4")] {
        let html = see(&world, by, &format!("/explore?{funnel}")).await;
        let html = html.expect(200).text();
        assert!(html.contains("% of the step before"), "{html}");
        assert!(html.contains(&number(share)), "{html}");
        assert!(html.contains("<td>amount is at least 5</td>"), "{html}");
        let chart = between(&html, "<img src=\"", "\"").replace("&#38;", "&");
        let picture = open(&world, by, &chart).await.expect(200).text();
        assert!(picture.contains("2. sales: amount ≥ 5"), "{picture}");
        assert!(
            picture.contains(&format!("{share} % of step 1")),
            "{picture}"
        );
        let html = see(&world, by, &format!("/explore?{several}")).await;
        let html = html.expect(200).text();
        for text in [sum, most] {
            assert!(html.contains(&number(text)), "{text}: {html}");
        }
        assert!(
            html.contains(">sum_amount<") && html.contains(">most<"),
            "{html}"
        );
        let chart = between(&html, "<img src=\"", "\"").replace("&#38;", "&");
        let picture = open(&world, by, &chart).await.expect(200).text();
        assert!(
            picture.contains("most") && picture.contains(most),
            "{picture}"
        );
    }
    // What is wrong is at its field, and everything else is as it was typed.
    for (wrong, marked) in [
        ("ask=several&functions=2&k1=sum&c1=email&k2=count", "c1"),
        (
            "ask=several&functions=2&k1=percentile&c1=amount&q1=many",
            "q1",
        ),
        ("ask=several&functions=2&k1=count&k2=count", "l2"),
        ("ask=several&functions=2&c2=amount", "k2"),
        ("ask=several&functions=2", "k1"),
        (
            "ask=several&functions=1&k1=count&by1=customer&limit=many",
            "limit",
        ),
        ("ask=funnel&steps=2&u1=customer", "u2"),
        (
            "ask=funnel&steps=2&u1=customer&u2=customer&s2v1=typed",
            "s2f1",
        ),
        ("ask=funnel&steps=2&u1=customer&u2=customer&s2=none", "s2"),
        ("ask=funnel&steps=1&u1=customer&w1=inverted", "w1"),
        (
            "analysis=percentile&field=amount&percentile=many",
            "percentile",
        ),
        ("analysis=sum&field=email", "field"),
        ("question=%7B", "question"),
    ] {
        let html = see(&world, &ada, &format!("/explore?pool=sales&{wrong}")).await;
        let html = html.expect(200).text();
        assert!(
            html.contains(&format!("id=\"e-{marked}\"")),
            "{wrong}: {html}"
        );
        let field = format!("id=\"f-{marked}\"");
        let tag = between(&html, &field, ">");
        assert!(tag.contains("aria-invalid=\"true\""), "{wrong}: {tag}");
        for typed in ["many", "typed"] {
            let is_there = html.contains(&format!("value=\"{typed}\""));
            assert_eq!(is_there, wrong.contains(typed), "{wrong}: {html}");
        }
    }
    // Another row or another kind is no question yet, and loses nothing.
    for change in ["do=add", "do=drop-1", "as=one"] {
        let html = see(&world, &ada, &format!("/explore?{funnel}&{change}")).await;
        let html = html.expect(200).text();
        assert!(
            !html.contains("role=\"alert\"") && !html.contains("class=\"data\""),
            "{html}"
        );
        assert_eq!(html.contains("id=\"f-s3\""), change == "do=add", "{html}");
        let first = if change == "do=drop-1" {
            "s1v1"
        } else {
            "s2v1"
        };
        assert!(
            html.contains(&format!("name=\"{first}\" value=\"5\"")),
            "{change}: {html}"
        );
    }
    // It is saved, and opened as the same rows.
    let html = see(&world, &ada, &format!("/explore?{funnel}"))
        .await
        .text();
    let typed = filled(&html, "get");
    let form = with(&typed, &[("name", "who buys much"), ("kind", "saved")]);
    let made = send_all(&world, &ada, "/new-question", &form)
        .await
        .expect(303);
    let there = made.header("location").to_owned();
    let html = open(&world, &ada, &there).await.expect(200).text();
    let explore = between(&html, "/explore?", "\"").replace("&#38;", "&");
    let html = see(&world, &ada, &format!("/explore?{explore}"))
        .await
        .text();
    assert_eq!(hidden(&html, "s2v1"), "5");
    let again = filled(&html, "get");
    for step in typed
        .iter()
        .filter(|(name, _)| name.starts_with(['s', 'u']))
    {
        assert!(again.contains(step), "{step:?} in {again:?}");
    }
}

#[tokio::test]
async fn the_series_of_a_dataset_is_drawn_over_the_rows_of_the_role() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = held(&world, &ada, "viewer").await;
    let dataset = json!({ "name": "daily", "index_by": "customer", "query": { "analysis": "count",
        "pool": "sales", "interval": "weekly", "timeframe": "this_3_months" } });
    let made = world.post("/v1/datasets", &dataset).await;
    let own = format!("/datasets/{}", text(&made.expect(201).json(), "/id"));
    let blank = see(&world, &ada, &own).await.expect(200).text();
    assert!(!blank.contains("<picture"), "{blank}");
    for (by, customer, has_some) in [(&ada, "b", true), (&bob, "b", false), (&bob, "a", true)] {
        // The text and each picture are kept by themselves.
        for _ in 0..2 {
            let html = see(&world, by, &format!("{own}?value_1={customer}")).await;
            let html = html.expect(200).text();
            assert!(html.contains("class=\"data\""), "{html}");
            let chart = between(&html, "<img src=\"", "\"").replace("&#38;", "&");
            let light = open(&world, by, &chart).await.expect(200);
            assert_eq!(light.header("content-type"), "image/svg+xml");
            let light = light.text();
            assert!(
                light.starts_with("<svg") && !light.contains("No data"),
                "{light}"
            );
            assert_eq!(
                !light.contains("from 0 to 0"),
                has_some,
                "{customer}: {light}"
            );
            let dark = chart.replace("theme=light", "theme=dark");
            let dark = open(&world, by, &dark).await.expect(200).text();
            assert!(dark.starts_with("<svg") && dark != light, "{dark}");
        }
    }
}

#[tokio::test]
async fn what_is_saved_is_what_the_form_says_and_not_what_was_shown() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let chosen = "pool=sales&shape=records&g1=at&g2=amount";
    let html = see(&world, &ada, &format!("/new-view?{chosen}")).await;
    let html = html.expect(200).text();
    assert!(
        html.contains("5 rows") && !html.contains("name=\"definition\""),
        "{html}"
    );
    // A condition that no preview was of.
    let typed = filled(&html, "post");
    let condition = [
        ("f1", "customer"),
        ("o1", "eq"),
        ("v1", "a"),
        ("name", "held"),
    ];
    let form = with(&typed, &condition);
    send_all(&world, &ada, "/new-view", &form).await.expect(303);
    let stored = world.get("/v1/views/held").await.expect(200).json();
    let filters = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    assert_eq!(stored["filters"], filters, "{stored}");
    // Nor is one lost by a change of it.
    let change = format!("/views/{}/change", text(&stored, "/id"));
    let html = see(&world, &ada, &change).await.expect(200).text();
    let typed = filled(&html, "post");
    let form = with(&typed, &[("v1", "b")]);
    let html = send_all(&world, &ada, &change, &form).await.expect(200);
    let typed = filled(&html.text(), "post");
    let form = with(&typed, &[]);
    send_all(&world, &ada, &change, &form).await.expect(303);
    let stored = world.get("/v1/views/held").await.expect(200).json();
    assert_eq!(stored["filters"][0]["value"], "b", "{stored}");
    // The same of a question, in each way that it is kept.
    let asked = "/explore?pool=sales&analysis=count&interval=daily&timeframe=this_30_days";
    let html = see(&world, &ada, asked).await.expect(200).text();
    let typed = filled(&html, "get");
    for (kind, more, call) in [
        ("saved", ("x", ""), "/v1/saved-queries/saved"),
        (
            "cached",
            ("refresh_minutes", "5"),
            "/v1/saved-queries/cached",
        ),
        ("dataset", ("index_by", "customer"), "/v1/datasets/dataset"),
    ] {
        let form = [&condition[..3], &[("name", kind), ("kind", kind), more]].concat();
        let form = with(&typed, &form);
        send_all(&world, &ada, "/new-question", &form)
            .await
            .expect(303);
        let stored = world.get(call).await.expect(200).json();
        assert_eq!(stored["query"]["filters"], filters, "{kind}: {stored}");
    }
}

#[tokio::test]
async fn the_row_of_a_view_that_is_wrong_is_named_and_marked() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    for (chosen, marked, said) in [
        ("g1=at&g3=nothing", "g3", "Field 3: "),
        (
            "shape=aggregated&g2=amount&r2=percentile&p2=most",
            "p2",
            "Field 2: ",
        ),
        ("g1=at&g2=at", "g2", "Field 2: "),
        ("g1=at&f2=amount", "v2", "Condition 2 "),
        ("g1=at&f1=nothing&v1=1", "f1", "Condition 1: "),
        ("g1=at&order=amount", "order", ""),
    ] {
        let asked = format!("/new-view?pool=sales&{chosen}");
        let page = see(&world, &ada, &asked);
        let typed: Vec<(String, String)> = form_urlencoded::parse(chosen.as_bytes())
            .into_owned()
            .chain([("pool".to_owned(), "sales".to_owned())])
            .collect();
        let form = with(&typed, &[("name", "x")]);
        let saved = send(&world, &ada, "/new-view", &form);
        for html in [
            page.await.expect(200).text(),
            saved.await.expect(400).text(),
        ] {
            let field = between(&html, &format!("name=\"{marked}\""), ">");
            assert!(field.contains("aria-invalid=\"true\""), "{chosen}: {html}");
            assert_eq!(html.matches("aria-invalid").count(), 1, "{chosen}: {html}");
            assert!(html.contains(&format!("<p>{said}")), "{chosen}: {html}");
            assert!(html.contains(&format!("data-wrong=\"{marked}\"")), "{html}");
        }
    }
}

#[tokio::test]
async fn what_a_change_of_a_view_changes_for_keys_is_said_before_it_is_saved() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let rows =
        |customer: &str| json!([{ "field": "customer", "operator": "eq", "value": customer }]);
    for (name, rows, hidden) in [
        ("Acme reader", rows("a"), json!(null)),
        ("Bolt reader", rows("b"), json!(null)),
        (
            "Still reader",
            json!("all_rows"),
            json!({ "deny": ["email"] }),
        ),
    ] {
        let grant = json!([{ "on": "view:all", "actions": ["read"], "constraints": rows,
            "fields": hidden }]);
        let draft = json!({ "name": name, "grants": grant });
        world.post("/v1/keys", &draft).await.expect(201);
    }
    let before = world.get("/v1/views/all").await.expect(200).json();
    let now = async || world.get("/v1/views/all").await.expect(200).json();
    let change = format!("/views/{}/change", text(&before, "/id"));
    let html = see(&world, &ada, &change).await.expect(200).text();
    assert!(!html.contains("What that changes"), "{html}");
    let typed = filled(&html, "post");
    let later = [("f1", "amount"), ("o1", "gte"), ("v1", "3")];
    let form = with(&typed, &later);
    let html = send_all(&world, &ada, &change, &form).await.expect(200);
    let html = html.text();
    let line = |name: &str| {
        let line = between(&html, &format!("<th scope=\"row\">{name}<"), "</tr>");
        assert!(!line.contains("is-gained"), "{line}");
        (line.contains("is-lost"), line.to_owned())
    };
    let (is_lost, acme) = line("Acme reader");
    assert!(is_lost && acme.contains("−2"), "{acme}");
    let (is_lost, bolt) = line("Bolt reader");
    assert!(!is_lost && bolt.contains(">2<"), "{bolt}");
    let (is_lost, own) = line("all");
    assert!(is_lost && own.contains("the view itself"), "{own}");
    assert_eq!(now().await, before);
    // A key for which nothing changes is not in the way.
    let form = with(&typed, &[("r4", "leave")]);
    let fewer = send_all(&world, &ada, &change, &form).await.expect(200);
    let fewer = fewer.text();
    assert!(fewer.contains("sees the fields email no more"), "{fewer}");
    assert!(
        fewer.contains("One key that reads it sees what it saw"),
        "{fewer}"
    );
    assert!(
        fewer.contains("Acme reader") && !fewer.contains("Still reader"),
        "{fewer}"
    );
    // What was seen is what is saved: not something else, and not of a view that changed since.
    let seen = filled(&html, "post");
    let other = with(&seen, &[("v1", "4")]);
    let again = send_all(&world, &ada, &change, &other).await.expect(200);
    assert!(again.text().contains("What that changes"));
    assert_eq!(now().await, before);
    for order in [
        json!([{ "field": "amount", "direction": "desc" }]),
        json!(null),
    ] {
        let order = json!({ "order_by": order });
        let patch = "PATCH /v1/views/all";
        world.call(&world.admin, patch, &order).await.expect(200);
        let stale = with(&seen, &[]);
        send_all(&world, &ada, &change, &stale).await.expect(412);
    }
    let html = see(&world, &ada, &change).await.expect(200).text();
    let typed = filled(&html, "post");
    let form = with(&typed, &later);
    let html = send_all(&world, &ada, &change, &form).await.expect(200);
    let seen = filled(&html.text(), "post");
    // To look at what it answers saves nothing either.
    let mut look = with(&seen, &[]);
    look.push(("do", "look"));
    send_all(&world, &ada, &change, &look).await.expect(200);
    assert_eq!(now().await, before);
    let form = with(&seen, &[]);
    send_all(&world, &ada, &change, &form).await.expect(303);
    assert_eq!(now().await["filters"][0]["value"], 3);
    // Another name changes nothing of what anybody sees, and is saved at once.
    let html = see(&world, &ada, &change).await.expect(200).text();
    let typed = filled(&html, "post");
    let form = with(&typed, &[("name", "later")]);
    send_all(&world, &ada, &change, &form).await.expect(303);
    // A developer changes views, and is told of no key.
    let dev = joined(&world, &ada, "dev", json!([{ "role": "developer" }])).await;
    let html = see(&world, &dev, &change).await.expect(200).text();
    let typed = filled(&html, "post");
    let form = with(&typed, &[("v1", "4")]);
    let html = send_all(&world, &dev, &change, &form).await.expect(200);
    let html = html.text();
    assert!(html.contains("is not told to your role"), "{html}");
    assert!(!html.contains("Acme reader"), "{html}");
    // Where the server is busy that is said, and stands in nobody's way.
    let failure = |failure| *world.plane.failure.lock().expect("not poisoned") = failure;
    failure(Some(PlaneError::Busy {
        retry_after: Duration::from_secs(1),
    }));
    let html = send_all(&world, &dev, &change, &form).await.expect(200);
    let html = html.text();
    assert!(html.contains("The rows cannot be counted now"), "{html}");
    let form = filled(&html, "post");
    let form = with(&form, &[]);
    send_all(&world, &dev, &change, &form).await.expect(303);
    failure(None);
    let saved = world.get("/v1/views/later").await.expect(200).json();
    assert_eq!(saved["filters"][0]["value"], 4);
}
