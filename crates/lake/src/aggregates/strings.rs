//! Byte strings, each once and with what is kept beside it, of which nobody asks
//! which they are.
//!
//! To look a string up in a table that fits no cache is to wait for memory. So
//! many strings are dealt out by their hashes, and each part keeps those that
//! came until they are worth a look at its table: then the table of this part
//! alone is in use, for all of them.

use std::fmt::Debug;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::sync::LazyLock;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Bytes of strings up to which they are one part.
const FEW_BYTES: usize = 1 << 20;

/// Parts of many strings.
const PARTS: usize = 64;

/// Bytes of strings that a part of many keeps, at least, before it looks them up.
const LEAST_BYTES: usize = 16 << 10;

/// Bits of a string's hash: the same for all readers of a question, so that
/// their parts are of the same strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark(u32);

impl Mark {
    /// Those that tables go by. The others tell which part it is, and are the
    /// same for all its strings.
    const TABLE_BITS: u32 = 24;

    fn of(string: &[u8]) -> Self {
        static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);
        Self((HASHER.hash_one(string) >> 32) as u32)
    }

    fn part(self) -> usize {
        (self.0 >> Self::TABLE_BITS) as usize % PARTS
    }

    fn in_table(self) -> u64 {
        u64::from(self.0) & ((1 << Self::TABLE_BITS) - 1)
    }
}

/// What is kept beside a string: of all that came with it, the union.
pub(super) trait Beside: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// What it takes in memory.
    const BYTES: usize;

    /// Its bytes, of which there are so many.
    fn write(self, bytes: &mut [u8]);

    /// What was written in these bytes.
    fn read(bytes: &[u8]) -> Self;

    /// Both.
    fn union(self, other: Self) -> Self;
}

/// Nothing: the strings are a set.
impl Beside for () {
    const BYTES: usize = 0;

    fn write(self, _: &mut [u8]) {}

    fn read(_: &[u8]) {}

    fn union(self, (): ()) {}
}

/// Bits, of which a string has those of any row.
impl Beside for u64 {
    const BYTES: usize = size_of::<Self>();

    fn write(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        bytes.try_into().map_or(0, Self::from_le_bytes)
    }

    fn union(self, other: Self) -> Self {
        self | other
    }
}

/// Byte strings with something beside each.
#[derive(Debug)]
pub(super) struct Strings<T> {
    parts: Parts<T>,
    /// The memory that the parts hold, in bytes.
    heap: usize,
}

#[derive(Debug)]
enum Parts<T> {
    /// Each string is looked up as it comes.
    One(Part<T>),
    Many(Box<[Part<T>]>),
}

impl<T: Beside> Default for Strings<T> {
    fn default() -> Self {
        Self {
            parts: Parts::One(Part::default()),
            heap: 0,
        }
    }
}

impl<T: Beside> Strings<T> {
    /// Adds a string; answers by how many bytes the memory held grew.
    pub(super) fn add(&mut self, string: &[u8], beside: T) -> isize {
        let before = self.heap;
        self.add_marked(Mark::of(string), string, beside);
        self.heap as isize - before as isize
    }

    fn add_marked(&mut self, mark: Mark, string: &[u8], beside: T) {
        let (part, is_one) = match &mut self.parts {
            Parts::One(part) => (part, true),
            Parts::Many(parts) => (&mut parts[mark.part()], false),
        };
        if is_one {
            self.heap += part.add(mark, string, beside);
        } else {
            self.heap += part.keep(mark, string, beside);
            if part.is_due() {
                self.heap += part.look_up();
            }
        }
        if is_one && part.looked_up > FEW_BYTES {
            self.split();
        }
    }

    /// From one part to many.
    fn split(&mut self) {
        let Parts::One(part) = &mut self.parts else {
            return;
        };
        let few = std::mem::take(part);
        self.parts = Parts::Many((0..PARTS).map(|_| Part::default()).collect());
        self.heap = PARTS * size_of::<Part<T>>();
        few.each(|mark, string, beside| self.add_marked(mark, string, beside));
    }

    /// Takes in the strings of others; answers by how many bytes the memory held grew.
    pub(super) fn absorb(&mut self, mut other: Self) -> isize {
        let before = self.heap;
        if self.heap < other.heap {
            std::mem::swap(self, &mut other);
        }
        match (&mut self.parts, other.parts) {
            (Parts::Many(mine), Parts::Many(theirs)) => {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    let held = mine.heap();
                    mine.take_in(&theirs);
                    self.heap = self.heap + mine.heap() - held;
                }
            }
            (_, Parts::One(few)) => {
                few.each(|mark, string, beside| self.add_marked(mark, string, beside));
            }
            (Parts::One(_), Parts::Many(many)) => {
                for part in many {
                    part.each(|mark, string, beside| self.add_marked(mark, string, beside));
                }
            }
        }
        self.heap as isize - before as isize
    }

    /// How many strings there are.
    pub(super) fn count(self) -> usize {
        self.looked_up().iter().map(|part| part.table.len()).sum()
    }

    /// Visits what is beside each string.
    pub(super) fn for_each(self, mut visit: impl FnMut(T)) {
        for part in self.looked_up() {
            part.each(|_, _, beside| visit(beside));
        }
    }

    /// All parts, each string once.
    fn looked_up(self) -> Box<[Part<T>]> {
        let mut parts = match self.parts {
            Parts::One(part) => Box::new([part]),
            Parts::Many(parts) => parts,
        };
        for part in &mut parts {
            part.look_up();
        }
        parts
    }

    /// The memory held beside this itself, in bytes.
    pub(super) fn heap(&self) -> usize {
        self.heap
    }
}

/// The strings of some marks.
#[derive(Debug)]
struct Part<T> {
    /// Where each string begins.
    table: HashTable<Place>,
    /// One after the other: mark, length, what is beside it, bytes.
    strings: Vec<u8>,
    /// Up to here each string stands once, and is in the table.
    looked_up: usize,
    beside: PhantomData<T>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
            strings: Vec::new(),
            looked_up: 0,
            beside: PhantomData,
        }
    }
}

/// Where a string begins, and above that what the table goes by.
#[derive(Clone, Copy, Debug)]
struct Place(u64);

impl Place {
    const AT_BITS: u32 = u64::BITS - Mark::TABLE_BITS;

    fn new(mark: Mark, at: usize) -> Self {
        Self(mark.in_table() << Self::AT_BITS | at as u64)
    }

    fn at(self) -> usize {
        (self.0 & ((1 << Self::AT_BITS) - 1)) as usize
    }

    fn in_table(self) -> u64 {
        self.0 >> Self::AT_BITS
    }
}

/// Few bits as a hash of many, all of which a table uses.
fn spread(bits: u64) -> u64 {
    bits.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Mark and length of a string, which stand before what is beside it.
const FRAME: usize = 2 * size_of::<u32>();

/// Each answers by how many bytes the memory held grew.
impl<T: Beside> Part<T> {
    /// Bytes of a string beside its own.
    const FRAME: usize = FRAME + T::BYTES;

    /// Keeps a string.
    fn keep(&mut self, mark: Mark, string: &[u8], beside: T) -> usize {
        let room = self.strings.capacity();
        self.strings.extend_from_slice(&mark.0.to_le_bytes());
        // A column of Arrow has strings of less than 2 GiB.
        let length = (string.len() as u32).to_le_bytes();
        self.strings.extend_from_slice(&length);
        let at = self.strings.len();
        self.strings.resize(at + T::BYTES, 0);
        beside.write(&mut self.strings[at..]);
        self.strings.extend_from_slice(string);
        self.strings.capacity() - room
    }

    /// Whether so many strings are kept that it is worth it to look them up:
    /// half as many as are in the table, so that the memory held stays in proportion.
    fn is_due(&self) -> bool {
        self.strings.len() - self.looked_up >= LEAST_BYTES.max(self.looked_up / 2)
    }

    /// Adds a string to those that were looked up, while all were.
    fn add(&mut self, mark: Mark, string: &[u8], beside: T) -> usize {
        if let Some(at) = self.find(mark, string) {
            self.join(at, beside);
            return 0;
        }
        let at = self.strings.len();
        let kept = self.keep(mark, string, beside);
        self.looked_up = self.strings.len();
        kept + self.enter(mark, at)
    }

    /// The string that begins at a place, if one does.
    fn string_at(&self, at: usize) -> Option<(Mark, &[u8], T)> {
        let (mark, rest) = self.strings.get(at..)?.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (beside, rest) = rest.split_at_checked(T::BYTES)?;
        let string = rest.get(..u32::from_le_bytes(*length) as usize)?;
        Some((Mark(u32::from_le_bytes(*mark)), string, T::read(beside)))
    }

    /// Where a string begins that was looked up.
    fn find(&self, mark: Mark, string: &[u8]) -> Option<usize> {
        let is_same = |place: &Place| {
            let other = || self.string_at(place.at());
            place.in_table() == mark.in_table() && other().is_some_and(|other| other.1 == string)
        };
        let hash = spread(mark.in_table());
        self.table.find(hash, is_same).map(|place| place.at())
    }

    /// Adds to what is beside the string that begins at a place.
    fn join(&mut self, at: usize, beside: T) {
        let kept = &mut self.strings[at + FRAME..][..T::BYTES];
        let before = T::read(kept);
        let both = before.union(beside);
        if both != before {
            both.write(kept);
        }
    }

    /// Notes in the table where a string begins.
    fn enter(&mut self, mark: Mark, at: usize) -> usize {
        let is_full = self.table.len() == self.table.capacity();
        let before = is_full.then(|| self.table.allocation_size());
        let hash = spread(mark.in_table());
        let hash_of = |place: &Place| spread(place.in_table());
        self.table
            .insert_unique(hash, Place::new(mark, at), hash_of);
        before.map_or(0, |before| self.table.allocation_size() - before)
    }

    /// Looks up what was kept, and lets go of what is there already.
    fn look_up(&mut self) -> usize {
        let (mut from, mut to) = (self.looked_up, self.looked_up);
        let mut grown = 0;
        while let Some((mark, string, beside)) = self.string_at(from) {
            let size = Self::FRAME + string.len();
            match self.find(mark, string) {
                Some(at) => self.join(at, beside),
                None => {
                    if from > to {
                        self.strings.copy_within(from..from + size, to);
                    }
                    grown += self.enter(mark, to);
                    to += size;
                }
            }
            from += size;
        }
        self.strings.truncate(to);
        self.looked_up = to;
        grown
    }

    /// Looks up all strings of another part.
    fn take_in(&mut self, other: &Self) {
        self.strings.reserve_exact(other.strings.len());
        self.strings.extend_from_slice(&other.strings);
        self.look_up();
        if self.strings.capacity() / 2 > self.strings.len() {
            self.strings.shrink_to_fit();
        }
    }

    /// Each string, some perhaps twice.
    fn each(&self, mut visit: impl FnMut(Mark, &[u8], T)) {
        let mut at = 0;
        while let Some((mark, string, beside)) = self.string_at(at) {
            visit(mark, string, beside);
            at += Self::FRAME + string.len();
        }
    }

    fn heap(&self) -> usize {
        self.table.allocation_size() + self.strings.capacity()
    }
}

#[cfg(test)]
mod tests;
