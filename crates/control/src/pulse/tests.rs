use super::*;

const ONE: UsageCounts = UsageCounts {
    requests: 1,
    refused: 0,
    records: 5,
};

fn requests(pulses: &Pulses, project: ProjectId, now: i64) -> Vec<u64> {
    let seconds = pulses.before(project, now);
    seconds
        .iter()
        .map(|second| second.counts.requests)
        .collect()
}

#[test]
fn each_second_is_told_once_it_is_over_and_for_a_minute() {
    let (pulses, project) = (Pulses::default(), ProjectId::from_bytes([1; 16]));
    let began = 1_800_000_000;
    for at in [began, began, began + 2] {
        pulses.note(project, at, ONE);
    }
    assert_eq!(requests(&pulses, project, began), [0; PULSE_SECONDS]);
    let told = requests(&pulses, project, began + 3);
    assert_eq!(told[PULSE_SECONDS - 3..], [2, 0, 1]);
    let last = requests(&pulses, project, began + 60);
    assert_eq!((last[0], last[2], last.iter().sum::<u64>()), (2, 1, 3));
    assert_eq!(requests(&pulses, project, began + 61)[0], 0);
    // The place of a second is taken by a later one, and nothing is added up across them.
    pulses.note(project, began + 61, ONE);
    let told = requests(&pulses, project, began + 62);
    assert_eq!((told[0], told[59]), (1, 1));
    let other = ProjectId::from_bytes([2; 16]);
    assert_eq!(requests(&pulses, other, began + 3), [0; PULSE_SECONDS]);
}

#[test]
fn questions_are_told_apart_from_what_is_stored() {
    let (pulses, project) = (Pulses::default(), ProjectId::from_bytes([1; 16]));
    pulses.note(project, 1_000, ONE);
    pulses.note_question(project, 1_000);
    pulses.note(project, 1_001, ONE);
    let told = pulses.before(project, 1_002);
    let told = told
        .iter()
        .map(|beat| (beat.questions, beat.counts.records));
    let told: Vec<(u64, u64)> = told.collect();
    assert_eq!(told[PULSE_SECONDS - 2..], [(1, 5), (0, 5)]);
}

#[test]
fn a_clock_that_steps_back_tells_nothing_of_what_is_ahead() {
    let (pulses, project) = (Pulses::default(), ProjectId::from_bytes([1; 16]));
    pulses.note(project, 5_000, ONE);
    assert_eq!(requests(&pulses, project, 4_990), [0; PULSE_SECONDS]);
    pulses.note(project, 4_990, ONE);
    assert_eq!(requests(&pulses, project, 4_991)[PULSE_SECONDS - 1], 1);
}

#[test]
fn projects_of_which_nothing_comes_are_forgotten() {
    let pulses = Pulses::default();
    let project = |number: usize| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        ProjectId::from_bytes(bytes)
    };
    for number in 0..PROJECTS_MAX {
        pulses.note(project(number), 1_000, ONE);
    }
    pulses.note(project(PROJECTS_MAX), 2_000, ONE);
    let projects = pulses.0.lock().expect("nobody panicked");
    assert_eq!(projects.len(), 1);
}
