//! The automation of the house: the gate, the checks and the builds.
//!
//! `cargo xtask --help` lists the commands. `ci` is the test command of the
//! README; everything it checks can also be run alone.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "telling a person at a terminal what happened is all that xtask does"
)]

mod build;
mod ci;
mod console;
mod contract;
mod delta;
mod keen;
mod licences;
mod node;
mod packages;
mod peers;
mod process;
mod python;
mod repository;
mod server;
mod tidy;
mod workplace;

use std::process::ExitCode;

use process::{Failure, Outcome};
use repository::Repository;

const HELP: &str = "\
The automation of Tidegate.

Usage: cargo xtask <COMMAND>

Before a change is handed in
  ci [--step NAME]...   run every step of the gate in order, stop at the first that fails
                        and print the minutes of each; --step runs only the named ones
  tidy                  the rules of the house that no compiler checks: crate edges, forbidden
                        names, file length, paths in ARCHITECTURE.md, clocks, sleeps, doors
  licences              every dependency's licence, source, checksum, duplicate versions and
                        build script against deny.toml and xtask/build-scripts.txt

When it takes longer
  prove [ARGS]...       every test with the long number of cases (TIDEGATE_PROOF=long);
                        ARGS go to the test runner, for example a part of a test's name
  fuzz TARGET [ARGS]... one fuzz target; needs cargo-fuzz and a nightly compiler
  bench [ARGS]...       the benchmarks, built as what is shipped (`dist`); ARGS go to them
  bench security        what keys cost each other: timing, neighbours, budgets, the barrier; written to
                        bench/SECURITY.md; --short only shows that it works
  bench keys            what keys cost their caller: letting in, guesses, the audit; written to
                        bench/KEYS.md; --short only shows that it works
  bench peers [ARGS]... Tidegate beside PostgreSQL, DuckDB and chDB in one run, written to
                        bench/RESULTS.md; --help lists the ARGS
  dist                  the optimised binary that is shipped, with its path and size

Steps of ci, in order
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{}", help());
        return Err(Failure::new("name a command"));
    };
    if ["help", "--help", "-h"].contains(&command.as_str())
        || rest
            .iter()
            .any(|argument| argument == "--help" || argument == "-h")
            && command != "bench"
    {
        print!("{}", help());
        return Ok(());
    }
    let repository = Repository::find()?;
    match command.as_str() {
        "ci" => ci::run(&repository, &ci::selection(rest)?),
        "tidy" => alone(rest).and_then(|()| tidy::run(&repository)),
        "licences" => alone(rest).and_then(|()| licences::run(&repository)),
        "prove" => build::prove(&repository, rest),
        "fuzz" => build::fuzz(&repository, rest),
        "bench" => match rest.split_first() {
            Some((part, rest)) if part == "peers" => peers::run(&repository, rest),
            _ => build::bench(&repository, rest),
        },
        "dist" => alone(rest).and_then(|()| build::dist(&repository)),
        unknown => Err(Failure::new(format!(
            "there is no command `{unknown}`; `cargo xtask --help` lists them"
        ))),
    }
}

/// Refuses arguments after a command that takes none.
fn alone(rest: &[String]) -> Outcome {
    match rest.first() {
        None => Ok(()),
        Some(extra) => Err(Failure::new(format!(
            "this command takes no argument: `{extra}`"
        ))),
    }
}

fn help() -> String {
    let mut text = HELP.to_owned();
    for step in &ci::STEPS {
        text.push_str(&format!("  {:<21} {}\n", step.name, step.purpose));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_step() {
        let text = help();
        for step in &ci::STEPS {
            assert!(
                text.contains(step.name),
                "--help does not name {}",
                step.name
            );
        }
    }

    #[test]
    fn an_unknown_command_is_refused_by_name() {
        let failure = dispatch(&["tydi".to_owned()]).expect_err("no such command");
        assert!(failure.to_string().contains("`tydi`"), "{failure}");
    }

    #[test]
    fn a_command_without_arguments_refuses_one() {
        assert!(alone(&[]).is_ok());
        assert!(alone(&["--fast".to_owned()]).is_err());
    }
}
