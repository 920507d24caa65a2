use std::net::{Ipv4Addr, SocketAddr};

use control::ControlOptions;
use model::random::SeededRandom;
use model::secrets::Pepper;
use model::time::{ManualClock, Timestamp};

use super::*;

fn settings(home: &Path, checkpoints: PathBuf) -> ServeSettings {
    std::fs::create_dir_all(home.join("data")).expect("makes");
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    ServeSettings {
        audit_checkpoint_dir: Some(checkpoints),
        ..ServeSettings::temporary(home, listen)
    }
}

fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).expect("lists").count()
}

#[test]
fn checkpoints_beside_what_they_vouch_for_are_refused() {
    let home = tempfile::tempdir().expect("a folder");
    for inside in ["data", "data/checkpoints", "else/../data/deep/down"] {
        std::fs::create_dir_all(home.path().join("else")).expect("makes");
        let refused = Checkpoints::take(&settings(home.path(), home.path().join(inside)));
        assert!(matches!(refused, Err(ServeError::Setting(_))), "{inside}");
        assert_eq!(entries(&home.path().join("data")), 0, "{inside}");
    }
    std::os::unix::fs::symlink(home.path().join("data"), home.path().join("link")).expect("links");
    let refused = Checkpoints::take(&settings(home.path(), home.path().join("link/x")));
    assert!(matches!(refused, Err(ServeError::Setting(_))));
    assert_eq!(entries(&home.path().join("data")), 0);
    for beside in ["checkpoints", "data-checkpoints"] {
        let taken = Checkpoints::take(&settings(home.path(), home.path().join(beside)));
        assert!(matches!(taken, Ok(Some(_))), "{beside}");
    }
}

/// A control plane with a project, on a day of June.
async fn control(home: &Path) -> Control {
    let now = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
    let options = ControlOptions {
        clock: Arc::new(ManualClock::new(now)),
        random: Arc::new(SeededRandom::new(1)),
        pepper: Pepper::from_bytes([7; 32]),
    };
    let control = Control::open(&home.join("control.db"), options).await;
    let control = control.expect("opens");
    control.bootstrap().await.expect("a project");
    control
}

/// The sizes of the log of which there are checkpoints, in their order, once
/// there are so many.
async fn sizes(file: &Path, count: usize) -> Vec<serde_json::Value> {
    let read = async {
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            // The last line may be on its way.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if whole.lines().count() >= count {
                return whole.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(60), read).await;
    let text = read.expect("a checkpoint comes");
    let parsed = text.lines().map(serde_json::from_str);
    let lines: Vec<serde_json::Value> = parsed.map(|line| line.expect("JSON")).collect();
    lines.iter().map(|line| line["size"].clone()).collect()
}

/// At the start, every hour, and at the end; the hour is a short one at first.
#[tokio::test]
async fn k20_checkpoints_come_at_the_start_every_hour_and_at_the_end() {
    assert_eq!(PERIOD, Duration::from_secs(3_600));
    let home = tempfile::tempdir().expect("a folder");
    let control = Arc::new(control(home.path()).await);
    let directory = home.path().join("checkpoints");
    let file = directory.join("audit-checkpoints-2026-06.ndjson");
    let taken = || {
        let taken = Checkpoints::take(&settings(home.path(), directory.clone()));
        taken.expect("takes").expect("a directory")
    };
    let stopping = CancellationToken::new();
    let short = Duration::from_millis(1);
    let keeping = keep_every(short, taken(), Arc::clone(&control), stopping.clone());
    let keeping = tokio::spawn(keeping);
    let begun = sizes(&file, 1).await;
    control.recover_master().await.expect("a change");
    let grown = sizes(&file, 2).await;
    assert_eq!(grown[0], begun[0]);
    assert_ne!(grown[1], begun[0]);
    stopping.cancel();
    keeping.await.expect("ends");

    // Nobody waits an hour for the first, or for the last.
    let stopping = CancellationToken::new();
    let keeping = keep(Some(taken()), Arc::clone(&control), stopping.clone());
    let keeping = tokio::spawn(keeping);
    assert_eq!(sizes(&file, 3).await[2], grown[1]);
    control.recover_master().await.expect("a change");
    stopping.cancel();
    keeping.await.expect("ends");
    let all = sizes(&file, 4).await;
    assert_eq!(all.len(), 4);
    assert_ne!(all[3], all[2]);
}

#[tokio::test]
async fn a_checkpoint_that_could_not_be_written_is_due_again() {
    let home = tempfile::tempdir().expect("a folder");
    let control = control(home.path()).await;
    let directory = home.path().join("checkpoints");
    let file = directory.join("audit-checkpoints-2026-06.ndjson");
    let taken = Checkpoints::take(&settings(home.path(), directory.clone())).expect("takes");
    let (checkpoints, written) = taken.expect("a directory").write(&control).await;
    written.expect("writes");
    control.recover_master().await.expect("a change");
    // Another machine's directory is away for a while.
    let away = home.path().join("away");
    std::fs::rename(&directory, &away).expect("goes away");
    let (checkpoints, written) = checkpoints.write(&control).await;
    written.expect_err("is not there");
    std::fs::rename(&away, &directory).expect("comes back");
    let (_, written) = checkpoints.write(&control).await;
    written.expect("writes");
    let sizes = sizes(&file, 2).await;
    assert_eq!(sizes.len(), 2);
    assert_ne!(sizes[0], sizes[1]);
}

#[tokio::test]
async fn what_grew_is_appended_and_nothing_is_written_over() {
    let home = tempfile::tempdir().expect("a folder");
    let control = control(home.path()).await;
    let directory = home.path().join("checkpoints");
    let file = directory.join("audit-checkpoints-2026-06.ndjson");
    let taken = Checkpoints::take(&settings(home.path(), directory)).expect("takes");
    let mut checkpoints = taken.expect("a directory");
    let mut seen = String::new();
    for (round, grown) in [(1, true), (2, false), (3, true)] {
        if round == 3 {
            // A line that a crash cut off.
            let mut torn = OpenOptions::new().append(true).open(&file).expect("opens");
            torn.write_all(b"{\"project\":").expect("writes");
            seen.push_str("{\"project\":\n");
            control.recover_master().await.expect("a change");
        }
        let (kept, written) = checkpoints.write(&control).await;
        written.expect("writes");
        checkpoints = kept;
        let text = std::fs::read_to_string(&file).expect("is there");
        let fresh = text.strip_prefix(&seen).expect("only appended to");
        assert_eq!(fresh.lines().count(), usize::from(grown), "{round}");
        seen = text;
    }
    let last: serde_json::Value =
        serde_json::from_str(seen.lines().last().expect("a line")).expect("JSON");
    let key = VerifierKey::parse(last["verifier_key"].as_str().expect("text")).expect("a key");
    let signed = Checkpoint::open(last["note"].as_str().expect("text"), &key);
    assert_eq!(signed.expect("signed").head.size, 3);
}
