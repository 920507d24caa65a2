//! The console in a real browser: a server on an empty folder, and the journeys
//! of `xtask/console`, which press what a person presses. They leave pictures of
//! every page in the target directory, for people to look at.

use std::process::Command;

use crate::packages;
use crate::process::{self, Failure, Outcome};
use crate::repository::Repository;
use crate::server::Server;
use crate::workplace::Workplace;
use crate::{keen, node, python};

const HOME: &str = "xtask/console";

/// Runs every journey against the server that the step `build` made.
///
/// # Errors
/// When the browser or what drives it cannot be had, or a journey ends
/// otherwise than it must.
pub(crate) fn run(repository: &Repository) -> Outcome {
    let requirements = format!("{HOME}/requirements.txt");
    let programs = python::environment(repository, "console", &requirements, "python")?;
    let modules = node::modules(repository, "console-node", HOME)?;
    packages::need("this step needs a browser", &["chromium"], || {
        keen::browser().is_some()
    })?;
    let browser = keen::browser().ok_or_else(|| Failure::new("there is no browser"))?;
    let browser = process::capture(Command::new("which").arg(browser))?;
    let target = repository.target()?;
    let folder = Workplace::create("console")?;
    let program = target.join("debug").join("tidegate");
    let server = Server::start(&program, folder.path(), &[])?;
    let mut command = Command::new(programs.join("python"));
    command
        .arg(repository.root().join(HOME).join("run.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CONSOLE_ORIGIN", format!("http://{}", server.address()))
        .env("CONSOLE_MASTER", server.token())
        .env("CONSOLE_PROGRAM", &program)
        .env("CONSOLE_CHROMIUM", browser.trim())
        .env("CONSOLE_AXE", modules.join("axe-core").join("axe.min.js"))
        .env("CONSOLE_PICTURES", target.join("console"));
    process::run(&mut command).map_err(|failure| {
        let log = server.log_end();
        Failure::new(format!("{failure}\nthe end of the server's log:\n{log}"))
    })?;
    let token = server.token().to_owned();
    server.terminate()?;
    folder.nowhere("the admin's token", &token)
}
