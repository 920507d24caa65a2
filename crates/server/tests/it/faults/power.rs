//! Power cuts under the released binary: its data lie on a file system that
//! forgets at the cut what was not synced, as badly as a disk may.

mod mount;
mod world;

use std::path::Path;
use std::sync::mpsc;

use lake::simulation::Random;

use super::ledger::Ledger;
use crate::support::launch::{Launch, SMALL_LIMITS};
use crate::support::needs::{cannot_mount, may_use};
use crate::support::{Server, cases};
use mount::{Disk, Syncs};

/// The most batches that are sent between two cuts.
const REQUESTS: usize = 600;

fn mounted(home: &Path) -> Disk {
    Disk::mount(&home.join("data"))
        .unwrap_or_else(|error| cannot_mount("fuse", &format!("FUSE: {error}")))
}

fn start(home: &Path) -> Result<Server, String> {
    let started = Launch::at(home).options(SMALL_LIMITS).start();
    started.map_err(|ended| format!("no start after the cut: {}", ended.log))
}

/// Works, cuts the power somewhere, and looks at what is left, so many
/// times. The loss that was found, or nothing.
fn cut_again_and_again(cuts: usize, syncs: Syncs, seed: u64) -> Result<usize, String> {
    let home = tempfile::tempdir().expect("a directory");
    let mut random = Random::new(seed);
    let mut disk = mounted(home.path());
    let mut server = start(home.path())?;
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
            for _ in 0..until {
                acknowledgements.recv().expect("clients work");
            }
            // From here on nothing is written any more, and nothing synced.
            disk.cut();
            server.kill();
        });
        disk = disk.power_on(&mut random).expect("mounted again");
        server = start(home.path())?;
        ledger
            .check(&server)
            .map_err(|loss| format!("cut {cut}: {loss}"))?;
        ledger.settle(&server);
    }
    ledger.check(&server)?;
    server.kill();
    drop(disk);
    Ok(ledger.acknowledged())
}

#[test]
fn power_cuts_lose_nothing_that_was_acknowledged() {
    if !may_use("fuse") {
        return;
    }
    // Several disks, so that the first cuts of a life come often, too.
    let lives = cases(2, 20) as u64;
    for seed in 0..lives {
        match cut_again_and_again(cases(5, 10), Syncs::Work, seed) {
            Ok(acknowledged) => assert!(acknowledged > 0, "the clients were at work"),
            Err(loss) => panic!("seed {seed}: {loss}"),
        }
    }
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
