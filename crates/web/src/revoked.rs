//! Questions end with the key that asks them (K5): within a second of what
//! ends the key, be it a change or the clock, with whatever they had to say.
//!
//! A question that is given up is dropped, and its work in the data plane ends
//! with it. Changes are not given up: what has begun is carried out and
//! answered truthfully.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use control::{Ended, Refusal};
use futures::StreamExt;
use model::permit::Access;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::ApiError;
use crate::metering::LetIn;
use crate::state::AppState;

/// How often the clock is asked whether it has ended the key.
const LOOK_PERIOD: Duration = Duration::from_millis(500);

/// Answers a question as long as its caller may ask it.
pub(crate) async fn while_let_in(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let let_in = request.extensions().get::<LetIn>().cloned();
    // Subscribed before anybody is let in: no change is missed in between.
    let mut watch = Watch {
        changes: state.control.watch_keys(),
        state,
    };
    let access = || let_in.as_ref().and_then(LetIn::access).cloned();
    let response = tokio::select! {
        biased;
        response = next.run(request) => response,
        ended = watch.ended(access) => return ApiError::from(ended).into_response(),
    };
    match access() {
        // What the request holds of its key's limits is not held here.
        Some(access) => watch.over(response, access),
        None => response,
    }
}

struct Watch {
    changes: watch::Receiver<()>,
    state: AppState,
}

impl Watch {
    /// Returns when the caller may not go on, and never for one who may.
    async fn ended(&mut self, access: impl Fn() -> Option<Access>) -> Ended {
        loop {
            let changed = tokio::time::timeout(LOOK_PERIOD, self.changes.changed());
            if let Ok(Err(_)) = changed.await {
                // There is no control plane any more, and nobody to ask.
                return std::future::pending().await;
            }
            let still = access().map_or(Ok(()), |access| self.state.control.check_still(&access));
            if let Err(ended) = still {
                return ended;
            }
        }
    }

    /// The same answer; one that is streamed breaks off when the caller may
    /// not go on.
    fn over(mut self, response: Response, access: Access) -> Response {
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| {
            let shared = Arc::new(Mutex::new(Shared {
                rest: Ok(body.into_data_stream()),
                reader: None,
            }));
            let ended = Arc::clone(&shared);
            // A task of its own: a client that reads nothing must not keep
            // the work alive.
            let watching = tokio::spawn(async move {
                let why = self.ended(|| Some(access.clone())).await;
                lock(&ended).end(why);
            });
            let watched = Watched {
                shared,
                watching: watching.abort_handle(),
            };
            Body::from_stream(futures::stream::poll_fn(move |context| {
                watched.poll_next(context)
            }))
        })
    }
}

struct Shared {
    rest: Result<BodyDataStream, Ended>,
    reader: Option<Waker>,
}

impl Shared {
    /// Gives the rest of the answer up, and with it the work on it.
    fn end(&mut self, why: Ended) {
        self.rest = Err(why);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer that ends with the key of its reader.
struct Watched {
    shared: Arc<Mutex<Shared>>,
    watching: AbortHandle,
}

impl Watched {
    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        let mut shared = lock(&self.shared);
        shared.reader = Some(context.waker().clone());
        match &mut shared.rest {
            Ok(rest) => rest.poll_next_unpin(context),
            Err(why) => Poll::Ready(Some(Err(axum::Error::new(*why)))),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl From<Ended> for ApiError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::ShutOut(why) => why.into(),
            Ended::Changed => Refusal::CallerChanged.into(),
        }
    }
}

#[cfg(test)]
mod tests;
