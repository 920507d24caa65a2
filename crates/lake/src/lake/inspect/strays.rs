//! What lies among the files of records and is not one of them.

use std::collections::HashMap;
use std::path::PathBuf;

use model::ids::PoolId;

use crate::disk::{Disk, DiskError};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::published;
use crate::tables::{ASIDE, FileId, Tables, parse_name, path_of};

/// What lies among the files of records and is not one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// Files and directories that this server does not write.
    pub foreign: Vec<PathBuf>,
    /// Files of records that the journal does not know. They are kept and not read.
    pub unknown: Vec<PathBuf>,
    /// Unfinished files of records that a start with an unknown journal set
    /// aside, and that this journal does not need. They may hold records, are
    /// not read, and nobody takes them away.
    pub aside: Vec<PathBuf>,
    /// The same that this journal names, and without which records are missing.
    pub aside_needed: Vec<PathBuf>,
    /// What an ended piece of work left, and the next start takes away.
    pub leftovers: Vec<PathBuf>,
}

pub(super) fn find(
    disk: &dyn Disk,
    tables: &Tables,
    manifests: &HashMap<PoolId, Manifest>,
) -> Result<Strays> {
    let mut strays = Strays::default();
    let nothing = Manifest::default();
    for name in list(disk.list(tables.root()))? {
        let Ok(pool) = PoolId::parse(&name) else {
            strays.foreign.push(tables.root().join(name));
            continue;
        };
        let directory = tables.directory(pool);
        let manifest = manifests.get(&pool).unwrap_or(&nothing);
        let is_live = |id: FileId| manifest.files.iter().any(|file| file.id == id);
        let names = list(disk.list(&directory))?;
        for name in &names {
            let path = directory.join(name);
            let Some((id, part)) = parse_name(name) else {
                let unfinished = name.strip_suffix(ASIDE);
                let named = unfinished.and_then(parse_name);
                let named = named.filter(|(_, part)| part.is_unfinished());
                match (named, unfinished) {
                    (Some((id, part)), Some(unfinished)) => {
                        let finished = path_of(&directory, id, part.finished());
                        let is_there = names
                            .iter()
                            .any(|name| name == unfinished || finished.ends_with(name));
                        match is_live(id) && !is_there {
                            true => strays.aside_needed.push(path),
                            false => strays.aside.push(path),
                        }
                    }
                    _ if name != published::DIRECTORY => strays.foreign.push(path),
                    _ => {}
                }
                continue;
            };
            if is_live(id) {
                continue;
            }
            if part.is_unfinished() || manifest.obsolete.contains_key(&id) {
                strays.leftovers.push(path);
            } else {
                strays.unknown.push(path);
            }
        }
    }
    Ok(strays)
}

fn list(names: Result<Vec<String>, DiskError>) -> Result<Vec<String>, DiskError> {
    match names {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        listed => listed,
    }
}
