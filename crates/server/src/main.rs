//! `tidegate`: a data server in which every API key carries its own row
//! policy, and the commands to use one.

mod allocator;
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

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    if cli.command.holds_records() {
        allocator::keep_memory();
    }
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
