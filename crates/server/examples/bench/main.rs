//! The benchmarks of one run: durable ingest over HTTP, bulk import, the time
//! to let a caller in, to refuse a guess and to verify an audit, reading datasets; and what keys cost
//! each other: the price of the barrier, a small key beside greedy ones, what greedy ones are held to, timing between customers.
//!
//! `cargo xtask bench` builds this and the server as the server is shipped
//! (profile `dist`) and runs it. Figures are medians of interleaved rounds where two things are
//! compared; the machine should be otherwise idle. `security` is the last four,
//! written to `bench/SECURITY.md`, `ingest`, `keys` and `datasets` to pages of their names; `--short` only shows that they work.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock, waits, prints figures and ends when something is wrong"
)]

mod audited;
mod auth;
mod barrier;
mod budgets;
mod client;
mod datasets;
mod greedy;
mod guesses;
mod import;
mod ingest;
mod keyed;
mod neighbours;
mod report;
mod server;
mod stats;
mod timing;

use report::Table;
use server::Server;

/// Where the parts are written, from the root of the checkout.
const INGEST: &str = "bench/INGEST.md";
const KEYS: &str = "bench/KEYS.md";
const SECURITY: &str = "bench/SECURITY.md";
const DATASETS: &str = "bench/DATASETS.md";

/// A part that is written: its name, its server's options, and what it does.
type Part = (
    &'static str,
    &'static [&'static str],
    fn(&Server, bool) -> Table,
);

fn main() {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    let short = wanted.iter().any(|part| part == "--short");
    wanted.retain(|part| part != "--short");
    let all = [
        "ingest",
        "keys",
        "datasets",
        "barrier",
        "neighbours",
        "budgets",
        "timing",
    ];
    if let Some(unknown) = wanted
        .iter()
        .find(|part| *part != "security" && !all.contains(&part.as_str()))
    {
        println!(
            "there is no part {unknown}; there are security and {}",
            all.join(", ")
        );
        std::process::exit(2);
    }
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|part| part == name);
    let is_security = wanted.iter().any(|part| part == "security");
    println!(
        "tidegate benchmarks; {} cores",
        std::thread::available_parallelism().unwrap()
    );
    if runs("ingest") {
        writes(short);
    }
    let missed = if runs("keys") {
        keys(short)
    } else {
        Vec::new()
    };
    if runs("datasets") {
        let server = Server::start_with(datasets::OPTIONS);
        let table = datasets::run(&server, short);
        table.print();
        if !short {
            write(DATASETS, "Cached datasets", "datasets", &[table]);
        }
    }
    let parts: [Part; 5] = [
        ("timing", timing::OPTIONS, timing::run),
        ("neighbours", neighbours::OPTIONS, neighbours::run),
        (
            "neighbours",
            neighbours::IDLE_OPTIONS,
            neighbours::run_with_idle,
        ),
        ("budgets", budgets::OPTIONS, budgets::run),
        ("barrier", barrier::OPTIONS, barrier::run),
    ];
    let mut tables = Vec::new();
    for (name, options, run) in parts {
        if runs(name) || is_security {
            let table = run(&Server::start_with(options), short);
            table.print();
            tables.push(table);
        }
    }
    if is_security && !short {
        write(SECURITY, "What keys cost each other", "security", &tables);
    }
    if !missed.is_empty() {
        println!("\nK3 is not held: {}", missed.join("; "));
        std::process::exit(1);
    }
}

/// What is written, and how fast it is durable.
fn writes(short: bool) {
    let tables = [ingest::run, import::run].map(|part| part(&Server::start(), short));
    tables.iter().for_each(Table::print);
    if !short {
        write(INGEST, "Writes", "ingest", &tables);
    }
}

/// What of keys is measured in process; and which figures of a long run miss
/// their bars.
fn keys(short: bool) -> Vec<String> {
    let many = auth::Many::new(short);
    let (let_in, slow) = auth::run(&many, short);
    let_in.print();
    let (guessed, told) = guesses::run(&many, short);
    guessed.print();
    let tables = [let_in, guessed, audited::run(short)];
    tables[2].print();
    if short {
        return Vec::new();
    }
    write(KEYS, "What keys cost their caller", "keys", &tables);
    slow.into_iter().chain(told).collect()
}

fn write(page: &str, title: &str, part: &str, tables: &[Table]) {
    std::fs::write(page, report::page(title, part, tables)).unwrap();
    println!("\n{page} was written");
}
