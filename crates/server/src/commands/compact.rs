//! `tidegate compact`.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use lake::{Lake, LakeError};
use model::permit::{Permit, Upkeep};
use model::pools::Pool;

use super::{CommandError, environment};
use crate::cli::CompactArgs;
use crate::config::{FileSettings, Layers};
use crate::output::progress;
use crate::output::{self, printable};
use crate::serve::{Offline, ServeError};

/// How often the bar moves.
const STEP: Duration = Duration::from_millis(200);

/// Compacts the pools.
///
/// # Errors
/// When a pool that was named is not there, or the work cannot be done whole.
pub(super) fn run(args: &CompactArgs) -> Result<(), CommandError> {
    let file = FileSettings::load(args.data.config.as_deref())?;
    let settings = Layers::new(args.data.flags(), &environment, file).serve()?;
    let offline = Offline::to_write(&settings.data_dir)?;
    let defined = offline.defined()?;
    let chosen = choose(&defined.pools, &args.pools)?;
    let lake = offline.open_lake(&settings, defined)?;
    let done = match args.flush_only {
        true => flush(&lake),
        false => compact(&lake, &chosen, args.flush),
    };
    let done = done.and_then(|left| {
        lake.free_journal(&Permit::ours())?;
        Ok(left)
    });
    lake.stop();
    lake.close();
    done?.told()
}

/// What could not be done while the rest was, each with what to do.
#[derive(Debug, Default)]
struct Left {
    /// Files that cannot be read.
    unreadable: Vec<String>,
    /// Delta logs.
    unpublished: Vec<String>,
}

impl Left {
    fn note(&mut self, error: LakeError) {
        let kind = match error.is_of_a_file() {
            true => &mut self.unreadable,
            false => &mut self.unpublished,
        };
        // Whoever writes records to files may meet a file, and whoever merges once more.
        let told = error.to_string();
        if !kind.contains(&told) {
            kind.push(told);
        }
    }

    fn told(self) -> Result<(), CommandError> {
        for problem in self.unreadable.iter().chain(&self.unpublished) {
            output::note(&format!("warning: {}", printable(problem)));
        }
        let failed = match (self.unreadable.len(), self.unpublished.len()) {
            (0, 0) => return Ok(()),
            (0, _) => "every pool is compacted, but not every Delta log says so",
            _ => {
                "not every file can be read; those stay as they are, records that could not go to \
                 files beside them stay in the journal, and all else is done. tidegate check names \
                 every such file; do this again when they are put back"
            }
        };
        Err(CommandError::Failed(failed.to_owned()))
    }
}

fn choose(pools: &[Arc<Pool>], named: &[String]) -> Result<Vec<Arc<Pool>>, CommandError> {
    if named.is_empty() {
        return Ok(pools.to_vec());
    }
    let mut chosen: Vec<Arc<Pool>> = Vec::new();
    for name in named {
        let is_meant =
            |pool: &&Arc<Pool>| pool.draft.name.as_str() == name || pool.id.to_string() == *name;
        let mut found = pools.iter().filter(is_meant);
        match (found.next(), found.next()) {
            (Some(pool), None) => chosen.push(pool.clone()),
            (Some(_), Some(_)) => {
                return Err(CommandError::Usage(format!(
                    "several projects have a pool named {}; give its id",
                    printable(name)
                )));
            }
            (None, _) => {
                return Err(CommandError::Usage(format!(
                    "there is no pool of the name or id {}",
                    printable(name)
                )));
            }
        }
    }
    Ok(chosen)
}

fn flush(lake: &Lake) -> Result<Left, ServeError> {
    let mut left = Left::default();
    match lake.flush(&Permit::ours()) {
        Err(error) if error.is_of_a_file() => left.note(error),
        done => done?,
    }
    Ok(left)
}

/// Compacts pool by pool, with a bar; answers what was left.
fn compact(lake: &Lake, pools: &[Arc<Pool>], flush: bool) -> Result<Left, ServeError> {
    let permit: Permit<Upkeep> = Permit::ours();
    let bar = progress::count(0, "records");
    let mut left = Left::default();
    for pool in pools {
        bar.set_message(printable(pool.draft.name.as_str()));
        bar.inc_length(lake.records_of(&permit, pool.id));
        let done = std::thread::scope(|scope| {
            let (finished, finish) = mpsc::channel::<()>();
            let work = scope.spawn(|| {
                let done = lake.compact_pool(&permit, pool.id, flush);
                drop(finished);
                done
            });
            while finish.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                bar.set_position(lake.records_written());
            }
            work.join()
        });
        match done {
            Ok(done) => done?.into_iter().for_each(|error| left.note(error)),
            Err(_) => return Err(ServeError::Other("the work ended in a panic".to_owned())),
        }
    }
    bar.finish_and_clear();
    Ok(left)
}
