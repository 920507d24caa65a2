//! D10: what a key may do is a register. Whoever is let in is so by the last
//! change that was acknowledged before, or by a later one that was begun; and
//! no reader sees a change that another one, or itself, saw taken back.

mod codes;
mod credits;
mod silence;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use model::permit::Read;

use super::*;
use crate::InternalError;

const READERS: usize = 3;
const CHANGES: u64 = 150;
/// Reads at least.
const READS: u64 = 100_000;

struct Register {
    begun: AtomicU64,
    acknowledged: AtomicU64,
    /// The latest that some reader saw.
    seen: AtomicU64,
    reads: AtomicU64,
    is_over: AtomicBool,
}

fn grants(version: u64) -> String {
    format!(
        r#"[{{"on":"view:v","actions":["read"],"constraints":[{{"field":"amount","operator":"eq","value":{version}}}]}}]"#
    )
}

/// The version whose rows the key is let in to, by its constraint.
fn read(control: &Control, secret: &Secret, view: &str) -> u64 {
    let access = control.authenticate(secret, &Circumstances::unknown());
    let access = access.expect("is let in");
    let definitions = control.definitions(access.project());
    let (view, pool) = definitions.view(view).expect("the view");
    let permit = access.permit::<Read>(On::View(Some((view, pool))));
    let shown = format!("{:?}", permit.expect("reads").count().rows());
    let digits: String = shown
        .split("Integer(")
        .nth(1)
        .expect("a number")
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().expect("a version")
}

fn reads(register: &Register, control: &Control, secret: &Secret) {
    while !register.is_over.load(Ordering::SeqCst) {
        let acknowledged = register.acknowledged.load(Ordering::SeqCst);
        let before = register.seen.load(Ordering::SeqCst);
        let version = read(control, secret, "v");
        let begun = register.begun.load(Ordering::SeqCst);
        assert!(
            acknowledged <= version,
            "{version} after {acknowledged} was in force"
        );
        assert!(before <= version, "{version} after {before} was seen");
        assert!(version <= begun, "{version} before it was begun, {begun}");
        register.seen.fetch_max(version, Ordering::SeqCst);
        register.reads.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_what_a_key_may_is_a_register_also_while_commits_are_unheard() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    plane.view("v", "sales").await;
    let (key, secret) = plane.key("Ada", &grants(0)).await;
    let register = Register {
        begun: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
        seen: AtomicU64::new(0),
        reads: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    };
    let register = Arc::new(register);
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (register, control) = (Arc::clone(&register), Arc::clone(&plane.control));
            let secret = Secret::parse(secret.reveal()).expect("a token");
            thread::spawn(move || reads(&register, &control, &secret))
        })
        .collect();
    let (by, mut version) = (plane.admin(), 0);
    while version < CHANGES || register.reads.load(Ordering::SeqCst) < READS {
        version += 1;
        let before = plane.definitions().key(key.id()).cloned().expect("the key");
        let draft = plane.key_draft_over("Ada", &grants(version), Some(&*before));
        let is_unheard = version % 7 == 0;
        if is_unheard {
            plane
                .loses_an_answer(InternalError::new("lost").into())
                .await;
        }
        register.begun.store(version, Ordering::SeqCst);
        let changed = plane.control.change_key(&by, key.id(), None, draft).await;
        assert_eq!(changed.is_err(), is_unheard, "{version}");
        // Nobody was told of an unheard one, but it is in force before the next.
        register.acknowledged.store(version, Ordering::SeqCst);
    }
    register.is_over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.join().expect("no violation");
    }
    assert_eq!(read(&plane.control, &secret, "v"), version);
    let plane = plane.restarted().await;
    assert_eq!(read(&plane.control, &secret, "v"), version);
}
