//! Every sequence of rolls, undoings and endings beside a model of what taking
//! a roll back gives back (K6): what the roll took, and nothing else.

use super::*;
use crate::store::Write;
use crate::writer::Link;
use model::keys::SecretRecord;

/// How many steps a sequence has.
const LENGTH: u64 = 5;
/// The hours that pass with each step.
const HOURS: u64 = 2;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// With a grace of so many hours.
    Roll(u64),
    Undo,
    EndOld,
    RevokeNewest,
    /// Time goes on, and that is all.
    Wait,
}

/// A grace that is over after two steps, and one that no sequence sees the end of.
const STEPS: [Step; 6] = [
    Step::Roll(3),
    Step::Roll(24),
    Step::Undo,
    Step::EndOld,
    Step::RevokeNewest,
    Step::Wait,
];

/// A secret that was replaced: when it ends, and in whose favour.
#[derive(Clone, Copy)]
struct Old {
    secret: usize,
    ends: u64,
    by: usize,
}

/// A key's secrets, numbered as they were made; times in hours.
#[derive(Clone, Copy)]
struct Model {
    made: usize,
    newest: Option<usize>,
    old: Option<Old>,
}

impl Model {
    const FIRST: Self = Self {
        made: 1,
        newest: Some(0),
        old: None,
    };

    fn at(self, hour: u64) -> Self {
        Self {
            old: self.old.filter(|old| old.ends > hour),
            ..self
        }
    }

    /// The key after a step at this hour, or why it is refused.
    fn after(self, step: Step, hour: u64) -> Result<Self, Refusal> {
        let mut next = self.at(hour);
        match step {
            Step::Roll(grace) => {
                let ends = hour + grace;
                let by = next.made;
                next.old = match (next.newest, next.old) {
                    (Some(_), Some(_)) => return Err(Refusal::Rolling),
                    (Some(secret), None) => Some(Old { secret, ends, by }),
                    (None, old) => old.map(|old| Old {
                        ends: old.ends.min(ends),
                        ..old
                    }),
                };
                next.newest = Some(by);
                next.made += 1;
            }
            Step::Undo => {
                let old = next.old.ok_or(Refusal::NotRolling)?;
                let newest = next.newest.ok_or(Refusal::NewestGone)?;
                if old.by != newest {
                    return Err(Refusal::OtherRoll);
                }
                next.newest = Some(old.secret);
                next.old = None;
            }
            Step::EndOld => {
                next.old.take().ok_or(Refusal::NotRolling)?;
            }
            Step::RevokeNewest => next.newest = None,
            Step::Wait => {}
        }
        Ok(next)
    }

    /// Whether the step does anything to such a key.
    fn has_use_for(self, step: Step) -> bool {
        match step {
            Step::RevokeNewest => self.newest.is_some(),
            Step::Wait => self.old.is_some(),
            _ => true,
        }
    }
}

/// Every sequence of steps that are let through, from this hour on.
fn sequences(model: Model, hour: u64, left: u64) -> Vec<Vec<Step>> {
    if left == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for step in STEPS {
        let Ok(next) = model.after(step, hour) else {
            continue;
        };
        if !model.at(hour).has_use_for(step) {
            continue;
        }
        for rest in sequences(next, hour + HOURS, left - 1) {
            all.push([vec![step], rest].concat());
        }
    }
    all
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(3_600 * hours)
}

async fn revoke(plane: &Plane, token: &Secret) {
    let access = plane
        .control
        .authenticate(token, &Circumstances::unknown())
        .expect("is let in");
    plane.control.revoke_presented(&access).await.expect("ends");
}

/// A key that goes through one of the sequences.
struct Life {
    key: KeyId,
    began: Timestamp,
    tokens: Vec<Secret>,
    model: Model,
    steps: Vec<Step>,
    taken: usize,
}

impl Life {
    async fn run(&mut self, plane: &Plane, step: Step) -> Result<(), ControlError> {
        let (by, control) = (plane.admin(), &plane.control);
        match step {
            Step::Roll(grace) => {
                let asked = format!(r#"{{"grace":"{grace}h"}}"#);
                let token = plane.roll(self.key, &asked).await?;
                self.tokens.push(token);
            }
            Step::Undo => control.undo_roll(&by, self.key, true).await.map(drop)?,
            Step::EndOld => control.end_grace(&by, self.key, true).await.map(drop)?,
            Step::RevokeNewest => {
                let newest = self.model.newest.expect("a newest one");
                revoke(plane, &self.tokens[newest]).await;
            }
            Step::Wait => {}
        }
        Ok(())
    }

    /// Takes the next step, after each that is refused.
    async fn go_on(&mut self, plane: &Plane, hour: u64) {
        let step = self.steps[self.taken];
        for wrong in STEPS {
            if let Err(expected) = self.model.after(wrong, hour) {
                let told = self.run(plane, wrong).await;
                assert!(
                    matches!(&told, Err(ControlError::Refused(refusal)) if *refusal == expected),
                    "{wrong:?} instead of step {} of {:?}: {told:?}, not {expected:?}",
                    self.taken,
                    self.steps
                );
            }
        }
        let done = self.run(plane, step).await;
        assert!(done.is_ok(), "{step:?} of {:?}: {done:?}", self.steps);
        self.model = self.model.after(step, hour).expect("is let through");
        self.taken += 1;
        self.check(plane, hour);
    }

    /// Expects of each secret that it lets its holder in, and until when.
    fn check(&self, plane: &Plane, hour: u64) {
        let model = self.model.at(hour);
        for (secret, token) in self.tokens.iter().enumerate() {
            let old = model.old.filter(|old| old.secret == secret);
            let end = old.and_then(|old| self.began.checked_add(hours(old.ends)));
            let is_live = end.is_some() || model.newest == Some(secret);
            let told = format!(
                "secret {secret} after {} of {:?}, hour {hour}",
                self.taken, self.steps
            );
            assert_eq!(plane.lets_in(token), is_live, "{told}");
            if is_live {
                assert_eq!(plane.control.grace_of(token.id()), end, "{told}");
            }
        }
    }
}

#[tokio::test]
async fn k6_no_roll_but_the_one_that_ended_a_secret_makes_it_permanent_again() {
    let mut plane = Plane::new().await;
    let mut lives = Vec::new();
    for steps in sequences(Model::FIRST, 0, LENGTH) {
        let (key, first) = plane.key("Ada", "[]").await;
        lives.push(Life {
            key: key.id(),
            began: plane.now(),
            tokens: vec![first],
            model: Model::FIRST,
            steps,
            taken: 0,
        });
    }
    assert!(lives.len() > 300, "{} sequences", lives.len());
    let mut hour = 0;
    for seed in 10..10 + LENGTH {
        for life in &mut lives {
            life.go_on(&plane, hour).await;
        }
        plane.control.close().await.expect("closes");
        plane.clock.advance(hours(HOURS));
        hour += HOURS;
        // Other random numbers than before, so that no secret comes twice.
        plane = plane.opened_again(seed).await;
        lives.iter().for_each(|life| life.check(&plane, hour));
    }
    // A grace has an end of a week at most: what goes on now goes on for ever.
    plane.clock.advance(hours(8 * 24));
    hour += 8 * 24;
    lives.iter().for_each(|life| life.check(&plane, hour));
}

#[tokio::test]
async fn k6_a_secret_that_was_replaced_before_that_was_noted_keeps_its_end() {
    let plane = Plane::new().await;
    let (key, old) = plane.key("Ada", "[]").await;
    let id = key.id();
    let new = plane.roll(id, r#"{"grace":"24h"}"#).await.expect("rolls");
    // The row as an earlier version wrote it, with the checksum of then.
    let row = SecretRecord {
        replaced_by: None,
        ..plane.stored(id).secrets()[0].clone()
    };
    {
        let mut writer = plane.control.0.writer.lock().await;
        let Link::Open(store) = &mut writer.link else {
            panic!("the database is open");
        };
        let written = store.commit(&[Write::EndSecret(row)]).await;
        written.expect("is written");
    }
    let plane = plane.restarted().await;
    let undone = plane.control.undo_roll(&plane.admin(), id, true).await;
    assert_eq!(refused(undone), Refusal::OtherRoll);
    assert!(plane.lets_in(&old) && plane.lets_in(&new));
    plane.clock.advance(24 * HOUR);
    assert!(!plane.lets_in(&old) && plane.lets_in(&new));
    // The next roll is noted.
    let next = plane.roll(id, r#"{"grace":"1h"}"#).await.expect("rolls");
    let undone = plane.control.undo_roll(&plane.admin(), id, true).await;
    undone.expect("is taken back");
    plane.clock.advance(HOUR);
    assert!(plane.lets_in(&new) && !plane.lets_in(&next));
}

#[tokio::test]
async fn k6_by_which_roll_a_secret_ends_is_under_its_checksum() {
    let plane = Plane::new().await;
    let (key, _) = plane.key("Ada", "[]").await;
    let rolled = plane.roll(key.id(), r#"{"grace":"24h"}"#).await;
    rolled.expect("rolls");
    plane.control.close().await.expect("closes");
    let whole = std::fs::read(plane.file()).expect("reads");
    for rotten in [
        "UPDATE secrets SET replaced_by = NULL",
        "UPDATE secrets SET replaced_by = 'AAAAAAAAAAAA'",
        "UPDATE secrets SET replaced_by = 'AAAAAAAAAAAA' WHERE replaced_by IS NULL",
    ] {
        std::fs::write(plane.file(), &whole).expect("writes");
        sql(&plane.file(), rotten).await;
        let opened = Control::open(&plane.file(), options(&plane.clock, 2)).await;
        let Err(ControlError::Internal(inside)) = opened else {
            panic!("{rotten} was not noticed");
        };
        let told = inside.to_string();
        assert!(told.starts_with("the stored secret "), "{told}");
    }
}

#[tokio::test]
async fn k6_no_roll_prolongs_a_silence_that_an_earlier_one_began() {
    let plane = Plane::new().await;
    for minutes in [5, 600] {
        let (key, old) = plane.key("Ada", "[]").await;
        let id = key.id();
        let asked = r#"{"grace":"24h","end_after_silence":5}"#;
        let new = plane.roll(id, asked).await.expect("rolls");
        revoke(&plane, &new).await;
        let end = || plane.control.secret_ends_at(&plane.stored(id).secrets()[0]);
        let before = end().expect("an end");
        plane.clock.advance(Duration::from_secs(240));
        let asked = format!(r#"{{"grace":"24h","end_after_silence":{minutes}}}"#);
        plane.roll(id, &asked).await.expect("rolls");
        assert_eq!(end(), Some(before), "{minutes}");
        plane.clock.set(before);
        assert!(!plane.lets_in(&old), "{minutes}");
    }
}
