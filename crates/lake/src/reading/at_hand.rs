//! How much is left to read: whether it is little and in memory, so that it is sooner
//! read than handed to another thread.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::pieces::{Opened, Piece};
use super::{Reading, Shared};
use crate::tables::Cached;

impl Reading {
    /// Whether at most `rows` are left to be looked at, hidden ones among
    /// them, and no cell of them has to come from the disk. It may come from
    /// there all the same when memory is given to others meanwhile.
    pub(crate) fn is_at_hand(&self, rows: usize) -> bool {
        let is_at_hand = self.0.is_at_hand(rows);
        self.0.at_hand.store(is_at_hand, Ordering::Relaxed);
        is_at_hand
    }

    /// Lets others have their turn between two pieces, and the question be
    /// given up there; not where all of it is less work than that.
    pub(crate) async fn pause(&self) {
        if !self.0.at_hand.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }

    /// How many rows are still to be looked at, hidden ones among them.
    pub(crate) fn rows_left(&self) -> usize {
        self.0.left().pieces.iter().map(Piece::rows).sum()
    }
}

impl Shared {
    fn is_at_hand(&self, rows: usize) -> bool {
        if self.cached == Cached::No {
            return false;
        }
        let mut left = self.left();
        let mut room = rows;
        let mut near = VecDeque::with_capacity(left.pieces.len());
        while let Some(piece) = left.pieces.pop_front() {
            let parts = match &piece {
                Piece::File(entry) => match self.parts(entry, |home| Ok(home.known(entry))) {
                    Ok(Some(parts)) => parts,
                    // Whoever reads it meets the error again and tells of it.
                    Ok(None) | Err(_) => vec![piece],
                },
                _ => vec![piece],
            };
            let is_near = parts.iter().all(|part| {
                let rows = self.rows_at_hand(part);
                let less = rows.and_then(|rows| room.checked_sub(rows));
                room = less.unwrap_or_default();
                less.is_some()
            });
            near.extend(parts);
            if !is_near {
                near.append(&mut left.pieces);
                left.pieces = near;
                return false;
            }
        }
        left.pieces = near;
        true
    }

    /// The rows to look at in a piece; `None` when it is not in memory.
    fn rows_at_hand(&self, piece: &Piece) -> Option<usize> {
        match piece {
            Piece::Memory(segment) => Some(segment.rows_to_scan(&self.columns, &self.hints)),
            Piece::File(_) => None,
            Piece::Blocks(opened, blocks) => {
                let mut blocks = blocks.clone();
                let is_known = blocks.all(|block| self.is_known(opened, block));
                is_known.then(|| piece.rows())
            }
        }
    }

    fn is_known(&self, opened: &Opened, block: usize) -> bool {
        let file = &opened.file;
        // What younger records replace is found in columns that nobody asked for.
        !opened.hidden
            && file.is_known(block, &opened.columns)
            && self
                .later
                .as_ref()
                .is_none_or(|later| file.is_known(block, &later.columns))
            && self
                .told_apart_by(opened, block)
                .is_none_or(|column| file.is_known(block, &[column]))
    }
}
