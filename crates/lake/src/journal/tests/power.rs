//! Power cuts at every sync and at random operations; and that the loop would notice.

use std::sync::Arc;

use super::faulty::{NoDirectorySync, NoFileSync, NoRewrite, OnFaulty, SomeFileSync};
use super::machine::{TokenStore, options, token};
use crate::simulation::workload::{self, Plan, Store, Violation};
use crate::simulation::{Fault, SimulatedDisk};

const PLAN: Plan = Plan {
    clients: 5,
    rounds: 14,
    lives: 5,
};

#[test]
fn d2_nothing_acknowledged_is_lost_or_doubled_in_random_power_cuts() {
    let report = workload::random_faults::<TokenStore>(0..200, &PLAN)
        .unwrap_or_else(|violation| panic!("{violation}"));
    assert!(report.cuts >= 500, "{report:?}");
    assert!(report.cuts_while_opening >= 50, "{report:?}");
    assert!(report.failures >= 50, "{report:?}");
    assert!(report.acknowledged >= 10_000, "{report:?}");
}

#[test]
fn d2_nothing_acknowledged_is_lost_or_doubled_when_every_sync_is_cut() {
    let mut cuts = 0;
    for seed in 0..5 {
        let report = workload::every_sync::<TokenStore>(seed << 32, &PLAN)
            .unwrap_or_else(|violation| panic!("{violation}"));
        cuts += report.cuts;
    }
    assert!(cuts >= 500, "{cuts}");
}

#[test]
fn the_same_seed_gives_the_same_run_a_hundred_times() {
    let plan = Plan { lives: 3, ..PLAN };
    let first = workload::run::<TokenStore>(42, &plan, None).unwrap();
    assert!(first.cuts > 0 && first.acknowledged > 0, "{first:?}");
    for _ in 1..100 {
        assert_eq!(workload::run::<TokenStore>(42, &plan, None).unwrap(), first);
    }
    assert_ne!(
        workload::run::<TokenStore>(43, &plan, None).unwrap().digest,
        first.digest
    );
}

fn violation<S: Store>(seeds: u64) -> Option<Violation> {
    workload::random_faults::<S>(0..seeds, &PLAN).err()
}

#[test]
fn a_disk_that_does_not_sync_files_is_noticed() {
    assert!(violation::<OnFaulty<NoFileSync>>(20).is_some());
}

#[test]
fn a_disk_that_skips_some_syncs_of_files_is_noticed() {
    assert!(violation::<OnFaulty<SomeFileSync>>(20).is_some());
}

#[test]
fn a_disk_that_does_not_sync_directories_is_noticed() {
    assert!(violation::<OnFaulty<NoDirectorySync>>(20).is_some());
}

/// After a failed sync the system may hold bytes as clean that are not on the disk. Recovery
/// writes the last group again; a disk that drops such writes shows why.
#[test]
fn a_recovery_that_does_not_write_the_last_group_again_is_noticed() {
    assert!(violation::<OnFaulty<NoRewrite>>(200).is_some());
}

/// The process ends between the renaming of a segment and the sync of the directory, and starts
/// again without a power cut: only then is the name seen, and not durable.
#[test]
fn a_segment_whose_name_was_not_synced_is_kept_by_the_next_start() {
    for seed in 0..20 {
        let disk = SimulatedDisk::new(seed);
        // The syncs before: the parent directory, the zeros, the header.
        disk.plan(Some(Fault::FailSync(4)));
        let error = TokenStore::open(Arc::new(disk.clone()), options()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot sync directory /data/journal"),
            "{error}"
        );
        let store = TokenStore::open(Arc::new(disk.clone()), options()).unwrap();
        assert!(store.try_write(&[token(0, 1)])[0].is_ok());
        let store = TokenStore::open(Arc::new(disk.crash()), options()).unwrap();
        assert_eq!(store.tokens(), [token(0, 1)]);
    }
}
