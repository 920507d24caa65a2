//! How much is left to read: whether it is little and in memory, so that it is sooner
//! read than handed to another thread.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::pieces::{Opened, Piece};
use super::{Left, Reading, Shared};
use crate::tables::{Cached, Look};

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
            // The core too: a system lets a thread of long work go on to its next tick, some
            // milliseconds, though one with more weight, that answers small questions, woke meanwhile.
            std::thread::yield_now();
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
        let Some(near) = self.few(&left, rows) else {
            return false;
        };
        let is_near = near.iter().all(|piece| match piece {
            Piece::Memory(_) | Piece::Rows(_) => true,
            Piece::File(_) => false,
            Piece::Blocks(opened, blocks) => {
                blocks.clone().all(|block| self.is_known(opened, block))
            }
        });
        if is_near {
            left.pieces = near;
        }
        is_near
    }

    /// What is left as the blocks of open files, if these are all of them and
    /// have at most so many rows to look at: nothing is looked up but that.
    fn few(&self, left: &Left, rows: usize) -> Option<VecDeque<Piece>> {
        let mut room = rows;
        let mut few = VecDeque::with_capacity(left.pieces.len());
        for piece in &left.pieces {
            let parts = match piece {
                Piece::Memory(segment) => {
                    room = room.checked_sub(segment.rows_to_scan(&self.columns, &self.hints))?;
                    few.push_back(piece.clone());
                    continue;
                }
                Piece::File(_) if self.hints.are_none() && piece.rows() > room => return None,
                // Whoever reads it meets an error again and tells of it.
                Piece::File(entry) => self.parts(entry, Look::InMemory).ok()??,
                Piece::Blocks(..) | Piece::Rows(_) => vec![piece.clone()],
            };
            let rows = parts.iter().map(Piece::rows).sum();
            room = room.checked_sub(rows)?;
            few.extend(parts);
        }
        Some(few)
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
