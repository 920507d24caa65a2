//! `tidegate demo`.

mod load;
mod show;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc::{self, Sender};

use super::CommandError;
use crate::cli::DemoArgs;
use crate::client::{Client, ClientSettings, Token};
use crate::config::{self, ServeSettings};
use crate::output;
use crate::serve::{self, RunningServer};

/// What the command waits for.
enum Event {
    /// Everything has been shown, or could not be.
    Shown(Result<(), CommandError>),
    /// The person wants it to end.
    Interrupted,
}

/// Runs a server on a fresh temporary directory, loads it, and shows what
/// different keys see. However this ends, the directory is gone.
///
/// # Errors
/// When the server does not start, a step fails, or the numbers that the keys
/// see are not those of the data.
pub(super) fn run(args: &DemoArgs) -> Result<(), CommandError> {
    let listen = match &args.listen {
        Some(text) => config::parse_listen(text)?,
        None => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    };
    let (tell, events) = mpsc::channel();
    // From before there is anything to remove.
    watch_for_interrupt(tell.clone())?;
    let folder = tempfile::Builder::new()
        .prefix("tidegate-demo-")
        .tempdir()
        .map_err(|error| {
            CommandError::File(format!("no temporary directory can be made: {error}"))
        })?;
    let server = start(folder.path(), listen)?;
    show_on_a_thread(&server, args, tell)?;
    let shown = match events.recv() {
        Ok(Event::Shown(shown)) => shown,
        _ => Err(CommandError::Failed(
            "interrupted before everything was shown; nothing is left of it".to_owned(),
        )),
    };
    if shown.is_ok() && !args.exit {
        let _interrupted = events.recv();
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

/// Loads and shows apart from the thread that can be interrupted.
fn show_on_a_thread(
    server: &RunningServer,
    args: &DemoArgs,
    tell: Sender<Event>,
) -> Result<(), CommandError> {
    let token = server.admin_token.as_deref().unwrap_or_default();
    let admin = Client::new(&ClientSettings {
        url: format!("http://{}", reachable(server.address())),
        token: Some(Token::new(token, "the first start")?),
        ca_file: None,
        sign: false,
    })?;
    let (json, exit) = (args.json, args.exit);
    std::thread::spawn(move || tell.send(Event::Shown(show_all(&admin, json, exit))));
    Ok(())
}

fn show_all(admin: &Client, json: bool, exit: bool) -> Result<(), CommandError> {
    let loaded = load::load(admin)?;
    let seen = show::ask(admin, &loaded)?;
    if json {
        output::line(&show::document(admin, &loaded, &seen).to_string())?;
    } else {
        output::line(&show::tables(&loaded, &seen))?;
        output::line(&show::commands(admin, &seen))?;
    }
    show::check(&loaded, &seen)?;
    if !exit {
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

/// Takes over the signals that end the command, now, and tells of the first.
fn watch_for_interrupt(tell: Sender<Event>) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| CommandError::Failed(format!("the end cannot be waited for: {error}")))?;
    let interrupted = {
        let _inside = runtime.enter();
        serve::stop_signal()?
    };
    std::thread::spawn(move || {
        runtime.block_on(interrupted);
        tell.send(Event::Interrupted)
    });
    Ok(())
}

#[cfg(test)]
mod tests;
