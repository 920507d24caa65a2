//! Signed checkpoints of the audit, appended to a directory outside of the
//! data: what is there tells of an audit that was changed past the server.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use control::Control;
use model::audit::{Checkpoint, Head, VerifierKey};
use model::ids::ProjectId;
use model::permit::Permit;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::ServeError;
use crate::config::ServeSettings;

/// How often what has changed is signed.
const PERIOD: Duration = Duration::from_secs(60 * 60);

/// The directory that checkpoints go to.
#[derive(Debug)]
pub(super) struct Checkpoints {
    directory: PathBuf,
    /// What was written in this run: a log that did not grow is not signed again.
    written: HashMap<ProjectId, Head>,
}

impl Checkpoints {
    /// Takes the directory of the settings, which is made when it does not
    /// exist; the data directory does.
    ///
    /// # Errors
    /// When it cannot be used, or lies in the data directory: whoever changes
    /// the one could change the other.
    pub(super) fn take(settings: &ServeSettings) -> Result<Option<Self>, ServeError> {
        let Some(directory) = &settings.audit_checkpoint_dir else {
            return Ok(None);
        };
        let real = |path: &Path| {
            let found = super::files::real(path);
            found.map_err(|error| ServeError::file("find", path, error))
        };
        // Looked at first: what is refused leaves nothing in the data directory.
        if real(directory)?.starts_with(real(&settings.data_dir)?) {
            return Err(ServeError::Setting(format!(
                "--audit-checkpoint-dir {} lies in the data directory, where whoever changes the \
                 audit changes the checkpoints, too; name a directory elsewhere, best on another machine",
                directory.display()
            )));
        }
        super::files::make_directory(directory)?;
        Ok(Some(Self {
            directory: directory.clone(),
            written: HashMap::new(),
        }))
    }

    /// Appends a checkpoint of each log that grew since the last time.
    ///
    /// # Errors
    /// When they cannot be had or written; what was not written is due again.
    async fn write(mut self, control: &Control) -> (Self, Result<(), ServeError>) {
        let signed = match control.audit_checkpoints(&Permit::ours()).await {
            Ok(signed) => signed,
            Err(error) => return (self, Err(error.into())),
        };
        let is_new = |signed: &Checkpoint| self.written.get(&signed.project) != Some(&signed.head);
        let fresh: Vec<Checkpoint> = signed.into_iter().filter(is_new).collect();
        let Some(first) = fresh.first() else {
            return (self, Ok(()));
        };
        let month = first.at.to_string().chars().take(7).collect::<String>();
        let name = format!("audit-checkpoints-{month}.ndjson");
        let path = self.directory.join(name);
        let lines = lines(&fresh, &control.audit_verifier());
        let appended = tokio::task::spawn_blocking(move || append(&path, &lines)).await;
        let appended = appended.map_err(|error| ServeError::other("write checkpoints", error));
        let appended = appended.and_then(|appended| appended);
        if appended.is_ok() {
            let heads = fresh.iter().map(|signed| (signed.project, signed.head));
            self.written.extend(heads);
        }
        (self, appended)
    }
}

fn lines(signed: &[Checkpoint], key: &VerifierKey) -> String {
    let key = key.to_string();
    let lines = signed.iter().map(|signed| {
        let line = json!({
            "project": signed.project.to_string(),
            "at": signed.at.to_string(),
            "size": signed.head.size,
            "verifier_key": key,
            "note": signed.note(),
        });
        format!("{line}\n")
    });
    lines.collect()
}

/// Appends lines, durably. A line that was cut off before stays one of its own.
fn append(path: &Path, lines: &str) -> Result<(), ServeError> {
    let failed = |error| ServeError::file("append to", path, error);
    let mut options = OpenOptions::new();
    let opened = options.append(true).read(true).create(true).mode(0o600);
    let mut file = opened.open(path).map_err(failed)?;
    let ends = ends_a_line(&mut file).map_err(failed)?;
    let text = format!("{}{lines}", if ends { "" } else { "\n" });
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let parent = path.parent().unwrap_or(Path::new("."));
    let directory = File::open(parent).map_err(failed)?;
    directory.sync_all().map_err(failed)
}

fn ends_a_line(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Writes checkpoints at the start, every hour and at the end.
pub(super) async fn keep(
    checkpoints: Option<Checkpoints>,
    control: Arc<Control>,
    stopping: CancellationToken,
) {
    if let Some(checkpoints) = checkpoints {
        keep_every(PERIOD, checkpoints, control, stopping).await;
    }
}

async fn keep_every(
    period: Duration,
    mut checkpoints: Checkpoints,
    control: Arc<Control>,
    stopping: CancellationToken,
) {
    let mut ticks = tokio::time::interval(period);
    loop {
        let stops = tokio::select! {
            () = stopping.cancelled() => true,
            _ = ticks.tick() => false,
        };
        let (kept, written) = checkpoints.write(&control).await;
        checkpoints = kept;
        if let Err(error) = written {
            tracing::error!(%error, "no checkpoint of the audit was written");
        }
        if stops {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
