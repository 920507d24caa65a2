//! Writers that race for versions, on files of the machine (bar D9): each version is of one of
//! them, none is missing, and nobody's is lost.

use std::sync::{Arc, Barrier};

use super::reader::bytes_of;
use super::*;
use crate::disk::{DiskError, DiskFile, DiskLock, RealDisk};
use crate::lake::tests::fixtures::cases;
use crate::published::state::Found;
use crate::published::table::FileFacts;

const WRITERS: u64 = 16;

/// The one file that a writer has in the table after so many commits of its own.
fn file_of(writer: u64, turn: u64) -> String {
    format!("W{writer:02}-{turn:06}.parquet")
}

/// What a writer knows of the log, and how often it came too late.
struct Writer<'a> {
    number: u64,
    disk: &'a dyn Disk,
    directory: PathBuf,
    log: Log<'a>,
    found: Found,
    late: u64,
}

impl<'a> Writer<'a> {
    fn open(number: u64, disk: &'a dyn Disk, pool: &Path) -> Result<Self, PublishError> {
        Ok(Self {
            number,
            disk,
            directory: pool.join(DIRECTORY),
            log: Log::open(disk, pool)?,
            found: Found::default(),
            late: 0,
        })
    }

    /// Puts its next file in the place of the one before, however many others come first; answers
    /// the version.
    fn commit(&mut self, turn: u64) -> Result<u64, String> {
        loop {
            let state = self.found.state.as_ref();
            let mut files = state.map(|state| state.files.clone()).unwrap_or_default();
            if let Some(before) = turn.checked_sub(1) {
                files.remove(&file_of(self.number, before));
            }
            let facts = FileFacts {
                size: 1,
                modified: 1,
                stats: String::new(),
            };
            files.insert(file_of(self.number, turn), facts);
            let metadata = Metadata::of(&table(&[])).unwrap();
            let commit = Commit::between(state, metadata, files, at(turn)).expect("a change");
            match self.log.write_commit(&commit) {
                Ok(()) => {
                    let version = commit.version;
                    self.found.follow(commit);
                    return Ok(version);
                }
                Err(PublishError::Taken(_)) => self.catch_up()?,
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Reads what others committed meanwhile: at least one version.
    fn catch_up(&mut self) -> Result<(), String> {
        self.late += 1;
        let before = next_of(&self.found);
        loop {
            let next = next_of(&self.found);
            let path = self.directory.join(format!("{next:020}.json"));
            if self.disk.open(&path).is_err() {
                assert!(next > before, "version {next} is taken and not there");
                return Ok(());
            }
            let commit = Commit::decode(next, &bytes_of(self.disk, &path))?;
            self.found.follow(commit);
        }
    }
}

fn next_of(found: &Found) -> u64 {
    found.state.as_ref().map_or(0, |state| state.version + 1)
}

/// Lets writers make so many commits each; answers how often one came too late.
fn race(disk: &dyn Disk, pool: &Path, commits: u64) -> Result<u64, String> {
    let ready = Barrier::new(WRITERS as usize);
    let work = |number| -> Result<(Vec<u64>, u64), String> {
        let writer = Writer::open(number, disk, pool);
        ready.wait();
        let mut writer = writer.map_err(|error| error.to_string())?;
        let won: Result<Vec<u64>, String> = (0..commits).map(|turn| writer.commit(turn)).collect();
        Ok((won?, writer.late))
    };
    let work = &work;
    let ended: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        let ended = writers.into_iter().map(|writer| writer.join().unwrap());
        ended.collect()
    });
    let (mut versions, mut late) = (Vec::new(), 0);
    for one in ended {
        let (won, too_late) = one?;
        versions.extend(won);
        late += too_late;
    }
    versions.sort_unstable();
    if !versions.iter().copied().eq(0..WRITERS * commits) {
        return Err("a version has two winners, or none".to_owned());
    }
    check(disk, pool, commits)?;
    Ok(late)
}

/// Looks at the log from its first version on.
fn check(disk: &dyn Disk, pool: &Path, commits: u64) -> Result<(), String> {
    let mut turns = BTreeMap::new();
    for version in 0..WRITERS * commits {
        let path = pool.join(DIRECTORY).join(format!("{version:020}.json"));
        let commit = Commit::decode(version, &bytes_of(disk, &path))?;
        let added: Vec<&String> = commit.added.keys().collect();
        let [added] = added[..] else {
            return Err(format!("version {version} adds {added:?}"));
        };
        let turn = turns.entry(added[..3].to_owned()).or_insert(0);
        if added[4..] != format!("{turn:06}.parquet") {
            return Err(format!("version {version} adds {added}"));
        }
        *turn += 1;
    }
    verify(disk, pool, table(&[]).id).map_err(|error| error.to_string())?;
    let mut live = named(disk, pool, table(&[]).id).unwrap().unwrap();
    live.sort();
    let last: Vec<String> = (0..WRITERS).map(|w| file_of(w, commits - 1)).collect();
    assert_eq!(live, last);
    let names = disk.list(&pool.join(DIRECTORY)).unwrap();
    assert_eq!(
        names.len() as u64,
        WRITERS * commits,
        "nothing is left over"
    );
    Ok(())
}

#[test]
fn of_sixteen_writers_each_version_has_one_and_none_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let late = race(&RealDisk, directory.path(), cases(20, 1_000)).unwrap();
    assert!(late > WRITERS, "they did not race: {late} came too late");
}

/// The mutant: a disk on which a name goes to who comes last.
#[derive(Debug)]
struct Replacing;

impl Disk for Replacing {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        RealDisk.create(path)
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        RealDisk.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        RealDisk.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        RealDisk.remove(path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        RealDisk.list(directory)
    }

    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        RealDisk.create_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        RealDisk.sync_directory(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        RealDisk.lock(path)
    }
}

#[test]
fn a_name_that_goes_to_who_comes_last_is_found_out() {
    let directory = tempfile::tempdir().unwrap();
    let found = race(&Replacing, directory.path(), 3);
    assert!(found.unwrap_err().contains("two winners"));
}

#[test]
fn a_version_that_another_program_made_meanwhile_stays() {
    let disk = published(1, 3);
    let mut log = Log::open(&disk, &pool()).unwrap();
    let found = log.load(&table::table_id(table(&[]).id)).unwrap();
    let other = publish(&disk, &pool(), &table(&[]), &files(0..5), at(4)).unwrap();
    assert_eq!(other, Some(4));
    let metadata = Metadata::of(&table(&[])).unwrap();
    let state = found.state.as_ref();
    let late = Commit::between(state, metadata, BTreeMap::new(), at(5)).unwrap();
    let refused = log.write_commit(&late).unwrap_err();
    assert!(
        refused.to_string().contains("made by somebody else"),
        "{refused}"
    );
    let seen = super::reader::newest(&disk, &log_directory())
        .unwrap()
        .unwrap();
    assert_eq!((seen.version, seen.files.len()), (4, 5));
    let names = disk.list(&log_directory()).unwrap();
    assert_eq!(names.len(), 5, "{names:?}");
}

fn log_directory() -> PathBuf {
    super::log()
}
