//! Values as they came.

use crate::aggregates::keys::Key;
use crate::aggregates::selection::nth;

/// Values of a part of a list that is full. Tests meet the limit early.
pub(super) const PART: usize = if cfg!(test) { 32 } else { 65_536 };

/// Values, each as often as it came.
#[derive(Debug)]
pub(crate) struct List<K> {
    /// Parts that stay as they are: what is large is not copied when it grows.
    parts: Vec<Vec<K>>,
    last: Vec<K>,
    /// The values for which there is room.
    room: usize,
    /// What the keys hold beside themselves, in bytes.
    held: usize,
    /// Whether its values were found to repeat hardly ever.
    is_diverse: bool,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            last: Vec::new(),
            room: 0,
            held: 0,
            is_diverse: false,
        }
    }
}

impl<K: Key> List<K> {
    /// These values, which are not to be looked at for how they repeat.
    pub(super) fn diverse(self) -> Self {
        let is_diverse = true;
        Self { is_diverse, ..self }
    }

    /// Whether it is time to find out whether its values repeat.
    pub(super) fn is_undecided(&self) -> bool {
        !self.is_diverse && (self.last.len() >= PART || !self.parts.is_empty())
    }

    /// Adds a value; says how much memory that took.
    pub(super) fn push(&mut self, key: K) -> isize {
        let held = key.heap();
        self.held += held;
        if self.last.len() < self.last.capacity() {
            self.last.push(key);
            return held as isize;
        }
        let before = self.heap();
        if self.last.len() >= PART {
            let full = std::mem::replace(&mut self.last, Vec::with_capacity(PART));
            self.parts.push(full);
            self.room += self.last.capacity();
        } else {
            self.room -= self.last.capacity();
            self.last.reserve(1);
            self.room += self.last.capacity();
        }
        self.last.push(key);
        (held + self.heap() - before) as isize
    }

    /// The memory held beside the list itself, in bytes.
    pub(super) fn heap(&self) -> usize {
        let parts = self.parts.capacity() * size_of::<Vec<K>>();
        parts + self.room * size_of::<K>() + self.held
    }

    /// Takes in the values of another list.
    pub(super) fn absorb(&mut self, mut other: Self) {
        if self.last.len() < other.last.len() {
            std::mem::swap(&mut self.last, &mut other.last);
        }
        self.held += other.held;
        self.is_diverse |= other.is_diverse;
        self.parts.append(&mut other.parts);
        // Of two that are large, the smaller stays a part of its own.
        if other.last.len() >= PART / 4 {
            self.parts.push(other.last);
        } else {
            self.last.append(&mut other.last);
        }
        let parts = self.parts.iter().map(Vec::capacity);
        self.room = parts.sum::<usize>() + self.last.capacity();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum::<usize>() + self.last.len()
    }

    /// Each of them, in some order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.parts.iter().flatten().chain(&self.last)
    }

    /// The same; the list ends with it.
    pub(super) fn into_iter(self) -> impl Iterator<Item = K> {
        self.parts.into_iter().flatten().chain(self.last)
    }

    /// The value at `rank`, counted from 0, in their order.
    pub(super) fn nth(mut self, rank: usize) -> Option<K> {
        self.parts.push(self.last);
        nth(&self.parts, rank)
    }
}
