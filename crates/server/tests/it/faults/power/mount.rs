//! The disk of `world` as a file system of the machine, by FUSE.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyWrite,
    Request, TimeOrNow, WriteFlags,
};
use lake::simulation::Random;

use super::world::{Node, ROOT, World};

/// How long the kernel may trust what it was told: only it changes anything.
const TRUST: Duration = Duration::from_secs(3_600);
const BLOCK: u32 = 4_096;
/// Blocks that the disk says it has.
const BLOCKS: u64 = 1 << 20;

/// What a sync does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syncs {
    /// What it promises.
    Work,
    /// Nothing, and says that it did.
    Lie,
}

#[derive(Debug)]
struct State {
    world: World,
    syncs: Syncs,
    is_cut: bool,
    /// After so many more changes of the names of files of records the power
    /// goes, and this is told.
    cut_at_table: Option<(u64, Sender<()>)>,
}

impl State {
    /// A name is about to change.
    fn name_changes(&mut self, name: &OsStr) -> Result<(), Errno> {
        let name = name.to_string_lossy();
        let is_of_records = [".parquet", ".index", ".parquet.tmp", ".index.tmp"]
            .iter()
            .any(|end| name.ends_with(end));
        let Some((left, told)) = self.cut_at_table.as_mut().filter(|_| is_of_records) else {
            return Ok(());
        };
        *left -= 1;
        if *left > 0 {
            return Ok(());
        }
        self.is_cut = true;
        // Who asked for it may have given up.
        let _ = told.send(());
        Err(Errno::EIO)
    }
}

/// A mounted disk, whose power can be cut.
pub(super) struct Disk {
    at: PathBuf,
    state: Arc<Mutex<State>>,
    session: BackgroundSession,
}

impl Disk {
    /// An empty disk at a directory, which is made.
    pub(super) fn mount(at: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(at)?;
        Self::of(at, World::new(), Syncs::Work)
    }

    /// Says what syncs do from now on.
    pub(super) fn set_syncs(&self, syncs: Syncs) {
        self.state.lock().expect("the disk").syncs = syncs;
    }

    fn of(at: &Path, world: World, syncs: Syncs) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            world,
            syncs,
            is_cut: false,
            cut_at_table: None,
        }));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("forgetful".to_owned())];
        let session = fuser::spawn_mount(Forgetful(Arc::clone(&state)), at, &config)?;
        Ok(Self {
            at: at.to_owned(),
            state,
            session,
        })
    }

    /// Cuts the power: every call fails from now on.
    pub(super) fn cut(&self) {
        self.state.lock().expect("the disk").is_cut = true;
    }

    /// Cuts the power as the name of a file of records comes, changes or goes,
    /// the so manieth from now on, and tells it then.
    pub(super) fn cut_at_table(&self, number: u64, told: Sender<()>) {
        let mut state = self.state.lock().expect("the disk");
        state.cut_at_table = Some((number, told));
    }

    /// The disk as it is found when the power is back, mounted anew, so that
    /// the kernel remembers nothing.
    pub(super) fn power_on(self, random: &mut Random) -> io::Result<Self> {
        self.session.umount_and_join()?;
        let state = self.state.lock().expect("the disk");
        Self::of(&self.at, state.world.after_cut(random), state.syncs)
    }
}

/// The calls of the kernel.
struct Forgetful(Arc<Mutex<State>>);

impl Forgetful {
    /// The disk, while it has power.
    fn state(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let state = self.0.lock().expect("the disk");
        if state.is_cut {
            return Err(Errno::EIO);
        }
        Ok(state)
    }

    fn node<T>(&self, number: INodeNo, use_it: impl FnOnce(&mut Node) -> T) -> Result<T, Errno> {
        let mut state = self.state()?;
        let node = state.world.node(number.0).ok_or(Errno::ENOENT)?;
        Ok(use_it(node))
    }

    fn attributes(&self, number: INodeNo) -> Result<FileAttr, Errno> {
        let names = self.state()?.world.names_of(number.0);
        let mut attributes = self.node(number, |node| attributes(number, node))?;
        attributes.nlink = names;
        Ok(attributes)
    }

    fn find(&self, parent: INodeNo, name: &OsStr) -> Result<INodeNo, Errno> {
        let found = self.state()?.world.find(parent.0, name);
        found.map(INodeNo).ok_or(Errno::ENOENT)
    }

    fn make(
        &self,
        parent: INodeNo,
        name: &OsStr,
        is_directory: bool,
        mode: u32,
    ) -> Result<FileAttr, Errno> {
        if self.find(parent, name).is_ok() {
            return Err(Errno::EEXIST);
        }
        let mode = u16::try_from(mode & 0o7777).expect("twelve bits");
        let mut state = self.state()?;
        state.name_changes(name)?;
        let number = state.world.create(parent.0, name, is_directory, mode);
        drop(state);
        self.attributes(INodeNo(number))
    }

    fn take_away(&self, parent: INodeNo, name: &OsStr) -> Result<(), Errno> {
        let number = self.find(parent, name)?;
        let mut state = self.state()?;
        if !state.world.list(number.0).is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        state.name_changes(name)?;
        state.world.remove(parent.0, name);
        Ok(())
    }
}

fn attributes(number: INodeNo, node: &Node) -> FileAttr {
    let size = node.bytes.len() as u64;
    FileAttr {
        ino: number,
        size,
        blocks: size.div_ceil(512),
        atime: SystemTime::UNIX_EPOCH,
        mtime: SystemTime::UNIX_EPOCH,
        ctime: SystemTime::UNIX_EPOCH,
        crtime: SystemTime::UNIX_EPOCH,
        kind: kind(node),
        perm: node.mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

fn kind(node: &Node) -> FileType {
    if node.is_directory {
        FileType::Directory
    } else {
        FileType::RegularFile
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("a place in memory")
}

fn answer(reply: ReplyEmpty, done: Result<(), Errno>) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(reply: ReplyEntry, found: Result<FileAttr, Errno>) {
    match found {
        Ok(attributes) => reply.entry(&TRUST, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Forgetful {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.find(parent, name);
        entry(reply, found.and_then(|number| self.attributes(number)));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(ino) {
            Ok(attributes) => reply.attr(&TRUST, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.node(ino, |node| {
            if let Some(mode) = mode {
                node.mode = u16::try_from(mode & 0o7777).expect("twelve bits");
            }
            if let Some(size) = size {
                node.set_length(place(size));
            }
            attributes(ino, node)
        });
        match changed {
            Ok(attributes) => reply.attr(&TRUST, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        entry(reply, self.make(parent, name, true, mode & !umask));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(reply, self.take_away(parent, name));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(reply, self.take_away(parent, name));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        let renamed = self.find(parent, name).and_then(|node| {
            let mut state = self.state()?;
            state.name_changes(name)?;
            let (from, to) = ((parent.0, name), (newparent.0, newname));
            state.world.rename(node.0, from, to);
            Ok(())
        });
        answer(reply, renamed);
    }

    fn link(
        &self,
        _: &Request,
        ino: INodeNo,
        newparent: INodeNo,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        let linked = match self.find(newparent, newname) {
            Ok(_) => Err(Errno::EEXIST),
            Err(_) => self.state().and_then(|mut state| {
                state.name_changes(newname)?;
                state.world.link(ino.0, (newparent.0, newname));
                Ok(())
            }),
        };
        entry(reply, linked.and_then(|()| self.attributes(ino)));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.make(parent, name, false, mode & !umask) {
            Ok(attributes) => {
                let (handle, flags) = (FileHandle(0), FopenFlags::empty());
                reply.created(&TRUST, &attributes, Generation(0), handle, flags);
            }
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.node(ino, |node| {
            let from = place(offset).min(node.bytes.len());
            let to = (from + size as usize).min(node.bytes.len());
            node.bytes[from..to].to_vec()
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.node(ino, |node| node.write(place(offset), data)) {
            Ok(()) => reply.written(u32::try_from(data.len()).expect("one request")),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        answer(reply, self.state().map(drop));
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let synced = self.state().and_then(|mut state| {
            let syncs = state.syncs;
            let node = state.world.node(ino.0).ok_or(Errno::ENOENT)?;
            if syncs == Syncs::Work {
                node.sync();
            }
            Ok(())
        });
        answer(reply, synced);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let synced = self.state().map(|mut state| {
            if state.syncs == Syncs::Work {
                state.world.sync_directory(ino.0);
            }
        });
        answer(reply, synced);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let mut state = match self.state() {
            Ok(state) => state,
            Err(error) => return reply.error(error),
        };
        let entries = state.world.list(ino.0);
        for (index, (name, number)) in entries.into_iter().enumerate().skip(place(offset)) {
            let kind = state.world.node(number).map(|node| kind(node));
            let kind = kind.expect("a name has a node");
            if reply.add(INodeNo(number), index as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCK, 255, BLOCK);
    }
}

/// The number of the root, which the kernel knows by itself.
const _: () = assert!(ROOT == INodeNo::ROOT.0);
