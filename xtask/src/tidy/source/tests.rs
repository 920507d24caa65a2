use super::*;

fn code(text: &str) -> String {
    Source::new("crates/model/src/a.rs", text).code.join("\n")
}

#[test]
fn comments_are_blanked_and_lines_kept() {
    assert_eq!(
        code("a // b\nc /* d\n /* e */ f */ g"),
        "a     \nc     \n              g"
    );
}

#[test]
fn strings_of_every_kind_are_blanked() {
    for literal in [
        r#""hide""#,
        r#""hi\"de""#,
        r#"b"hide""#,
        "r\"hide\"",
        "r#\"hi\"de\"#",
        "br##\"hi\"#de\"##",
        "c\"hide\"",
    ] {
        let text = format!("let a = {literal}; seen");
        let left = code(&text);
        assert!(
            !left.contains("hide") && !left.contains("de"),
            "{literal}: {left}"
        );
        assert!(left.ends_with("; seen"), "{literal}: {left}");
    }
}

#[test]
fn a_character_is_a_literal_and_a_lifetime_is_not() {
    assert_eq!(code("f('\"', 'x') // y"), "f(   ,    )     ");
    assert_eq!(code(r"f('\'', '\u{e9}', 'é')"), "f(    ,         ,     )");
    assert_eq!(code("fn f<'a>(x: &'a str)"), "fn f<'a>(x: &'a str)");
}

#[test]
fn a_word_that_ends_in_r_opens_no_raw_string() {
    assert_eq!(code("for r in var {}"), "for r in var {}");
    assert!(code("r#type = kept").contains("kept"));
}

#[test]
fn the_test_module_at_the_end_does_not_count() {
    let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
    let source = Source::new("crates/model/src/a.rs", text);
    assert_eq!(source.length(), 2);
    assert!(source.in_test(4) && !source.in_test(0));
}

#[test]
fn a_test_module_in_another_file_hides_nothing() {
    let text = "#[cfg(test)]\nmod tests;\n\nfn a() {}\n";
    assert_eq!(Source::new("crates/model/src/a.rs", text).length(), 4);
}

#[test]
fn code_after_the_test_module_counts() {
    let text = "#[cfg(test)]\nmod tests {\n}\nfn a() {}\n";
    let source = Source::new("crates/model/src/a.rs", text);
    assert_eq!(source.length(), 1);
    assert_eq!(source.product().collect::<Vec<_>>(), [(4, "fn a() {}")]);
}

#[test]
fn test_files_are_known_by_their_name_or_folder() {
    for path in ["crates/a/src/b/tests.rs", "crates/a/tests/it/main.rs"] {
        assert!(Source::new(path, "").is_test, "{path}");
    }
    assert!(!Source::new("crates/a/src/contests.rs", "").is_test);
}

#[test]
fn words_are_whole() {
    assert_eq!(words("sleep(a); oversleep(b); sleepy", "sleep").count(), 1);
    assert_eq!(words("a::now() b::nowhere", "::now").count(), 1);
}
