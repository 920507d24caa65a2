use super::*;

/// A text that names every crate of the house.
fn all_crates() -> String {
    ROOMS
        .iter()
        .map(|room| format!("`{}`\n", room.name))
        .collect()
}

#[test]
fn a_missing_document_is_found() {
    let files: Vec<String> = DOCUMENTS
        .iter()
        .skip(1)
        .map(|document| (*document).to_owned())
        .collect();
    let findings = present(&files);
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0].to_string().starts_with("README.md:1:"),
        "{findings:?}"
    );
}

#[test]
fn a_path_that_does_not_exist_is_found() {
    let exists = |path: &str| path == "crates/model/src/keys.rs";
    let good = format!("{}See `crates/model/src/keys.rs`.\n", all_crates());
    assert_eq!(architecture(&good, &exists), []);
    let bad = format!("{}See `crates/model/src/locks.rs`.\n", all_crates());
    let findings = architecture(&bad, &exists);
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0]
            .to_string()
            .contains(":7: `crates/model/src/locks.rs`"),
        "{findings:?}"
    );
}

#[test]
fn choices_are_checked_one_by_one_and_stars_by_their_folder() {
    let exists = |path: &str| ["docs/adr", "crates/a/b.rs"].contains(&path);
    let text = format!("{}`crates/a/{{b,c}}.rs` `docs/adr/*.md`\n", all_crates());
    let findings = architecture(&text, &exists);
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0].to_string().contains("`crates/a/c.rs`"),
        "{findings:?}"
    );
}

#[test]
fn spans_that_are_no_paths_of_ours_and_drawings_are_left_alone() {
    let text = format!(
        "{}`/v1/pools` `application/json` `Permit<Read>`\n```\n`docs/no.md`\n```\n",
        all_crates()
    );
    assert_eq!(architecture(&text, &|_| false), []);
}

#[test]
fn a_crate_that_is_not_named_is_found() {
    let text = all_crates().replace("`lake`", "lake");
    let findings = architecture(&text, &|_| true);
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0]
            .to_string()
            .contains("the crate `lake` is not named"),
        "{findings:?}"
    );
}

#[test]
fn a_folder_of_one_machine_is_found() {
    let (work, root, home) = (
        concat!("/", "work"),
        concat!("/", "root"),
        concat!("/", "home"),
    );
    for bad in [
        format!("see {work}/main/x"),
        format!("\"{root}/.cargo\""),
        format!("cd {home}/ada/x"),
        format!("file://{root}/x"),
    ] {
        assert_eq!(machine_paths("a.md", &bad).len(), 1, "{bad}");
    }
    for good in [
        format!("$HOME{work}/x"),
        format!("a{root}/b"),
        format!("{home}/"),
        format!("{home}/<name>/x"),
        format!("the {work}s"),
    ] {
        assert_eq!(machine_paths("a.md", &good).len(), 0, "{good}");
    }
    let second = machine_paths("a.md", &format!("fine\n{work}/x\n"));
    assert!(second[0].to_string().starts_with("a.md:2:"), "{second:?}");
}
