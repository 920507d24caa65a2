//! Request bodies that are refused before they have arrived.
//!
//! A connection that is closed while its client still sends is reset, and a
//! reset takes the answer away from a client that has not read it yet. So what
//! nobody reads is received and thrown away for a while.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::poll_fn;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use model::limits::BODY_BYTES_MAX;

/// How long a body that nobody reads may pause.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a body is thrown away at most.
const WHOLE: Duration = Duration::from_secs(10);

/// A request's body. When it is dropped before its end, the rest is received
/// and thrown away: at most [`BODY_BYTES_MAX`] bytes of it.
#[derive(Debug)]
pub(super) struct Lingering(Option<Incoming>);

impl Lingering {
    /// The body as it arrives.
    pub(super) fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl Body for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let rest = self.0.take().filter(|body| !body.is_end_stream());
        if let (Some(rest), Ok(runtime)) = (rest, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(WHOLE, throw_away(rest)));
        }
    }
}

async fn throw_away(mut body: Incoming) {
    let mut room = BODY_BYTES_MAX;
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let Ok(Some(Ok(frame))) = tokio::time::timeout(PAUSE, frame).await else {
            return;
        };
        let length = frame.data_ref().map_or(0, Bytes::len);
        match room.checked_sub(length) {
            Some(left) => room = left,
            None => return,
        }
    }
}
