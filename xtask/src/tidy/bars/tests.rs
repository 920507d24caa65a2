use super::*;

/// A test of each bar, and a table that names them.
fn all() -> (String, String) {
    let code = BARS
        .iter()
        .chain(&BARS_OF_KEYS)
        .map(|bar| format!("#[test]\nfn {bar}_holds() {{}}\n"));
    let table = BARS
        .iter()
        .map(|bar| format!("| {} | `{bar}_holds` |\n", bar.to_uppercase()));
    (code.collect(), table.collect())
}

fn found(code: &str, table: &str) -> Vec<String> {
    let sources = [Source::new("crates/lake/src/tests.rs", code)];
    let findings = check(table, &sources).into_iter();
    findings.map(|finding| finding.to_string()).collect()
}

#[test]
fn a_bar_without_a_test_and_a_table_that_is_not_the_tree_are_found() {
    let (code, table) = all();
    assert_eq!(found(&code, &table), Vec::<String>::new());
    let without = code.replace("d7_holds", "is_full");
    let told = found(&without, &table);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("no test is of the bar d7"), "{told:?}");
    assert!(told[1].contains("`d7_holds` is no test"), "{told:?}");
    let without = code.replace("k2_holds", "stores_no_secret");
    let told = found(&without, &table);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("no test is of the bar k2"), "{told:?}");
    let more = format!("{code}async fn d2_another() {{}}\n");
    let told = found(&more, &table);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("does not name the test `d2_another`"),
        "{told:?}"
    );
    // The bar d1 is no beginning of d12.
    let told = found(&code, &table.replace("| D12 |", "| D13 |"));
    assert!(
        told.iter().any(|told| told.contains("of the bar d13")),
        "{told:?}"
    );
}
