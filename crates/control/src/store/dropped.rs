//! The rows of pools that are gone and whose records may not be, yet.

use model::ids::{PoolId, ProjectId};

use super::Store;
use super::load::id;
use super::write::Query;
use crate::error::ControlError;

const INSERT: &str = "INSERT INTO dropped_pools (id, project_id) VALUES ($1, $2)";
const DELETE: &str = "DELETE FROM dropped_pools WHERE id = $1";
const SELECT: &str = "SELECT id, project_id FROM dropped_pools ORDER BY id";

pub(super) fn insert(pool: PoolId, project: ProjectId) -> Query<'static> {
    sqlx::query(INSERT)
        .bind(pool.to_string())
        .bind(project.to_string())
}

pub(super) fn delete(pool: PoolId) -> Query<'static> {
    sqlx::query(DELETE).bind(pool.to_string())
}

impl Store {
    /// All of them, each with the project that it was of.
    pub(crate) async fn dropped_pools(&mut self) -> Result<Vec<(PoolId, ProjectId)>, ControlError> {
        let rows = self.rows(SELECT).await?;
        let read = |row| Ok((id(row, 0, PoolId::parse)?, id(row, 1, ProjectId::parse)?));
        rows.iter().map(read).collect()
    }
}
