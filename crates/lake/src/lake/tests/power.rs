//! Power cuts under the whole lake: at every sync and at random operations; and that the loop
//! would notice a lake that breaks its promises.

use std::sync::Arc;

use super::fixtures::cases;
use super::tokens::{Subject, TokenLake};
use crate::lake::Lake;
use crate::simulation::workload::{self, Plan, Report, Violation};
use crate::simulation::{Random, SimulatedDisk};
use crate::store::tests::mutants::{
    AppliesBeforeSync, DoesNoDamage, ForgetsAnswers, ForgetsDeletes, ForgetsDrops, ForgetsPending,
    LyingDisk, Mutant, RevivesPools, ShowsParts,
};

const PLAN: Plan = Plan {
    clients: 4,
    rounds: 8,
    lives: 4,
};

fn honest(seeds: std::ops::Range<u64>) -> Report {
    workload::random_faults::<TokenLake<Lake>>(seeds, &PLAN)
        .unwrap_or_else(|violation| panic!("{violation}"))
}

/// Two halves, since tests run side by side.
#[test]
fn d2_nothing_acknowledged_is_lost_doubled_or_halved_in_random_power_cuts() {
    let seeds = cases(250, 5_000);
    let report = honest(0..seeds);
    assert!(report.cuts >= 2 * seeds, "{report:?}");
    assert!(report.cuts_while_opening >= seeds / 4, "{report:?}");
    assert!(report.failures >= seeds / 4, "{report:?}");
    assert!(report.acknowledged >= 25 * seeds, "{report:?}");
}

#[test]
fn d2_nothing_acknowledged_is_lost_doubled_or_halved_in_other_random_power_cuts() {
    let seeds = cases(250, 5_000);
    let report = honest(1 << 20..(1 << 20) + seeds);
    assert!(report.cuts >= 2 * seeds, "{report:?}");
    assert!(report.acknowledged >= 25 * seeds, "{report:?}");
}

/// Its first life is cut while nothing is stored that the loop could write again.
#[test]
fn a_cut_before_anything_is_stored_is_a_cut_like_others() {
    assert!(honest(4124..4125).acknowledged > 0);
}

#[test]
fn d2_nothing_acknowledged_is_lost_doubled_or_halved_when_every_sync_is_cut() {
    let mut cuts = 0;
    for seed in 0..cases(2, 40) {
        let report = workload::every_sync::<TokenLake<Lake>>(seed << 32, &PLAN)
            .unwrap_or_else(|violation| panic!("{violation}"));
        cuts += report.cuts;
    }
    assert!(cuts >= 80, "{cuts}");
}

#[test]
fn the_same_seed_gives_the_same_run_a_hundred_times() {
    let plan = Plan {
        lives: 3,
        rounds: 5,
        ..PLAN
    };
    let run = |seed| workload::run::<TokenLake<Lake>>(seed, &plan, None).unwrap();
    let first = run(42);
    assert!(first.cuts > 0 && first.acknowledged > 0, "{first:?}");
    for _ in 1..100 {
        assert_eq!(run(42), first);
    }
    assert_ne!(run(43).digest, first.digest);
}

/// A lake round a damaged machine or on a damaged disk, and the first promise it breaks.
fn violation<S: Subject>(seeds: u64) -> Violation {
    workload::random_faults::<TokenLake<S>>(0..seeds, &PLAN).expect_err("the mutant lives")
}

/// A violation of which the loop itself tells, or one that it was told of.
fn is_impossible(violation: &Violation) -> bool {
    violation.promise.contains("number: 0")
}

#[test]
fn what_the_mutants_are_made_of_breaks_nothing() {
    workload::random_faults::<TokenLake<Mutant<DoesNoDamage>>>(0..60, &PLAN)
        .unwrap_or_else(|violation| panic!("{violation}"));
}

#[test]
fn a_failing_seed_fails_alike_a_hundred_times() {
    let first = violation::<Mutant<ForgetsAnswers>>(60);
    for _ in 1..100 {
        let again = workload::run::<TokenLake<Mutant<ForgetsAnswers>>>(first.seed, &PLAN, None);
        assert_eq!(again.unwrap_err(), first);
    }
}

#[test]
fn a_disk_whose_syncs_lie_is_noticed() {
    assert!(!is_impossible(&violation::<LyingDisk>(20)));
}

#[test]
fn a_replay_that_forgets_saved_answers_is_noticed() {
    let found = violation::<Mutant<ForgetsAnswers>>(60);
    assert!(
        !is_impossible(&found) && found.promise.contains("twice"),
        "{found}"
    );
}

#[test]
fn a_machine_that_forgets_what_is_under_way_is_noticed() {
    let found = violation::<Mutant<ForgetsPending>>(60);
    assert!(
        !is_impossible(&found) && found.promise.contains("twice"),
        "{found}"
    );
}

#[test]
fn records_that_are_visible_before_they_are_durable_are_noticed() {
    let found = violation::<Mutant<AppliesBeforeSync>>(60);
    assert!(
        found.promise.starts_with("what was visible is gone"),
        "{found}"
    );
}

#[test]
fn a_replay_without_deletes_is_noticed() {
    assert!(is_impossible(&violation::<Mutant<ForgetsDeletes>>(60)));
}

#[test]
fn a_replay_without_drops_is_noticed() {
    assert!(is_impossible(&violation::<Mutant<ForgetsDrops>>(60)));
}

#[test]
fn a_dropped_pool_that_comes_back_is_noticed() {
    assert!(is_impossible(&violation::<Mutant<RevivesPools>>(60)));
}

#[test]
fn a_batch_of_which_a_part_is_visible_is_noticed() {
    assert!(is_impossible(&violation::<Mutant<ShowsParts>>(60)));
}

#[test]
fn the_segments_are_small_enough_to_roll_over_and_the_lake_to_merge() {
    use super::fixtures::directory;
    use super::tokens::main_pool;
    use crate::disk::Disk;
    use crate::simulation::workload::{Answer, Store, Token};
    let disk = SimulatedDisk::new(Random::new(1).next_u64());
    let lake = TokenLake::<Lake>::open(&disk).unwrap();
    for number in 1..=120 {
        let tokens = [0, 1, 2].map(|client| Token { client, number });
        assert_eq!(lake.write(&tokens), [Answer::Acknowledged; 3]);
    }
    assert_eq!(lake.contents().unwrap().len(), 360);
    let files = disk.list(&directory()).unwrap();
    assert!(files.len() > 5, "{files:?}");
    let segments = lake.subject().pools().snapshot(main_pool()).segments.len();
    assert!(segments < 60, "{segments}");
    drop(lake);
    let disk: Arc<dyn Disk> = Arc::new(disk.crash());
    assert_eq!(
        TokenLake::<Lake>::on(disk)
            .unwrap()
            .contents()
            .unwrap()
            .len(),
        360
    );
}
