//! The parts of a reading in an order of time, as far as it is known of files
//! and of blocks which times they hold.
//!
//! A file is opened when it may hold the next row. Its latest rows come first where they were put
//! together; of its blocks, whose order it keeps, those are looked at that may hold the next. So
//! what comes late in the order costs nothing but a place among the files. Which rows there are in
//! a block that is reached is found out as in any other reading.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;

use super::Shared;
use super::files::Chosen;
use super::hints::{TimeOrder, Wanted};
use super::pieces::{Opened, Piece};
use crate::error::Result;
use crate::tables::{ByTime, Place};

/// What is still to be read, the first of an order first.
#[derive(Debug)]
pub(super) struct InOrder {
    order: TimeOrder,
    parts: BinaryHeap<Reverse<Part>>,
    /// How many parts there were.
    count: usize,
    /// After which time no row is wanted any more.
    until: Option<i64>,
}

/// Something to be read, none of whose rows comes before a place.
#[derive(Debug)]
struct Part {
    place: Place,
    /// Parts of one place come as they were found.
    number: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    /// What is read at once, or a file that is to be opened.
    Piece(Piece),
    /// The blocks of a file.
    Walk(Walk),
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.place, self.number).cmp(&(other.place, other.number))
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Part {}

impl InOrder {
    /// These pieces in an order.
    pub(super) fn new(order: TimeOrder, pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut all = Self {
            order,
            parts: BinaryHeap::new(),
            count: 0,
            until: None,
        };
        for piece in pieces {
            match piece {
                Piece::Blocks(opened, blocks) => blocks.for_each(|block| {
                    let one = Piece::Blocks(opened.clone(), block..block + 1);
                    all.add(all.place(&one), What::Piece(one));
                }),
                other => all.add(all.place(&other), What::Piece(other)),
            }
        }
        all
    }

    fn add(&mut self, place: Place, what: What) {
        self.count += 1;
        let number = self.count;
        self.parts.push(Reverse(Part {
            place,
            number,
            what,
        }));
    }

    /// Where the rows of a piece begin. Where nothing is known of their times,
    /// any of them may be the first.
    fn place(&self, piece: &Piece) -> Place {
        let by = self.order.by;
        match piece {
            Piece::File(entry) if entry.sorted_by.time == self.order.field => {
                by.first_of(entry.time)
            }
            Piece::Blocks(opened, blocks) if opened.file.sorted_by().time == self.order.field => {
                let first = blocks
                    .clone()
                    .map(|at| by.first_of(opened.file.block_time(at)));
                first.min().unwrap_or(Place::End)
            }
            _ => Place::Begin,
        }
    }

    /// What is read next, a file never: those that may hold the next row are opened.
    pub(super) fn next(&mut self, shared: &Shared) -> Result<Option<Piece>> {
        while self.open_first(shared)? {}
        let Some(mut first) = self.parts.peek_mut() else {
            return Ok(None);
        };
        if let What::Walk(walk) = &mut first.0.what {
            let block = walk.next();
            let opened = walk.chosen.opened.clone();
            match walk.place() {
                Some(place) => first.0.place = place,
                None => drop(PeekMut::pop(first)),
            }
            return Ok(block.map(|at| Piece::Blocks(opened, at..at + 1)));
        }
        Ok(match PeekMut::pop(first).0.what {
            What::Piece(piece) => Some(piece),
            What::Walk(_) => None,
        })
    }

    /// Which rows are still wanted, when not all are.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        self.until.map(|until| Wanted {
            order: self.order.clone(),
            until,
        })
    }

    /// Leaves out the rows that come after a time; answers whether none is left.
    pub(super) fn end_at(&mut self, time: i64, shared: &Shared) -> Result<bool> {
        self.until = Some(time);
        let until = self.order.by.of(time);
        loop {
            let first = self.parts.peek();
            if first.is_none_or(|Reverse(first)| first.place > until) {
                return Ok(true);
            }
            // Its blocks may tell that it comes later.
            if !self.open_first(shared)? {
                return Ok(false);
            }
        }
    }

    /// Opens what is first, if it is a file; answers whether it was one.
    fn open_first(&mut self, shared: &Shared) -> Result<bool> {
        let Some(first) = self.parts.peek_mut() else {
            return Ok(false);
        };
        let What::Piece(Piece::File(entry)) = &first.0.what else {
            return Ok(false);
        };
        let (entry, number) = (entry.clone(), first.0.number);
        PeekMut::pop(first);
        if let Some(mut chosen) = shared.chosen_of(&entry)? {
            if let Some(latest) = shared.take_latest(&mut chosen, &self.order)? {
                self.add(self.order.by.first_of(entry.time), What::Piece(latest));
            }
            let walk = Walk::new(chosen, &self.order);
            if let Some(place) = walk.place() {
                let what = What::Walk(walk);
                self.parts.push(Reverse(Part {
                    place,
                    number,
                    what,
                }));
            }
        }
        Ok(true)
    }
}

/// The blocks of a file that may matter, one after the other.
#[derive(Debug)]
struct Walk {
    chosen: Chosen,
    /// The order, if the file knows the times by which it is.
    by: Option<ByTime>,
    /// Those that may matter, in order, where they are few of all.
    few: Option<Vec<u32>>,
    /// How many of the order were passed.
    passed: usize,
}

impl Walk {
    fn new(chosen: Chosen, order: &TimeOrder) -> Self {
        /// To pass one that does not matter takes that much less than to put one in order.
        const FEW: usize = 16;
        let (file, candidates) = (&chosen.opened.file, &chosen.candidates);
        let by = Some(order.by).filter(|_| file.sorted_by().time == order.field);
        let count: usize = candidates.iter().map(Range::len).sum();
        let few = (by.is_none() || count * FEW <= file.blocks()).then(|| {
            let few = candidates.iter().cloned().flatten();
            let mut few: Vec<u32> = few.map(|block| block as u32).collect();
            if let Some(by) = by {
                few.sort_by_key(|block| by.first_of(file.block_time(*block as usize)));
            }
            few
        });
        let mut walk = Self {
            chosen,
            by,
            few,
            passed: 0,
        };
        walk.pass();
        walk
    }

    fn order(&self) -> &[u32] {
        match (&self.few, self.by) {
            (Some(few), _) => few,
            (None, Some(by)) => self.chosen.opened.file.blocks_in_order(by),
            (None, None) => &[],
        }
    }

    fn block(&self) -> Option<usize> {
        self.order().get(self.passed).map(|block| *block as usize)
    }

    /// Where the rows of the next block begin; `None` behind the last.
    fn place(&self) -> Option<Place> {
        let block = self.block()?;
        let Opened { file, given, .. } = &*self.chosen.opened;
        let place = |by: ByTime| {
            let rest = given.map_or(Place::Begin, |given| by.of(given.after));
            by.first_of(file.block_time(block)).max(rest)
        };
        Some(self.by.map_or(Place::Begin, place))
    }

    fn next(&mut self) -> Option<usize> {
        let block = self.block()?;
        self.passed += 1;
        self.pass();
        Some(block)
    }

    /// Passes blocks that do not matter.
    fn pass(&mut self) {
        let rest = self.order().iter().skip(self.passed);
        let passed = rest.take_while(|block| !self.chosen.matters(**block as usize));
        self.passed += passed.count();
    }
}

#[cfg(test)]
mod tests;
