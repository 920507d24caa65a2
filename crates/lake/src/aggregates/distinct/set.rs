//! Byte strings, each once, of which nobody asks but how many there are.
//!
//! To look a string up in a table that fits no cache is to wait for memory. So
//! many strings are dealt out by their hashes, and each part keeps those that
//! came until they are worth a look at its table: then the table of this part
//! alone is in use, for all of them.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Bytes of strings up to which they are one part.
const FEW_BYTES: usize = 1 << 20;

/// Parts of many strings.
const PARTS: usize = 64;

/// Bytes of strings that a part of many keeps, at least, before it looks them up.
const LEAST_BYTES: usize = 16 << 10;

/// The hash of a string: the same for all readers of a question, so that their
/// parts are of the same strings.
fn hash_of(string: &[u8]) -> u64 {
    static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);
    HASHER.hash_one(string)
}

/// A set of byte strings.
#[derive(Debug)]
pub(super) struct ByteSet {
    parts: Parts,
    /// The memory that the parts hold, in bytes.
    heap: usize,
}

#[derive(Debug)]
enum Parts {
    /// Each string is looked up as it comes.
    One(Part),
    Many(Box<[Part]>),
}

impl Default for ByteSet {
    fn default() -> Self {
        Self {
            parts: Parts::One(Part::default()),
            heap: 0,
        }
    }
}

impl ByteSet {
    /// Adds a string; answers by how many bytes the memory held grew.
    pub(super) fn add(&mut self, string: &[u8]) -> isize {
        let before = self.heap;
        self.add_hashed(hash_of(string), string);
        self.heap as isize - before as isize
    }

    fn add_hashed(&mut self, hash: u64, string: &[u8]) {
        let (part, is_one) = match &mut self.parts {
            Parts::One(part) => (part, true),
            Parts::Many(parts) => (&mut parts[part_of(hash)], false),
        };
        let before = part.heap();
        if is_one {
            part.add(hash, string);
        } else {
            part.keep(hash, string);
            if part.is_due() {
                part.look_up();
            }
        }
        let has_many = is_one && part.looked_up > FEW_BYTES;
        self.heap = self.heap + part.heap() - before;
        if has_many {
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
        self.heap = PARTS * size_of::<Part>();
        few.each(|hash, string| self.add_hashed(hash, string));
    }

    /// Takes in the strings of another set; answers by how many bytes the memory held grew.
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
            (_, Parts::One(few)) => few.each(|hash, string| self.add_hashed(hash, string)),
            (Parts::One(_), Parts::Many(many)) => {
                for part in many {
                    part.each(|hash, string| self.add_hashed(hash, string));
                }
            }
        }
        self.heap as isize - before as isize
    }

    /// How many strings there are.
    pub(super) fn count(mut self) -> usize {
        let parts = match &mut self.parts {
            Parts::One(part) => std::slice::from_mut(part),
            Parts::Many(parts) => parts,
        };
        parts.iter_mut().for_each(Part::look_up);
        parts.iter().map(|part| part.table.len()).sum()
    }

    /// The memory held beside the set itself, in bytes.
    pub(super) fn heap(&self) -> usize {
        self.heap
    }
}

/// The part of a hash, by bits that no table goes by: they are the same for all its strings.
fn part_of(hash: u64) -> usize {
    (hash >> 32) as usize % PARTS
}

/// The strings of some hashes.
#[derive(Debug, Default)]
struct Part {
    /// Where each string begins, by its hash.
    table: HashTable<Place>,
    /// One after the other: hash, length, bytes.
    strings: Vec<u8>,
    /// Up to here each string stands once, and is in the table.
    looked_up: usize,
}

/// Where a string begins, and above that some bits of its hash.
#[derive(Clone, Copy, Debug)]
struct Place(u64);

impl Place {
    const AT_BITS: u32 = 48;

    fn new(hash: u64, at: usize) -> Self {
        Self(Self::bits_of(hash) << Self::AT_BITS | at as u64)
    }

    fn at(self) -> usize {
        (self.0 & ((1 << Self::AT_BITS) - 1)) as usize
    }

    /// Whether the string may have this hash.
    fn may_be(self, hash: u64) -> bool {
        self.0 >> Self::AT_BITS == Self::bits_of(hash)
    }

    /// Bits by which neither parts nor tables go.
    fn bits_of(hash: u64) -> u64 {
        hash >> 38 & 0xFFFF
    }
}

/// Hash and bytes of the string that begins at a place, if one does.
fn string_at(strings: &[u8], at: usize) -> Option<(u64, &[u8])> {
    let (hash, rest) = strings.get(at..)?.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let string = rest.get(..u32::from_le_bytes(*length) as usize)?;
    Some((u64::from_le_bytes(*hash), string))
}

/// Bytes of a string beside its own.
const FRAME: usize = size_of::<u64>() + size_of::<u32>();

impl Part {
    /// Makes room by a quarter more at a time: there are many parts of much the same size.
    fn reserve(&mut self, bytes: usize) {
        let lacking = (self.strings.len() + bytes).saturating_sub(self.strings.capacity());
        if lacking > 0 {
            self.strings
                .reserve_exact(bytes.max(self.strings.len() / 4));
        }
    }

    fn keep(&mut self, hash: u64, string: &[u8]) {
        self.reserve(FRAME + string.len());
        self.strings.extend_from_slice(&hash.to_le_bytes());
        // A column of Arrow has strings of less than 2 GiB.
        self.strings
            .extend_from_slice(&(string.len() as u32).to_le_bytes());
        self.strings.extend_from_slice(string);
    }

    /// Whether so many strings are kept that it is worth it to look them up:
    /// half as many as are in the table, so that the memory held stays in proportion.
    fn is_due(&self) -> bool {
        self.strings.len() - self.looked_up >= LEAST_BYTES.max(self.looked_up / 2)
    }

    /// Adds a string to those that were looked up, while all were.
    fn add(&mut self, hash: u64, string: &[u8]) {
        if !self.holds(hash, string) {
            let at = self.strings.len();
            self.keep(hash, string);
            self.enter(hash, at);
            self.looked_up = self.strings.len();
        }
    }

    fn holds(&self, hash: u64, string: &[u8]) -> bool {
        let is_same = |place: &Place| {
            let other = || string_at(&self.strings, place.at());
            place.may_be(hash) && other().is_some_and(|(_, other)| other == string)
        };
        self.table.find(hash, is_same).is_some()
    }

    /// Notes in the table where a string begins.
    fn enter(&mut self, hash: u64, at: usize) {
        let strings = &self.strings;
        let hash_at = |place: &Place| string_at(strings, place.at()).map_or(0, |(hash, _)| hash);
        self.table
            .insert_unique(hash, Place::new(hash, at), hash_at);
    }

    /// Looks up what was kept, and lets go of what is there already.
    fn look_up(&mut self) {
        let (mut from, mut to) = (self.looked_up, self.looked_up);
        while let Some((hash, string)) = string_at(&self.strings, from) {
            let size = FRAME + string.len();
            if !self.holds(hash, string) {
                if from > to {
                    self.strings.copy_within(from..from + size, to);
                }
                self.enter(hash, to);
                to += size;
            }
            from += size;
        }
        self.strings.truncate(to);
        self.looked_up = to;
    }

    /// Looks up all strings of another part.
    fn take_in(&mut self, other: &Self) {
        self.strings.reserve_exact(other.strings.len());
        self.strings.extend_from_slice(&other.strings);
        self.look_up();
        self.strings.shrink_to(self.strings.len() / 4 * 5);
    }

    /// Hash and bytes of each string, some perhaps twice.
    fn each(&self, mut visit: impl FnMut(u64, &[u8])) {
        let mut at = 0;
        while let Some((hash, string)) = string_at(&self.strings, at) {
            visit(hash, string);
            at += FRAME + string.len();
        }
    }

    fn heap(&self) -> usize {
        self.table.allocation_size() + self.strings.capacity()
    }
}

#[cfg(test)]
mod tests;
