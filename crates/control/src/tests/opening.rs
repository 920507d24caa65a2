use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::Refusal;
use model::keys::KeyCopy;

#[tokio::test]
async fn the_first_start_makes_a_project_and_its_master_key_once() {
    let plane = Plane::new().await;
    let access = plane
        .control
        .authenticate(&plane.master, &Circumstances::unknown())
        .expect("is let in");
    let grants: Vec<_> = access
        .grants()
        .iter()
        .map(|g| (g.on.to_text().0, g.actions.len()))
        .collect();
    let expected = [
        ("project", 1),
        ("pool:*", model::grants::Action::POOL.len()),
        ("view:*", 1),
        ("saved:*", 1),
        ("cached:*", 1),
        ("dataset:*", 3),
    ];
    assert_eq!(
        grants,
        expected.map(|(on, actions)| (on.to_owned(), actions))
    );
    let rows: Vec<_> = access.grants().iter().map(|g| g.rows.clone()).collect();
    let all = Some(model::filters::Constraint::AllRows);
    assert!(rows[0].is_none() && rows[1..].iter().all(|rows| *rows == all));
    assert!(plane.control.bootstrap().await.expect("succeeds").is_none());
    let plane = plane.restarted().await;
    assert!(plane.control.bootstrap().await.expect("succeeds").is_none());
    assert!(
        plane
            .control
            .authenticate(&plane.master, &Circumstances::unknown())
            .is_ok()
    );
    let entries = plane
        .control
        .audit_entries(&plane.admin(), 10)
        .await
        .expect("reads");
    let seen: Vec<_> = entries
        .iter()
        .rev()
        .map(|e| (e.actor.as_str(), e.action.as_str()))
        .collect();
    assert_eq!(
        seen,
        [("server", "project.create"), ("server", "key.create")]
    );
}

#[tokio::test]
async fn a_lost_master_key_is_replaced_and_that_is_audited() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = Control::open(&folder.path().join("control.db"), options(&clock(), 1)).await;
    let outcome = empty.expect("opens").recover_master().await;
    assert!(matches!(outcome, Err(ControlError::NotFound)));

    let plane = Plane::new().await;
    let first = plane
        .control
        .authenticate(&plane.master, &Circumstances::unknown())
        .expect("is let in");
    let recovered = plane.control.recover_master().await.expect("recovers");
    let access = plane
        .control
        .authenticate(&recovered, &Circumstances::unknown())
        .expect("is let in");
    assert_eq!(access.project(), plane.project());
    assert_ne!(access.key(), first.key());
    let reach = |access: &model::permit::Access| -> Vec<_> {
        let grants = access.grants().iter();
        grants
            .map(|g| (g.on.clone(), g.actions.clone(), g.rows.clone()))
            .collect()
    };
    assert_eq!(reach(&access), reach(&first));
    let entry = &plane
        .control
        .audit_entries(&plane.admin(), 1)
        .await
        .expect("reads")[0];
    assert_eq!(
        (entry.actor.as_str(), entry.action.as_str()),
        ("server", "key.create")
    );
    assert_eq!(entry.subject_id, access.key().to_string());
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let plane = Plane::new().await;
    plane.control.close().await.expect("closes");
    let file = plane.file();
    sql(
        &file,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT MAX(version) + 1, 'later', TRUE, x'00', 0 FROM _sqlx_migrations",
    )
    .await;
    let error = Control::open(&file, options(&plane.clock, 2)).await;
    let error = error.expect_err("is newer");
    let known = i64::try_from(crate::store::Store::VERSION).expect("few");
    let found = known + 1;
    let newer = Refusal::NewerSchema { found, known };
    assert!(matches!(error, ControlError::Refused(refusal) if refusal == newer));
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_open_is_refused() {
    let plane = Plane::new().await;
    let second = Control::open(&plane.file(), options(&plane.clock, 2)).await;
    let error = second.expect_err("is open");
    assert!(
        matches!(error, ControlError::Refused(Refusal::Locked)),
        "{error:?}"
    );
    plane.pool("sales").await;
}

#[tokio::test]
async fn a_damaged_definition_is_named_and_nothing_is_served() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    plane.control.close().await.expect("closes");
    sql(&plane.file(), "UPDATE pools SET definition = '{}'").await;
    let error = Control::open(&plane.file(), options(&plane.clock, 2)).await;
    let ControlError::Internal(inside) = error.expect_err("is damaged") else {
        panic!("a failure was expected");
    };
    assert!(inside.to_string().starts_with("pool 0"), "{inside}");
}

#[tokio::test]
async fn what_is_made_later_stays_later_without_the_audit() {
    let plane = Plane::new().await;
    plane.pool("b").await;
    let plane = plane.restarted_after("DELETE FROM audit").await;
    plane.pool("a").await;
    let plane = plane.restarted().await;
    let definitions = plane.definitions();
    let pools = definitions.pools();
    let names: Vec<_> = pools.map(|pool| pool.draft.name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let plane = Plane::new().await;
    let modes = |plane: &Plane| -> Vec<u32> {
        let files = std::fs::read_dir(plane.folder.path()).expect("a folder");
        let modes = files.map(|f| f.expect("a file").metadata().expect("a mode").permissions());
        modes
            .map(|permissions| permissions.mode() & 0o777)
            .collect()
    };
    assert_eq!(modes(&plane), [0o600; 3]);
    plane.control.close().await.expect("closes");
    let wide = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(plane.file(), wide).expect("changes");
    let plane = plane.opened_again(2).await;
    plane.pool("sales").await;
    assert_eq!(modes(&plane), [0o600; 3]);
}

#[tokio::test]
async fn futures_of_changes_can_move_between_threads() {
    fn can_move<T: Send>(future: T) -> T {
        future
    }
    let plane = Plane::new().await;
    let by = plane.admin();
    let (key, _) = can_move(plane.control.create_key(&by, plane.key_draft("x", "[]")))
        .await
        .expect("makes");
    can_move(plane.control.copy_key(&by, key.id(), KeyCopy::default()))
        .await
        .expect("copies");
    can_move(plane.control.close()).await.expect("closes");
}

#[test]
fn the_sql_is_portable() {
    let text = include_str!("../store/text.rs");
    let code = text.split_once("pub(super)").expect("has texts").1;
    for word in [
        "?",
        "PRAGMA",
        "OR REPLACE",
        "OR IGNORE",
        "rowid",
        "RETURNING",
        "datetime(",
    ] {
        assert!(!code.contains(word), "{word}");
    }
}

/// A migration that two versions number differently locks a data directory out.
#[test]
fn migrations_are_numbered_as_their_files_are_without_gaps() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    let listed = std::fs::read_dir(folder).expect("a folder");
    let names = listed.map(|entry| entry.expect("an entry").file_name());
    let mut found: Vec<_> = names
        .map(|name| name.into_string().expect("a name"))
        .filter(|name| name.ends_with(".sql"))
        .map(|name| {
            let text = std::fs::read_to_string(format!("{folder}/{name}"));
            (name, text.expect("a text"))
        })
        .collect();
    found.sort();
    let known = crate::store::Store::migrations();
    let (names, texts): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let (known, known_texts): (Vec<_>, Vec<_>) = known.unzip();
    assert_eq!(known, names);
    assert!(
        known_texts == texts,
        "each file is the one that is named so"
    );
}

/// Changes of one cell each, none of which SQLite notices.
const ROTTEN: [(&str, &str); 15] = [
    (
        "pool",
        "UPDATE pools SET definition = replace(definition, 'sales', 'salet')",
    ),
    ("pool", "UPDATE pools SET revision = revision + 64"),
    (
        "key",
        r#"UPDATE keys SET definition = replace(definition, '"value":"a"', '"value":"c"')"#,
    ),
    ("key", "UPDATE keys SET disabled = 1 - disabled"),
    (
        "key",
        "UPDATE keys SET definition = substr(definition, 1, length(definition) - 1) || 'g'",
    ),
    (
        "secret",
        "UPDATE secrets SET expires_at = 32503680000000000",
    ),
    ("secret", "UPDATE secrets SET hash = zeroblob(32)"),
    (
        "person",
        r#"UPDATE people SET definition = replace(definition, 'Ada', 'Bda')"#,
    ),
    ("person", "UPDATE people SET sign_in = 'add@example.com'"),
    ("person", "UPDATE people SET failures = failures + 1"),
    ("person", "UPDATE people SET totp = totp || 'A'"),
    (
        "person",
        "DELETE FROM recovery_codes WHERE hash = (SELECT MIN(hash) FROM recovery_codes)",
    ),
    (
        "person",
        "UPDATE recovery_codes SET hash = zeroblob(32) WHERE hash = (SELECT MIN(hash) FROM recovery_codes)",
    ),
    ("credits of key", "UPDATE credits SET day = day + 1"),
    (
        "credits of key",
        "UPDATE credits SET seal = upper(seal) || 'a'",
    ),
];

/// Numbers that say what somebody may still do: a bit of each is changed in turn.
const NUMBERS: [(&str, &str); 2] = [("people", "last_step"), ("credits", "spent")];

/// What rows of an earlier version have no checksums of, or of less.
const OF_BEFORE: &str = "UPDATE credits SET seal = NULL;
    UPDATE people SET definition = substr(definition, 1, instr(definition, char(10)) - 1);
    UPDATE sessions SET agent = substr(agent, 1, instr(agent, char(10)) - 1)";

/// A plane that is closed: with Ada, who is signed in, and a key that used credits.
async fn with_balances() -> (Plane, crate::SignedIn) {
    let (plane, _, entered) = step_up::with_ada().await;
    plane.pool("sales").await;
    let grants = r#"[{"on":"pool:sales","actions":["query"],
        "constraints":[{"field":"customer.id","operator":"eq","value":"a"}]}]"#;
    let allowance = model::credits::Allowance {
        amount: 100,
        period: model::credits::Period::Month,
    };
    let limits = model::keys::KeyLimits {
        core: Some(allowance),
        ..model::keys::KeyLimits::NONE
    };
    let draft = KeyDraft {
        limits,
        ..plane.key_draft("reader", grants)
    };
    let made = plane.control.create_key(&plane.admin(), draft).await;
    let (_, secret) = made.expect("a key");
    let access = plane
        .control
        .authenticate(&secret, &Circumstances::unknown());
    let access = access.expect("is let in");
    let core = model::credits::Tier::Core;
    let reserved = plane.control.reserve(&access, core, 5).expect("is left");
    plane.control.charge(reserved, 5).await.expect("charged");
    plane.control.close().await.expect("closes");
    (plane, entered)
}

#[tokio::test]
async fn a_row_that_rots_is_named_and_says_nobody_may_do_something_else() {
    let (plane, _) = with_balances().await;
    let copy = plane.folder.path().join("copy.sqlite");
    let whole = std::fs::read(plane.file()).expect("reads");
    std::fs::write(&copy, &whole).expect("writes");
    let open = async || Control::open(&copy, options(&plane.clock, 2)).await;
    open().await.expect("opens").close().await.expect("closes");
    for (kind, change) in ROTTEN {
        std::fs::write(&copy, &whole).expect("writes");
        let beside = std::fs::read_dir(plane.folder.path()).expect("a folder");
        let names = beside.map(|file| file.expect("a file").file_name());
        let is_left =
            |name: &std::ffi::OsString| name.to_string_lossy().starts_with("copy.sqlite-");
        assert!(!names.into_iter().any(|name| is_left(&name)), "{change}");
        sql(&copy, change).await;
        let Err(ControlError::Internal(inside)) = open().await else {
            panic!("{change} was not noticed");
        };
        let told = inside.to_string();
        assert!(told.starts_with(&format!("the stored {kind} ")), "{told}");
        assert!(told.contains("restore a backup"), "{told}");
    }
}

#[tokio::test]
async fn no_bit_of_a_balance_or_of_a_used_step_changes_unseen() {
    let (plane, _) = with_balances().await;
    let copy = plane.folder.path().join("copy.sqlite");
    let whole = std::fs::read(plane.file()).expect("reads");
    for (table, column) in NUMBERS {
        for bit in 0..62 {
            std::fs::write(&copy, &whole).expect("writes");
            let mask = 1_i64 << bit;
            let flip =
                format!("UPDATE {table} SET {column} = ({column} | {mask}) - ({column} & {mask})");
            let mut connection = raw(&copy).await;
            let flipped = sqlx::query(AssertSqlSafe(flip)).execute(&mut connection);
            assert!(flipped.await.expect("runs").rows_affected() > 0);
            connection.close().await.expect("closes");
            let opened = Control::open(&copy, options(&plane.clock, 2)).await;
            assert!(opened.is_err(), "bit {bit} of {table}.{column}");
        }
    }
}

#[tokio::test]
async fn a_session_that_rots_has_ended_and_one_of_before_goes_on() {
    let (plane, entered) = with_balances().await;
    let copy = plane.folder.path().join("copy.sqlite");
    let whole = std::fs::read(plane.file()).expect("reads");
    for (change, lets_in) in [
        ("UPDATE sessions SET agent = agent", true),
        (OF_BEFORE, true),
        ("UPDATE sessions SET ends_at = ends_at + 1024", false),
        ("UPDATE sessions SET created_at = created_at - 1", false),
        ("UPDATE sessions SET agent = 'b' || agent", false),
    ] {
        std::fs::write(&copy, &whole).expect("writes");
        sql(&copy, change).await;
        let control = Control::open(&copy, options(&plane.clock, 2)).await;
        let control = control.unwrap_or_else(|error| panic!("{change}: {error:?}"));
        let entered = control.enter(&entered.token, None);
        assert_eq!(entered.is_ok(), lets_in, "{change}");
        control.close().await.expect("closes");
    }
}
