//! Grants on tiers, and resources that are public.

use super::*;
use crate::fixtures::{draft, parts, pepper};
use crate::keys::{Circumstances, KeyKind, KeyRecord};
use crate::secrets::Secret;
use crate::views::View;

const EVERYTHING: &str = r#"["query","extract","schema","read"]"#;

/// The pools `open` (premium) and `strict`, and three views on each tier's side.
fn tiered() -> Project {
    let mut project = Project::new();
    project.pools[0] = pool(1, r#"{"name":"open","schema":"open","tier":"premium"}"#);
    let of = |number: u8, pool: &Pool, tier: &str| {
        let name = format!("v{number}");
        let text = format!(
            r#"{{"name":"{name}","pool":"{}","shape":"records","fields":[{{"field":"_id","as":"id"}}]{tier}}}"#,
            pool.draft.name
        );
        view(number, pool, &text)
    };
    let (open, strict) = (project.open().clone(), project.strict().clone());
    project.views = vec![
        of(11, &open, ""),
        of(12, &open, r#","tier":"core""#),
        of(13, &strict, ""),
        of(14, &strict, r#","tier":"premium""#),
    ];
    project
}

#[test]
fn a_grant_on_a_tier_reaches_what_is_of_it_now_and_nothing_else() {
    let project = tiered();
    let (open, strict) = (project.open(), project.strict());
    let absent = Denied::NotFound;
    for (tier, in_tier, views) in [
        ("premium", [true, false], [true, false, false, true]),
        ("core", [false, true], [false, true, true, false]),
    ] {
        let grant =
            format!(r#"[{{"on":"tier:{tier}","actions":{EVERYTHING},"constraints":"all_rows"}}]"#);
        let access = project.access(&grant);
        for (pool, reached) in [open, strict].into_iter().zip(in_tier) {
            let on = On::Pool(Some(pool));
            let found = [
                access.permit::<AskPool>(on).err(),
                access.permit::<Extract>(on).err(),
                access.permit::<SeeSchema>(on).err(),
            ];
            assert_eq!(
                found,
                [(!reached).then_some(absent); 3],
                "{tier} {}",
                pool.draft.name
            );
            // What it does not name it does not give, however it is asked.
            assert_eq!(
                access.permit::<Ingest>(on).err(),
                Some(Denied::NoGrant(Action::Ingest))
            );
            assert_eq!(
                access.permit::<Delete>(on).err(),
                Some(Denied::NoGrant(Action::Delete))
            );
        }
        for (view, reached) in project.views.iter().zip(views) {
            let pool = if view.pool == open.id { open } else { strict };
            let found = access.permit::<Read>(On::View(Some((view, pool)))).err();
            assert_eq!(
                found,
                (!reached).then_some(absent),
                "{tier} {}",
                view.draft.name
            );
        }
        // Hidden and absent are alike.
        assert_eq!(access.permit::<Read>(On::View(None)).err(), Some(absent));
        assert_eq!(access.permit::<AskPool>(On::Pool(None)).err(), Some(absent));
        assert_eq!(
            access.permit::<ReadCached>(On::Cached(None)).err(),
            Some(Denied::NoGrant(Action::Read))
        );
    }
}

#[test]
fn a_tier_grants_constraint_is_united_with_those_of_other_grants() {
    let project = tiered();
    let (a, b) = (only("a"), only("b"));
    let grants = format!(
        r#"[{{"on":"tier:premium","actions":["query"],"constraints":{a}}},{{"on":"pool:open","actions":["query"],"constraints":{b}}}]"#
    );
    let permit = project
        .access(&grants)
        .permit::<AskPool>(On::Pool(Some(project.open())));
    let rows = permit.expect("a permit").count().rows().clone();
    for (customer, seen) in [("a", true), ("b", true), ("c", false)] {
        let record = row(&format!(r#"{{"customer.id":"{customer}"}}"#));
        assert_eq!(admits(&rows, project.open(), &record), seen, "{customer}");
    }
}

/// The fixtures' pool `open` and view `records`, public or not.
fn shown_in_pages(project: &Project, is_public: bool) -> (Arc<Pool>, Arc<View>) {
    let (mut pool, mut view) = ((**project.open()).clone(), (*project.views[0]).clone());
    pool.draft.public = is_public;
    view.draft.public = is_public;
    (Arc::new(pool), Arc::new(view))
}

fn in_a_page(project: &Project, grants: &str) -> Access {
    let secret = Secret::generate(KeyKind::Publishable, &SeededRandom::new(3));
    let mut draft = draft(project.grants(grants).expect("legal"));
    draft.kind = KeyKind::Publishable;
    let record = KeyRecord::restore(parts(draft, &secret));
    let seen = Circumstances::unknown();
    let access = record.verify(&secret, &pepper(), &seen, noon());
    access.expect("let in")
}

#[test]
fn k15_without_a_constraint_a_page_sees_what_is_public_at_this_moment() {
    let project = Project::new();
    let timed = r#""time":{"field":"_ingested_at","last":"90d"}"#;
    let strict = project.strict();
    for more in ["", &format!(",{timed}")] {
        let open = format!(
            r#"[{{"on":"pool:open","actions":["query","extract","schema"],"constraints":"all_rows"{more}}},
                {{"on":"view:records","actions":["read"],"constraints":"all_rows"{more}}}]"#
        );
        let held = open.replace("\"all_rows\"", &only("a"));
        for (grants, is_public, sees) in [
            (&open, true, true),
            (&open, false, false),
            (&held, true, true),
            (&held, false, true),
        ] {
            let access = in_a_page(&project, grants);
            let (pool, view) = shown_in_pages(&project, is_public);
            let on = On::Pool(Some(&pool));
            let found = [
                access.permit::<AskPool>(on).err(),
                access.permit::<Extract>(on).err(),
                access.permit::<SeeSchema>(on).err(),
                access.permit::<Read>(On::View(Some((&view, strict)))).err(),
            ];
            assert_eq!(
                found,
                [(!sees).then_some(Denied::NotFound); 4],
                "{grants} {is_public}"
            );
            // The word concerns pages alone.
            project
                .access(grants)
                .permit::<AskPool>(on)
                .expect("a secret key");
        }
    }
}

#[test]
fn k15_a_grant_without_a_constraint_adds_no_rows_to_one_with_it_where_nothing_is_public() {
    let project = Project::new();
    let grants = format!(
        r#"[{{"on":"pool:open","actions":["query"],"constraints":"all_rows"}},{{"on":"pool:open","actions":["query"],"constraints":{}}}]"#,
        only("a")
    );
    let access = in_a_page(&project, &grants);
    for (is_public, sees_b) in [(true, true), (false, false)] {
        let (pool, _) = shown_in_pages(&project, is_public);
        let permit = access
            .permit::<AskPool>(On::Pool(Some(&pool)))
            .expect("a permit");
        let rows = permit.count().rows().clone();
        assert!(admits(&rows, &pool, &row(r#"{"customer.id":"a"}"#)));
        assert_eq!(admits(&rows, &pool, &row(r#"{"customer.id":"b"}"#)), sees_b);
    }
}
