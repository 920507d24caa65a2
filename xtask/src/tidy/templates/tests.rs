use super::*;

#[test]
fn what_is_shown_unescaped_is_found_however_it_is_spaced() {
    for line in [
        "{{ name|safe }}",
        "{{ name | safe }}",
        "{{ name |  safe }}",
        "{% filter safe %}{{ name }}{% endfilter %}",
        "{% autoescape false %}",
        "{{ name|escape(\"none\") }}",
        "<b {{ name|json }}>",
    ] {
        assert_eq!(check("a.html", line).len(), 1, "{line}");
    }
}

#[test]
fn scripts_styles_and_handlers_in_a_page_are_found() {
    for line in [
        "<script>alert(1)</script>",
        "<style>p { color: red }</style>",
        "<p style=\"color: red\">",
        "<button onclick=\"x()\">",
        "<a href=\"javascript:x()\">",
    ] {
        assert_eq!(check("a.html", line).len(), 1, "{line}");
    }
}

#[test]
fn what_pages_are_made_of_is_no_finding() {
    let text = "<script src=\"{{ address }}\" defer></script>\n<p>put it on = here</p>\n\
                <p class=\"one\">{{ name }}, safe on shore</p>";
    assert!(check("a.html", text).is_empty());
}

#[test]
fn a_type_that_need_not_be_escaped_is_found() {
    for line in [
        concat!("impl askama::filters::Html", "Safe for Markup {}"),
        "#[template(path = \"console/x.html\", escape = \"none\")]",
        "#[template(source = \"{{ name }}\", ext = \"txt\")]",
    ] {
        let sources = [Source::new("crates/web/src/console/x.rs", line)];
        assert_eq!(types(&sources).len(), 1, "{line}");
    }
    let sources = [Source::new(
        "crates/web/src/console/x.rs",
        "#[template(path = \"console/x.html\")]\nstruct Safe;",
    )];
    assert!(types(&sources).is_empty());
}
