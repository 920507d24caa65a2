use serde_json::json;

use super::*;

fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
    let dependencies: Vec<Value> = dependencies
        .iter()
        .map(|(name, kind)| json!({"name": name, "kind": kind}))
        .collect();
    let path = format!("/clone/crates/{name}/Cargo.toml");
    json!({"name": name, "manifest_path": path, "dependencies": dependencies})
}

fn rules(packages: &[Value]) -> Vec<String> {
    let metadata = json!({"workspace_root": "/clone", "packages": packages});
    check(&metadata)
        .into_iter()
        .map(|finding| finding.to_string())
        .collect()
}

#[test]
fn the_edges_of_the_picture_are_allowed() {
    let packages = [
        package("model", &[("serde", None), ("proptest", Some("dev"))]),
        package("control", &[("model", None), ("sqlx", None)]),
        package(
            "lake",
            &[
                ("model", None),
                ("arrow-array", None),
                ("tempfile", Some("dev")),
            ],
        ),
        package("web", &[("model", None), ("control", None), ("axum", None)]),
        package(
            "server",
            &[
                ("model", None),
                ("control", None),
                ("lake", None),
                ("web", None),
            ],
        ),
        package("xtask", &[("serde_json", None)]),
    ];
    let found = rules(&packages);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn an_edge_outside_the_picture_is_found_in_tests_too() {
    for (from, to, kind) in [
        ("web", "lake", None),
        ("lake", "control", None),
        ("model", "control", Some("dev")),
        ("control", "web", Some("build")),
        ("server", "xtask", None),
        ("xtask", "model", None),
    ] {
        let found = rules(&[package(from, &[(to, kind)]), package(to, &[])]);
        assert_eq!(found.len(), 1, "{from} → {to}: {found:?}");
        assert!(
            found[0].contains(&format!("the edge {from} → {to}")),
            "{found:?}"
        );
        assert!(
            found[0].starts_with(&format!("crates/{from}/Cargo.toml:1:")),
            "{found:?}"
        );
    }
}

#[test]
fn a_forbidden_crate_is_found_in_every_kind_of_dependency() {
    for (room, name) in [
        ("model", "tokio"),
        ("model", "object_store"),
        ("control", "datafusion-expr"),
        ("lake", "sqlx"),
        ("web", "arrow-array"),
        ("web", "arrow"),
    ] {
        for kind in [None, Some("dev"), Some("build")] {
            let found = rules(&[package(room, &[(name, kind)])]);
            assert_eq!(found.len(), 1, "{room} with {name} as {kind:?}: {found:?}");
            assert!(found[0].contains("must never name"), "{found:?}");
        }
    }
}

#[test]
fn a_dev_dependency_that_is_no_test_tool_is_found() {
    let found = rules(&[package("web", &[("reqwest", Some("dev"))])]);
    assert!(found[0].contains("no test tool"), "{found:?}");
    let both = rules(&[package("web", &[("tower", None), ("tower", Some("dev"))])]);
    assert!(both.is_empty(), "{both:?}");
}

#[test]
fn a_sixth_crate_is_found() {
    let found = rules(&[package("helpers", &[])]);
    assert!(found[0].contains("no crate of the house"), "{found:?}");
}

#[test]
fn a_star_stands_for_the_family_and_not_for_look_alikes() {
    assert!(matches("arrow*", "arrow") && matches("arrow*", "arrow-cast"));
    assert!(!matches("arrow*", "arrowhead") && !matches("http", "httparse"));
    assert!(matches("object_store", "object-store"));
}
