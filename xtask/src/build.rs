//! The commands beside the gate: long proofs, fuzzing, benchmarks, release.

use crate::packages;
use crate::process::{self, Failure, Outcome};
use crate::repository::Repository;

/// The profile of the benchmarks: that of what is shipped.
pub(crate) const MEASURED: &str = "dist";

/// Whether cargo-nextest is here; the gate takes `cargo test` when it is not.
pub(crate) fn has_nextest(repository: &Repository) -> bool {
    process::works(&mut process::cargo(
        repository.root(),
        &["nextest", "--version"],
    ))
}

/// Runs every test under the named nextest profile, or with `cargo test` on a
/// machine without cargo-nextest. `arguments` go to the runner.
///
/// # Errors
/// When a test fails, or none is found.
pub(crate) fn test(
    repository: &Repository,
    profile: &str,
    environment: &[(&str, &str)],
    arguments: &[String],
) -> Outcome {
    tools()?;
    let nextest = [
        "nextest",
        "run",
        "--workspace",
        "--locked",
        "--no-tests",
        "fail",
        "--profile",
    ];
    let plain = [
        "test",
        "--workspace",
        "--locked",
        "--lib",
        "--bins",
        "--tests",
    ];
    let mut command = if has_nextest(repository) {
        let mut command = process::cargo(repository.root(), &nextest);
        command.arg(profile);
        command
    } else {
        println!("cargo-nextest is not installed: `cargo test` takes its place");
        process::cargo(repository.root(), &plain)
    };
    process::run(command.envs(environment.iter().copied()).args(arguments))
}

/// What tests need of the machine, unless the person says that this machine
/// goes without it (`docs/durability.md`).
fn tools() -> Outcome {
    let without = std::env::var("TIDEGATE_WITHOUT").unwrap_or_default();
    let goes_without = |need: &str| without.split([',', ' ']).any(|word| word == need);
    if !goes_without("strace") {
        packages::need(
            "the tests of failing system calls need strace (or TIDEGATE_WITHOUT=strace)",
            &["strace"],
            || process::works(std::process::Command::new("strace").arg("-V")),
        )?;
    }
    if !goes_without("cryptography") {
        packages::need(
            "the test of docs/restrictions/sign.py needs Python with its library cryptography \
             (or TIDEGATE_WITHOUT=cryptography)",
            &["python3", "python3-cryptography"],
            || {
                let mut python = std::process::Command::new("python3");
                process::works(python.args(["-c", "import cryptography"]))
            },
        )?;
    }
    if !goes_without("faketime") {
        packages::need(
            "the test of a clock that steps back needs libfaketime (or TIDEGATE_WITHOUT=faketime)",
            &["faketime"],
            || process::works(std::process::Command::new("faketime").arg("--version")),
        )?;
    }
    if !goes_without("netns") {
        packages::need(
            "the test that counts packets needs the program ip (or TIDEGATE_WITHOUT=netns)",
            &["iproute2"],
            || process::works(std::process::Command::new("ip").arg("-V")),
        )?;
    }
    Ok(())
}

/// Runs the tests with the long number of cases.
///
/// # Errors
/// When a test fails.
pub(crate) fn prove(repository: &Repository, arguments: &[String]) -> Outcome {
    test(
        repository,
        "prove",
        &[("TIDEGATE_PROOF", "long")],
        arguments,
    )
}

/// Runs one fuzz target until it is stopped or finds something.
///
/// # Errors
/// When no target is named, cargo-fuzz is missing, or an input breaks the
/// target.
pub(crate) fn fuzz(repository: &Repository, arguments: &[String]) -> Outcome {
    let Some((target, rest)) = arguments.split_first() else {
        return Err(Failure::new(
            "name a fuzz target; the files of fuzz/fuzz_targets are their names",
        ));
    };
    if !process::works(&mut process::cargo(
        repository.root(),
        &["fuzz", "--version"],
    )) {
        return Err(Failure::new(
            "cargo-fuzz is not installed: `cargo install cargo-fuzz --locked`, and a nightly \
             compiler (`RUSTUP_TOOLCHAIN=nightly cargo xtask fuzz TARGET`), then run this again",
        ));
    }
    process::run(process::cargo(repository.root(), &["fuzz", "run", target]).args(rest))
}

/// Builds the server and its benchmarks as the server is shipped: what is
/// measured is what users run.
///
/// # Errors
/// When they do not build.
pub(crate) fn measured(repository: &Repository) -> Outcome {
    // One call for both: the benchmarks run the server's binary beside them.
    let build = ["build", "--profile", MEASURED, "--locked", "--workspace"];
    let targets = ["--bin", "tidegate", "--example", "bench"];
    process::run(process::cargo(repository.root(), &build).args(targets))
}

/// Builds and runs the benchmarks.
///
/// # Errors
/// When they do not build or do not finish.
pub(crate) fn bench(repository: &Repository, arguments: &[String]) -> Outcome {
    measured(repository)?;
    let run = ["run", "--profile", MEASURED, "--locked", "--quiet"];
    let mut command = process::cargo(repository.root(), &run);
    process::run(command.args(["--example", "bench", "--"]).args(arguments))
}

/// Builds the binary that is shipped and prints its path and size.
///
/// # Errors
/// When it does not build.
pub(crate) fn dist(repository: &Repository) -> Outcome {
    let arguments = [
        "build",
        "--profile",
        "dist",
        "--locked",
        "-p",
        "server",
        "--bin",
        "tidegate",
    ];
    process::run(&mut process::cargo(repository.root(), &arguments))?;
    let binary = repository.target()?.join("dist").join("tidegate");
    let size = std::fs::metadata(&binary)
        .map_err(|error| Failure::new(format!("{} is not there: {error}", binary.display())))?
        .len();
    println!("{} ({})", binary.display(), mebibytes(size));
    Ok(())
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / (1 << 20);
    format!("{}.{} MiB, {bytes} bytes", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_mebibytes_and_bytes() {
        assert_eq!(mebibytes(1_572_864), "1.5 MiB, 1572864 bytes");
        assert_eq!(mebibytes(0), "0.0 MiB, 0 bytes");
    }
}
