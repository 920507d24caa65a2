use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::*;
use crate::config::{DEFAULT_LISTEN, NAMES};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("tidegate").chain(line.split_whitespace()))
}

fn command(line: &str) -> Command {
    parse(line).expect(line).command
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_setting_of_a_server_has_its_flag() {
    let mut command = Cli::command();
    let serve = command.find_subcommand_mut("serve").expect("serve");
    let mut flags: Vec<String> = serve
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .map(|long| long.replace('-', "_"))
        .collect();
    flags.retain(|flag| flag != "help" && flag != "config");
    assert_eq!(flags, NAMES);
    let Command::Serve(args) =
        self::command("serve --listen 127.0.0.1:1 --behind-proxy 10.0.0.0/8 --behind-proxy ::1")
    else {
        panic!("serve")
    };
    let given: Vec<_> = args
        .flags()
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .collect();
    assert_eq!(
        given,
        [
            ("listen", vec!["127.0.0.1:1".to_owned()]),
            (
                "behind_proxy",
                vec!["10.0.0.0/8".to_owned(), "::1".to_owned()]
            ),
        ]
    );
    assert_eq!(args.flags().len(), NAMES.len());
}

#[test]
fn clients_look_where_servers_listen() {
    let command = Cli::command();
    let query = command.find_subcommand("query").expect("query");
    let url = query
        .get_arguments()
        .find(|a| a.get_long() == Some("url"))
        .expect("url");
    assert_eq!(
        url.get_default_values(),
        [format!("http://{DEFAULT_LISTEN}").as_str()]
    );
}

#[test]
fn no_argument_takes_a_token() {
    fn walk(command: &clap::Command) {
        for argument in command.get_arguments() {
            let long = argument.get_long().unwrap_or_default();
            let names_a_place = long.ends_with("-file")
                || ["save-token", "pipe-token", "token-from"].contains(&long);
            assert!(!long.contains("token") || names_a_place, "--{long}");
        }
        command.get_subcommands().for_each(walk);
    }
    walk(&Cli::command());
}

#[test]
fn client_options_stand_before_or_after_the_verb() {
    for line in [
        "pools --url http://a:1 --json list",
        "pools list --url http://a:1 --json",
    ] {
        let Command::Pools(args) = command(line) else {
            panic!("{line}")
        };
        assert_eq!(
            (args.client.url.as_str(), args.client.json),
            ("http://a:1", true),
            "{line}"
        );
    }
}

#[test]
fn arguments_that_exclude_each_other_are_refused() {
    let cases = [
        ("pools create", ErrorKind::MissingRequiredArgument),
        ("pools create a.json --name b", ErrorKind::ArgumentConflict),
        (
            "pools create a.json --field a:Int8",
            ErrorKind::ArgumentConflict,
        ),
        (
            "pools create a.json --schema open",
            ErrorKind::ArgumentConflict,
        ),
        (
            "keys create a.json --grant project",
            ErrorKind::ArgumentConflict,
        ),
        ("keys create", ErrorKind::MissingRequiredArgument),
        ("keys create a.json --name b", ErrorKind::ArgumentConflict),
        (
            "query v --timeframe this_day --from 2013-01-01",
            ErrorKind::ArgumentConflict,
        ),
        ("query v --limit 5 --all", ErrorKind::ArgumentConflict),
        ("query v --json --format csv", ErrorKind::ArgumentConflict),
        ("query v --format xml", ErrorKind::InvalidValue),
        ("import f.csv --batch-size 0", ErrorKind::ValueValidation),
        (
            "import f.csv --batch-size 100001",
            ErrorKind::ValueValidation,
        ),
        ("import", ErrorKind::MissingRequiredArgument),
        ("import --from keen", ErrorKind::MissingRequiredArgument),
        ("import --keys k.json", ErrorKind::MissingRequiredArgument),
        ("import --switch-on", ErrorKind::MissingRequiredArgument),
        ("import f.json --out o", ErrorKind::ArgumentConflict),
        (
            "import --from keen f.json --keys k.json",
            ErrorKind::ArgumentConflict,
        ),
        (
            "import --from keen f.json --switch-on",
            ErrorKind::ArgumentConflict,
        ),
        (
            "import --from keen --saved-queries s.json --pool p",
            ErrorKind::ArgumentConflict,
        ),
        ("import f.json --from mars", ErrorKind::InvalidValue),
        ("completions nosuchshell", ErrorKind::InvalidValue),
        ("nosuchcommand", ErrorKind::InvalidSubcommand),
    ];
    for (line, kind) in cases {
        assert_eq!(parse(line).expect_err(line).kind(), kind, "{line}");
    }
}

#[test]
fn every_command_has_help_with_its_options_explained() {
    fn walk(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for argument in command.get_arguments() {
            let text = argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                !text.is_empty(),
                "{} {}",
                command.get_name(),
                argument.get_id()
            );
        }
        command.get_subcommands().for_each(walk);
    }
    walk(&Cli::command());
    let help = Cli::command().render_long_help().to_string();
    for text in ["Exit codes:", "TIDEGATE_TOKEN_COMMAND", "tidegate demo"] {
        assert!(help.contains(text), "{text}");
    }
}
