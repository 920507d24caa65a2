//! Bodies on their way in, within the room that all of them have.

use std::sync::{Arc, PoisonError, Weak};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use model::ids::KeyId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller::refusal_of;
use crate::error::{ApiError, Code};
use crate::state::{AppState, KEY_BODIES_BYTES_MAX};

/// A body that was received, with the room that it takes of what all bodies
/// may take together.
#[derive(Debug)]
pub(crate) struct Received {
    /// The bytes as they were sent.
    pub(crate) bytes: Bytes,
    _room: Room,
}

/// Room for bytes of bodies: of all, and of those of one key.
#[derive(Debug)]
struct Room {
    of_all: OwnedSemaphorePermit,
    of_key: Option<OwnedSemaphorePermit>,
}

impl Room {
    fn merge(&mut self, more: Self) {
        self.of_all.merge(more.of_all);
        match (&mut self.of_key, more.of_key) {
            (Some(held), Some(more)) => held.merge(more),
            (held, more) => *held = held.take().or(more),
        }
    }
}

/// Bytes of a body that are made room for before they come.
const ANNOUNCED_BYTES_MAX: usize = 4 << 20;

/// Receives a whole body of at most `limit` bytes from the holder of a key.
///
/// # Errors
/// [`Code::LimitExceeded`] as 413, [`Code::BodyTimeout`] when the body pauses
/// for too long, [`Code::Busy`] when too many bodies are being received, of
/// all callers or of this one.
pub(crate) async fn receive(
    body: Body,
    limit: usize,
    sender: Option<KeyId>,
    state: &AppState,
) -> Result<Received, ApiError> {
    let announced = axum::body::HttpBody::size_hint(&body).lower();
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    // Room that is never written to costs nothing.
    let mut bytes = BytesMut::with_capacity(announced.min(limit).min(ANNOUNCED_BYTES_MAX));
    let of_key = sender.map(|key| room_of(state, key));
    let mut room = take_room(state, of_key.as_ref(), 0)?;
    each_piece(body, limit, state, |data| {
        room.merge(take_room(state, of_key.as_ref(), data.len())?);
        bytes.extend_from_slice(&data);
        Ok(())
    })
    .await?;
    Ok(Received {
        bytes: bytes.freeze(),
        _room: room,
    })
}

/// Shows each piece of a body of at most `limit` bytes as it comes.
///
/// # Errors
/// As for [`receive`], and those of `take`.
pub(crate) async fn each_piece(
    mut body: Body,
    limit: usize,
    state: &AppState,
    mut take: impl FnMut(Bytes) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let too_large = || {
        let detail = format!("a body here has at most {limit} bytes");
        ApiError::new(Code::LimitExceeded, detail).of_body()
    };
    let announced = axum::body::HttpBody::size_hint(&body).lower();
    if usize::try_from(announced).is_ok_and(|announced| announced > limit) {
        return Err(too_large());
    }
    let mut came = 0_usize;
    loop {
        let frame = tokio::time::timeout(state.body_idle, body.frame()).await;
        let frame = frame.map_err(|_| {
            let seconds = state.body_idle.as_secs();
            ApiError::new(
                Code::BodyTimeout,
                format!("nothing more of the body came for {seconds} s"),
            )
        })?;
        let Some(frame) = frame else {
            return Ok(());
        };
        let frame = frame.map_err(|error| {
            refusal_of(&error).unwrap_or_else(|| {
                ApiError::new(Code::MalformedBody, "the body ended before it was complete")
            })
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        came += data.len();
        if came > limit {
            return Err(too_large());
        }
        take(data)?;
    }
}

/// The room of one key's bodies; it is forgotten when none of them is left.
pub(super) fn room_of(state: &AppState, key: KeyId) -> Arc<Semaphore> {
    let all = state.bodies_of_keys.lock();
    let mut all = all.unwrap_or_else(PoisonError::into_inner);
    if let Some(room) = all.get(&key).and_then(Weak::upgrade) {
        return room;
    }
    all.retain(|_, room| room.strong_count() > 0);
    let room = Arc::new(Semaphore::new(KEY_BODIES_BYTES_MAX));
    all.insert(key, Arc::downgrade(&room));
    room
}

fn take_room(
    state: &AppState,
    of_key: Option<&Arc<Semaphore>>,
    bytes: usize,
) -> Result<Room, ApiError> {
    let busy = || {
        ApiError::from(crate::plane::PlaneError::Busy {
            retry_after: std::time::Duration::from_secs(1),
        })
    };
    let wanted = u32::try_from(bytes).map_err(|_| busy())?;
    let take = |room: &Arc<Semaphore>| {
        let taken = room.clone().try_acquire_many_owned(wanted);
        taken.map_err(|_| busy())
    };
    Ok(Room {
        of_key: of_key.map(take).transpose()?,
        of_all: take(&state.bodies)?,
    })
}
