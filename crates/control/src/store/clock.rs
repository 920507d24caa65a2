//! The latest known time, the stretches in which it went on, and those of them
//! that were false.

use model::limits::{CLOCK_LEAP_SECONDS, CLOCK_STRETCHES_MAX};
use model::time::Timestamp;
use sqlx::SqliteConnection;

use super::{Store, failed, text};
use crate::clock::{FalseTimes, KnownTimes};
use crate::error::ControlError;

const WRITING: &str = "writing the known time to the control plane's database";

const READING: &str = "reading the known times of the control plane's database";

const SELECT_ACCEPTED: &str = "SELECT high FROM clock WHERE id = 2";

const SELECT_ENDED: &str = "SELECT high FROM clock WHERE id = 3";

/// The third row of the table is the latest time that was told before an orderly
/// end. It counts until the next start, and while no later time is marked.
const END_TIME: &str =
    "INSERT INTO clock (id, high) VALUES (3, $1) ON CONFLICT (id) DO UPDATE SET high = $1";

const FORGET_END: &str = "DELETE FROM clock WHERE id = 3";

const MARK_TIME: &str = "UPDATE clock SET high = $1 WHERE id = 1 AND high < $1";

/// The time goes on, if it comes soon behind what was known.
const GO_ON: &str = "UPDATE clock_stretches SET ended_at = MAX(ended_at, $1) \
     WHERE id = (SELECT MAX(id) FROM clock_stretches) AND ended_at >= $1 - $2";

const LEAP: &str = "INSERT INTO clock_stretches (id, began_at, ended_at) \
     SELECT COALESCE(MAX(id), 0) + 1, $1, $1 FROM clock_stretches";

const STRETCHES: &str = "SELECT id, began_at, ended_at FROM clock_stretches ORDER BY id";

/// Two neighbours (`$1` and `$2`, which began at `$3`) become one, with what is
/// between them.
const JOIN: [&str; 2] = [
    "UPDATE clock_stretches SET began_at = $3 WHERE id = $2 AND $1 = $1",
    "DELETE FROM clock_stretches WHERE id = $1 AND $2 = $2 AND $3 = $3",
];

/// What a false time that is taken back leaves behind, by the true one (`$1`).
/// The second row of the table is when that was.
const ACCEPT_TIME: [&str; 12] = [
    "UPDATE clock SET high = $1 WHERE id = 1",
    "INSERT INTO clock (id, high) VALUES (2, $1) ON CONFLICT (id) DO UPDATE SET high = $1",
    END_TIME,
    "INSERT INTO false_times (began_at, ended_at) \
     SELECT MAX(began_at, $1), ended_at FROM clock_stretches WHERE ended_at > $1",
    "DELETE FROM clock_stretches WHERE began_at > $1",
    "UPDATE clock_stretches SET ended_at = $1 WHERE ended_at > $1",
    "UPDATE keys SET last_used_at = $1 WHERE last_used_at > $1",
    "UPDATE secrets SET last_used_at = $1 WHERE last_used_at > $1",
    "UPDATE people SET created_at = MIN(created_at, $1), failed_at = MIN(failed_at, $1), \
     key_failed_at = MIN(key_failed_at, $1)",
    // Whatever of them had not ended by either time ends as well.
    "DELETE FROM sessions WHERE $1 = $1",
    "DELETE FROM invitations WHERE $1 = $1",
    // A day behind them they are over for every clock.
    "DELETE FROM false_times WHERE ended_at < $1 - 86400000000",
];

const SELECT_FALSE_TIMES: &str = "SELECT began_at, ended_at FROM false_times ORDER BY began_at";

impl Store {
    /// How late it was.
    pub(crate) async fn times(&mut self) -> Result<KnownTimes, ControlError> {
        let mut times = [Timestamp::EPOCH; 3];
        let texts = [text::SELECT_TIME, SELECT_ACCEPTED, SELECT_ENDED];
        for (time, sql) in times.iter_mut().zip(texts) {
            let found: Option<i64> = sqlx::query_scalar(sql)
                .fetch_optional(&mut self.connection)
                .await
                .map_err(failed(READING))?;
            let found = found.and_then(Timestamp::from_microsecond);
            *time = found.unwrap_or(Timestamp::EPOCH);
        }
        let [high, accepted, ended] = times;
        Ok(KnownTimes {
            high,
            accepted,
            ended,
        })
    }

    /// The stretches that were lived by a false time.
    pub(crate) async fn false_times(&mut self) -> Result<FalseTimes, ControlError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(SELECT_FALSE_TIMES)
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed(READING))?;
        let time = |at| Timestamp::from_microsecond(at).unwrap_or(Timestamp::MAX);
        let stretches = rows.into_iter();
        Ok(FalseTimes::new(stretches.map(|(a, z)| (time(a), time(z)))))
    }
}

async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
    numbers: &[i64],
) -> Result<u64, ControlError> {
    let query = numbers
        .iter()
        .fold(sqlx::query(statement), |query, number| query.bind(*number));
    let done = query.execute(connection).await.map_err(failed(WRITING))?;
    Ok(done.rows_affected())
}

/// What is written of time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TimeWrite {
    /// The latest time that is known.
    Mark(Timestamp),
    /// The latest time that was told, before an orderly end.
    End(Timestamp),
    /// That a run has begun: the end of the one before counts no more.
    Begin,
    /// The true time, after a false one that was later.
    Accept(Timestamp),
}

impl TimeWrite {
    pub(super) async fn execute(
        self,
        connection: &mut SqliteConnection,
    ) -> Result<(), ControlError> {
        match self {
            Self::Mark(now) => mark(connection, now.as_microsecond()).await,
            Self::End(told) => {
                execute(connection, END_TIME, &[told.as_microsecond()]).await?;
                Ok(())
            }
            Self::Begin => {
                execute(connection, FORGET_END, &[]).await?;
                Ok(())
            }
            Self::Accept(truth) => {
                for statement in ACCEPT_TIME {
                    execute(connection, statement, &[truth.as_microsecond()]).await?;
                }
                Ok(())
            }
        }
    }
}

async fn mark(connection: &mut SqliteConnection, now: i64) -> Result<(), ControlError> {
    execute(connection, MARK_TIME, &[now]).await?;
    if execute(connection, GO_ON, &[now, CLOCK_LEAP_SECONDS * 1_000_000]).await? == 0 {
        execute(connection, LEAP, &[now]).await?;
        join_nearest(connection).await?;
    }
    Ok(())
}

/// Of too many stretches makes one of the two that are nearest to each other:
/// where a clock was far ahead, the gap is a large one, and stays.
async fn join_nearest(connection: &mut SqliteConnection) -> Result<(), ControlError> {
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(STRETCHES)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(READING))?;
    if rows.len() <= CLOCK_STRETCHES_MAX {
        return Ok(());
    }
    let pairs = rows.iter().zip(rows.iter().skip(1));
    let nearest = pairs.min_by_key(|(before, after)| after.1.saturating_sub(before.2));
    if let Some((before, after)) = nearest {
        for statement in JOIN {
            execute(connection, statement, &[before.0, after.0, before.1]).await?;
        }
    }
    Ok(())
}
