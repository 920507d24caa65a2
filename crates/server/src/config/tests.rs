use super::layers::Environment;
use super::*;

fn layers<'a>(
    flags: &[(&'static str, &str)],
    environment: Environment<'a>,
    file: &str,
) -> Layers<'a> {
    let flags = flags
        .iter()
        .map(|(name, value)| (*name, vec![(*value).to_owned()]))
        .collect();
    let file = FileSettings::parse("tidegate.toml", file).expect("file");
    Layers::new(flags, environment, file)
}

fn nothing(_: &str) -> Option<String> {
    None
}

fn refusal(flags: &[(&'static str, &str)], file: &str) -> String {
    layers(flags, &nothing, file)
        .serve()
        .expect_err("refused")
        .to_string()
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let environment = |name: &str| match name {
        "TIDEGATE_LISTEN" => Some("127.0.0.1:2".to_owned()),
        "TIDEGATE_ADMIN_LISTEN" => Some("127.0.0.1:12".to_owned()),
        _ => None,
    };
    let file = "data_dir = \"from-file\"\nlisten = \"127.0.0.1:3\"\nadmin_listen = \"127.0.0.1:13\"\nlog_level = \"debug\"";
    let flags = [("listen", "127.0.0.1:1")];
    let settings = layers(&flags, &environment, file)
        .serve()
        .expect("settings");
    assert_eq!(settings.listen.port(), 1, "flag");
    assert_eq!(settings.admin_listen.port(), 12, "environment");
    assert_eq!(settings.data_dir, PathBuf::from("from-file"), "file");
    assert_eq!(settings.log_level, LogLevel::Debug, "file");
    assert_eq!(settings.log_format, LogFormat::Text, "default");

    let bare = layers(&[("data_dir", "d")], &nothing, "")
        .serve()
        .expect("settings");
    assert_eq!(
        (bare.listen, bare.admin_listen),
        (DEFAULT_LISTEN, DEFAULT_ADMIN_LISTEN)
    );
    assert_eq!(bare.query_deadline, DEFAULT_QUERY_DEADLINE);
}

#[test]
fn every_setting_is_read_from_every_layer() {
    let values = [
        ("data_dir", "d"),
        ("listen", "localhost:1"),
        ("admin_listen", "[::1]:2"),
        ("admin_token_file", "t"),
        ("tls_cert", "c"),
        ("tls_key", "k"),
        ("pepper_file", "p"),
        ("places_file", "m"),
        ("audit_checkpoint_dir", "a"),
        ("log_format", "json"),
        ("log_level", "warn"),
        ("journal_segment_bytes", "48MiB"),
        ("buffer_bytes", "64 MiB"),
        ("cache_bytes", "2MiB"),
        ("flush_bytes", "1MiB"),
        ("flush_after", "90s"),
        ("purge_after", "2h"),
        ("merge_bytes_per_second", "3MiB"),
        ("scrub_every", "30d"),
        ("scrub_bytes_per_second", "2MiB"),
        ("query_memory_bytes", "33554432"),
        ("query_deadline", "1500ms"),
        ("query_priority", "idle"),
        ("rate_limit_headers", "on"),
        ("core_dumps", "on"),
        ("hsts", "30d"),
    ];
    let by_flag = layers(&values, &nothing, "").serve().expect("flags");
    let environment = |name: &str| {
        let name = name.strip_prefix("TIDEGATE_")?.to_ascii_lowercase();
        let found = values.iter().find(|(known, _)| *known == name)?;
        Some(found.1.to_owned())
    };
    let by_environment = layers(&[], &environment, "").serve().expect("environment");
    let lines: String = values
        .iter()
        .map(|(name, value)| format!("{name} = \"{value}\"\n"))
        .collect();
    let by_file = layers(&[], &nothing, &lines).serve().expect("file");
    assert_eq!(by_flag, by_environment);
    assert_eq!(by_flag, by_file);
    assert_eq!(by_flag.journal_segment_bytes, 48 << 20);
    // Of 64 MiB of records in memory.
    assert_eq!(by_flag.upkeep.merge_bytes, 16 << 20);
    assert_eq!(by_flag.upkeep.sort_bytes, 8 << 20);
    assert_eq!(by_flag.query_priority, QueryPriority::Idle);
    assert_eq!(by_flag.query_deadline, Duration::from_millis(1_500));
    assert!(by_flag.rate_limit_headers && by_flag.core_dumps);
    assert_eq!(by_flag.hsts, Some(Duration::from_secs(30 * 86_400)));
    // The one setting that excludes another of the list above.
    let named: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let missing: Vec<&&str> = NAMES.iter().filter(|name| !named.contains(*name)).collect();
    assert_eq!(missing, [&"behind_proxy"]);
}

#[test]
fn an_open_address_needs_tls_or_a_proxy() {
    let open = [("data_dir", "d"), ("listen", "0.0.0.0:443")];
    insta::assert_snapshot!(refusal(&open, ""), @"0.0.0.0:443 is reached from other machines, and tokens would travel in the clear; give --tls-cert and --tls-key, or --behind-proxy with the network of the proxy that ends TLS");
    assert!(refusal(&[("data_dir", "d"), ("listen", "[::]:443")], "").contains("--behind-proxy"));
    for enough in [
        "tls_cert = \"c\"\ntls_key = \"k\"",
        "behind_proxy = \"10.0.0.0/8\"",
    ] {
        assert!(layers(&open, &nothing, enough).serve().is_ok(), "{enough}");
    }
    assert!(
        refusal(
            &open,
            "tls_cert = \"c\"\ntls_key = \"k\"\nbehind_proxy = \"10.0.0.0/8\""
        )
        .contains("exclude each other")
    );
    let plain = [("data_dir", "d"), ("hsts", "30d")];
    assert!(refusal(&plain, "").contains("nothing here ends TLS"));
    assert!(refusal(&open, "tls_cert = \"c\"").contains("go together"));
    let no_proxy_at_all = refusal(&open, "behind_proxy = []");
    assert!(
        no_proxy_at_all.contains("in the clear"),
        "{no_proxy_at_all}"
    );
}

#[test]
fn networks_come_as_lists_or_with_commas() {
    let environment =
        |name: &str| (name == "TIDEGATE_BEHIND_PROXY").then(|| "10.0.0.0/8, ::1".to_owned());
    let settings = layers(&[("data_dir", "d")], &environment, "")
        .serve()
        .expect("settings");
    assert_eq!(settings.behind_proxy, ["10.0.0.0/8", "::1/128"]);
    let file = "data_dir = \"d\"\nbehind_proxy = [\"10.0.0.0/8\", \"192.168.1.1\"]";
    let settings = layers(&[], &nothing, file).serve().expect("settings");
    assert_eq!(settings.behind_proxy, ["10.0.0.0/8", "192.168.1.1/32"]);
}

#[test]
fn refusals_name_the_place_and_the_rule() {
    let data = ("data_dir", "d");
    let cases = [
        (refusal(&[], ""), "no data directory"),
        (
            refusal(&[data, ("listen", "8080")], ""),
            "--listen: `8080` is not an address",
        ),
        (
            refusal(&[data, ("behind_proxy", "10.0.0.0/33")], ""),
            "--behind-proxy: `10.0.0.0/33`",
        ),
        (
            refusal(&[data, ("behind_proxy", "10.0.0.0/+8")], ""),
            "is not a network",
        ),
        (
            refusal(&[data], "rate_limit_headers = \"yes\""),
            "tidegate.toml: rate_limit_headers: `yes` is neither on nor off",
        ),
        (
            refusal(&[data], "query_deadline = \"2d\""),
            "tidegate.toml: query_deadline: `2d`",
        ),
        (refusal(&[data], "query_deadline = 0"), "is not a duration"),
        (
            refusal(&[data], "buffer_bytes = \"1KiB\""),
            "at least 16 MiB",
        ),
        (
            refusal(&[data], "buffer_bytes = \"99999999999GiB\""),
            "not a number of bytes",
        ),
        (
            refusal(&[data], "log_level = \"loud\""),
            "there are off, error, warn",
        ),
        (
            refusal(&[("data_dir", "")], ""),
            "--data-dir: the value is empty",
        ),
        (refusal(&[data], "listen = [\"a\", \"b\"]"), "one value"),
    ];
    for (told, expected) in cases {
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_file_with_an_unknown_name_is_refused_with_the_known_ones() {
    let told = FileSettings::parse("my.toml", "lisen = \"127.0.0.1:1\"").expect_err("refused");
    insta::assert_snapshot!(told, @"my.toml: `lisen` is not a setting; there are data_dir, listen, admin_listen, admin_token_file, tls_cert, tls_key, behind_proxy, hsts, pepper_file, places_file, audit_checkpoint_dir, log_format, log_level, journal_segment_bytes, buffer_bytes, cache_bytes, flush_bytes, flush_after, purge_after, merge_bytes_per_second, scrub_every, scrub_bytes_per_second, query_memory_bytes, query_deadline, query_priority, rate_limit_headers, core_dumps");
    for bad in [
        "listen = 1.5",
        "listen = {a = 1}",
        "listen = [[\"a\"]]",
        "[serve]\nlisten = \"a\"",
    ] {
        let told = FileSettings::parse("my.toml", bad)
            .expect_err(bad)
            .to_string();
        assert!(told.starts_with("my.toml: "), "{told}");
    }
    assert!(FileSettings::parse("my.toml", "listen = ").is_err());
}

#[test]
fn the_documentation_has_every_option() {
    let docs = include_str!("../../../../docs/operating.md");
    for name in NAMES {
        let flag = format!("`--{}", name.replace('_', "-"));
        let mut rows = docs.lines().filter(|line| line.starts_with("| "));
        let names = |row: &str| {
            row.split(" | ")
                .next()
                .is_some_and(|cell| cell.contains(&flag))
        };
        assert!(rows.any(names), "{flag}");
    }
}

#[test]
fn a_named_file_must_be_there() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("mine.toml");
    let told = FileSettings::load(Some(&path))
        .expect_err("absent")
        .to_string();
    assert!(told.contains("mine.toml cannot be read"), "{told}");
    std::fs::write(&path, "log_level = \"trace\"").expect("write");
    let file = FileSettings::load(Some(&path)).expect("file");
    assert_eq!(file.get("log_level"), Some(&["trace".to_owned()][..]));
}
