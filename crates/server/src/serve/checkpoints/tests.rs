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

#[tokio::test]
async fn what_grew_is_appended_and_nothing_is_written_over() {
    let home = tempfile::tempdir().expect("a folder");
    let now = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
    let options = ControlOptions {
        clock: Arc::new(ManualClock::new(now)),
        random: Arc::new(SeededRandom::new(1)),
        pepper: Pepper::from_bytes([7; 32]),
    };
    let control = Control::open(&home.path().join("control.db"), options).await;
    let control = control.expect("opens");
    control.bootstrap().await.expect("a project");
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
