use super::*;

fn lines(count: usize) -> String {
    "fn a() {}\n".repeat(count)
}

#[test]
fn a_long_file_is_found_and_its_tests_do_not_count() {
    let tail = format!(
        "#[cfg(test)]\nmod tests {{\n{}}}\n",
        "    fn b() {}\n".repeat(50)
    );
    let found = |path: &str, text: &str| length(&[Source::new(path, text)]).len();
    assert_eq!(found("crates/web/src/a.rs", &lines(400)), 0);
    assert_eq!(found("crates/web/src/a.rs", &lines(401)), 1);
    assert_eq!(found("xtask/src/a.rs", &lines(401)), 1);
    assert_eq!(
        found("crates/web/src/a.rs", &format!("{}{tail}", lines(400))),
        0
    );
    assert_eq!(found("crates/web/src/a/tests.rs", &lines(900)), 0);
    assert_eq!(found("crates/server/tests/it/doors.rs", &lines(900)), 0);
}

fn manifest(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

#[test]
fn a_crate_without_the_ban_on_unsafe_code_is_found() {
    let root = manifest(
        "Cargo.toml",
        "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n",
    );
    let bare = manifest("crates/web/Cargo.toml", "[package]\nname = \"web\"\n");
    let inherits = manifest(
        "crates/web/Cargo.toml",
        "[package]\nname = \"web\"\n[lints]\nworkspace = true\n",
    );
    let plain = Source::new("crates/web/src/lib.rs", "//! Web.\n");
    let forbids = Source::new(
        "crates/web/src/lib.rs",
        "//! Web.\n#![forbid(unsafe_code)]\n",
    );

    assert_eq!(safety(&[root.clone(), bare.clone()], &[plain]).len(), 1);
    assert_eq!(safety(&[root.clone(), bare], &[forbids]).len(), 0);
    assert_eq!(safety(&[root, inherits.clone()], &[]).len(), 0);
    let silent = manifest("Cargo.toml", "[workspace]\nmembers = []\n");
    assert_eq!(
        safety(&[silent, inherits], &[]).len(),
        1,
        "there is no ban to inherit"
    );
}

#[test]
fn every_root_of_a_crate_must_forbid() {
    let bare = manifest("crates/web/Cargo.toml", "[package]\nname = \"web\"\n");
    let good = Source::new("crates/web/src/lib.rs", "#![forbid(unsafe_code)]\n");
    let bad = Source::new("crates/web/src/bin/tool.rs", "fn main() {}\n");
    assert_eq!(
        safety(std::slice::from_ref(&bare), std::slice::from_ref(&good)).len(),
        0
    );
    assert_eq!(safety(&[bare], &[good, bad]).len(), 1);
    let fuzz = manifest("fuzz/Cargo.toml", "[package]\nname = \"fuzz\"\n");
    assert_eq!(
        safety(&[fuzz], &[]).len(),
        0,
        "what is outside the house is not judged"
    );
}
