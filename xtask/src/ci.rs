//! The gate: the same steps on a desk and on a build machine, in the order
//! in which they fail cheapest.

use std::fmt::Write as _;
use std::time::Duration;

use crate::process::{self, Failure, Outcome, Stopwatch};
use crate::repository::Repository;
use crate::{build, console, contract, delta, keen, licences, tidy};

/// One step of the gate.
#[derive(Debug)]
pub(crate) struct Step {
    /// What `--step` calls it.
    pub(crate) name: &'static str,
    /// One line for a person.
    pub(crate) purpose: &'static str,
    run: fn(&Repository) -> Outcome,
}

/// The steps in order. `docs` follows `clippy` because both read the checked
/// dependencies; `tests`, `doctests`, `contract`, `delta`, `keen` and
/// `console` read what `build` made.
pub(crate) const STEPS: [Step; 12] = [
    Step {
        name: "format",
        purpose: "rustfmt has nothing to change",
        run: format,
    },
    Step {
        name: "tidy",
        purpose: "the rules of the house hold",
        run: tidy::run,
    },
    Step {
        name: "licences",
        purpose: "dependencies are allowed and pinned",
        run: licences::run,
    },
    Step {
        name: "clippy",
        purpose: "no warning in any target",
        run: clippy,
    },
    Step {
        name: "docs",
        purpose: "the documentation builds without a warning",
        run: docs,
    },
    Step {
        name: "build",
        purpose: "every target builds from the lock file",
        run: compile,
    },
    Step {
        name: "tests",
        purpose: "every test passes, and there are some",
        run: tests,
    },
    Step {
        name: "doctests",
        purpose: "every example passes, the refused ones too",
        run: doctests,
    },
    Step {
        name: "contract",
        purpose: "the server survives its own API document",
        run: contract::run,
    },
    Step {
        name: "delta",
        purpose: "Delta readers that are not ours find what is published",
        run: delta::run,
    },
    Step {
        name: "keen",
        purpose: "Keen's own clients, unmodified, are answered as they expect",
        run: keen::run,
    },
    Step {
        name: "console",
        purpose: "the console in a browser: every page, pressed and looked at",
        run: console::run,
    },
];

/// The steps that the arguments of `ci` choose, in the order of the gate.
///
/// # Errors
/// When an argument is unknown or names no step.
pub(crate) fn selection(arguments: &[String]) -> Outcome<Vec<&'static Step>> {
    let mut names = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let name = match argument.strip_prefix("--step") {
            Some("") => rest.next().map(String::as_str),
            Some(value) => value.strip_prefix('='),
            None => None,
        };
        let name = name.ok_or_else(|| {
            Failure::new(format!(
                "`{argument}`: ci takes only `--step NAME`, any number of times"
            ))
        })?;
        if !STEPS.iter().any(|step| step.name == name) {
            let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            let known = known.join(", ");
            return Err(Failure::new(format!(
                "there is no step `{name}`; choose from {known}"
            )));
        }
        names.push(name);
    }
    Ok(STEPS
        .iter()
        .filter(|step| names.is_empty() || names.contains(&step.name))
        .collect())
}

/// Runs the steps in order up to the first that fails, then prints the time
/// of each.
///
/// # Errors
/// The failure of the step that failed.
pub(crate) fn run(repository: &Repository, steps: &[&Step]) -> Outcome {
    let mut times = Vec::new();
    let mut outcome = Ok(());
    for step in steps {
        println!("\n== {} ==", step.name);
        let watch = Stopwatch::start();
        outcome = (step.run)(repository);
        times.push((step.name, watch.elapsed(), outcome.is_ok()));
        if outcome.is_err() {
            break;
        }
    }
    println!("\n{}", table(steps, &times));
    outcome
}

fn table(steps: &[&Step], times: &[(&str, Duration, bool)]) -> String {
    let mut text = format!("{:<10} {:>8}\n", "step", "minutes");
    let mut total = Duration::ZERO;
    for (name, time, passed) in times {
        let minutes = time.as_secs_f64() / 60.0;
        let verdict = if *passed { "" } else { "  failed" };
        let _infallible = writeln!(text, "{name:<10} {minutes:>8.1}{verdict}");
        total += *time;
    }
    for step in &steps[times.len()..] {
        let _infallible = writeln!(text, "{:<10} {:>8}", step.name, "not run");
    }
    let _infallible = write!(text, "{:<10} {:>8.1}", "all", total.as_secs_f64() / 60.0);
    text
}

fn format(repository: &Repository) -> Outcome {
    process::run(&mut process::cargo(
        repository.root(),
        &["fmt", "--all", "--check"],
    ))
}

fn clippy(repository: &Repository) -> Outcome {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    process::run(&mut process::cargo(repository.root(), &arguments))
}

fn docs(repository: &Repository) -> Outcome {
    let mut command = process::cargo(
        repository.root(),
        &["doc", "--workspace", "--no-deps", "--locked"],
    );
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn compile(repository: &Repository) -> Outcome {
    let arguments = ["build", "--workspace", "--all-targets", "--locked"];
    process::run(&mut process::cargo(repository.root(), &arguments))
}

fn tests(repository: &Repository) -> Outcome {
    build::test(repository, "ci", &[], &[])
}

/// The whole workspace, although only `model` has examples: naming one
/// package would unify features anew and build its dependencies again.
fn doctests(repository: &Repository) -> Outcome {
    let arguments = ["test", "--doc", "--workspace", "--locked", "--quiet"];
    process::run(&mut process::cargo(repository.root(), &arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_a_choice_every_step_runs_in_order() {
        let names: Vec<&str> = selection(&[])
            .expect("no argument")
            .iter()
            .map(|step| step.name)
            .collect();
        let all: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names, all);
    }

    #[test]
    fn chosen_steps_keep_the_order_of_the_gate() {
        let chosen = selection(&words("--step tests --step=format")).expect("both exist");
        let names: Vec<&str> = chosen.iter().map(|step| step.name).collect();
        assert_eq!(names, ["format", "tests"]);
    }

    #[test]
    fn an_unknown_step_or_argument_is_refused() {
        for bad in [
            "--step",
            "--step nothing",
            "--fast",
            "format",
            "--stepformat",
        ] {
            assert!(selection(&words(bad)).is_err(), "`{bad}` was accepted");
        }
    }

    #[test]
    fn the_table_tells_failed_from_not_run() {
        let steps: Vec<&Step> = STEPS.iter().take(3).collect();
        let times = [
            ("format", Duration::from_secs(6), true),
            ("tidy", Duration::ZERO, false),
        ];
        let text = table(&steps, &times);
        assert!(text.contains("format          0.1\n"), "{text}");
        assert!(text.contains("tidy            0.0  failed\n"), "{text}");
        assert!(text.contains("licences    not run\n"), "{text}");
        assert!(text.ends_with("all             0.1"), "{text}");
    }
}
