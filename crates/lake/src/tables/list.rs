//! The files of a pool, and which of them may hold rows of whom.
//!
//! The index may only leave out files whose range of customers says that they hold no row of those asked for. It is
//! no check: who sees what is decided below it, row by row. It is made once for a list, by the first question, and
//! finds a customer's files without a look at those of others, however many these are.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use model::names::FieldPath;

use super::ARRAYS;
use super::entry::{FileEntry, KeyRange};

/// A column that tells customers apart, and the canonical keys of those asked for.
pub(crate) type Asked = (FieldPath, Arc<[Box<[u8]>]>);

/// The files of a pool. Those of one run stand in the order of their rows.
#[derive(Debug, Default)]
pub(crate) struct FileList {
    files: Vec<Arc<FileEntry>>,
    index: OnceLock<ByCustomer>,
    bytes: OnceLock<u64>,
}

impl FileList {
    /// Bytes of the files with their indexes. They are added up once for a list.
    pub(crate) fn bytes(&self) -> u64 {
        let of = |file: &Arc<FileEntry>| file.bytes + file.index.bytes;
        *self.bytes.get_or_init(|| self.files.iter().map(of).sum())
    }

    /// The columns that some of the files are sorted by, each once.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &FieldPath> {
        self.index().columns.iter().map(|column| &column.path)
    }

    /// The files that may hold rows of those asked for, in the order of the list. Who is asked for in no column that
    /// a file is sorted by may be anywhere in it.
    pub(crate) fn that_may_hold(&self, asked: &[Asked]) -> Vec<Arc<FileEntry>> {
        if asked.is_empty() {
            return self.files.clone();
        }
        let index = self.index();
        let mut found = index.anybody.clone();
        for column in &index.columns {
            match asked.iter().find(|(path, _)| *path == column.path) {
                None => found.extend(&column.files),
                Some((_, keys)) => {
                    found.extend(&column.arrays);
                    for key in keys.iter() {
                        column.holding(&self.files, key, &mut found);
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        let files = found.into_iter().filter_map(|at| self.files.get(at));
        files.cloned().collect()
    }

    /// The files, to change which there are.
    pub(crate) fn edit(&mut self) -> &mut Vec<Arc<FileEntry>> {
        self.index = OnceLock::new();
        self.bytes = OnceLock::new();
        &mut self.files
    }

    fn index(&self) -> &ByCustomer {
        self.index.get_or_init(|| ByCustomer::of(&self.files))
    }

    /// For mutants: these files with the index of others.
    #[cfg(test)]
    pub(crate) fn indexed_as(&self, others: &Self) -> Self {
        let index = OnceLock::from(ByCustomer::of(&others.files));
        let files = self.files.clone();
        Self {
            files,
            index,
            bytes: OnceLock::new(),
        }
    }
}

impl Clone for FileList {
    fn clone(&self) -> Self {
        self.files.iter().cloned().collect()
    }
}

impl PartialEq for FileList {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Deref for FileList {
    type Target = [Arc<FileEntry>];

    fn deref(&self) -> &Self::Target {
        &self.files
    }
}

impl FromIterator<Arc<FileEntry>> for FileList {
    fn from_iter<I: IntoIterator<Item = Arc<FileEntry>>>(files: I) -> Self {
        Self {
            files: files.into_iter().collect(),
            index: OnceLock::new(),
            bytes: OnceLock::new(),
        }
    }
}

/// The places in a list of the files of each customer.
#[derive(Debug)]
struct ByCustomer {
    columns: Vec<Column>,
    /// Files that may hold rows of anybody.
    anybody: Vec<usize>,
}

/// The files that are sorted by one column.
#[derive(Debug)]
struct Column {
    path: FieldPath,
    /// By the least customer of each: a search tree whose root is in the middle.
    files: Vec<usize>,
    /// The file of the greatest customer of each tree below, itself among them.
    greatest: Vec<usize>,
    /// Those that may hold arrays, which are read whoever is asked for.
    arrays: Vec<usize>,
}

impl ByCustomer {
    fn of(files: &[Arc<FileEntry>]) -> Self {
        let (mut columns, mut anybody) = (Vec::<Column>::new(), Vec::new());
        for (at, file) in files.iter().enumerate() {
            let (Some(path), Some(range)) = (&file.sorted_by.isolation, &file.isolation) else {
                anybody.push(at);
                continue;
            };
            let column = match columns.iter().position(|column| column.path == *path) {
                Some(known) => &mut columns[known],
                None => {
                    columns.push(Column::new(path.clone()));
                    let last = columns.len() - 1;
                    &mut columns[last]
                }
            };
            column.files.push(at);
            if *range.min < *ARRAYS.end && *ARRAYS.start <= *range.max {
                column.arrays.push(at);
            }
        }
        columns.iter_mut().for_each(|column| column.grow(files));
        Self { columns, anybody }
    }
}

/// The range of a file that has one.
fn range(files: &[Arc<FileEntry>], at: usize) -> Option<&KeyRange> {
    files.get(at)?.isolation.as_ref()
}

/// The greatest customer of a file that has one.
fn end(files: &[Arc<FileEntry>], at: usize) -> Option<&[u8]> {
    range(files, at).map(|range| &*range.max)
}

impl Column {
    fn new(path: FieldPath) -> Self {
        Self {
            path,
            files: Vec::new(),
            greatest: Vec::new(),
            arrays: Vec::new(),
        }
    }

    fn grow(&mut self, files: &[Arc<FileEntry>]) {
        let least = |at: &usize| range(files, *at).map(|range| &range.min);
        self.files.sort_by(|a, b| least(a).cmp(&least(b)));
        self.greatest = self.files.clone();
        let all = self.files.len();
        grow(&mut self.greatest, files, 0, all);
    }

    /// Finds the files whose range holds a customer; answers how many trees it looked at.
    fn holding(&self, files: &[Arc<FileEntry>], key: &[u8], found: &mut Vec<usize>) -> usize {
        let mut open = vec![(0, self.files.len())];
        let mut looked = 0;
        while let Some((from, to)) = open.pop() {
            let middle = usize::midpoint(from, to);
            if from >= to {
                continue;
            }
            looked += 1;
            if end(files, self.greatest[middle]).is_none_or(|end| end < key) {
                continue;
            }
            open.push((from, middle));
            let Some(range) = range(files, self.files[middle]) else {
                continue;
            };
            if *range.min <= *key {
                open.push((middle + 1, to));
                if *key <= *range.max {
                    found.push(self.files[middle]);
                }
            }
        }
        looked
    }
}

/// Notes of each tree its file of the greatest customer; answers that of this one.
fn grow(greatest: &mut [usize], files: &[Arc<FileEntry>], from: usize, to: usize) -> Option<usize> {
    let middle = usize::midpoint(from, to);
    if from >= to {
        return None;
    }
    let sides = [
        grow(greatest, files, from, middle),
        grow(greatest, files, middle + 1, to),
    ];
    let all = sides.into_iter().flatten().chain([greatest[middle]]);
    let most = all.max_by_key(|at| end(files, *at))?;
    greatest[middle] = most;
    Some(most)
}

#[cfg(test)]
mod tests;
