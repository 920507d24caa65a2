//! Child processes, their environment and the stopwatch.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Why a command of xtask ended without success, told to a person.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure with the given explanation.
    pub(crate) fn new(explanation: impl Into<String>) -> Self {
        Self(explanation.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What every command of xtask ends with.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Measures how long a step took.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// A stopwatch that runs from now.
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask measures the build, not the product"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask measures the build, not the product"
    )]
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A `cargo` command in the folder `root`.
///
/// The variables that the outer cargo set for xtask itself are taken away:
/// some build scripts watch them, and would run again under xtask and once
/// more outside it.
pub(crate) fn cargo<S: AsRef<OsStr>>(root: &Path, arguments: &[S]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(belongs_to_xtask) {
            command.env_remove(name);
        }
    }
    command.current_dir(root).args(arguments);
    command
}

fn belongs_to_xtask(name: &str) -> bool {
    let prefixes = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_CRATE_",
        "CARGO_BIN_",
    ];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
        || ["CARGO", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name)
}

/// Runs `command` in view of the person, without standard input.
///
/// # Errors
/// When it cannot be started or ends with another code than 0.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = line_of(command);
    println!("$ {line}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::new(format!("`{line}` cannot be started: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("`{line}` failed ({status})")))
}

/// Runs `command` and returns its standard output; its standard error is
/// shown to the person.
///
/// # Errors
/// When it cannot be started, fails, or does not speak UTF-8.
pub(crate) fn capture(command: &mut Command) -> Outcome<String> {
    let line = line_of(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::new(format!("`{line}` cannot be started: {error}")))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{line}` failed ({})", output.status)));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(format!("`{line}` did not answer in UTF-8")))
}

/// Whether `command` starts and ends with code 0; says nothing.
pub(crate) fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as a person would type it.
fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut line = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_outer_cargo_set_is_told_from_what_the_person_set() {
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO", "OUT_DIR"] {
            assert!(
                belongs_to_xtask(name),
                "{name} must not reach the inner cargo"
            );
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_RETRY", "PATH"] {
            assert!(!belongs_to_xtask(name), "{name} must reach the inner cargo");
        }
    }

    #[test]
    fn a_failing_command_is_named_with_its_arguments() {
        let mut command = Command::new("false");
        let failure = run(command.arg("now")).expect_err("false fails");
        assert!(
            failure.to_string().contains("`false now` failed"),
            "{failure}"
        );
    }

    #[test]
    fn a_missing_program_is_a_failure_and_does_not_work() {
        let mut command = Command::new("no-such-program-anywhere");
        assert!(run(&mut command).is_err());
        assert!(!works(&mut command));
    }
}
