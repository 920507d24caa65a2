//! What is deleted is unreachable at once, and after the stated time no byte
//! of it is on the disk: a real disk, and tokens that are looked for in every
//! file that there is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use model::permit::Permit;
use model::pools::Pool;
use model::random::{RandomSource, SeededRandom};
use model::time::{Clock, ManualClock};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::fixtures::*;
use crate::disk::RealDisk;
use crate::lake::{Environment, Lake, LakeOptions};
use crate::uniqueness::MemoryTokens;

fn definition(name: &str) -> String {
    format!(
        r#"{{"name":"{name}","schema":"open","isolation_field":"c","unique":["id"],"time_field":"at",
        "retention_days":10,"fields":[{{"name":"c","type":"String"}},{{"name":"id","type":"String"}},
        {{"name":"at","type":"DateTime"}},{{"name":"text","type":"String"}}]}}"#
    )
}

struct World {
    home: tempfile::TempDir,
    clock: Arc<ManualClock>,
    random: SeededRandom,
    pool: Arc<Pool>,
    other: Arc<Pool>,
    lake: Lake,
    kept: BTreeSet<String>,
    gone: BTreeSet<String>,
    /// Records of the kind that is deleted.
    deletable: u64,
}

fn options() -> LakeOptions {
    let mut options = small();
    options.journal.segment_bytes = 64 << 10;
    options.journal.max_record_bytes = 24 << 10;
    options.journal.spare_segments = 4;
    options
}

fn open_in(home: &Path, clock: &Arc<ManualClock>, pools: [&Arc<Pool>; 2]) -> Lake {
    let environment = Environment {
        disk: Arc::new(RealDisk),
        journal: home.join("journal"),
        tables: home.join("tables"),
        clock: clock.clone(),
        random: Arc::new(SeededRandom::new(
            clock.now().as_microsecond().unsigned_abs(),
        )),
        tokens: Arc::new(MemoryTokens::default()),
    };
    let known = pools.into_iter().cloned().collect();
    Lake::open(environment, known, options()).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(noon()));
        let (pool, other) = (pool(1, &definition("p")), pool(2, &definition("q")));
        let lake = open_in(home.path(), &clock, [&pool, &other]);
        Self {
            home,
            clock,
            random: SeededRandom::new(11),
            pool,
            other,
            lake,
            kept: BTreeSet::new(),
            gone: BTreeSet::new(),
            deletable: 0,
        }
    }

    fn token(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        bytes.map(|byte| format!("{byte:02x}")).concat()
    }

    /// Records of one kind, each with tokens in a declared field, in an
    /// undeclared one, as the name of one, and in the field that tells them apart.
    fn append(&mut self, pool: &Arc<Pool>, kind: &str, days: u64, count: usize, is_kept: bool) {
        let at = self
            .clock
            .now()
            .checked_sub(Duration::from_secs(days * 86_400));
        let at = at.unwrap();
        self.deletable += if kind == "deleted" { count as u64 } else { 0 };
        let mut records = Vec::new();
        for n in 0..count {
            let tokens: [String; 4] = std::array::from_fn(|_| self.token());
            let [id, text, free, name] = &tokens;
            records.push(format!(
                r#"{{"c":"c{}","id":"{id}","at":"{at}","kind":"{kind}","text":"{text}","free":"{free}","f{name}":1}}"#,
                n % 3
            ));
            let those = if is_kept {
                &mut self.kept
            } else {
                &mut self.gone
            };
            those.extend(tokens);
        }
        self.send(pool, &format!("[{}]", records.join(",")));
    }

    fn send(&self, pool: &Arc<Pool>, records: &str) {
        let batch = Request::new(pool, records).at(self.clock.now()).admit();
        assert!(batch.faults().is_empty(), "{:?}", batch.faults());
        wait(self.lake.append(batch)).unwrap();
    }

    /// Records of two versions, of which the younger stays.
    fn append_twice(&mut self, between: impl FnOnce(&Lake)) {
        let at = self.clock.now();
        let [id, old, new] = std::array::from_fn(|_| self.token());
        let record = |text: &str| {
            format!(r#"[{{"c":"c0","id":"{id}","at":"{at}","kind":"k","text":"{text}"}}]"#)
        };
        self.send(&self.pool, &record(&old));
        between(&self.lake);
        self.send(&self.pool, &record(&new));
        self.gone.insert(old);
        self.kept.extend([id, new]);
    }

    fn delete(&self, text: &str) -> u64 {
        let delete = deleting(&access(1), &self.pool, Some(filter(text)));
        wait(self.lake.delete(delete)).unwrap()
    }

    /// Everything that can be deleted in some way, in memory and in files.
    fn fill(&mut self) {
        let (pool, other) = (self.pool.clone(), self.other.clone());
        let flush = |lake: &Lake| lake.flush(&Permit::ours()).unwrap();
        for is_second in [false, true] {
            self.append(&pool, "kept", 1, 20, true);
            self.append(&pool, "deleted", 1, 20, false);
            self.append(&pool, "old", 40, 20, false);
            self.append(&other, "dropped", 1, 20, false);
            self.append_twice(|_| {});
            self.append_twice(flush);
            if !is_second {
                flush(&self.lake);
            }
        }
        // The filter of a delete names what goes.
        let [token, id] = std::array::from_fn(|_| self.token());
        let at = self.clock.now();
        self.send(
            &pool,
            &format!(r#"[{{"c":"c1","id":"{id}","at":"{at}","text":"{token}"}}]"#),
        );
        flush(&self.lake);
        let one = format!(r#"{{"field":"text","operator":"eq","value":"{token}"}}"#);
        assert_eq!(self.delete(&one), 1);
        self.gone.extend([token, id]);
    }

    /// Records that are deleted later, in the files of at least four segments
    /// of the journal; some of these are used again then, or kept for it.
    fn fill_segments(&mut self) {
        let pool = self.pool.clone();
        let at_first = self.lake.journal.counts().bytes;
        while self.lake.journal.counts().bytes - at_first < 6 * options().journal.segment_bytes {
            self.append(&pool, "deleted", 1, 60, false);
        }
        assert!(self.journal_files_with_gone() >= 4);
        self.lake.flush(&Permit::ours()).unwrap();
        self.append(&pool, "kept", 1, 60, true);
        self.lake.flush(&Permit::ours()).unwrap();
        assert!(self.journal_files_with_gone() >= 2);
    }

    fn journal_files_with_gone(&self) -> usize {
        let files = files_below(&self.home.path().join("journal"));
        let with_gone = files.iter().filter(|path| {
            let text = texts_of(path);
            !tokens_in(&text, &self.gone).is_empty()
        });
        with_gone.count()
    }

    fn delete_all(&self) {
        let deleted = self.delete(r#"{"field":"kind","operator":"eq","value":"deleted"}"#);
        assert_eq!(deleted, self.deletable);
        let permit = Permit::ours();
        let pools = std::slice::from_ref(&self.pool);
        assert_eq!(self.lake.retain(&permit, pools).unwrap(), 1);
        wait(self.lake.drop_pool(&permit, self.other.id)).unwrap();
    }

    /// What is read, and the names under which it stands.
    fn read(&self) -> String {
        let all = held(&self.lake, &self.pool);
        let other = held(&self.lake, &self.other);
        format!("{all:?} {other:?}")
    }

    fn restart(&mut self) {
        self.lake.close();
        self.lake = open_in(self.home.path(), &self.clock, [&self.pool, &self.other]);
    }

    fn check_unreachable(&self) {
        let read = self.read();
        assert_eq!(tokens_in(&read, &self.gone), BTreeSet::new());
        assert_eq!(tokens_in(&read, &self.kept), self.kept);
    }

    /// Which tokens some file of the directory holds, and in which kinds of files.
    fn on_disk(&self, tokens: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut found, mut places) = (BTreeSet::new(), BTreeSet::new());
        for path in files_below(self.home.path()) {
            let text = texts_of(&path);
            let here = tokens_in(&text, tokens);
            if !here.is_empty() {
                let kind = path.file_name().unwrap().to_string_lossy().into_owned();
                let kind = kind.split(['-', '.']).next_back().map(str::to_owned);
                places.extend(kind);
                found.extend(here);
            }
        }
        (found, places)
    }

    fn check_gone(&self) {
        let (found, places) = self.on_disk(&self.gone);
        assert!(found.is_empty(), "{} tokens in {places:?}", found.len());
        let (found, _) = self.on_disk(&self.kept);
        assert_eq!(found, self.kept, "and these are seen where they are");
        self.check_unreachable();
    }
}

/// Those of the tokens that stand in a text, wherever.
fn tokens_in(text: &str, tokens: &BTreeSet<String>) -> BTreeSet<String> {
    const DIGITS: usize = 32;
    let (mut found, mut run) = (BTreeSet::new(), 0);
    for (at, byte) in text.bytes().enumerate() {
        run = match byte {
            b'0'..=b'9' | b'a'..=b'f' => run + 1,
            _ => 0,
        };
        if run >= DIGITS
            && let Some(token) = tokens.get(&text[at + 1 - DIGITS..=at])
        {
            found.insert(token.clone());
        }
    }
    found
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// The bytes of a file; of a file of records also what is compressed in it.
fn texts_of(path: &Path) -> String {
    let mut text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    if path.to_string_lossy().contains(".parquet") {
        let file = std::fs::File::open(path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        for batch in reader.build().unwrap() {
            for column in batch.unwrap().columns() {
                match column.data_type() {
                    DataType::Utf8 => {
                        column.as_string::<i32>().iter().flatten().for_each(|cell| {
                            text.push_str(cell);
                            text.push(' ');
                        });
                    }
                    DataType::Binary => {
                        column.as_binary::<i32>().iter().flatten().for_each(|cell| {
                            text.push_str(&String::from_utf8_lossy(cell));
                        });
                    }
                    _ => {}
                }
            }
        }
    }
    text
}

#[test]
fn d13_what_is_deleted_is_in_no_answer_at_once_and_in_no_file_after_compaction() {
    let mut world = World::new();
    world.fill();
    let (found, _) = world.on_disk(&world.gone);
    assert!(
        found.len() > 100,
        "what is looked for can be found: {}",
        found.len()
    );
    world.delete_all();
    world.check_unreachable();
    world.restart();
    world.check_unreachable();
    let (found, places) = world.on_disk(&world.gone);
    assert!(found.len() > 100 && places.len() > 1, "{places:?}");
    world.lake.compact(&Permit::ours()).unwrap();
    world.check_gone();
    world.restart();
    world.check_gone();
}

/// The time is that in which a removed record must leave the disk.
#[test]
fn d13_what_is_deleted_is_in_no_file_after_the_stated_time() {
    let mut world = World::new();
    world.fill();
    world.delete_all();
    let purge_after = options().upkeep.purge_after;
    let step = purge_after / 48;
    for _ in 0..=50 {
        while world.lake.upkeep(&Permit::ours()).unwrap() {}
        world.clock.advance(step);
    }
    while world.lake.upkeep(&Permit::ours()).unwrap() {}
    world.check_gone();
}

/// Nor do the journal's files give it away, which are used again and again.
#[test]
fn what_is_deleted_is_in_no_file_of_many_segments() {
    for way in 0..5 {
        let mut world = World::new();
        world.fill_segments();
        world.fill();
        world.delete_all();
        let permit = Permit::ours();
        match way {
            0 => world.lake.compact(&permit).unwrap(),
            // As `tidegate compact` does it, with and without `--flush`.
            1 | 2 => {
                for pool in [world.pool.id, world.other.id] {
                    let left = world.lake.compact_pool(&permit, pool, way == 1);
                    assert!(left.unwrap().is_empty());
                }
                world.lake.free_journal(&permit).unwrap();
            }
            _ => {
                let step = options().upkeep.purge_after / 48;
                for _ in 0..=50 {
                    // The second time the journal is never at rest, and holds
                    // records that are in no file yet.
                    if way == 4 {
                        world.append(&world.pool.clone(), "kept", 0, 1, true);
                    }
                    while world.lake.upkeep(&permit).unwrap() {}
                    world.clock.advance(step);
                }
            }
        }
        if way == 2 {
            // What is in memory alone is in the journal.
            world.lake.flush(&permit).unwrap();
            world.lake.compact(&permit).unwrap();
        }
        world.check_gone();
        let entries = world.lake.metrics().journal_entries;
        while way < 4 && world.lake.upkeep(&permit).unwrap() {}
        assert_eq!(world.lake.metrics().journal_entries, entries, "{way}");
        world.restart();
        world.check_gone();
    }
}

/// Nothing but what says what was deleted.
#[test]
fn a_journal_that_holds_a_delete_alone_is_wiped_after_a_start() {
    let mut world = World::new();
    let token = world.token();
    world.lake.free_journal(&Permit::ours()).unwrap();
    world.delete(&format!(
        r#"{{"field":"text","operator":"eq","value":"{token}"}}"#
    ));
    world.gone.insert(token);
    assert_eq!(world.journal_files_with_gone(), 1);
    world.restart();
    while world.lake.upkeep(&Permit::ours()).unwrap() {}
    assert_eq!(world.journal_files_with_gone(), 0);
    // Once, since nothing of it is left.
    let written = world.lake.metrics().journal_entries;
    world.restart();
    while world.lake.upkeep(&Permit::ours()).unwrap() {}
    assert!(world.lake.metrics().journal_entries <= written);
}

#[test]
fn a_journal_that_is_idle_is_not_wiped_again_and_again() {
    let world = World::new();
    let upkeep = || while world.lake.upkeep(&Permit::ours()).unwrap() {};
    world.send(&world.pool, r#"[{"c":"a","id":"1"}]"#);
    for _ in 0..4 {
        upkeep();
        world.clock.advance(options().upkeep.purge_after);
    }
    upkeep();
    let written = world.lake.metrics().journal_entries;
    for _ in 0..4 {
        world.clock.advance(options().upkeep.purge_after);
        upkeep();
    }
    assert_eq!(world.lake.metrics().journal_entries, written);
}
