//! `tidegate keys derive`: a derived token, made without the server.

use model::keys::Envelope;
use model::limits::DERIVED_SECONDS_MAX;
use model::random::RandomSource;
use model::time::{Clock, Span};
use serde_json::{Value, json};

use crate::cli::{ClientArgs, DeriveKey};
use crate::client::{Place, TokenPlaces};
use crate::clock::SystemClock;
use crate::commands::filters::parse_condition;
use crate::commands::{CommandError, environment};
use crate::output;
use crate::random::SystemRandom;

/// Random bytes of an id.
const ID_BYTES: usize = 16;

/// Signs a token and prints it.
///
/// # Errors
/// When there is no key's token, or it cannot say what is asked for.
pub(super) fn run(args: &DeriveKey, client: &ClientArgs) -> Result<(), CommandError> {
    let usage = |text: String| CommandError::Usage(text);
    let file = client.token_file.clone().map(Place::File);
    let named = file.or_else(|| client.token_from.clone());
    let found = TokenPlaces::gather(named, &environment)?.find(&environment)?;
    let found = found.ok_or_else(|| {
        usage("there is no token to derive from; name its file with --token-file".to_owned())
    })?;
    if let Some(warning) = &found.warning {
        output::note(&format!("warning: {warning}"));
    }
    let secret = found.token.secret();
    let secret =
        secret.ok_or_else(|| usage("what was found is not the token of a key".to_owned()))?;
    let claims = claims(args)?;
    let claims = model::json::parse(claims.to_string().as_bytes());
    let claims = claims.map_err(|fault| usage(fault.to_string()))?;
    let token = Envelope::derive(&secret, &claims).map_err(|fault| usage(fault.to_string()))?;
    Ok(output::line(&token)?)
}

fn claims(args: &DeriveKey) -> Result<Value, CommandError> {
    let life = Span::parse(&args.life).map(|span| span.as_duration().as_secs());
    let life = life.and_then(|seconds| i64::try_from(seconds).ok());
    let life = life.filter(|seconds| (1..=DERIVED_SECONDS_MAX).contains(seconds));
    let life =
        life.ok_or_else(|| CommandError::Usage("--for is from 1s to 24h, such as 15m".to_owned()))?;
    let mut drawn = [0_u8; ID_BYTES];
    SystemRandom.fill(&mut drawn);
    let drawn: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
    let now = SystemClock.now().as_microsecond().div_euclid(1_000_000);
    let ends = now + life;
    let mut claims = json!({
        "aud": args.project, "iat": now, "exp": ends, "jti": format!("{ends}-{drawn}"),
        "grants": "all_grants",
    });
    if !args.grants.is_empty() {
        let grants = args.grants.iter().map(|id| json!({ "id": id }));
        claims["grants"] = grants.collect();
    }
    if !args.constraints.is_empty() {
        let filters: Result<Vec<_>, _> = args
            .constraints
            .iter()
            .map(|text| parse_condition(text))
            .collect();
        claims["constraints"] = filters?.into();
    }
    if !args.denied.is_empty() {
        claims["fields"] = json!({ "deny": args.denied });
    }
    for (name, list) in [
        ("ip_ranges", &args.ip_ranges),
        ("allowed_domains", &args.allowed_domains),
    ] {
        if !list.is_empty() {
            claims["restrictions"][name] = json!(list);
        }
    }
    if let Some(limit) = args.requests_per_second {
        claims["limits"]["requests_per_second"] = limit.into();
    }
    for (name, amount) in [
        ("core", args.core_credits),
        ("premium", args.premium_credits),
    ] {
        if let Some(amount) = amount {
            claims["limits"]["credits"][name] = amount.into();
        }
    }
    Ok(claims)
}
