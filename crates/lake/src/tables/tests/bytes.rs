//! Bytes that are not what was written.

use super::super::index::{Block, Index};
use super::super::names::{Part, path_of};
use super::*;
use crate::error::LakeError;
use crate::lake::tests::fixtures::{Request, open_pool};

fn any_index(dice: &mut Dice) -> Index {
    let blocks = (0..dice.below(5)).map(|_| {
        let time = dice.percent(70).then(|| TimeRange {
            min: dice.next() as i64,
            max: dice.next() as i64,
            missing: dice.percent(50),
        });
        Block {
            rows: dice.next() as u32,
            min: vec![1; dice.below(9)].into(),
            max: vec![2; dice.below(9)].into(),
            time,
        }
    });
    let blocks = blocks.collect();
    Index {
        checksums: (0..dice.below(5)).map(|_| dice.next() as u32).collect(),
        blocks,
    }
}

#[test]
fn an_index_is_read_back_as_it_was_and_nothing_else_is_one() {
    let file = Path::new("f.index");
    for seed in 0..cases(200, 5_000) {
        let mut dice = Dice::new(seed);
        let index = any_index(&mut dice);
        let bytes = index.encode();
        assert_eq!(Index::decode(&bytes, file).unwrap(), index);
        for length in 0..bytes.len() {
            let cut = Index::decode(&bytes[..length], file);
            assert!(matches!(cut, Err(LakeError::Damaged { .. })), "{cut:?}");
        }
        let longer = Index::decode(&[bytes.as_slice(), &[0]].concat(), file);
        assert!(
            matches!(longer, Err(LakeError::Damaged { .. })),
            "{longer:?}"
        );
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << dice.below(8);
            // It is another index or none, and it costs no memory that it only claims.
            let found = Index::decode(&flipped, file).ok();
            assert!(found.as_ref() != Some(&index) || is_slack(at, &bytes, &index));
        }
    }
}

/// Whether a byte holds the flags of a block, of which some bits mean nothing yet.
fn is_slack(at: usize, bytes: &[u8], index: &Index) -> bool {
    let mut place = 8 + 4 + 4 + 4 * index.checksums.len() + 4;
    for block in &index.blocks {
        place += 4 + 4 + block.min.len() + 4 + block.max.len();
        if at == place {
            return true;
        }
        place += 1 + block.time.map_or(0, |_| 16);
    }
    assert_eq!(place, bytes.len());
    false
}

#[test]
fn an_index_of_another_version_is_refused_with_its_number() {
    let file = Path::new("f.index");
    let mut bytes = Index::default().encode();
    bytes[8] = 2;
    let newer = Index::decode(&bytes, file).unwrap_err();
    assert!(
        matches!(newer, LakeError::NewerFile { version: 2, .. }),
        "{newer}"
    );
    bytes[8] = 0;
    let none = Index::decode(&bytes, file).unwrap_err();
    assert!(matches!(none, LakeError::Damaged { .. }), "{none}");
}

fn small_file() -> (Arc<Pool>, Written, Vec<Record>) {
    let pool = open_pool(1);
    let text = (0..20).map(|n| format!(r#"{{"n":{n},"text":"{}"}}"#, "x".repeat(n)));
    let text = format!("[{}]", text.collect::<Vec<_>>().join(","));
    let records = Request::new(&pool, &text).admit().into_records();
    let layout = Arc::new(Layout::of(&pool.draft.schema));
    let plan = plan(&pool, vec![path("n")], 3);
    let rows = sort(
        vec![batch(&layout, &records)],
        &layout,
        &plan.sorted_by,
        plan.block_rows,
    )
    .unwrap();
    let sorted = naively_sorted(&pool, &records);
    let written = write(pool.id, plan, rows);
    (pool, written, sorted)
}

/// Reads all of a file anew, as after a restart.
fn read_all(pool: &Pool, written: &Written) -> crate::error::Result<Vec<RecordBatch>> {
    written.tables.forget(&[written.entry.id]);
    let file = written.tables.open(pool.id, &written.entry)?;
    let columns = columns_of(pool);
    let mut all = Vec::new();
    for block in 0..file.blocks() {
        all.extend(file.read(block..block + 1, &columns, Cached::No, Form::Plain)?);
    }
    Ok(all)
}

#[test]
fn a_flipped_bit_anywhere_is_refused_with_the_name_of_the_file() {
    let (pool, written, sorted) = small_file();
    let whole = read_all(&pool, &written).unwrap();
    let rows: usize = whole.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, sorted.len());
    for part in [Part::Records, Part::Index] {
        let path = path_of(&written.directory(), written.entry.id, part);
        let file = written.disk.open(&path).unwrap();
        let length = file.length().unwrap();
        for at in (0..length).step_by(if part == Part::Index { 1 } else { 7 }) {
            let mut byte = [0];
            file.read_at(at, &mut byte).unwrap();
            file.write_at(at, &[byte[0] ^ 1 << (at % 8)]).unwrap();
            let error = read_all(&pool, &written).expect_err("a flipped bit is not noticed");
            assert!(
                error.to_string().contains(&*path.to_string_lossy()),
                "{error}"
            );
            assert!(matches!(error, LakeError::Damaged { .. }), "{error}");
            file.write_at(at, &byte).unwrap();
        }
    }
    assert_eq!(read_all(&pool, &written).unwrap(), whole);
}

#[test]
fn a_file_that_is_missing_shorter_or_longer_is_refused() {
    let (pool, written, _) = small_file();
    for part in [Part::Records, Part::Index] {
        let path = path_of(&written.directory(), written.entry.id, part);
        let file = written.disk.open(&path).unwrap();
        let length = file.length().unwrap();
        let mut bytes = vec![0; length as usize];
        file.read_at(0, &mut bytes).unwrap();
        for changed in [
            &bytes[..bytes.len() - 1],
            &[bytes.as_slice(), &[0]].concat(),
            &[],
        ] {
            written.disk.remove(&path).unwrap();
            let file = written.disk.create(&path).unwrap();
            file.write_at(0, changed).unwrap();
            let error = read_all(&pool, &written).unwrap_err();
            assert!(matches!(error, LakeError::Damaged { .. }), "{error}");
        }
        written.disk.remove(&path).unwrap();
        let error = read_all(&pool, &written).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
        written
            .disk
            .create(&path)
            .unwrap()
            .write_at(0, &bytes)
            .unwrap();
    }
    assert!(read_all(&pool, &written).is_ok());
}

/// Between the moments in which the journal names a file and it gets its name.
#[test]
fn a_file_is_read_under_either_of_its_names() {
    let (pool, written, _) = small_file();
    let whole = read_all(&pool, &written).unwrap();
    let (directory, id) = (written.directory(), written.entry.id);
    for (named, unfinished) in [
        (Part::Records, Part::UnfinishedRecords),
        (Part::Index, Part::UnfinishedIndex),
    ] {
        let (named, unfinished) = (
            path_of(&directory, id, named),
            path_of(&directory, id, unfinished),
        );
        written.disk.rename(&named, &unfinished).unwrap();
        assert_eq!(read_all(&pool, &written).unwrap(), whole);
    }
    commit_names(&written.disk, &directory, id).unwrap();
    let names = written.disk.list(&directory).unwrap();
    assert_eq!(names.len(), 2);
    for name in names {
        let (parsed, part) = parse_name(&name).unwrap();
        assert!(parsed == id && !part.is_unfinished());
    }
    discard(&written.disk, &directory, id).unwrap();
    assert!(written.disk.list(&directory).unwrap().is_empty());
}
