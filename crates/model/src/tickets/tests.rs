use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::fixtures::{Project, draft, grant_id, json, noon, parts, pepper};
use crate::keys::{AuthError, Circumstances, KeyKind, KeyParts, KeyRecord};
use crate::permit::{
    Access, Admin, AskPool, Denied, Extract, Ingest, ListDataset, On, Read, RetrieveDataset,
    SeeSchema,
};
use crate::random::SeededRandom;
use crate::saved_queries::{SavedQueryDraft, WithPools};
use crate::secrets::Secret;

const HOUR: u64 = TICKET_SECONDS_MAX;

fn saved(number: u8, rate: u32) -> Arc<SavedQuery> {
    let text = format!(
        r#"{{"name":"q{number}","query":{{"analysis":"count","pool":"strict"}},"refresh_rate":{rate}}}"#
    );
    Arc::new(SavedQuery {
        id: SavedQueryId::from_bytes([number; 16]),
        sources: BTreeMap::new(),
        draft: SavedQueryDraft::parse(&json(&text)).expect("legal"),
        created_at: noon(),
        changed_at: noon(),
        revision: 3,
    })
}

fn with_pools<'a>(project: &Project, item: &'a Arc<SavedQuery>) -> WithPools<'a, SavedQuery> {
    let pool = project.strict();
    let pools = BTreeMap::from([(pool.draft.name.clone(), Arc::clone(pool))]);
    WithPools { item, pools }
}

const EVERYTHING: &str = r#"[{"on":"project","actions":["admin"]},
    {"on":"pool:*","actions":["ingest"]},
    {"on":"pool:*","actions":["query","extract","schema"],"constraints":"all_rows"},
    {"on":"view:*","actions":["read"],"constraints":"all_rows"},
    {"on":"saved:*","actions":["run"],"constraints":"all_rows"},
    {"on":"cached:*","actions":["read"],"constraints":"all_rows"},
    {"on":"dataset:*","actions":["read","list","retrieve"],"constraints":"all_rows"}]"#;

fn secret() -> Secret {
    Secret::generate(KeyKind::Secret, &SeededRandom::new(1))
}

fn key_parts(project: &Project) -> KeyParts {
    let grants = project.grants(EVERYTHING).expect("legal grants");
    parts(draft(grants), &secret())
}

fn caller(project: &Project) -> Access {
    let record = KeyRecord::restore(key_parts(project));
    record
        .verify(&secret(), &pepper(), &Circumstances::unknown(), noon())
        .expect("the right secret")
}

fn terms(seconds: u64) -> Terms {
    Terms {
        origin: Origin::parse("https://shop.example").expect("an origin"),
        life: Duration::from_secs(seconds),
        grant: None,
    }
}

fn later(seconds: u64) -> Timestamp {
    let later = noon().checked_add(Duration::from_secs(seconds));
    later.expect("in range")
}

/// A ticket of this life, for the saved query 1.
fn made(project: &Project, terms: Terms) -> Result<Ticket, Fault> {
    let item = saved(1, 0);
    let saved = with_pools(project, &item);
    let permit = caller(project).permit::<RunSaved>(On::Saved(Some(&saved)));
    Ticket::to_run(&permit.expect("granted"), terms, noon())
}

fn key() -> TicketKey {
    TicketKey::new(&pepper())
}

#[test]
fn a_ticket_opens_as_it_was_sealed_until_it_ends() {
    let project = Project::new();
    let ticket = made(&project, terms(HOUR)).expect("legal");
    let text = ticket.seal(&key(), &SeededRandom::new(2));
    assert!(text.len() <= TICKET_CHARS_MAX);
    assert_eq!(Ticket::open(&text, &key(), noon()), Ok(ticket.clone()));
    assert_eq!(Ticket::open(&text, &key(), later(HOUR - 1)), Ok(ticket));
    let ended = Ticket::open(&text, &key(), later(HOUR));
    assert_eq!(ended, Err(TicketError::Ended));
    let other = TicketKey::new(&Pepper::from_bytes([1; 32]));
    for (text, key) in [(text.as_str(), &other), ("", &key()), (&text[1..], &key())] {
        let read = Ticket::open(text, key, noon());
        assert_eq!(read, Err(TicketError::Unreadable));
    }
}

#[test]
fn a_false_time_that_is_taken_back_ends_every_ticket() {
    let project = Project::new();
    let text = made(&project, terms(HOUR)).expect("legal");
    let text = text.seal(&key(), &SeededRandom::new(2));
    let never = TicketKey::since(&pepper(), Timestamp::EPOCH);
    assert!(Ticket::open(&text, &never, noon()).is_ok());
    for accepted in [noon(), later(1)] {
        let since = TicketKey::since(&pepper(), accepted);
        let read = Ticket::open(&text, &since, noon());
        assert_eq!(read, Err(TicketError::Unreadable));
    }
}

#[test]
fn a_clock_that_is_set_back_makes_no_ticket_live_longer() {
    let project = Project::new();
    let ticket = made(&project, terms(HOUR)).expect("legal");
    let text = ticket.seal(&key(), &SeededRandom::new(2));
    let earlier = |seconds| {
        noon()
            .checked_sub(Duration::from_secs(seconds))
            .expect("in range")
    };
    let slack = TICKET_CLOCK_SECONDS_MAX;
    assert!(Ticket::open(&text, &key(), earlier(slack)).is_ok());
    let read = Ticket::open(&text, &key(), earlier(slack + 1));
    assert_eq!(read, Err(TicketError::FromLater));
}

#[test]
fn the_longest_ticket_fits() {
    let project = Project::new();
    let host = [
        "a".repeat(63),
        "b".repeat(63),
        "c".repeat(63),
        "d".repeat(61),
    ]
    .join(".");
    let terms = Terms {
        origin: Origin::parse(&format!("https://{host}:65535")).expect("an origin"),
        grant: Some(grant_id(5)),
        ..terms(1)
    };
    let ticket = made(&project, terms).expect("legal");
    let text = ticket.seal(&key(), &SeededRandom::new(2));
    assert!(text.len() <= TICKET_CHARS_MAX, "{}", text.len());
    assert_eq!(Ticket::open(&text, &key(), noon()), Ok(ticket));
}

#[test]
fn lives_grants_and_makers_that_may_not_be_are_refused() {
    let project = Project::new();
    for seconds in [0, HOUR + 1] {
        let fault = made(&project, terms(seconds)).expect_err("refused");
        assert_eq!(fault.pointer, "/expires_in");
    }
    let of_another = Terms {
        grant: Some(grant_id(99)),
        ..terms(60)
    };
    made(&project, of_another).expect_err("the key has no such grant");
    let item = saved(1, 0);
    let saved = with_pools(&project, &item);
    let ticket = made(&project, terms(60)).expect("legal");
    let record = KeyRecord::restore(key_parts(&project));
    let access = record
        .admit(&ticket, &Circumstances::unknown(), noon())
        .expect("in use");
    let permit = access.permit::<RunSaved>(On::Saved(Some(&saved)));
    let again = Ticket::to_run(&permit.expect("granted"), terms(60), noon());
    assert_eq!(again.expect_err("refused").code, FaultCode::NotAvailable);
    let whole = caller(&project);
    let grants = whole.grants().to_vec();
    let permit = whole
        .scoped(grants)
        .permit::<RunSaved>(On::Saved(Some(&saved)));
    let of_scoped = Ticket::to_run(&permit.expect("granted"), terms(60), noon());
    assert_eq!(
        of_scoped.expect_err("refused").code,
        FaultCode::NotAvailable
    );
}

/// A key that may do everything, and what a ticket of it may do.
#[test]
fn a_ticket_gets_a_permit_on_its_query_and_on_nothing_else() {
    let project = Project::new();
    let ticket = made(&project, terms(60)).expect("legal");
    let record = KeyRecord::restore(key_parts(&project));
    let access = record
        .admit(&ticket, &Circumstances::unknown(), noon())
        .expect("in use");
    let [its, cached, other] = [saved(1, 0), saved(1, 60), saved(2, 0)];
    let [its, cached, other] = [&its, &cached, &other].map(|item| with_pools(&project, item));
    assert!(access.permit::<RunSaved>(On::Saved(Some(&its))).is_ok());
    // As the key itself, where the query changes its class; that it changed ends the ticket.
    assert!(
        access
            .permit::<ReadCached>(On::Cached(Some(&cached)))
            .is_ok()
    );
    let (pool, view) = (project.strict(), &project.views[0]);
    let refused = [
        access.permit::<RunSaved>(On::Saved(Some(&other))).err(),
        access.permit::<RunSaved>(On::Saved(None)).err(),
        access.permit::<ReadCached>(On::Cached(None)).err(),
        access.permit::<Admin>(On::Project).err(),
        access.permit::<Ingest>(On::Pool(Some(pool))).err(),
        access.permit::<AskPool>(On::Pool(Some(pool))).err(),
        access.permit::<Extract>(On::Pool(Some(pool))).err(),
        access.permit::<SeeSchema>(On::Pool(Some(pool))).err(),
        access.permit::<Read>(On::View(Some((view, pool)))).err(),
        access.permit::<ListDataset>(On::Dataset(None)).err(),
        access.permit::<RetrieveDataset>(On::Dataset(None)).err(),
        access.permit_founding(&pool.draft.name).err(),
    ];
    assert_eq!(refused, [Some(Denied::NotFound); 12]);
}

#[test]
fn a_ticket_ends_with_the_key_and_the_secret_that_made_it() {
    let project = Project::new();
    let ticket = made(&project, terms(HOUR)).expect("legal");
    let admit = |change: &dyn Fn(&mut KeyParts)| {
        let mut parts = key_parts(&project);
        change(&mut parts);
        let record = KeyRecord::restore(parts);
        record
            .admit(&ticket, &Circumstances::unknown(), later(60))
            .err()
    };
    assert_eq!(admit(&|_| ()), None);
    assert_eq!(admit(&|key| key.disabled = true), Some(AuthError::Disabled));
    let expire = |key: &mut KeyParts| key.draft.expires_at = Some(later(60));
    assert_eq!(admit(&expire), Some(AuthError::Expired));
    let grace = |key: &mut KeyParts| key.secrets[0].expires_at = Some(later(60));
    assert_eq!(admit(&grace), Some(AuthError::Expired));
    assert_eq!(admit(&|key| key.secrets.clear()), Some(AuthError::Unknown));
    let other = |key: &mut KeyParts| key.id = KeyId::from_bytes([9; 16]);
    assert_eq!(admit(&other), Some(AuthError::Unknown));
}

#[test]
fn a_ticket_is_for_the_query_as_it_was() {
    let project = Project::new();
    let ticket = made(&project, terms(60)).expect("legal");
    let item = saved(1, 0);
    assert!(ticket.is_for(&item));
    let changed = SavedQuery {
        revision: 4,
        ..(*item).clone()
    };
    assert!(!ticket.is_for(&changed));
    assert!(!ticket.is_for(&saved(2, 0)));
}
