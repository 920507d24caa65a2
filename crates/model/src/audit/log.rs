//! The log of one project, as far as further entries depend on it.

use super::{Digest, Tree};

/// Before the link before and the leaf, so that a link is taken for neither a
/// leaf nor a node.
const LINK: &[u8] = &[2];

/// The link before the first entry.
const BEGINNING: Digest = Digest::from_bytes([0; 32]);

/// What a log is after some number of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many entries there are.
    pub size: u64,
    /// The link of the last one.
    pub link: Digest,
    /// The root of the tree over all of them.
    pub root: Digest,
}

/// A log that only grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    link: Digest,
    tree: Tree,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            link: BEGINNING,
            tree: Tree::default(),
        }
    }
}

impl Log {
    /// A log as it was stored.
    pub fn restore(link: Digest, tree: Tree) -> Self {
        Self { link, tree }
    }

    /// The link of the last entry.
    pub fn link(&self) -> Digest {
        self.link
    }

    /// The tree over all entries.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What the log is now.
    pub fn head(&self) -> Head {
        Head {
            size: self.tree.size(),
            link: self.link,
            root: self.tree.root(),
        }
    }

    /// Adds the entry with this leaf; answers its link.
    pub fn append(&mut self, leaf: Digest) -> Digest {
        let link = self.next_link(leaf);
        self.push(leaf, link);
        link
    }

    /// The link that an entry with this leaf has here.
    pub(super) fn next_link(&self, leaf: Digest) -> Digest {
        Digest::over(&[LINK, self.link.as_bytes(), leaf.as_bytes()])
    }

    /// Adds an entry whose link is what is stored, right or wrong.
    pub fn push(&mut self, leaf: Digest, link: Digest) {
        self.tree.push(leaf);
        self.link = link;
    }
}
