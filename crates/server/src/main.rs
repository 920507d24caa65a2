//! `tidegate`: a data server in which every API key carries its own row
//! policy, and the commands to use one.

mod cli;
mod client;
mod clock;
mod commands;
mod config;
mod output;
mod plane;
mod random;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;

/// Records are made of many small pieces, which the allocator of the system
/// gives and takes back at a multiple of the cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(text) = error.text() {
                output::note(&format!("tidegate: {text}"));
            }
            ExitCode::from(error.exit_code())
        }
    }
}
