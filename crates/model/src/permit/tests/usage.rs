//! The pool of usage: reached by its name, and by who sees usage anyway.

use super::*;
use crate::usage::usage_pool;

/// The project of the fixtures, with its pool of usage and a view of it.
fn with_usage() -> (Project, Arc<Pool>, Arc<View>) {
    let mut project = Project::new();
    let usage = usage_pool(project.access("[]").project());
    let text = r#"{"name":"by_key","pool":"_usage","shape":"aggregated",
        "fields":[{"field":"key","group":true},{"field":"requests","aggregate":"sum"}]}"#;
    let by_key = view(9, &usage, text);
    project.pools.push(usage.clone());
    project.views.push(by_key.clone());
    (project, usage, by_key)
}

fn asked(access: &Access, usage: &Arc<Pool>, by_key: &Arc<View>) -> [Option<Denied>; 6] {
    let on = On::Pool(Some(usage));
    [
        access.permit::<AskPool>(on).err(),
        access.permit::<Extract>(on).err(),
        access.permit::<SeeSchema>(on).err(),
        access.permit::<Read>(On::View(Some((by_key, usage)))).err(),
        access.permit::<Ingest>(on).err(),
        access.permit::<Delete>(on).err(),
    ]
}

const POOL: &str =
    r#""actions":["query","extract","schema","ingest","delete"],"constraints":"all_rows""#;
const VIEW: &str = r#""actions":["read"],"constraints":"all_rows""#;

#[test]
fn no_grant_on_a_star_or_a_tier_means_usage_or_what_reads_it() {
    let (project, usage, by_key) = with_usage();
    for grants in [
        format!(r#"[{{"on":"pool:*",{POOL}}},{{"on":"view:*",{VIEW}}}]"#),
        format!(
            r#"[{{"on":"pool:*",{POOL},"except":["open"]}},{{"on":"view:*",{VIEW},"only":["by_key"]}}]"#
        ),
    ] {
        let access = project.access(&grants);
        assert_eq!(
            asked(&access, &usage, &by_key),
            [Some(Denied::NotFound); 6],
            "{grants}"
        );
        // As it is of what is not there.
        let none = On::Pool(None);
        assert_eq!(access.permit::<AskPool>(none).err(), Some(Denied::NotFound));
        assert_eq!(access.permit::<Ingest>(none).err(), Some(Denied::NotFound));
    }
    let tier = r#"[{"on":"tier:core","actions":["query","extract","schema","read"],"constraints":"all_rows"}]"#;
    let denied = asked(&project.access(tier), &usage, &by_key);
    assert_eq!(denied[..4], [Some(Denied::NotFound); 4]);
}

#[test]
fn a_grant_by_name_shows_its_rows_and_lets_nobody_write() {
    let (project, usage, by_key) = with_usage();
    let own = r#"[{"on":"pool:_usage","actions":["query","extract","schema"],
        "constraints":[{"field":"key","operator":"eq","value":"k"}]},
        {"on":"pool:*","actions":["ingest","delete"],"constraints":"all_rows"}]"#;
    let access = project.access(own);
    let kept = Some(Denied::KeptByServer);
    assert_eq!(
        asked(&access, &usage, &by_key),
        [
            None,
            None,
            None,
            Some(Denied::NoGrant(Action::Read)),
            kept,
            kept
        ]
    );
    let permit = access
        .permit::<AskPool>(On::Pool(Some(&usage)))
        .expect("may ask");
    assert_ne!(*permit.count().rows(), Constraint::AllRows);
    for action in ["ingest", "delete"] {
        let grant =
            format!(r#"[{{"on":"pool:_usage","actions":["{action}"],"constraints":"all_rows"}}]"#);
        let refused = project.grants(&grant).expect_err("nobody writes");
        assert_eq!(refused.pointer, "/0/actions/0");
    }
    let other =
        project.grants(r#"[{"on":"pool:_other","actions":["query"],"constraints":"all_rows"}]"#);
    assert!(other.is_err());
}

#[test]
fn who_administers_sees_usage_and_may_give_grants_on_it() {
    let (project, usage, by_key) = with_usage();
    let admin = project.access(r#"[{"on":"project","actions":["admin"]}]"#);
    let no = |action| Some(Denied::NoGrant(action));
    assert_eq!(
        asked(&admin, &usage, &by_key),
        [
            None,
            None,
            None,
            None,
            no(Action::Ingest),
            no(Action::Delete)
        ]
    );
    // Of other records nothing has changed.
    assert_eq!(
        admin
            .permit::<AskPool>(On::Pool(Some(project.strict())))
            .err(),
        no(Action::Query)
    );
    let permit: Permit<Admin> = admin.permit(On::Project).expect("administers");
    let give = |grant: &str| permit.narrow(project.grants(grant).expect("legal"), &[]);
    let own = r#"[{"on":"pool:_usage","actions":["query"],
        "constraints":[{"field":"key","operator":"eq","value":"k"}]}]"#;
    let given = give(own).expect("may be given");
    let wanted = project.grants(own).expect("legal");
    assert_eq!(given[0].rows, wanted[0].rows, "the constraint stays");
    let strict = r#"[{"on":"pool:strict","actions":["query"],"constraints":"all_rows"}]"#;
    assert!(
        give(strict).is_err(),
        "what it does not have it does not give"
    );
}

#[test]
fn who_is_held_to_some_rows_never_sees_usage() {
    use crate::fixtures::{draft, parts, pepper};
    use crate::keys::{Circumstances, KeyKind, KeyRecord};
    use crate::secrets::Secret;

    let (project, usage, by_key) = with_usage();
    let grants = r#"[{"on":"pool:_usage","actions":["query","extract","schema"],"constraints":
        [{"field":"key","operator":"eq","value":"k"}]},{"on":"view:by_key",
        "actions":["read"],"constraints":[{"field":"key","operator":"eq","value":"k"}]}]"#;
    let grants = project.grants(grants).expect("legal");
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
    let held =
        crate::filters::parse_list(&json(r#"[{"field":"key","operator":"eq","value":"k"}]"#));
    for (within, denied) in [
        (None, None),
        (Some(held.expect("legal")), Some(Denied::NotFound)),
    ] {
        let mut parts = parts(draft(grants.clone()), &secret);
        parts.within = within;
        let access = KeyRecord::restore(parts)
            .verify(&secret, &pepper(), &Circumstances::unknown(), noon())
            .expect("the right secret");
        assert_eq!(asked(&access, &usage, &by_key)[..4], [denied; 4]);
    }
}
