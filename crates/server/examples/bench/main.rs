//! The benchmarks of one run: durable ingest over HTTP, bulk import, the time
//! to let a caller in, and the price of the barrier.
//!
//! `cargo xtask bench` builds this and the server with the profile `quick` and
//! runs it. Figures are medians of interleaved rounds where two things are
//! compared; the machine should be otherwise idle.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock, prints figures and ends when something is wrong"
)]

mod auth;
mod barrier;
mod client;
mod import;
mod ingest;
mod server;

use server::Server;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|part| part == name);
    println!(
        "tidegate benchmarks; {} cores",
        std::thread::available_parallelism().unwrap()
    );
    if runs("ingest") {
        ingest::run(&Server::start());
    }
    if runs("import") {
        import::run(&Server::start());
    }
    if runs("auth") {
        auth::run();
    }
    if runs("barrier") {
        barrier::run(&Server::start_with(barrier::OPTIONS));
    }
}

/// The value at a share of the sorted values.
fn at_share(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[index]
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}
