//! When the files of records are read again, and how fast. How far it has come
//! is kept beside the data, so that a restart goes on and does not begin anew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lake::{Lake, Scrubbed};
use model::permit::{Permit, Upkeep};
use model::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::SystemClock;
use crate::config::ScrubSettings;

/// Bytes that are read at once, at most and at least; the next flush waits no
/// longer than for them.
const STEP_MAX: u64 = 1 << 20;
const STEP_MIN: u64 = 16 << 10;
/// How long it waits when no file can be opened.
const LATER: Duration = Duration::from_secs(30);
/// How often the place is noted while files are read.
const NOTE: Duration = Duration::from_secs(5);

/// What is kept of it, for the next start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// When the last round began, in microseconds since 1970.
    begun: i64,
    /// Whether it is under way.
    under_way: bool,
    /// The file after which it goes on.
    after: Option<String>,
    /// Files that it found damaged, or could not read.
    damaged: u64,
}

impl Kept {
    /// What a file says, unless it is not what was written: then the next round
    /// begins at once.
    fn read(bytes: &[u8]) -> Option<Self> {
        match serde_json::from_slice(bytes).ok()? {
            Noted::Checked { kept, crc32 } => (kept.crc32() == crc32).then_some(kept),
            Noted::Older(kept) => Some(kept),
        }
    }

    fn written(self) -> Vec<u8> {
        let crc32 = self.crc32();
        let noted = Noted::Checked { kept: self, crc32 };
        serde_json::to_vec(&noted).expect("texts and numbers are JSON")
    }

    fn crc32(&self) -> u32 {
        crc32fast::hash(&serde_json::to_vec(self).expect("texts and numbers are JSON"))
    }
}

/// The forms of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Noted {
    Checked {
        kept: Kept,
        crc32: u32,
    },
    /// Of versions before 0.1, without a checksum.
    Older(Kept),
}

/// The rounds of reading all files again.
#[derive(Debug)]
pub(super) struct Scrub {
    settings: ScrubSettings,
    file: PathBuf,
    kept: Kept,
    noted: Timestamp,
    is_begun: bool,
}

fn has_passed(since: Timestamp, now: Timestamp, time: Duration) -> bool {
    let passed = now.as_microsecond().saturating_sub(since.as_microsecond());
    // A clock that was set back is no reason to wait for ever.
    u128::try_from(passed).map_or(true, |passed| passed >= time.as_micros())
}

impl Scrub {
    /// The rounds over the files of a data directory.
    pub(super) fn new(settings: ScrubSettings, data_dir: &Path) -> Self {
        let file = data_dir.join("scrub.json");
        let kept = std::fs::read(&file).ok();
        let kept = kept.and_then(|bytes| Kept::read(&bytes));
        Self {
            settings,
            file,
            kept: kept.unwrap_or_default(),
            noted: Timestamp::MIN,
            is_begun: false,
        }
    }

    /// Reads on a little, if it is time; answers how long to wait then. `None`
    /// when it is not time.
    pub(super) fn step(&mut self, lake: &Lake, permit: &Permit<Upkeep>) -> Option<Duration> {
        let every = self.settings.every?;
        let now = SystemClock.now();
        if !self.kept.under_way {
            let begun = Timestamp::from_microsecond(self.kept.begun);
            if begun.is_some_and(|begun| !has_passed(begun, now, every)) {
                return None;
            }
            self.kept = Kept {
                begun: now.as_microsecond(),
                under_way: true,
                ..Kept::default()
            };
            tracing::info!("all files of records are read again and compared with their digests");
        }
        if !std::mem::replace(&mut self.is_begun, true) {
            lake.scrub_after(permit, self.kept.after.as_deref().unwrap_or_default());
        }
        let wait = match lake.scrub(permit, self.step_bytes()) {
            Scrubbed::Bytes(read) => self.pause(read),
            Scrubbed::Later => LATER,
            Scrubbed::File(name) => {
                self.kept.after = Some(name);
                Duration::ZERO
            }
            Scrubbed::Damaged(_) => {
                self.kept.damaged += 1;
                Duration::ZERO
            }
            Scrubbed::All => {
                self.end();
                return None;
            }
        };
        if has_passed(self.noted, now, NOTE) {
            self.note(now);
        }
        Some(wait)
    }

    fn end(&mut self) {
        self.kept.under_way = false;
        self.kept.after = None;
        self.is_begun = false;
        self.note(SystemClock.now());
        match self.kept.damaged {
            0 => tracing::info!("every file of records is what was written"),
            damaged => tracing::error!(
                damaged,
                "not every file of records could be read and is what was written; tidegate check \
                 names them"
            ),
        }
    }

    /// What may be read in a tenth of a second, in whole parts.
    fn step_bytes(&self) -> u64 {
        let tenth = self.settings.bytes_per_second / 10;
        tenth.next_multiple_of(STEP_MIN).clamp(STEP_MIN, STEP_MAX)
    }

    /// How long reading so many bytes may take.
    fn pause(&self, read: u64) -> Duration {
        Duration::from_secs_f64(read as f64 / self.settings.bytes_per_second as f64)
    }

    /// Notes the place. When that fails, the next start reads some files once more.
    fn note(&mut self, now: Timestamp) {
        self.noted = now;
        let partial = self.file.with_extension("json.tmp");
        let text = self.kept.clone().written();
        let noted =
            std::fs::write(&partial, text).and_then(|()| std::fs::rename(&partial, &self.file));
        if let Err(error) = noted {
            tracing::debug!(%error, "how far reading all files has come was not noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        Kept {
            begun: 1_767_225_600_000_000,
            under_way: true,
            after: Some("01M8M8HYP45MQ9DTNTZ5WAMC78".to_owned()),
            damaged: 1,
        }
    }

    #[test]
    fn a_note_with_a_flipped_bit_is_not_believed() {
        let noted = kept().written();
        assert_eq!(Kept::read(&noted), Some(kept()));
        for bit in 0..noted.len() * 8 {
            let mut flipped = noted.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = Kept::read(&flipped);
            assert!(
                read.is_none() || read == Some(kept()),
                "bit {bit}: {read:?}"
            );
        }
    }

    #[test]
    fn a_note_of_an_earlier_version_is_read() {
        let older = serde_json::to_vec(&kept()).expect("JSON");
        assert_eq!(Kept::read(&older), Some(kept()));
    }
}
