//! The time to let a caller in, with many keys, part by part.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use control::{Control, ControlOptions, SignedError};
use model::credits::{Allowance, Period, Tier};
use model::json;
use model::keys::{
    AllowedDomains, Circumstances, Envelope, IpRanges, KeyDraft, KeyKind, KeyLimits, Restrictions,
    Said, SignedHead, SignedRequest,
};
use model::permit::{Access, Admin, On, Permit};
use model::random::SeededRandom;
use model::secrets::{Pepper, Secret};
use model::time::{ManualClock, Timestamp};
use tokio::runtime::Runtime;

use crate::keyed::keyed;
use crate::report::Table;
use crate::stats::{at_share, sorted};

const KEYS: usize = 100_000;
const KEYS_SHORT: usize = 500;
const CALLS: usize = 300_000;
const CALLS_SHORT: usize = 1_000;
/// Calls that wait for the disk.
const SYNCED: usize = 1_000;
const SYNCED_SHORT: usize = 50;
/// Derived tokens, as many as are known to be good at a time.
const DERIVED: usize = 1_000;
/// Seconds since 1970 in which all of it happens.
pub(crate) const NOW: i64 = 1_700_000_000;

/// A control plane with many keys.
pub(crate) struct Many {
    pub(crate) control: Control,
    pub(crate) runtime: Runtime,
    pub(crate) tokens: Vec<String>,
    pub(crate) admin: Permit<Admin>,
    made_in: f64,
    _home: tempfile::TempDir,
}

/// Microseconds that a bearer key may take, of 100 calls the last but one.
const WHOLE_P99_MAX: f64 = 50.0;

/// Each step of a caller's way in, and what of it waits for the disk; and what
/// is said when a bearer key takes longer than it may.
pub(crate) fn run(many: &Many, short: bool) -> (Table, Option<String>) {
    let calls = if short { CALLS_SHORT } else { CALLS };
    let synced = if short { SYNCED_SHORT } else { SYNCED };
    let [known, metered, reserved, whole] = bearer(many, calls);
    let p99 = at_share(&sorted(whole.clone()), 0.99);
    let missed = (p99 > WHOLE_P99_MAX).then(|| {
        format!("letting a bearer key in took {p99:.2} µs (p99), {WHOLE_P99_MAX} at most")
    });
    let [first, again] = derived(many, calls / 3, calls.min(DERIVED));
    let [by_hmac, by_hmac_spent] = keyed(many, calls / 10, synced);
    let rows = vec![
        row(
            "bearer key: parse, look-up, comparison, address, page, rights",
            known,
        ),
        row("rate and place among concurrent questions", metered),
        row("a credit set aside", reserved),
        row("**the three, in memory**", whole),
        row(
            "derived token, the first time: look-up, verification, rights, rate, place and credits",
            first,
        ),
        row("**the same, again**", again),
        row(
            "signed request: parse, look-up, verification, rights, in memory",
            signed(many, calls / 10),
        ),
        row(
            "signed request, its nonce on stable storage, one at a time",
            signed_and_spent(many, synced),
        ),
        row(
            "request signed by HMAC: parse, look-up, verification, rights, in memory",
            by_hmac,
        ),
        row(
            "request signed by HMAC, its signature on stable storage, one at a time",
            by_hmac_spent,
        ),
        row(
            "a charge on stable storage, one at a time",
            charged(many, synced),
        ),
    ];
    let table = Table {
        title: format!("Letting a caller in, {} keys", many.tokens.len()),
        text: format!(
            "In process. Each key has a range of addresses, an allowed domain, a limit of requests a second and of concurrent \
             queries, and credits; {calls} calls, each of another key. Making a key took {:.0} µs, \
             durable, audited and in force.",
            many.made_in
        ),
        columns: vec!["", "p50 µs", "p99 µs"],
        rows,
    };
    (table, missed)
}

fn row(name: &str, times: Vec<f64>) -> Vec<String> {
    let times = sorted(times);
    let at = |share| format!("{:.2}", at_share(&times, share));
    vec![name.to_owned(), at(0.5), at(0.99)]
}

impl Many {
    /// Makes the keys.
    pub(crate) fn new(short: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let random = Arc::new(SeededRandom::new(1));
        let now = Timestamp::from_microsecond(NOW * 1_000_000).unwrap();
        let options = ControlOptions {
            clock: Arc::new(ManualClock::new(now)),
            random: random.clone(),
            pepper: Pepper::generate(random.as_ref()),
        };
        let file = home.path().join("control.sqlite");
        let control = runtime.block_on(Control::open(&file, options)).unwrap();
        let master = runtime.block_on(control.bootstrap()).unwrap().unwrap();
        let access = control.authenticate(&master, &seen()).unwrap();
        let admin = access.permit::<Admin>(On::Project).unwrap();
        let start = Instant::now();
        let keys = if short { KEYS_SHORT } else { KEYS };
        let tokens: Vec<String> = (0..keys)
            .map(|n| make(&control, &runtime, &admin, n))
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let made_in = start.elapsed().as_secs_f64() * 1e6 / keys as f64;
        Self {
            control,
            runtime,
            tokens,
            admin,
            made_in,
            _home: home,
        }
    }

    /// Another key's token each time, in an order that no cache likes.
    fn token(&self, call: usize) -> &str {
        &self.tokens[call * 7_919 % self.tokens.len()]
    }
}

fn make(control: &Control, runtime: &Runtime, admin: &Permit<Admin>, n: usize) -> String {
    let draft = KeyDraft {
        name: format!("key {n}"),
        description: String::new(),
        kind: KeyKind::Secret,
        grants: Vec::new(),
        expires_at: None,
        restrictions: Restrictions {
            ip_ranges: Some(
                IpRanges::parse(&["10.0.0.0/8".into(), "2001:db8::/32".into()]).unwrap(),
            ),
            allowed_domains: Some(AllowedDomains::parse(&["*.example.com".into()]).unwrap()),
            signed_requests: false,
        },
        limits: KeyLimits {
            requests_per_second: NonZeroU32::new(1_000),
            concurrent_queries: NonZeroU32::new(4),
            core: Some(Allowance {
                amount: 1_000_000_000,
                period: Period::Month,
            }),
            premium: None,
        },
        rotate_after: None,
        derived_tokens: true,
        issued_by: None,
        dialect: None,
    };
    let (_, secret) = runtime.block_on(control.create_key(admin, draft)).unwrap();
    secret.reveal().to_owned()
}

/// A request that all keys let in.
pub(crate) fn seen() -> Circumstances<'static> {
    Circumstances::from_address(Some(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3))))
        .of_page(Said::Nothing, Said::Text("https://www.example.com/report"))
        .by_agent(Some("bench/1"))
}

pub(crate) fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

/// Who it is, what of the key's rate it takes, a credit; and all of it.
fn bearer(many: &Many, calls: usize) -> [Vec<f64>; 4] {
    let mut times: [Vec<f64>; 4] = Default::default();
    for call in 0..calls {
        let text = many.token(call);
        let start = Instant::now();
        let secret = Secret::parse(text).unwrap();
        let access = many.control.authenticate(&secret, &seen()).unwrap();
        let known = micros(start);
        let entered = many.control.meter(&access, true).unwrap();
        let metered = micros(start);
        let reserved = many.control.reserve(&access, Tier::Core, 1).unwrap();
        let whole = micros(start);
        drop((entered, reserved));
        let steps = [known, metered - known, whole - metered, whole];
        times
            .iter_mut()
            .zip(steps)
            .for_each(|(times, step)| times.push(step));
    }
    times
}

/// Derived tokens, each when it comes first and when its signature is known to
/// be good, with all that a bearer key's way takes.
fn derived(many: &Many, calls: usize, tokens: usize) -> [Vec<f64>; 2] {
    let master = many.token(0);
    let master = Secret::parse(master).unwrap();
    let project = many
        .control
        .authenticate(&master, &seen())
        .unwrap()
        .project();
    let made: Vec<String> = (0..tokens)
        .map(|n| {
            let secret = Secret::parse(many.token(n)).unwrap();
            let ends = NOW + 900;
            let claims = format!(
                r#"{{"aud":"{project}","iat":{NOW},"exp":{ends},"jti":"{ends}-{n:0>16}","grants":"all_grants",
                "limits":{{"requests_per_second":1000,"credits":{{"core":1000000}}}}}}"#
            );
            Envelope::derive(&secret, &json::parse(claims.as_bytes()).unwrap()).unwrap()
        })
        .collect();
    let let_in = |token: &String| {
        let start = Instant::now();
        let access = many.control.authenticate_derived(token, &seen()).unwrap();
        let entered = many.control.meter(&access, true).unwrap();
        let reserved = many.control.reserve(&access, Tier::Core, 1).unwrap();
        let time = micros(start);
        drop((entered, reserved));
        time
    };
    let first = made.iter().map(let_in).collect();
    let again = (0..calls).map(|call| let_in(&made[call * 79 % tokens]));
    [first, again.collect()]
}

/// The headers of a signed `GET`.
struct Signed {
    input: String,
    signature: String,
    digest: String,
}

const HOST: &str = "data.example.com";
const PATH: &str = "/v1/views/sales_by_day/data?timeframe=this_14_days";

impl Signed {
    fn by(secret: &Secret, nonce: usize) -> Self {
        use sha2::Digest;
        let digest = STANDARD.encode(sha2::Sha256::digest(b""));
        let digest = format!("sha-256=:{digest}:");
        let params = format!(
            "(\"@method\" \"@target-uri\" \"content-digest\");created={NOW};nonce=\"{nonce:020}\";keyid=\"{}\"",
            secret.id()
        );
        let base = format!(
            "\"@method\": GET\n\"@target-uri\": https://{HOST}{PATH}\n\"content-digest\": {digest}\n\
             \"@signature-params\": {params}"
        );
        let signature = STANDARD.encode(secret.sign(base.as_bytes()));
        Self {
            input: format!("sig={params}"),
            signature: format!("sig=:{signature}:"),
            digest,
        }
    }

    fn read(&self) -> SignedRequest<'_> {
        let head = SignedHead {
            method: "GET",
            authority: HOST,
            path_and_query: PATH,
            content_type: None,
            content_digest: Some(&self.digest),
            signature_input: &self.input,
            signature: Some(&self.signature),
        };
        let now = Timestamp::from_microsecond(NOW * 1_000_000).unwrap();
        SignedRequest::read(head, now).unwrap()
    }
}

/// Without the nonce, of which nothing is remembered here.
fn signed(many: &Many, calls: usize) -> Vec<f64> {
    let now = many.control.clock().now();
    let times = (0..calls).map(|call| {
        let secret = Secret::parse(many.token(call)).unwrap();
        let access = many.control.authenticate(&secret, &seen()).unwrap();
        let definitions = many.control.definitions(access.project());
        let key = definitions.key(access.key()).unwrap();
        let signed = Signed::by(&secret, call);
        let start = Instant::now();
        let request = signed.read();
        let unspent = key.verify_signed(&request, &seen(), now).unwrap();
        let time = micros(start);
        drop(unspent);
        time
    });
    times.collect()
}

fn signed_and_spent(many: &Many, calls: usize) -> Vec<f64> {
    let times = (0..calls).map(|call| {
        let secret = Secret::parse(many.token(call)).unwrap();
        let signed = Signed::by(&secret, call);
        let start = Instant::now();
        let request = signed.read();
        let seen = seen();
        let admit = |_: &Access| Ok::<(), SignedError>(());
        let entering = many
            .control
            .authenticate_signed(&request, &seen, None, admit);
        many.runtime.block_on(entering).unwrap();
        micros(start)
    });
    times.collect()
}

/// What a call by a key with credits waits for before it is answered.
fn charged(many: &Many, calls: usize) -> Vec<f64> {
    let times = (0..calls).map(|call| {
        let secret = Secret::parse(many.token(call)).unwrap();
        let access = many.control.authenticate(&secret, &seen()).unwrap();
        let start = Instant::now();
        let reserved = many.control.reserve(&access, Tier::Core, 1).unwrap();
        many.runtime
            .block_on(many.control.charge(reserved, 1))
            .unwrap();
        micros(start)
    });
    times.collect()
}
