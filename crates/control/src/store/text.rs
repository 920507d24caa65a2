//! Every SQL text of the control plane. Portable: `$1` placeholders, and
//! nothing that only one database understands.

pub(super) const INSERT_ORGANIZATION: &str =
    "INSERT INTO organizations (id, name, created_at) VALUES ($1, $2, $3)";

pub(super) const INSERT_PROJECT: &str =
    "INSERT INTO projects (id, organization_id, name, created_at) VALUES ($1, $2, $3, $4)";

pub(super) const SELECT_PROJECTS: &str =
    "SELECT id, name, keen, organization_id, storage_bytes FROM projects ORDER BY created_at, id";

pub(super) const RENAME_PROJECT: &str = "UPDATE projects SET name = $2 WHERE id = $1";

pub(super) const SET_PROJECT_STORAGE: &str = "UPDATE projects SET storage_bytes = $2 WHERE id = $1";

pub(super) const DELETE_PROJECT: &str = "DELETE FROM projects WHERE id = $1";

pub(super) const SWITCH_KEEN: &str = "UPDATE projects SET keen = $2 WHERE id = $1";

pub(super) const INSERT_SCOPING: &str =
    "INSERT INTO scoping (project_id, secret_id, sealed) VALUES ($1, $2, $3)";

pub(super) const DELETE_SCOPING: &str = "DELETE FROM scoping WHERE project_id = $1";

pub(super) const SELECT_SCOPING: &str = "SELECT scoping.project_id, scoping.secret_id, \
     secrets.key_id, scoping.sealed FROM scoping JOIN secrets ON secrets.id = scoping.secret_id";

pub(super) const INSERT_POOL: &str = "INSERT INTO pools \
     (id, project_id, ordinal, name, definition, created_at, revision) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Touches no row when the stored revision is not the one before.
pub(super) const UPDATE_POOL: &str = "UPDATE pools SET name = $2, definition = $3, revision = $4 \
     WHERE id = $1 AND revision = $4 - 1";

pub(super) const DELETE_POOL: &str = "DELETE FROM pools WHERE id = $1";

pub(super) const SELECT_POOLS: &str = "SELECT id, project_id, ordinal, name, definition, \
     created_at, revision FROM pools ORDER BY ordinal";

pub(super) const INSERT_VIEW: &str = "INSERT INTO views \
     (id, project_id, pool_id, ordinal, name, definition, created_at, revision) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Touches no row when the stored revision is not the one before.
pub(super) const UPDATE_VIEW: &str = "UPDATE views SET name = $2, definition = $3, revision = $4 \
     WHERE id = $1 AND revision = $4 - 1";

pub(super) const DELETE_VIEW: &str = "DELETE FROM views WHERE id = $1";

pub(super) const SELECT_VIEWS: &str = "SELECT id, project_id, pool_id, ordinal, name, definition, \
     created_at, revision FROM views ORDER BY ordinal";

pub(super) const INSERT_SAVED: &str = "INSERT INTO saved_queries \
     (id, project_id, ordinal, name, definition, created_at, changed_at, revision) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Touches no row when the stored revision is not the one before.
pub(super) const UPDATE_SAVED: &str = "UPDATE saved_queries SET name = $2, definition = $3, \
     changed_at = $4, revision = $5 WHERE id = $1 AND revision = $5 - 1";

pub(super) const DELETE_SAVED: &str = "DELETE FROM saved_queries WHERE id = $1";

pub(super) const SELECT_SAVED: &str = "SELECT id, project_id, ordinal, definition, created_at, \
     changed_at, revision FROM saved_queries ORDER BY ordinal";

pub(super) const INSERT_DATASET: &str = "INSERT INTO datasets \
     (id, project_id, ordinal, name, definition, created_at, changed_at, revision) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Touches no row when the stored revision is not the one before.
pub(super) const UPDATE_DATASET: &str = "UPDATE datasets SET name = $2, definition = $3, \
     changed_at = $4, revision = $5 WHERE id = $1 AND revision = $5 - 1";

pub(super) const DELETE_DATASET: &str = "DELETE FROM datasets WHERE id = $1";

pub(super) const SELECT_DATASET: &str = "SELECT id, project_id, ordinal, definition, created_at, \
     changed_at, revision FROM datasets ORDER BY ordinal";

pub(super) const INSERT_KEY: &str = "INSERT INTO keys \
     (id, project_id, ordinal, definition, disabled, created_by, created_at, revision) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Touches no row when the stored revision is not the one before.
pub(super) const UPDATE_KEY: &str = "UPDATE keys SET definition = $2, disabled = $3, \
     revision = $4 WHERE id = $1 AND revision = $4 - 1";

pub(super) const USE_KEY: &str = "UPDATE keys SET last_used_at = $2 WHERE id = $1";

/// The total is given, so that writing it again changes nothing.
pub(super) const CHARGE: &str = "INSERT INTO credits (key_id, tier, day, spent, seal) \
     VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (key_id, tier, day) DO UPDATE SET spent = excluded.spent, seal = excluded.seal";

pub(super) const SELECT_CHARGES: &str =
    "SELECT key_id, tier, day, spent, seal FROM credits WHERE day >= $1";

pub(super) const USE: &str = "INSERT INTO usage (project_id, day, key_id, secret_id, pool_id, \
     view_id, requests, refused, records) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     ON CONFLICT (project_id, day, key_id, secret_id, pool_id, view_id) DO UPDATE SET \
     requests = usage.requests + excluded.requests, refused = usage.refused + excluded.refused, \
     records = usage.records + excluded.records, published = FALSE";

/// Not of a total that has grown since.
pub(super) const USAGE_PUBLISHED: &str = "UPDATE usage SET published = TRUE WHERE project_id = $1 \
     AND day = $2 AND key_id = $3 AND secret_id = $4 AND pool_id = $5 AND view_id = $6 \
     AND requests = $7 AND refused = $8 AND records = $9";

pub(super) const SELECT_UNPUBLISHED: &str = "SELECT day, key_id, secret_id, pool_id, view_id, \
     requests, refused, records, project_id FROM usage WHERE NOT published \
     AND ($1 = '' OR project_id = $1) AND project_id > $2 ORDER BY project_id LIMIT $3";

/// Only of a project that is gone: what memory lacks for a moment is not gone.
pub(super) const FORGET_USAGE_OF: &str = "DELETE FROM usage WHERE project_id = $1 \
     AND NOT EXISTS (SELECT 1 FROM projects WHERE projects.id = $1)";

pub(super) const FORGET_USAGE: &str = "DELETE FROM usage WHERE day < $1";

// Never one of the last hundred days on which the account was charged: a clock
// that is far ahead for an hour gives nothing back.
pub(super) const FORGET_CHARGES: &str = "DELETE FROM credits WHERE day < $1 AND (SELECT COUNT(*) FROM credits newer \
     WHERE newer.key_id = credits.key_id AND newer.tier = credits.tier AND newer.day > credits.day) >= 100";

pub(super) const SELECT_USAGE: &str = "SELECT day, key_id, secret_id, pool_id, view_id, \
     requests, refused, records FROM usage WHERE project_id = $1 AND day >= $2 AND day < $3 \
     AND ($4 = '' OR key_id = $4) ORDER BY day, key_id, secret_id, pool_id, view_id LIMIT $5";

pub(super) const SUM_USAGE_BY_DAY: &str = "SELECT day, SUM(requests), SUM(refused), SUM(records) \
     FROM usage WHERE project_id = $1 AND day >= $2 AND day < $3 AND ($4 = '' OR key_id = $4) \
     GROUP BY day";

pub(super) const SUM_USAGE_BY_KEY: &str = "SELECT key_id, SUM(requests), SUM(refused), SUM(records) \
     FROM usage WHERE project_id = $1 AND day >= $2 AND day < $3 AND ($4 = '' OR key_id = $4) \
     GROUP BY key_id";

pub(super) const SUM_USAGE_BY_POOL: &str = "SELECT pool_id, SUM(requests), SUM(refused), SUM(records) \
     FROM usage WHERE project_id = $1 AND day >= $2 AND day < $3 AND ($4 = '' OR key_id = $4) \
     GROUP BY pool_id";

pub(super) const SUM_USAGE_BY_SECRET: &str = "SELECT secret_id, SUM(requests), SUM(refused), SUM(records) \
     FROM usage WHERE project_id = $1 AND day >= $2 AND day < $3 AND ($4 = '' OR key_id = $4) \
     GROUP BY secret_id";

pub(super) const SELECT_FIRST_USE: &str = "SELECT MIN(day) FROM usage WHERE project_id = $1";

/// The day of the row that comes after so many others.
pub(super) const SELECT_DAY_OF_USE: &str = "SELECT day FROM usage WHERE project_id = $1 \
     AND day >= $2 AND day < $3 ORDER BY day LIMIT 1 OFFSET $4";

pub(super) const SELECT_USED: &str = "SELECT DISTINCT key_id, pool_id, view_id FROM usage \
     WHERE project_id = $1 AND day >= $2 AND day < $3";

pub(super) const DELETE_KEY: &str = "DELETE FROM keys WHERE id = $1";

pub(super) const SELECT_KEYS: &str = "SELECT id, project_id, ordinal, definition, disabled, \
     created_by, created_at, last_used_at, revision, networks FROM keys ORDER BY ordinal";

pub(super) const INSERT_SECRET: &str = "INSERT INTO secrets \
     (id, key_id, hash, public_key, hint, created_at, expires_at, silence_since, silence_minutes, \
     replaced_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

pub(super) const END_SECRET: &str = "UPDATE secrets SET expires_at = $2, silence_since = $3, \
     silence_minutes = $4, hint = $5, replaced_by = $6 WHERE id = $1";

pub(super) const QUARANTINE: &str = "UPDATE secrets SET quarantine = $2 WHERE id = $1";

pub(super) const DELETE_SECRET: &str = "DELETE FROM secrets WHERE id = $1";

pub(super) const USE_SECRET: &str = "UPDATE secrets SET last_used_at = $2 WHERE id = $1";

pub(super) const SECRET_ON_PAGE: &str = "UPDATE secrets SET page_at = $2 WHERE id = $1";

pub(super) const SECRET_FROM: &str =
    "UPDATE secrets SET used_address = $2, used_agent = $3 WHERE id = $1";

pub(super) const KEY_NETWORKS: &str = "UPDATE keys SET networks = $2 WHERE id = $1";

/// A notice keeps its id, its text and what was said of it.
pub(super) const PUT_NOTICE: &str = "INSERT INTO notices (id, project_id, key_id, kind, about, \
     detail, first_at, last_at, times) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     ON CONFLICT (project_id, kind, key_id, about) DO UPDATE SET \
     last_at = CASE WHEN excluded.last_at > notices.last_at \
     THEN excluded.last_at ELSE notices.last_at END, times = notices.times + excluded.times";

/// Touches no row where there is one of the same.
pub(super) const PUT_NOTICE_ONCE: &str = "INSERT INTO notices (id, project_id, key_id, kind, \
     about, detail, first_at, last_at, times) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     ON CONFLICT (project_id, kind, key_id, about) DO NOTHING";

/// Of too many, those go last that somebody must still look into: a leak before
/// all, and what is told once before what is told again.
pub(super) const TRIM_NOTICES: &str = "DELETE FROM notices WHERE project_id = $1 AND \
     (last_at < $2 OR id NOT IN (SELECT id FROM notices WHERE project_id = $1 \
     ORDER BY dismissed_at IS NOT NULL, kind <> 'leaked', \
     kind IN ('used_from_page', 'new_network'), last_at DESC, id DESC LIMIT $3))";

pub(super) const DISMISS_NOTICE: &str = "UPDATE notices SET dismissed_at = $2 WHERE id = $1";

pub(super) const DELETE_NOTICES: &str = "DELETE FROM notices WHERE project_id = $1";

pub(super) const SELECT_NOTICES: &str = "SELECT id, key_id, kind, detail, first_at, last_at, times, \
     dismissed_at FROM notices WHERE project_id = $1 ORDER BY first_at, id";

pub(super) const SELECT_TIME: &str = "SELECT high FROM clock WHERE id = 1";

pub(super) const USE_DERIVED: &str = "INSERT INTO derived_tokens \
     (key_id, id, ends_at, first_used_at, last_used_at, requests) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (key_id, id) DO UPDATE SET first_used_at = COALESCE(first_used_at, excluded.first_used_at), \
     last_used_at = excluded.last_used_at, requests = excluded.requests";

pub(super) const CHARGE_DERIVED_CORE: &str = "INSERT INTO derived_tokens \
     (key_id, id, ends_at, core_spent) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (key_id, id) DO UPDATE SET core_spent = excluded.core_spent";

pub(super) const CHARGE_DERIVED_PREMIUM: &str = "INSERT INTO derived_tokens \
     (key_id, id, ends_at, premium_spent) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (key_id, id) DO UPDATE SET premium_spent = excluded.premium_spent";

pub(super) const REVOKE_DERIVED: &str = "INSERT INTO derived_tokens \
     (key_id, id, ends_at, revoked_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (key_id, id) DO UPDATE SET revoked_at = COALESCE(revoked_at, excluded.revoked_at)";

// A revocation goes when the time has gone on without a leap for 31 days since
// its token's end: a clock that is ahead for a minute must not take it away.
pub(super) const FORGET_DERIVED: &str = "DELETE FROM derived_tokens WHERE ends_at <= $1 \
     AND (revoked_at IS NULL OR MAX(ends_at, (SELECT began_at FROM clock_stretches \
     ORDER BY id DESC LIMIT 1)) <= $1 - 2678400000000)";

// Of those that may be forgotten, all but the ones that were used last.
pub(super) const TRIM_DERIVED: &str = "DELETE FROM derived_tokens WHERE revoked_at IS NULL \
     AND core_spent = 0 AND premium_spent = 0 AND (key_id, id) NOT IN (SELECT key_id, id FROM derived_tokens \
     WHERE revoked_at IS NULL AND core_spent = 0 AND premium_spent = 0 \
     ORDER BY last_used_at DESC, key_id, id LIMIT $1)";

pub(super) const SELECT_DERIVED: &str = "SELECT key_id, id, first_used_at, last_used_at, requests, \
     core_spent, premium_spent, revoked_at FROM derived_tokens ORDER BY last_used_at DESC";

pub(super) const DELETE_SECRETS: &str = "DELETE FROM secrets WHERE key_id = $1";

pub(super) const SELECT_SECRETS: &str = "SELECT id, key_id, hash, public_key, hint, created_at, \
     expires_at, last_used_at, silence_since, silence_minutes, page_at, used_address, used_agent, quarantine, \
     replaced_by FROM secrets ORDER BY created_at, id";

pub(super) const INSERT_REPEAT: &str = "INSERT INTO repeats \
     (caller_id, path, name, fingerprint, key_id, made_at) VALUES ($1, $2, $3, $4, $5, $6)";

pub(super) const FORGET_REPEATS: &str = "DELETE FROM repeats WHERE made_at < $1";

pub(super) const SELECT_REPEAT: &str = "SELECT fingerprint, key_id FROM repeats \
     WHERE caller_id = $1 AND path = $2 AND name = $3 AND made_at >= $4";

pub(super) const INSERT_AUDIT: &str = "INSERT INTO audit \
     (id, project_id, ordinal, at, actor, action, subject_id, subject_name, \
     definition_before, definition_after, sequence, link, secret_id, address) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// The columns that an entry is read from, in their order.
macro_rules! entries {
    ($rest:literal) => {
        concat!(
            "SELECT id, at, actor, action, subject_id, subject_name, definition_before, \
             definition_after, sequence, link, secret_id, address, ordinal FROM audit ",
            $rest
        )
    };
}

pub(super) const SELECT_AUDIT_PAGE: &str = entries!(
    "WHERE project_id = $1 AND sequence < $2 AND sequence >= $3 \
     AND ($4 IS NULL OR actor = $4) AND ($5 IS NULL OR subject_id = $5 OR subject_name = $5) \
     AND ($6 IS NULL OR action = $6) AND at >= $7 AND at < $8 ORDER BY sequence DESC LIMIT $9"
);

pub(super) const SELECT_AUDIT_FROM: &str =
    entries!("WHERE project_id = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3");

pub(super) const SELECT_AUDIT_IN_ORDER: &str =
    entries!("WHERE project_id = $1 ORDER BY sequence, ordinal");

pub(super) const SELECT_AUDIT_TO_CHAIN: &str =
    entries!("WHERE project_id = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3");

pub(super) const CHAIN_AUDIT: &str = "UPDATE audit SET sequence = $2, link = $3 WHERE id = $1";

pub(super) const SELECT_UNCHAINED: &str = "SELECT DISTINCT project_id FROM audit \
     WHERE project_id NOT IN (SELECT project_id FROM audit_chains)";

pub(super) const SELECT_AUDITED: &str = "SELECT project_id FROM audit \
     UNION SELECT project_id FROM audit_chains ORDER BY project_id";

pub(super) const SELECT_CHAIN: &str =
    "SELECT project_id, size, link, peaks FROM audit_chains WHERE project_id = $1";

pub(super) const SELECT_CHAINS: &str =
    "SELECT project_id, size, link, peaks FROM audit_chains ORDER BY project_id";

pub(super) const INSERT_CHAIN: &str =
    "INSERT INTO audit_chains (project_id, size, link, peaks) VALUES ($1, $2, $3, $4)";

/// Touches no row when the stored size is not the one before.
pub(super) const UPDATE_CHAIN: &str = "UPDATE audit_chains SET size = $2, link = $3, peaks = $4 \
     WHERE project_id = $1 AND size = $2 - 1";

pub(super) const SELECT_LAST_AUDIT: &str = "SELECT COALESCE(MAX(ordinal), 0) FROM audit";
