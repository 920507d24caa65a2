//! Usage by network, as the database has it.

use std::ops::Range;

use model::ids::KeyId;
use model::keys::Network;
use model::limits::USAGE_NETWORKS_MAX;
use sqlx::SqliteConnection;

use super::load::column;
use super::usage::{counts, number};
use super::write::Query;
use super::{Store, failed};
use crate::error::{ControlError, InternalError};
use crate::networks::{UsageFrom, Whence};
use crate::usage::UsageCounts;

/// Adds to what is counted of a key that is there. A network that is none of those
/// of its day is written for one of the others when there is no room for it.
const USE: &str = "INSERT INTO usage_by_network (key_id, day, network, requests, refused, records) \
     SELECT $1, $2, CASE WHEN $3 IN ('', 'others') \
     OR EXISTS (SELECT 1 FROM usage_by_network WHERE key_id = $1 AND day = $2 AND network = $3) \
     OR (SELECT COUNT(*) FROM usage_by_network WHERE key_id = $1 AND day = $2 \
     AND network NOT IN ('', 'others')) < $7 THEN $3 ELSE 'others' END, $4, $5, $6 \
     WHERE EXISTS (SELECT 1 FROM keys WHERE id = $1) \
     ON CONFLICT (key_id, day, network) DO UPDATE SET \
     requests = usage_by_network.requests + excluded.requests, \
     refused = usage_by_network.refused + excluded.refused, \
     records = usage_by_network.records + excluded.records";

const KEEP: &str = "DELETE FROM usage_by_network WHERE day < $1 OR day >= $2";

const SELECT: &str = "SELECT day, network, requests, refused, records FROM usage_by_network \
     WHERE key_id = $1 AND day >= $2 AND day < $3 ORDER BY day, network";

/// What is written of usage by network.
#[derive(Debug)]
pub(crate) enum NetworkWrite {
    /// Adds to what is counted.
    Use(UsageFrom, UsageCounts),
    /// Takes that of all other days away: of old ones, and of days to come, which a
    /// clock that was ahead has left.
    Keep(Range<i32>),
}

impl NetworkWrite {
    pub(super) async fn execute(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), ControlError> {
        let query: Query<'_> = match self {
            Self::Use(of, counts) => sqlx::query(USE)
                .bind(of.key.to_string())
                .bind(of.day)
                .bind(stored(of.whence))
                .bind(number(counts.requests))
                .bind(number(counts.refused))
                .bind(number(counts.records))
                .bind(i64::try_from(USAGE_NETWORKS_MAX).unwrap_or(i64::MAX)),
            Self::Keep(days) => sqlx::query(KEEP).bind(days.start).bind(days.end),
        };
        let done = query.execute(connection).await;
        done.map_err(failed("writing usage by network"))?;
        Ok(())
    }
}

impl Store {
    /// The usage of a key on some days, by day and network.
    pub(crate) async fn usage_by_network(
        &mut self,
        key: KeyId,
        days: Range<i32>,
    ) -> Result<Vec<(UsageFrom, UsageCounts)>, ControlError> {
        let rows = sqlx::query(SELECT)
            .bind(key.to_string())
            .bind(days.start)
            .bind(days.end);
        let rows = rows.fetch_all(&mut self.connection).await;
        let rows = rows.map_err(failed("reading usage by network"))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let day = i32::try_from(column::<i64>(row, 0)?)
                .map_err(|_| InternalError::new("usage is noted of no day"))?;
            let text: String = column(row, 1)?;
            let whence = read(&text)
                .ok_or_else(|| InternalError::new("usage is noted of a network that is none"))?;
            found.push((UsageFrom { key, day, whence }, counts(row, 2)?));
        }
        Ok(found)
    }
}

/// What is not kept is written as an empty text.
fn stored(whence: Whence) -> String {
    match whence {
        Whence::Network(network) => network.to_string(),
        Whence::Others => "others".to_owned(),
        Whence::NotKept => String::new(),
    }
}

fn read(text: &str) -> Option<Whence> {
    match text {
        "" => Some(Whence::NotKept),
        "others" => Some(Whence::Others),
        network => Network::parse(network).map(Whence::Network),
    }
}
