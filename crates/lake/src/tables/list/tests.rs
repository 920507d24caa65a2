//! The index finds what a walk over all files finds, and a wrong one is found out.

use model::ids::RawId;

use super::*;
use crate::journal::Position;
use crate::lake::tests::fixtures::cases;
use crate::reading::may_hold;
use crate::simulation::Random;
use crate::tables::{FileId, IndexEntry, Lease, SortedBy};

type Key = Box<[u8]>;

fn path(name: &str) -> FieldPath {
    FieldPath::parse_readable(name).unwrap()
}

fn file(number: u64, column: Option<&str>, range: Option<(Key, Key)>) -> Arc<FileEntry> {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    Arc::new(FileEntry {
        id: FileId(RawId::from_bytes(id)),
        level: 0,
        run: number,
        rows: 1,
        bytes: 1,
        digest: [0; 32],
        index: IndexEntry {
            bytes: 1,
            digest: [0; 32],
        },
        sorted_by: SortedBy {
            isolation: column.map(path),
            time: path("_ingested_at"),
        },
        isolation: range.map(|(min, max)| KeyRange { min, max }),
        time: None,
        cleaned: Position::FIRST,
        replaced: None,
        lease: Lease::default(),
    })
}

/// Few different keys of all kinds, some of them arrays, so that ranges meet at their ends.
fn key(random: &mut Random) -> Key {
    let kind = [0x10, 0x6f, 0x70, 0x71][random.below(4) as usize];
    let rest = random.below(3) as usize;
    let mut key = vec![kind];
    key.extend((0..rest).map(|_| random.below(4) as u8));
    key.into()
}

fn some_file(number: u64, random: &mut Random) -> Arc<FileEntry> {
    let column = [Some("a"), Some("a"), Some("b"), None][random.below(4) as usize];
    let (one, other) = (key(random), key(random));
    let range = match random.below(8) {
        0 => None,
        1..4 => Some((one.clone(), one)),
        _ => Some((one.clone().min(other.clone()), one.max(other))),
    };
    file(number, column, range.filter(|_| column.is_some()))
}

fn asked(random: &mut Random) -> Vec<Asked> {
    let columns = [&["a", "b"][..], &["a"], &["c"], &[]][random.below(4) as usize];
    let keys = |random: &mut Random| (0..random.below(4)).map(|_| key(random)).collect();
    let columns = columns.iter();
    columns.map(|name| (path(name), keys(random))).collect()
}

/// A look at each file in turn.
fn walk(files: &FileList, asked: &[Asked]) -> Vec<FileId> {
    let matters = |file: &&Arc<FileEntry>| {
        let column = file.sorted_by.isolation.as_ref();
        let keys = asked.iter().find(|(path, _)| Some(path) == column);
        match (keys, &file.isolation) {
            (Some((_, keys)), Some(range)) => may_hold(range, keys),
            _ => true,
        }
    };
    files.iter().filter(matters).map(|file| file.id).collect()
}

/// The first case in which the list, made wrong in this way, finds other files than the walk.
fn first_difference(wrong: fn(&FileList, &mut Random) -> FileList) -> Option<u64> {
    (0..cases(5_000, 200_000)).find(|seed| {
        let random = &mut Random::new(*seed);
        let count = random.below(40);
        let files: FileList = (0..count).map(|at| some_file(at, random)).collect();
        let wrong = wrong(&files, random);
        (0..8).any(|_| {
            let asked = asked(random);
            let found = wrong.that_may_hold(&asked);
            let found: Vec<_> = found.iter().map(|file| file.id).collect();
            found != walk(&files, &asked)
        })
    })
}

/// The list with the index of one that is changed in this way.
fn misled(files: &FileList, change: impl FnOnce(&mut Vec<Arc<FileEntry>>)) -> FileList {
    let mut others = files.clone();
    change(others.edit());
    files.indexed_as(&others)
}

fn change_ranges(files: &mut [Arc<FileEntry>], change: fn(&mut KeyRange)) {
    for file in files {
        if let Some(range) = &mut Arc::make_mut(file).isolation {
            change(range);
        }
    }
}

#[test]
fn the_index_finds_what_a_walk_over_all_files_finds() {
    assert_eq!(first_difference(|files, _| files.clone()), None);
    // Also after files came and went.
    let changed = first_difference(|files, random| {
        let mut all: FileList = files.clone();
        all.edit().push(some_file(1_000, random));
        let _made = all.that_may_hold(&asked(random));
        all.edit().pop();
        all
    });
    assert_eq!(changed, None);
}

/// Makes a list that is wrong.
type Mutant = fn(&FileList, &mut Random) -> FileList;

#[test]
fn wrong_indexes_are_found_out() {
    let mutants: [(&str, Mutant); 5] = [
        ("of the list before", |files, _| {
            misled(files, |files| drop(files.pop()))
        }),
        ("without the greatest customers", |files, _| {
            misled(files, |files| {
                change_ranges(files, |range| range.max = range.min.clone());
            })
        }),
        ("in another order", |files, _| {
            misled(files, |files| {
                change_ranges(files, |range| {
                    range.min = range.min.iter().map(|byte| !byte).collect();
                });
            })
        }),
        ("that takes those without a range for empty", |files, _| {
            misled(files, |files| {
                for file in files {
                    let file = Arc::make_mut(file);
                    let none = || KeyRange {
                        min: Box::new([0xff]),
                        max: Box::new([0xff]),
                    };
                    file.isolation.get_or_insert_with(none);
                    file.sorted_by.isolation.get_or_insert_with(|| path("a"));
                }
            })
        }),
        ("of one column", |files, _| {
            misled(files, |files| {
                for file in files {
                    let column = &mut Arc::make_mut(file).sorted_by.isolation;
                    *column = column.take().map(|_| path("a"));
                }
            })
        }),
    ];
    for (name, wrong) in mutants {
        let seed = first_difference(wrong);
        println!("an index {name} is found out by case {seed:?}");
        assert!(seed.is_some(), "an index {name} lives");
    }
}

#[test]
fn whoever_asks_for_one_customer_touches_no_file_of_another() {
    let name = |customer: u64| -> Key { customer.to_be_bytes().into() };
    let own = |customer: u64| {
        let key = name(customer);
        file(customer, Some("a"), Some((key.clone(), key)))
    };
    for count in [1, 2, 3, 1_000, 4_000] {
        let files: FileList = (0..count).map(own).collect();
        for customer in [0, count / 2, count - 1] {
            let keys: Arc<[Key]> = Arc::new([name(customer)]);
            let found = files.that_may_hold(&[(path("a"), keys)]);
            assert_eq!(found.len(), 1);
            assert!(Arc::ptr_eq(&found[0], &files[customer as usize]));
            let column = &files.index().columns[0];
            let looked = column.holding(&files, &name(customer), &mut Vec::new());
            let most = 2 * (count.ilog2() as usize + 1) + 1;
            assert!(looked <= most, "{looked} of {count} files were looked at");
        }
    }
}
