use super::*;

fn found(path: &str, text: &str) -> usize {
    check(&[Source::new(path, text)]).len()
}

#[test]
fn a_forbidden_path_or_import_is_found() {
    for text in [
        "use tokio::sync::Mutex;",
        "use tokio;",
        "use tokio as t;",
        "extern crate tokio;",
        "fn f(x: tokio::sync::Mutex<u8>) {}",
        "let x = ::tokio::spawn(y);",
        "use arrow_schema::Schema;",
        "    use {hyper::Body, std::fmt};",
        "#[tokio::main]",
    ] {
        assert_eq!(found("crates/model/src/a.rs", text), 1, "{text}");
        assert_eq!(found("crates/model/src/a/tests.rs", text), 1, "{text}");
    }
}

#[test]
fn words_that_only_look_alike_are_not() {
    for text in [
        "use crate::http::Status;",
        "use super::parquet::read;",
        "// tokio::spawn is not for this crate",
        "let help = \"sqlx::query\";",
        "use httparse::Request;",
        "let futures = 3;",
        "my_tokio::spawn()",
    ] {
        assert_eq!(found("crates/model/src/a.rs", text), 0, "{text}");
    }
}

#[test]
fn each_crate_has_its_own_list() {
    let text = "use sqlx::query;\nuse arrow_array::Array;\n";
    assert_eq!(found("crates/lake/src/a.rs", text), 1);
    assert_eq!(found("crates/control/src/a.rs", text), 1);
    assert_eq!(found("crates/web/src/a.rs", text), 2);
    assert_eq!(found("crates/server/src/a.rs", text), 0);
}

#[test]
fn a_finding_names_the_line() {
    let findings = check(&[Source::new(
        "crates/lake/src/a.rs",
        "\n\nuse axum::Router;\n",
    )]);
    assert!(
        findings[0]
            .to_string()
            .starts_with("crates/lake/src/a.rs:3:"),
        "{findings:?}"
    );
}
