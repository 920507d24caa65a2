//! Power cuts under the released binary: its data lie on a file system that
//! forgets at the cut what was not synced, as badly as a disk may.

mod mount;
mod spent;
mod world;

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use lake::simulation::Random;

use super::ledger::Ledger;
use crate::support::launch::{Launch, limits};
use crate::support::needs::{cannot_mount, may_use, note};
use crate::support::upkeep::{is_unfinished, table_files};
use crate::support::{Server, cases};
use mount::{Disk, Syncs};

/// The most batches that are sent between two cuts.
const REQUESTS: usize = 600;
/// How long upkeep may take to change a few names of files.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a disk went through.
#[derive(Debug, Default)]
struct Survived {
    acknowledged: usize,
    /// Cuts as the name of a file of records came, changed or went.
    in_tables: usize,
    /// Files of records that were found whole under their names after cuts.
    files: usize,
    /// Those that were begun.
    unfinished: usize,
}

fn mounted(home: &Path) -> Disk {
    Disk::mount(&home.join("data"))
        .unwrap_or_else(|error| cannot_mount("fuse", &format!("FUSE: {error}")))
}

fn start(home: &Path, round: usize) -> Result<Server, String> {
    let started = Launch::at(home).options(limits(round)).start();
    started.map_err(|ended| format!("no start after the cut: {}", ended.log))
}

/// Works, cuts the power somewhere, and looks at what is left, so many
/// times. The loss that was found, or nothing.
fn cut_again_and_again(cuts: usize, syncs: Syncs, seed: u64) -> Result<Survived, String> {
    let mut survived = Survived::default();
    let home = tempfile::tempdir().expect("a directory");
    let mut random = Random::new(seed);
    let mut disk = mounted(home.path());
    let mut server = start(home.path(), 0)?;
    let ledger = Ledger::begin(&server);
    disk.set_syncs(syncs);
    for cut in 0..cuts {
        let until = 1 + random.below(40);
        let (told, acknowledgements) = mpsc::channel();
        let address = server.address.clone();
        std::thread::scope(|scope| {
            let ledger = &ledger;
            scope.spawn(move || {
                ledger.work(&address, REQUESTS, &|| {
                    let _ = told.send(());
                });
            });
            // Two and two in turn: one of each two servers begins by merging.
            if (cut / 2).is_multiple_of(2) {
                let (told, is_cut) = mpsc::channel();
                disk.cut_at_table(1 + random.below(14), told);
                is_cut.recv_timeout(PATIENCE).expect("files are written");
                survived.in_tables += 1;
            } else {
                for _ in 0..until {
                    acknowledgements.recv().expect("clients work");
                }
                // From here on nothing is written any more, and nothing synced.
                disk.cut();
            }
            server.kill();
        });
        disk = disk.power_on(&mut random).expect("mounted again");
        let files = table_files(&home.path().join("data"));
        let (unfinished, files): (Vec<_>, Vec<_>) = files.iter().partition(|f| is_unfinished(f));
        survived.unfinished += unfinished.len();
        survived.files += files.len();
        server = start(home.path(), cut + 1)?;
        ledger
            .check(&server)
            .map_err(|loss| format!("cut {cut}: {loss}"))?;
        ledger.settle(&server);
    }
    ledger.check(&server)?;
    server.kill();
    drop(disk);
    survived.acknowledged = ledger.acknowledged();
    Ok(survived)
}

#[test]
fn d3_power_cuts_lose_nothing_that_was_acknowledged() {
    if !may_use("fuse") {
        return;
    }
    // Several disks, so that the first cuts of a life come often, too.
    let lives = cases(2, 20) as u64;
    let (mut files, mut unfinished, mut among) = (0, 0, 0);
    for seed in 0..lives {
        match cut_again_and_again(cases(5, 10), Syncs::Work, seed) {
            Ok(survived) => {
                note(&format!("seed {seed}: {survived:?}"));
                assert!(survived.acknowledged > 0, "the clients were at work");
                among += survived.in_tables;
                files += survived.files;
                unfinished += survived.unfinished;
            }
            Err(loss) => panic!("seed {seed}: {loss}"),
        }
    }
    assert!(files > 0, "upkeep was at work");
    assert!(among > 0, "no cut was among files");
    assert!(unfinished > 0 || lives < 20, "no file was met unfinished");
}

#[test]
fn a_disk_whose_syncs_do_nothing_is_found_out() {
    if !may_use("fuse") {
        return;
    }
    // A cut between two syncs takes nothing that was acknowledged: some do.
    let mut found = (0..40).filter_map(|seed| cut_again_and_again(5, Syncs::Lie, seed).err());
    let lost = found.find(|found| found.contains("is lost"));
    assert!(
        lost.is_some(),
        "acknowledged without a sync, and not found out"
    );
}
