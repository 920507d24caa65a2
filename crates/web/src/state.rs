//! What every handler is given.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use control::Control;
use http::HeaderValue;
use model::ids::{KeyId, ProjectId};
use model::limits::BODY_BYTES_MAX;
use model::random::RandomSource;
use model::tickets::TicketKey;
use model::time::Clock;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::caller::Unverified;
use crate::cells::Cells;
use crate::console::{Handing, SECOND_CLICK};
use crate::cursors::CursorKey;
use crate::keen::Places;
use crate::kept::KeptAnswers;
use crate::metrics::Registry;
use crate::plane::DataPlane;

/// How long a body may pause before its connection is closed.
pub const BODY_IDLE_MAX: Duration = Duration::from_secs(10);

/// Bytes of bodies that are being received or read at one time, over all
/// requests; what does not fit is refused as busy.
pub const BODIES_BYTES_MAX: usize = 512 << 20;

/// How much of [`BODIES_BYTES_MAX`] the bodies of one key may take, so that no
/// key keeps the others out: two bodies of the largest size.
pub(crate) const KEY_BODIES_BYTES_MAX: usize = BODIES_BYTES_MAX / 4;

/// Bytes of large bodies whose records are read or stored at one time; others
/// wait. What is made of a body takes many times its bytes: two bodies of the
/// largest size, or a few dozen of the usual one, of which some are read while
/// others wait for the disk.
pub(crate) const LARGE_BODIES_BYTES: usize = 2 * BODY_BYTES_MAX;

/// The same beside little memory; one that is larger is read alone.
const LARGE_BODIES_BYTES_LEAST: usize = 8 << 20;

/// How many bytes of records may be in memory for one of large bodies that are
/// read or stored at one time.
const RECORD_BYTES_EACH: u64 = 16;

/// What the wire needs of the house. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// Who may do what.
    pub control: Arc<Control>,
    /// The rows.
    pub plane: Arc<dyn DataPlane>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids and the nonces of cursors and tickets.
    pub random: Arc<dyn RandomSource>,
    /// The version that `/v1/version` and the metrics name.
    pub version: &'static str,
    /// The threads that work on large bodies, and answer no requests.
    pub threads: Handle,
    pub(crate) cursors: Arc<CursorKey>,
    pub(crate) tickets: Arc<TicketKey>,
    pub(crate) kept: Arc<KeptAnswers>,
    pub(crate) cells: Arc<Cells>,
    pub(crate) metrics: Arc<Registry>,
    pub(crate) bodies: Arc<Semaphore>,
    /// The same for each key that is sending something.
    pub(crate) bodies_of_keys: Arc<Mutex<HashMap<KeyId, Weak<Semaphore>>>>,
    pub(crate) large_bodies: Arc<Semaphore>,
    /// The bytes that it is for.
    pub(crate) large_bodies_bytes: usize,
    pub(crate) unverified: Arc<Unverified>,
    pub(crate) body_idle: Duration,
    /// Pages of the console that are shown once, on their way.
    pub(crate) handing: Arc<Handing>,
    /// How long after a form a second click may come.
    pub(crate) second_click: Duration,
    /// Held by whoever brings usage of a project to its pool: what is older never comes later.
    pub(crate) publishing: Arc<Mutex<HashMap<ProjectId, Weak<tokio::sync::Mutex<()>>>>>,
    pub(crate) places: Option<Arc<Places>>,
    /// Whether answers say where their key stands with its rate.
    pub(crate) rate_headers: bool,
    /// How long browsers are to come by TLS alone, as the header says it.
    pub(crate) strict_transport: Option<HeaderValue>,
    ready: Arc<AtomicBool>,
}

impl AppState {
    /// A state that is not ready yet: `/readyz` says no until
    /// [`AppState::set_ready`].
    pub fn new(
        control: Arc<Control>,
        plane: Arc<dyn DataPlane>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn RandomSource>,
        version: &'static str,
        threads: Handle,
    ) -> Self {
        let cursors = Arc::new(CursorKey::new(control.pepper()));
        let tickets = Arc::new(TicketKey::since(control.pepper(), control.clock_accepted()));
        Self {
            control,
            plane,
            clock,
            random,
            version,
            threads,
            cursors,
            tickets,
            kept: Arc::default(),
            cells: Arc::default(),
            metrics: Arc::default(),
            bodies: Arc::new(Semaphore::new(BODIES_BYTES_MAX)),
            bodies_of_keys: Arc::default(),
            large_bodies: Arc::new(Semaphore::new(LARGE_BODIES_BYTES)),
            large_bodies_bytes: LARGE_BODIES_BYTES,
            unverified: Arc::default(),
            body_idle: BODY_IDLE_MAX,
            handing: Arc::default(),
            second_click: SECOND_CLICK,
            publishing: Arc::default(),
            places: None,
            rate_headers: false,
            strict_transport: None,
            ready: Arc::default(),
        }
    }

    /// The same state that knows where addresses are, for `keen:ip_to_geo`.
    #[must_use]
    pub fn with_places(mut self, places: Places) -> Self {
        self.places = Some(Arc::new(places));
        self
    }

    /// The same state beside a data plane that may hold so many bytes of records
    /// in memory: what bodies become on their way there is in proportion.
    #[must_use]
    pub fn with_record_bytes(mut self, bytes: u64) -> Self {
        let share = usize::try_from(bytes / RECORD_BYTES_EACH).unwrap_or(usize::MAX);
        self.large_bodies_bytes = share.clamp(LARGE_BODIES_BYTES_LEAST, LARGE_BODIES_BYTES);
        self.large_bodies = Arc::new(Semaphore::new(self.large_bodies_bytes));
        self
    }

    /// The same state whose answers say where their key stands with its rate.
    #[must_use]
    pub fn with_rate_headers(mut self, rate_headers: bool) -> Self {
        self.rate_headers = rate_headers;
        self
    }

    /// The same state whose answers tell browsers for how long they are to come
    /// by TLS alone; to this host, and to none below it.
    #[must_use]
    pub fn with_strict_transport(mut self, period: Option<Duration>) -> Self {
        self.strict_transport = period.map(|period| {
            let text = format!("max-age={}", period.as_secs());
            HeaderValue::from_str(&text).expect("a number is visible ASCII")
        });
        self
    }

    /// Lets go of pages of the console that are shown once, and of the answers
    /// that lead there, when their minute is over. For a timer.
    pub fn let_go_of_pages(&self) {
        self.handing.let_go(self.clock.now());
    }

    /// Says whether the server takes requests, for `/readyz`; all clones of
    /// the state say the same.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Whether the server takes requests.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}
