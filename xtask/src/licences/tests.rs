use serde_json::json;

use super::*;

const DENY: &str = r#"
[graph]
targets = ["x86_64-unknown-linux-gnu", { triple = "aarch64-unknown-linux-gnu" }]
[licenses]
allow = ["MIT"]
exceptions = [{ allow = ["ISC"], crate = "ring" }]
[bans]
deny = [{ crate = "openssl-sys", reason = "rustls is our TLS" }]
skip = [{ crate = "rand@0.9.5", reason = "old users" }]
[sources]
allow-registry = ["https://github.com/rust-lang/crates.io-index"]
"#;

fn policy() -> Policy {
    Policy::parse(DENY).expect("a good policy")
}

fn package<'a>(name: &'a str, version: &'a str, licence: Option<&'a str>) -> Package<'a> {
    Package {
        name,
        version,
        licence,
        has_build_script: false,
    }
}

#[test]
fn only_allowed_licences_pass_and_the_crate_is_named() {
    let good = [
        package("a", "1.0.0", Some("MIT OR GPL-3.0")),
        package("ring", "1.0.0", Some("ISC")),
    ];
    assert_eq!(licences(&good, &policy()), Vec::<String>::new());
    for bad in [
        Some("GPL-3.0"),
        Some("MIT AND GPL-3.0"),
        Some("ISC"),
        Some("MIT OR"),
        None,
    ] {
        let found = licences(&[package("foreign", "1.0.0", bad)], &policy());
        assert_eq!(found.len(), 1, "{bad:?}");
        assert!(found[0].starts_with("foreign 1.0.0"), "{found:?}");
    }
}

#[test]
fn a_banned_crate_is_found_with_the_reason() {
    let found = banned(&[package("openssl-sys", "0.9.0", Some("MIT"))], &policy());
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("rustls is our TLS"), "{found:?}");
    assert!(banned(&[package("openssl-probe", "0.1.0", Some("MIT"))], &policy()).is_empty());
}

#[test]
fn a_second_version_is_found_unless_it_is_a_named_exception() {
    let both = [
        package("rand", "0.9.5", None),
        package("rand", "0.10.3", None),
    ];
    assert!(duplicates(&both, &policy()).is_empty());
    let third = [
        package("rand", "0.9.5", None),
        package("rand", "0.10.3", None),
        package("rand", "0.8.5", None),
    ];
    let found = duplicates(&third, &policy());
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("rand is here in the versions 0.10.3, 0.8.5"),
        "{found:?}"
    );
}

#[test]
fn an_exception_that_nothing_needs_is_found() {
    let found = duplicates(&[package("rand", "0.9.5", None)], &policy());
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("rand@0.9.5 is no duplicate"),
        "{found:?}"
    );
}

#[test]
fn a_new_build_script_and_a_stale_line_are_found() {
    let builds = Package {
        has_build_script: true,
        ..package("ring", "1.0.0", None)
    };
    let packages = [builds, package("quiet", "1.0.0", None)];
    assert!(build_scripts(&packages, "# read by us\nring\n").is_empty());
    let new = build_scripts(&packages, "");
    assert!(
        new.len() == 1 && new[0].starts_with("ring runs a build script"),
        "{new:?}"
    );
    let stale = build_scripts(&packages, "ring\nquiet\n");
    assert!(
        stale.len() == 1 && stale[0].starts_with("quiet is listed"),
        "{stale:?}"
    );
}

#[test]
fn a_package_from_elsewhere_or_without_checksum_is_found() {
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let digest = "0".repeat(64);
    let found = |entry: &str| {
        let lock = format!("[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n{entry}");
        sources(&lock.parse().expect("a lock file"), &policy())
    };
    assert!(found("").is_empty(), "a crate of the house has no source");
    assert!(found(&format!("source = \"{registry}\"\nchecksum = \"{digest}\"")).is_empty());
    assert_eq!(found(&format!("source = \"{registry}\"")).len(), 1);
    assert_eq!(
        found(&format!("source = \"{registry}\"\nchecksum = \"0\"")).len(),
        1
    );
    for bad in [
        "git+https://example.org/a",
        "registry+https://example.org/index",
    ] {
        let entry = format!("source = \"{bad}\"\nchecksum = \"{digest}\"");
        assert_eq!(found(&entry).len(), 1, "{bad}");
    }
    assert_eq!(
        sources(&Table::new(), &policy()).len(),
        1,
        "an empty lock file proves nothing"
    );
}

#[test]
fn metadata_is_read_without_the_crates_of_the_house() {
    let metadata = json!({"packages": [
        {"name": "model", "version": "0.0.0", "source": null, "targets": []},
        {"name": "ring", "version": "1.0.0", "source": "registry+x", "license": "ISC",
         "targets": [{"kind": ["lib"]}, {"kind": ["custom-build"]}]},
    ]});
    let packages = outside(&metadata);
    assert_eq!(packages.len(), 1);
    assert!(packages[0].has_build_script && packages[0].licence == Some("ISC"));
}

#[test]
fn a_policy_without_its_lists_or_reasons_is_refused() {
    assert_eq!(policy().targets().len(), 2);
    for (from, to) in [
        ("allow = [\"MIT\"]", ""),
        ("allow-registry", "allow-git"),
        (", reason = \"old users\"", ""),
        (", reason = \"rustls is our TLS\"", ""),
        ("rand@0.9.5", "rand"),
        ("[graph]", "[graph"),
    ] {
        let text = DENY.replacen(from, to, 1);
        assert!(
            text != DENY && Policy::parse(&text).is_err(),
            "accepted without {from}"
        );
    }
}
