//! A kill behind which the clock steps back revives nothing (K7).

use std::time::Duration;

use super::*;
use model::keys::AuthError;
use model::limits::{CLOCK_MARK_SECONDS, CLOCK_UNMARKED_SECONDS};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const UNMARKED: Duration = Duration::from_secs(CLOCK_UNMARKED_SECONDS);

fn outcome(control: &Control, secret: &Secret) -> Result<(), AuthError> {
    let seen = Circumstances::unknown();
    control.authenticate(secret, &seen).map(drop)
}

impl Plane {
    /// What a kill finds, started by a clock that says `wall`, once `between`
    /// ran on the file.
    async fn killed(&self, wall: Timestamp, between: &'static str) -> (Arc<ManualClock>, Control) {
        let copy = tempfile::tempdir_in(self.folder.path());
        let copy = copy.expect("a folder").keep();
        for part in ["", "-wal"] {
            let from = PathBuf::from(format!("{}{part}", self.file().display()));
            let to = copy.join(format!("control.db{part}"));
            // A file that is closed has no log beside it.
            if part.is_empty() || from.exists() {
                std::fs::copy(from, to).expect("copies");
            }
        }
        let file = copy.join("control.db");
        sql(&file, between).await;
        let clock = Arc::new(ManualClock::new(wall));
        let control = Control::open(&file, options(&clock, 9)).await;
        (clock, control.expect("opens"))
    }

    async fn ending(&self, after: Duration) -> Secret {
        let draft = KeyDraft {
            expires_at: self.now().checked_add(after),
            ..self.key_draft(&format!("ends after {after:?}"), "[]")
        };
        let made = self.control.create_key(&self.admin(), draft).await;
        made.expect("a key").1
    }
}

/// Whatever ended before the kill has ended behind it, whenever the kill comes
/// between two marks.
#[tokio::test]
async fn k7_what_ended_between_a_mark_and_a_kill_stays_ended_when_the_clock_steps_back() {
    let plane = Plane::new().await;
    let began = plane.now();
    let seconds = 3 * CLOCK_MARK_SECONDS;
    let mut ends = Vec::new();
    for second in 1..=seconds {
        ends.push(plane.ending(Duration::from_secs(second)).await);
    }
    let late = plane.ending(HOUR).await;
    for second in 1..=seconds {
        plane.clock.advance(SECOND);
        // A mark that came as late as it may.
        if second % (2 * CLOCK_MARK_SECONDS) == 0 {
            plane.control.mark_time().await.expect("is marked");
        }
        let (ended, alive) = ends.split_at(usize::try_from(second).expect("small"));
        let expired = |control: &Control| {
            for secret in ended {
                assert_eq!(
                    outcome(control, secret),
                    Err(AuthError::Expired),
                    "{second}"
                );
            }
        };
        expired(&plane.control);
        for secret in alive {
            assert_eq!(outcome(&plane.control, secret), Ok(()));
        }
        let (_, after) = plane.killed(began, "").await;
        expired(&after);
        assert_eq!(outcome(&after, &late), Ok(()));
    }
}

/// The same with files that say falsely that the end was an orderly one: this
/// test can fail.
#[tokio::test]
async fn a_kill_that_is_taken_for_an_orderly_end_revives_what_had_ended() {
    let plane = Plane::new().await;
    let began = plane.now();
    let ended = plane.ending(SECOND).await;
    plane.clock.advance(SECOND);
    assert_eq!(outcome(&plane.control, &ended), Err(AuthError::Expired));
    let falsely = "INSERT OR REPLACE INTO clock (id, high) SELECT 3, high FROM clock WHERE id = 1";
    let (_, after) = plane.killed(began, falsely).await;
    assert_eq!(outcome(&after, &ended), Ok(()));
    let (_, after) = plane.killed(began, "").await;
    assert_eq!(outcome(&after, &ended), Err(AuthError::Expired));
}

/// An orderly end loses nothing, neither time that was lived nor time to come.
#[tokio::test]
async fn k7_an_orderly_end_is_gone_on_from_to_the_microsecond() {
    let plane = Plane::new().await;
    let soon = plane.ending(HOUR).await;
    plane.clock.advance(HOUR - Duration::from_micros(1));
    let end = plane.now();
    let plane = plane.restarted().await;
    assert_eq!(plane.control.clock().now(), end);
    assert_eq!(outcome(&plane.control, &soon), Ok(()));
    // Killed before anything was marked but the start, whose end had been an orderly one.
    plane.clock.advance(Duration::from_micros(1));
    assert_eq!(outcome(&plane.control, &soon), Err(AuthError::Expired));
    let (_, after) = plane.killed(end, "").await;
    assert_eq!(outcome(&after, &soon), Err(AuthError::Expired));
    let (_, after) = plane.killed(Timestamp::EPOCH, "").await;
    assert_eq!(outcome(&after, &soon), Err(AuthError::Expired));
}

/// What was told behind a kill is kept by an orderly end, although the clock is
/// not there yet.
#[tokio::test]
async fn k7_an_orderly_end_soon_behind_a_kill_gives_back_nothing_of_what_ended() {
    let plane = Plane::new().await;
    plane.clock.advance(HOUR);
    let soon = plane.ending(UNMARKED).await;
    let began = plane.now();
    let (clock, after) = plane.killed(began, "").await;
    assert_eq!(outcome(&after, &soon), Err(AuthError::Expired));
    after.close().await.expect("closes");
    let file = after.0.file.clone();
    clock.set(began.checked_sub(HOUR).expect("a time"));
    let again = Control::open(&file, options(&clock, 11)).await;
    assert_eq!(
        outcome(&again.expect("opens"), &soon),
        Err(AuthError::Expired)
    );
}

/// Kills one after the other bring the time no further ahead than one does.
#[tokio::test]
async fn kills_one_after_the_other_do_not_bring_the_time_ahead() {
    let plane = Plane::new().await;
    plane.clock.advance(HOUR);
    let folder = plane.folder.path().to_owned();
    let mut file = plane.file();
    plane.control.save_last_used().await.expect("saves");
    let mut held = vec![plane.control.clone()];
    for kill in 0..20_u64 {
        let next = folder.join(format!("killed{kill}.db"));
        for part in ["", "-wal"] {
            let from = format!("{}{part}", file.display());
            std::fs::copy(from, format!("{}{part}", next.display())).expect("copies");
        }
        plane.clock.advance(SECOND);
        let control = Control::open(&next, options(&plane.clock, kill)).await;
        let control = Arc::new(control.expect("opens"));
        let (told, wall) = (control.clock().now(), plane.now());
        let ahead = told.since(wall);
        assert!(ahead < UNMARKED, "{ahead:?} after {kill} kills");
        // A change is of the time that is told, and what is marked is not.
        let access = control.authenticate(&plane.master, &Circumstances::unknown());
        let by: Permit<Admin> = access.expect("is let in").permit(On::Project).expect("may");
        let made = control
            .create_pool(&by, pool(&format!("pool_{kill}")))
            .await;
        made.expect("a pool");
        control.save_last_used().await.expect("saves");
        held.push(control);
        file = next;
    }
}

/// While the time stands still behind a kill, rates are by how much time passes.
#[tokio::test]
async fn a_rate_goes_on_while_the_time_stands_still_behind_a_kill() {
    let plane = Plane::new().await;
    let text = r#"{"name":"slow","grants":[],"limits":{"requests_per_second":1}}"#;
    let lookup = plane.control.grant_lookup(plane.project(), &[]);
    let draft = KeyDraft::parse(&value(text), &lookup).expect("a key");
    let made = plane.control.create_key(&plane.admin(), draft).await;
    let (_, secret) = made.expect("a key");
    let (clock, after) = plane.killed(plane.now(), "").await;
    let told = after.clock().now();
    for _ in 0..5 {
        let access = after.authenticate(&secret, &Circumstances::unknown());
        let access = access.expect("is let in");
        assert!(after.meter(&access, false).is_ok());
        assert!(after.meter(&access, false).is_err(), "one in a second");
        clock.advance(SECOND);
    }
    assert_eq!(after.clock().now(), told);
}

/// A file of before ends were noted, and one that such a version ran on afterwards.
#[tokio::test]
async fn an_older_versions_file_is_not_taken_for_one_that_ended_in_order() {
    let plane = Plane::new().await;
    plane.clock.advance(HOUR);
    let mark = plane.control.clock().now();
    plane.control.close().await.expect("closes");
    let later = mark.checked_add(UNMARKED).expect("a time");
    for older in [
        "DELETE FROM clock WHERE id = 3",
        "UPDATE clock SET high = high - 1 WHERE id = 3",
    ] {
        let (_, after) = plane.killed(mark, older).await;
        assert_eq!(after.known_at_start(), (mark, mark));
        assert_eq!(after.clock().now(), later, "{older}");
    }
}

/// Nothing is written for a server that nobody asks anything.
#[tokio::test]
async fn a_time_that_nobody_asked_for_is_not_marked_again() {
    let plane = Plane::new().await;
    let marked = async || {
        let mut writer = plane.control.0.writer.lock().await;
        let crate::writer::Link::Open(store) = &mut writer.link else {
            panic!("the database is open");
        };
        store.times().await.expect("is read").high
    };
    plane.control.mark_time().await.expect("is marked");
    let before = marked().await;
    plane.clock.advance(HOUR);
    plane.control.mark_time().await.expect("nothing to mark");
    assert_eq!(marked().await, before);
    let now = plane.now();
    assert_eq!(outcome(&plane.control, &plane.master), Ok(()));
    plane.control.mark_time().await.expect("is marked");
    assert_eq!(marked().await, now);
}
