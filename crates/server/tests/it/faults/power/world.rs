//! What a disk holds: what programs see, what is on stable storage, and what
//! is between the two.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use lake::simulation::Random;

/// The unit in which a power cut tears a write.
const SECTOR: usize = 512;
/// The number of the root directory.
pub(super) const ROOT: u64 = 1;

/// A change of a file that no sync has covered yet.
#[derive(Clone, Debug)]
enum Change {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Bytes(from, written) => {
                let to = from + written.len();
                if bytes.len() < to {
                    bytes.resize(to, 0);
                }
                bytes[*from..to].copy_from_slice(written);
            }
        }
    }

    /// The same change in parts of one sector each.
    fn sectors(&self) -> Vec<Self> {
        let Self::Bytes(from, written) = self else {
            return vec![self.clone()];
        };
        let mut parts = Vec::new();
        let mut at = 0;
        while at < written.len() {
            let to = written.len().min(at + SECTOR - (from + at) % SECTOR);
            parts.push(Self::Bytes(from + at, written[at..to].to_vec()));
            at = to;
        }
        parts
    }
}

/// A file or a directory.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) is_directory: bool,
    pub(super) mode: u16,
    pub(super) bytes: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

impl Node {
    fn new(is_directory: bool, mode: u16) -> Self {
        Self {
            is_directory,
            mode,
            bytes: Vec::new(),
            durable: Vec::new(),
            pending: Vec::new(),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.bytes);
        self.pending.push(change);
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.change(Change::Bytes(offset, bytes.to_vec()));
    }

    pub(super) fn set_length(&mut self, length: usize) {
        self.change(Change::Length(length));
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// What a power cut leaves: unsynced changes lost, kept, some of them, or
    /// some sectors of some of them.
    fn after_cut(&self, random: &mut Random) -> Vec<u8> {
        let mut found = self.durable.clone();
        let fate = random.below(4);
        for change in &self.pending {
            match fate {
                0 => {}
                1 => change.apply(&mut found),
                2 if random.one_in(2) => change.apply(&mut found),
                2 => {}
                _ => {
                    for part in change.sectors() {
                        if random.one_in(2) {
                            part.apply(&mut found);
                        }
                    }
                }
            }
        }
        found
    }
}

/// A name in a directory.
type Name = (u64, OsString);

/// A change of names that no sync of its directory has covered yet; atomic.
#[derive(Clone, Debug)]
struct NameChange {
    removed: Option<Name>,
    added: Option<(Name, u64)>,
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<Name, u64>) {
        if let Some(name) = &self.removed {
            names.remove(name);
        }
        if let Some((name, node)) = &self.added {
            names.insert(name.clone(), *node);
        }
    }

    fn touches(&self, directory: u64) -> bool {
        let removed = self.removed.iter().map(|(parent, _)| *parent);
        let added = self.added.iter().map(|((parent, _), _)| *parent);
        removed.chain(added).any(|parent| parent == directory)
    }
}

/// All names and nodes.
#[derive(Debug)]
pub(super) struct World {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    names: BTreeMap<Name, u64>,
    durable_names: BTreeMap<Name, u64>,
    pending_names: Vec<NameChange>,
}

impl World {
    /// An empty disk.
    pub(super) fn new() -> Self {
        Self {
            nodes: BTreeMap::from([(ROOT, Node::new(true, 0o700))]),
            next: ROOT + 1,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
        }
    }

    pub(super) fn node(&mut self, number: u64) -> Option<&mut Node> {
        self.nodes.get_mut(&number)
    }

    pub(super) fn find(&self, directory: u64, name: &OsStr) -> Option<u64> {
        self.names.get(&(directory, name.to_owned())).copied()
    }

    pub(super) fn list(&self, directory: u64) -> Vec<(OsString, u64)> {
        let names = self.names.iter();
        let within = names.filter(|((parent, _), _)| *parent == directory);
        within
            .map(|((_, name), node)| (name.clone(), *node))
            .collect()
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    pub(super) fn create(
        &mut self,
        directory: u64,
        name: &OsStr,
        is_directory: bool,
        mode: u16,
    ) -> u64 {
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, Node::new(is_directory, mode));
        self.change(NameChange {
            removed: None,
            added: Some(((directory, name.to_owned()), number)),
        });
        number
    }

    /// Gives a node one more name.
    pub(super) fn link(&mut self, node: u64, to: (u64, &OsStr)) {
        self.change(NameChange {
            removed: None,
            added: Some(((to.0, to.1.to_owned()), node)),
        });
    }

    /// How many names a node has; the root has one by itself.
    pub(super) fn names_of(&self, node: u64) -> u32 {
        let names = self.names.values().filter(|named| **named == node);
        u32::try_from(names.count()).expect("few").max(1)
    }

    pub(super) fn remove(&mut self, directory: u64, name: &OsStr) {
        self.change(NameChange {
            removed: Some((directory, name.to_owned())),
            added: None,
        });
    }

    /// Gives a node another name; what had that name before is replaced.
    pub(super) fn rename(&mut self, node: u64, from: (u64, &OsStr), to: (u64, &OsStr)) {
        self.change(NameChange {
            removed: Some((from.0, from.1.to_owned())),
            added: Some(((to.0, to.1.to_owned()), node)),
        });
    }

    pub(super) fn sync_directory(&mut self, directory: u64) {
        let pending = std::mem::take(&mut self.pending_names);
        for change in pending {
            if change.touches(directory) {
                change.apply(&mut self.durable_names);
            } else {
                self.pending_names.push(change);
            }
        }
    }

    /// The disk as it is found after a power cut.
    pub(super) fn after_cut(&self, random: &mut Random) -> Self {
        let mut names = self.durable_names.clone();
        for change in &self.pending_names {
            if random.one_in(2) {
                change.apply(&mut names);
            }
        }
        let mut reached = BTreeSet::from([ROOT]);
        loop {
            let found = names.iter();
            let found = found.filter(|((parent, _), _)| reached.contains(parent));
            let next: BTreeSet<u64> = found.map(|(_, node)| *node).chain([ROOT]).collect();
            if next == reached {
                break;
            }
            reached = next;
        }
        names.retain(|(parent, _), _| reached.contains(parent));
        let mut nodes = BTreeMap::new();
        for number in reached {
            let node = &self.nodes[&number];
            let bytes = node.after_cut(random);
            let node = Node {
                durable: bytes.clone(),
                bytes,
                pending: Vec::new(),
                ..*node
            };
            nodes.insert(number, node);
        }
        Self {
            nodes,
            next: self.next,
            durable_names: names.clone(),
            names,
            pending_names: Vec::new(),
        }
    }
}

#[test]
fn only_what_was_synced_is_sure_to_be_found() {
    let name = OsStr::new("file");
    let (mut kept, mut lost, mut torn, mut unnamed) = (0, 0, 0, 0);
    for seed in 0..200 {
        let mut world = World::new();
        let file = world.create(ROOT, name, false, 0o600);
        let node = world.node(file).expect("a node");
        node.write(0, &[1; 3 * SECTOR]);
        node.sync();
        let unsynced = world.after_cut(&mut Random::new(seed));
        unnamed += usize::from(unsynced.find(ROOT, name).is_none());
        world.sync_directory(ROOT);
        world
            .node(file)
            .expect("a node")
            .write(100, &[2; 2 * SECTOR]);
        let found = world.after_cut(&mut Random::new(seed));
        let found = found.find(ROOT, name).expect("the name was synced");
        assert_eq!(found, file);
        let mut world = world.after_cut(&mut Random::new(seed));
        let bytes = world.node(found).expect("a node").bytes.clone();
        assert_eq!(
            (bytes[..100].to_vec(), bytes.len()),
            (vec![1; 100], 3 * SECTOR)
        );
        match bytes.iter().filter(|byte| **byte == 2).count() {
            0 => lost += 1,
            all if all == 2 * SECTOR => kept += 1,
            _ => torn += 1,
        }
    }
    assert!(kept > 0 && lost > 0 && torn > 0 && unnamed > 0);
}
