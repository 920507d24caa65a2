//! Making tokens: new keys, copies and rolls. A token that does not arrive
//! where it should go is shown nowhere else; what was made is taken back.

use model::random::RandomSource as _;
use serde_json::{Value, json};

use super::{change_quietly, of, print_key};
use crate::cli::TokenTo;
use crate::client::{Body, Client, ClientError};
use crate::commands::CommandError;
use crate::commands::delivery::{Delivery, Undelivered};
use crate::output;
use crate::random::SystemRandom;

/// How long an old token goes on at least while the new one is on its way.
const GRACE_ON_THE_WAY: &str = "10m";

/// What the server made.
struct Made {
    key: Value,
    /// The answer that holds it was lost on its way if there is none.
    token: Option<String>,
}

/// Makes a key and hands its token over. The place is made ready before the
/// key, so that a token is never lost for want of one; a key whose token did
/// not arrive is deleted again.
///
/// # Errors
/// When the server refuses, or the token did not arrive.
pub(super) fn make(
    client: &Client,
    (keys, path): (&str, &str),
    body: &[u8],
    token_to: &TokenTo,
    json: bool,
) -> Result<(), CommandError> {
    let delivery = Delivery::prepare(token_to)?;
    let goes_elsewhere = !delivery.is_screen();
    let made = obtain(client, path, body)?;
    if let Some(undelivered) = hand_over(client, delivery, &made, json)? {
        return Err(delete(client, keys, &made.key, &undelivered));
    }
    show(client, goes_elsewhere, &made, json)
}

/// Makes a new token for a key and hands it over. A roll whose token did not
/// arrive is taken back, so the old token goes on until the new one is there.
///
/// # Errors
/// When the server refuses, or the token did not arrive.
pub(super) fn roll(
    client: &Client,
    (keys, id): (&str, &str),
    mut body: Value,
    token_to: &TokenTo,
    json: bool,
) -> Result<(), CommandError> {
    let delivery = Delivery::prepare(token_to)?;
    let goes_elsewhere = !delivery.is_screen();
    let ends_at_once = goes_elsewhere && is_nothing(&body["grace"]);
    if ends_at_once {
        body["grace"] = GRACE_ON_THE_WAY.into();
    }
    let key = of(keys, id);
    let path = format!("{key}/roll");
    let made = obtain(client, &path, body.to_string().as_bytes())?;
    if let Some(undelivered) = hand_over(client, delivery, &made, json)? {
        return Err(undo(client, (&key, id), &made.key, &undelivered));
    }
    if ends_at_once {
        let ended = change_quietly(client, &key, "end-grace", &json!({ "force": true }));
        ended.map_err(|error| {
            CommandError::Failed(format!(
                "the new token has arrived, but the old one goes on for ten minutes: {error}; end it: tidegate keys end-grace {id}"
            ))
        })?;
        output::note("the old token has ended");
    }
    show(client, goes_elsewhere, &made, json)
}

fn is_nothing(grace: &Value) -> bool {
    let number = grace
        .as_str()
        .map(|text| text.trim_end_matches(['s', 'm', 'h', 'd']));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b == b'0'))
}

/// Asks the server once, however often the request is sent: an answer that is
/// lost on its way leaves no key behind that nobody knows of.
fn obtain(client: &Client, path: &str, body: &[u8]) -> Result<Made, CommandError> {
    let mut name = [0; 16];
    SystemRandom.fill(&mut name);
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let send = || {
        let answer = client.post_once(path, Body::json(body), &name)?;
        serde_json::from_slice(&answer).map_err(|error| ClientError::Foreign {
            url: client.url().to_owned(),
            reason: error.to_string(),
        })
    };
    let mut key: Value = match send() {
        // Whatever comes now: nobody knows what became of the first.
        Err(error) if is_unheard(&error) => send().map_err(|error| {
            CommandError::Unreached(format!(
                "{error}; whether it was done is not known, and the token is lost: look with `tidegate keys list`, and delete the new key or take the roll back"
            ))
        })?,
        answer => answer?,
    };
    let token = key
        .as_object_mut()
        .and_then(|key| key.shift_remove("token"));
    let token = token.as_ref().and_then(Value::as_str).map(str::to_owned);
    Ok(Made { key, token })
}

/// Whether the server may have done what was asked without being heard: a
/// proxy may stand between.
pub(super) fn is_unheard(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } | ClientError::Foreign { .. } => true,
        ClientError::Refused(problem) => matches!(problem.status, 408 | 500 | 502..=504),
        _ => false,
    }
}

/// Brings the token to where it goes, the screen among these. What is answered
/// is why it did not arrive.
fn hand_over(
    client: &Client,
    delivery: Delivery,
    made: &Made,
    json: bool,
) -> Result<Option<Undelivered>, CommandError> {
    let Some(token) = &made.token else {
        let told = "the answer with the token was lost on its way".to_owned();
        return Ok(Some(Undelivered {
            error: Box::new(CommandError::Unreached(told)),
            may_be_there: false,
        }));
    };
    if !delivery.is_screen() {
        return Ok(delivery.deliver("the token", token).err());
    }
    let mut key = made.key.clone();
    if json {
        key["token"] = token.as_str().into();
    }
    print_key(client, key.to_string().as_bytes(), json)?;
    if !json {
        output::note("the token, shown this once; keep it secret:");
        output::line(token)?;
    }
    Ok(None)
}

/// Shows a key whose token went elsewhere: last, so that an output that fails
/// keeps nothing else from being done.
fn show(
    client: &Client,
    goes_elsewhere: bool,
    made: &Made,
    json: bool,
) -> Result<(), CommandError> {
    match goes_elsewhere {
        true => print_key(client, made.key.to_string().as_bytes(), json),
        false => Ok(()),
    }
}

/// Deletes a key whose token did not arrive, and says so. If it is there all
/// the same, it is of no use: nobody has had it before.
fn delete(client: &Client, keys: &str, key: &Value, why: &Undelivered) -> CommandError {
    let id = key.get("id").and_then(Value::as_str).unwrap_or_default();
    let error = &*why.error;
    told(
        error,
        match client.delete(&of(keys, id)) {
            Ok(_) => format!("{error}; the key {id} was deleted again"),
            Err(second) => format!(
                "{error}; the key {id} is there and its token is lost, delete it (tidegate keys delete {id}): {second}"
            ),
        },
    )
}

/// Takes a roll back whose token did not arrive, and says so. Where it may be
/// there, its readers may use it already: then both go on, and a person decides.
fn undo(
    client: &Client,
    (address, id): (&str, &str),
    key: &Value,
    why: &Undelivered,
) -> CommandError {
    let secrets = key.get("secrets").and_then(Value::as_array);
    let old = secrets
        .into_iter()
        .flatten()
        .find(|s| s["replaced"] == true);
    let until = old.and_then(|old| old["expires_at"].as_str());
    let until = until.map_or_else(String::new, |end| format!(" until {end}"));
    let error = &*why.error;
    if why.may_be_there {
        return told(
            error,
            format!(
                "{error}; whether the new token arrived is not known, and both tokens work{until}. Look there: if it did not arrive, take the roll back (tidegate keys undo-roll {id})"
            ),
        );
    }
    told(
        error,
        match change_quietly(client, address, "undo-roll", &json!({})) {
            Ok(()) => format!("{error}; the roll was taken back, and the old token goes on"),
            Err(_) if old.is_none() => format!(
                "{error}; the key {id} was rolled without a grace and its new token is lost: roll it again"
            ),
            Err(second) => format!(
                "{error}; the key {id} was rolled and its new token is lost. The old one goes on{until}: take the roll back before that (tidegate keys undo-roll {id}), which failed now: {second}"
            ),
        },
    )
}

/// The same kind of failure with other words.
pub(super) fn told(error: &CommandError, text: String) -> CommandError {
    match error {
        CommandError::File(_) => CommandError::File(text),
        CommandError::Unreached(_) => CommandError::Unreached(text),
        _ => CommandError::Failed(text),
    }
}
