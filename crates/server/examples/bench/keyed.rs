//! The time to let in a caller who signs by HMAC, in memory and with the
//! signature on stable storage.

use std::fmt::Write as _;
use std::time::Instant;

use control::SignedError;
use model::keys::{KeyedHead, KeyedRequest};
use model::permit::Access;
use model::secrets::{Secret, SigningSecret};
use model::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::auth::{Many, NOW, micros, seen};

/// Keys that have a signing secret.
const SIGNING: usize = 200;
/// [`NOW`], as these clients write it.
const DATE: &str = "20231114T221320Z";
const DAY: &str = "20231114";
const HOST: &str = "data.example.com";
const PATH: &str = "/v1/views/sales_by_day/data";

/// A request of a client, each with another query.
struct Signed {
    query: String,
    authorization: String,
}

impl Signed {
    fn by(secret: &SigningSecret, number: usize) -> Self {
        let query = format!("timeframe=this_14_days&limit={number}");
        let headers = "host;x-iex-date";
        let body = hex(&Sha256::digest(b""));
        let canonical =
            format!("GET\n{PATH}\n{query}\nhost:{HOST}\nx-iex-date:{DATE}\n\n{headers}\n{body}");
        let scope = format!("{DAY}/iex_request");
        let canonical = hex(&Sha256::digest(canonical));
        let text = format!("IEX-HMAC-SHA256\n{DATE}\n{scope}\n{canonical}");
        let of_day = hex(&mac(secret.reveal().as_bytes(), DAY.as_bytes()));
        let key = hex(&mac(of_day.as_bytes(), b"iex_request"));
        let signature = hex(&mac(key.as_bytes(), text.as_bytes()));
        let authorization = format!(
            "IEX-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={headers}, Signature={signature}",
            secret.id()
        );
        Self {
            query,
            authorization,
        }
    }

    fn read(&self, body: [u8; 32]) -> KeyedRequest<'_> {
        let head = KeyedHead {
            method: "GET",
            host: HOST,
            path: PATH,
            query: &self.query,
            authorization: &self.authorization,
            date: Some(DATE),
            body,
        };
        let now = Timestamp::from_microsecond(NOW * 1_000_000).unwrap();
        KeyedRequest::read(head, now).unwrap()
    }
}

/// HMAC with SHA-256, of keys that are no longer than a block.
fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut block = [0_u8; BLOCK];
    match key.len() > BLOCK {
        true => block[..32].copy_from_slice(&Sha256::digest(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner);
    outer.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The look-up, the verification and the rights, in memory; and all of it with the
/// signature spent, on stable storage, one at a time.
pub(crate) fn keyed(many: &Many, calls: usize, synced: usize) -> [Vec<f64>; 2] {
    let count = SIGNING.min(many.tokens.len());
    let secrets: Vec<(Access, SigningSecret)> = many.tokens[..count]
        .iter()
        .map(|token| {
            let secret = Secret::parse(token).unwrap();
            let access = many.control.authenticate(&secret, &seen()).unwrap();
            let making = many.control.make_signing_secret(&many.admin, access.key());
            let (_, signing) = many.runtime.block_on(making).unwrap();
            (access, signing)
        })
        .collect();
    let body: [u8; 32] = Sha256::digest(b"").into();
    let now = many.control.clock().now();
    let verified = (0..calls).map(|call| {
        let (access, secret) = &secrets[call % count];
        let definitions = many.control.definitions(access.project());
        let key = definitions.key(access.key()).unwrap();
        let signed = Signed::by(secret, call);
        let start = Instant::now();
        let request = signed.read(body);
        let unspent = key.verify_keyed(&request, many.control.pepper(), &seen(), now);
        let unspent = unspent.unwrap();
        let time = micros(start);
        drop(unspent);
        time
    });
    let verified = verified.collect();
    let spent = (0..synced).map(|call| {
        let signed = Signed::by(&secrets[call % count].1, call);
        let start = Instant::now();
        let (request, seen) = (signed.read(body), seen());
        let admit = |_: &Access| Ok::<(), SignedError>(());
        let entering = many
            .control
            .authenticate_keyed(&request, &seen, None, admit);
        many.runtime.block_on(entering).unwrap();
        micros(start)
    });
    [verified, spent.collect()]
}
