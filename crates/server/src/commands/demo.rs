//! `tidegate demo`.

mod load;
mod show;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::CommandError;
use crate::cli::DemoArgs;
use crate::client::{Client, ClientSettings, Token};
use crate::config::{self, ServeSettings};
use crate::output;
use crate::serve::{self, RunningServer};

/// Runs a server on a fresh temporary directory, loads it, and shows what
/// different keys see.
///
/// # Errors
/// When the server does not start, a step fails, or the numbers that the keys
/// see are not those of the data.
pub(super) fn run(args: &DemoArgs) -> Result<(), CommandError> {
    let listen = match &args.listen {
        Some(text) => config::parse_listen(text)?,
        None => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    };
    let folder = tempfile::Builder::new()
        .prefix("tidegate-demo-")
        .tempdir()
        .map_err(|error| {
            CommandError::File(format!("no temporary directory can be made: {error}"))
        })?;
    let server = start(folder.path(), listen)?;
    let shown = show_all(&server, args);
    if shown.is_ok() && !args.exit {
        wait_for_interrupt()?;
    }
    let stopped = server.stop();
    shown?;
    Ok(stopped?)
}

fn start(folder: &Path, listen: SocketAddr) -> Result<RunningServer, CommandError> {
    let settings = ServeSettings::temporary(folder, listen);
    settings.check()?;
    Ok(serve::start(settings)?)
}

fn show_all(server: &RunningServer, args: &DemoArgs) -> Result<(), CommandError> {
    let token = server.admin_token.as_deref().unwrap_or_default();
    let admin = Client::new(&ClientSettings {
        url: format!("http://{}", reachable(server.address())),
        token: Some(Token::new(token, "the first start")?),
        ca_file: None,
    })?;
    let loaded = load::load(&admin)?;
    let seen = show::ask(&admin, &loaded)?;
    if args.json {
        output::line(&show::document(&admin, &loaded, &seen).to_string())?;
    } else {
        output::line(&show::tables(&loaded, &seen))?;
        output::line(&show::commands(&admin, &seen))?;
    }
    show::check(&loaded, &seen)?;
    if !args.exit {
        output::note("The server runs until Ctrl-C; then all of this is gone.");
    }
    Ok(())
}

/// The address to call a server that listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
        }
        _ => address,
    }
}

fn wait_for_interrupt() -> Result<(), CommandError> {
    let told = |error: std::io::Error| {
        CommandError::Failed(format!("the end cannot be waited for: {error}"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(told)?;
    runtime
        .block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminated = signal(SignalKind::terminate())?;
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => interrupted,
                _ = terminated.recv() => Ok(()),
            }
        })
        .map_err(told)
}

#[cfg(test)]
mod tests;
