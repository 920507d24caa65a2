//! The tree over all entries of a log: the Merkle tree hash of RFC 6962, 2.1.

use super::Digest;

/// Before the two halves of a node, so that no node is taken for a leaf.
const NODE: &[u8] = &[1];

/// A tree that only grows. It keeps the roots of its whole subtrees, one for
/// each 1 in the binary form of its size, the largest first; that is all that
/// further leaves and the root depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    peaks: Vec<Digest>,
}

impl Tree {
    /// A tree of this size as [`Tree::peaks`] told of it; `None` when it is
    /// none.
    pub fn restore(size: u64, peaks: &[u8]) -> Option<Self> {
        let (peaks, rest) = peaks.as_chunks::<32>();
        let fits = rest.is_empty() && peaks.len() == size.count_ones() as usize;
        fits.then(|| Self {
            size,
            peaks: peaks.iter().copied().map(Digest::from_bytes).collect(),
        })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its whole subtrees, to be stored beside the size.
    pub fn peaks(&self) -> Vec<u8> {
        let bytes = self.peaks.iter().flat_map(Digest::as_bytes);
        bytes.copied().collect()
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut whole = leaf;
        let mut size = self.size;
        while size % 2 == 1 {
            let left = self.peaks.pop().expect("there is a peak for each 1");
            whole = node(left, whole);
            size /= 2;
        }
        self.peaks.push(whole);
        self.size += 1;
    }

    /// The hash over all leaves in their order.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev().copied();
        let Some(smallest) = peaks.next() else {
            return Digest::over(&[]);
        };
        peaks.fold(smallest, |right, left| node(left, right))
    }
}

fn node(left: Digest, right: Digest) -> Digest {
    Digest::over(&[NODE, left.as_bytes(), right.as_bytes()])
}
