//! The time to let a caller in, with many keys.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use control::{Control, ControlOptions};
use model::credits::{Allowance, Period, Tier};
use model::keys::{Circumstances, KeyDraft, KeyKind, KeyLimits, Restrictions};
use model::permit::{Admin, On};
use model::random::SeededRandom;
use model::secrets::{Pepper, Secret};
use model::time::{ManualClock, Timestamp};
use tokio::runtime::Runtime;

use crate::stats::{at_share, sorted};

const KEYS: usize = 100_000;
const ROUNDS: usize = 300_000;
const CHARGES: usize = 1_000;

pub(crate) fn run() {
    println!("\nletting a caller in, {KEYS} keys, in process");
    let home = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let random = Arc::new(SeededRandom::new(1));
    let options = ControlOptions {
        clock: Arc::new(ManualClock::new(
            Timestamp::from_microsecond(1_700_000_000_000_000).unwrap(),
        )),
        random: random.clone(),
        pepper: Pepper::generate(random.as_ref()),
    };
    let control = runtime
        .block_on(Control::open(&home.path().join("control.sqlite"), options))
        .unwrap();
    let master = runtime.block_on(control.bootstrap()).unwrap().unwrap();
    let access = control
        .authenticate(&master, &Circumstances::unknown())
        .unwrap();
    let admin = access.permit::<Admin>(On::Project).unwrap();
    let limits = KeyLimits {
        requests_per_second: NonZeroU32::new(1_000),
        concurrent_queries: NonZeroU32::new(4),
        core: Some(Allowance {
            amount: 1_000_000_000,
            period: Period::Month,
        }),
        premium: None,
    };
    let start = Instant::now();
    let tokens: Vec<String> = (0..KEYS)
        .map(|n| {
            let draft = KeyDraft {
                name: format!("key {n}"),
                description: String::new(),
                kind: KeyKind::Secret,
                grants: Vec::new(),
                expires_at: None,
                restrictions: Restrictions::NONE,
                limits,
                rotate_after: None,
                dialect: None,
            };
            let (_, secret) = runtime.block_on(control.create_key(&admin, draft)).unwrap();
            secret.reveal().to_owned()
        })
        .collect();
    println!(
        "{:>12.1} µs to make a key, durably",
        start.elapsed().as_secs_f64() * 1e6 / 100_000.0
    );
    let times = (0..ROUNDS).map(|n| {
        let text = &tokens[n * 7_919 % KEYS];
        let start = Instant::now();
        let secret = Secret::parse(text).unwrap();
        let access = control
            .authenticate(&secret, &Circumstances::unknown())
            .unwrap();
        let entered = control.meter(&access, true).unwrap();
        let reserved = control.reserve(&access, Tier::Core, 1).unwrap();
        let time = start.elapsed().as_secs_f64() * 1e6;
        drop((entered, reserved));
        time
    });
    let times = sorted(times.collect());
    println!(
        "{:>12.2} µs p50 {:>9.2} µs p99 for parse, look-up, comparison, access, rate, place and credits set aside",
        at_share(&times, 0.5),
        at_share(&times, 0.99)
    );
    charges(&control, &runtime, &tokens);
}

/// What a call by a key with credits waits for before it is answered.
fn charges(control: &Control, runtime: &Runtime, tokens: &[String]) {
    let times = (0..CHARGES).map(|n| {
        let secret = Secret::parse(&tokens[n * 7_919 % KEYS]).unwrap();
        let access = control
            .authenticate(&secret, &Circumstances::unknown())
            .unwrap();
        let start = Instant::now();
        let reserved = control.reserve(&access, Tier::Core, 1).unwrap();
        runtime.block_on(control.charge(reserved, 1)).unwrap();
        start.elapsed().as_secs_f64() * 1e6
    });
    let times = sorted(times.collect());
    println!(
        "{:>12.2} µs p50 {:>9.2} µs p99 for a charge on stable storage, one at a time",
        at_share(&times, 0.5),
        at_share(&times, 0.99)
    );
}
