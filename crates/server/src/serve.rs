//! A running server: settings in, listeners out.

mod accept;
mod addresses;
mod checkpoints;
mod descriptors;
mod error;
mod files;
mod identity;
mod linger;
mod listen;
mod log;
mod memory;
mod offline;
mod running;
mod scrub;
mod threads;
mod timers;
mod tokens;
mod upkeep;

pub(crate) use accept::FalseTime;
pub(crate) use error::ServeError;
pub(crate) use offline::{ControlFound, Offline};
pub(crate) use running::{RunningServer, start};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use control::{Control, ControlOptions};
use lake::disk::RealDisk;
use lake::{Environment, Lake, LakeOptions, RunOptions, TokenOptions};
use model::pools::Pool;
use model::random::RandomSource;
use model::secrets::Pepper;
use model::usage::{usage_pool, usage_pool_id};
use tokio::runtime::{Handle, Runtime};
use tokio_util::sync::CancellationToken;
use web::AppState;

use crate::clock::{SteadyClock, SystemClock};
use crate::config::ServeSettings;
use crate::plane::LakePlane;
use crate::random::SystemRandom;
use addresses::{Addresses, Listeners};
use checkpoints::Checkpoints;
use descriptors::Shares;
use files::{control_file, journal_directory, tables_directory};
use identity::Found;
use listen::{Door, accept};
use threads::Threads;
use tokens::Tokens;

/// How long running requests have to end at a shutdown.
const DRAIN_TIME: Duration = Duration::from_secs(20);
/// Connections of operators that are open at once; more wait.
const OPERATIONS_CONNECTIONS_MAX: usize = 64;
/// Bytes of a segment that one record may not take: its own head and marks.
const SEGMENT_RESERVE: u64 = 64 << 10;

/// The parts of an opened server.
struct House {
    control: Arc<Control>,
    lake: Arc<Lake>,
    tokens: Arc<Tokens>,
    state: AppState,
    checkpoints: Option<Checkpoints>,
}

/// Runs a server until the process is told to stop.
///
/// # Errors
/// Says which setting or file keeps the server from starting.
pub(crate) fn run(settings: ServeSettings) -> Result<(), ServeError> {
    log::start(&settings);
    if !settings.core_dumps {
        memory::keep_to_this_process()?;
    }
    let threads = Threads::start(settings.query_priority)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let opened = open(&settings, HandOver::ToPerson, threads.handle());
        let (addresses, house, token) = opened.await?;
        files::hand_over(token, &settings)?;
        // Taken before anybody is told that the server runs, so that it can be stopped from then on.
        let stopped = stop_signal()?;
        let listeners = addresses.listen()?;
        crate::output::note(&format!(
            "tidegate {} listens on {}; health and metrics on {}",
            env!("CARGO_PKG_VERSION"),
            listeners.describe(&settings),
            listeners.operations_address()?,
        ));
        let console = listeners.describe(&settings);
        crate::output::note(&format!("the console is at {console}/console"));
        serve(listeners, house, &settings, stopped).await
    })
}

/// Makes a new master key for a server that is not running, and removes
/// everybody who signs in when that is said; answers the key's token.
pub(crate) fn recover(
    data_dir: &Path,
    pepper: Option<&Path>,
    forget_people: bool,
) -> Result<String, ServeError> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let _lock = files::lock(data_dir)?;
        let pepper = files::existing_pepper(data_dir, pepper)?;
        if !control_file(data_dir).exists() {
            return Err(ServeError::Setting(format!(
                "{} is missing: there are no keys to recover; put it back from a backup",
                control_file(data_dir).display()
            )));
        }
        let control = open_control(data_dir, pepper).await?;
        if forget_people {
            control.forget_people().await?;
        }
        let secret = control.recover_master().await?;
        let token = secret.reveal().to_owned();
        control.close().await?;
        Ok(token)
    })
}

fn runtime() -> Result<Runtime, ServeError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ServeError::other("start the runtime", error))
}

/// Who is given a new master token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandOver {
    /// The person who starts the server: a file, or the terminal.
    ToPerson,
    /// The code that starts the server.
    ToCaller,
}

/// Opens everything; the addresses first, so that a second server on the same
/// address ends before it touches a file.
async fn open(
    settings: &ServeSettings,
    hand_over: HandOver,
    threads: &Handle,
) -> Result<(Addresses, House, Option<model::secrets::Secret>), ServeError> {
    listen::refuse_open_server(settings)?;
    let places = files::places(settings.places_file.as_deref())?;
    let api = listen::take(settings.listen)?;
    let operations = listen::take(settings.admin_listen)?;
    files::make_directory(&settings.data_dir)?;
    let lock = files::lock(&settings.data_dir)?;
    // Opening the database brings it to this version: not before it is known
    // that the directory is whole, and that the records can be read.
    let found = identity::check(&settings.data_dir, Some(settings))?;
    let checkpoints = Checkpoints::take(settings)?;
    let is_new = found == Found::New;
    if is_new && hand_over == HandOver::ToPerson {
        files::check_hand_over(settings)?;
    }
    let pepper = if is_new {
        files::pepper(
            &settings.data_dir,
            settings.pepper_file.as_deref(),
            &SystemRandom,
        )?
    } else {
        files::existing_pepper(&settings.data_dir, settings.pepper_file.as_deref())?
    };
    let control = Arc::new(open_control(&settings.data_dir, pepper).await?);
    if is_new {
        // A journal beside which there is no database is never taken for a new directory.
        files::sync_directory(&settings.data_dir)?;
    }
    accept::check_clock(&control, &settings.data_dir).await?;
    let token = control.bootstrap().await?;
    let opened: Result<_, ServeError> = async {
        let tokens = Tokens::open(&settings.data_dir).await?;
        let mut known = control.stored_pools();
        // What an earlier run left of the usage of deleted projects is read to be dropped.
        let left = control.pools_to_drop().await?.into_iter();
        let left = left.filter(|(pool, project)| *pool == usage_pool_id(*project));
        known.extend(left.map(|(_, project)| usage_pool(project)));
        let lake = lake_of(settings, known, tokens.clone(), Some(threads.clone())).await?;
        Ok((lake, tokens))
    }
    .await;
    if opened.is_err() {
        // Nothing of a start that failed stays beside the database.
        let _ = control.close().await;
    }
    let (lake, tokens) = opened?;
    let plane = Arc::new(LakePlane(lake.clone()));
    let clock = control.clock();
    let random = Arc::new(SystemRandom);
    let version = env!("CARGO_PKG_VERSION");
    let threads = threads.clone();
    let state = AppState::new(control.clone(), plane, clock, random, version, threads)
        .with_record_bytes(settings.buffer_bytes)
        .with_rate_headers(settings.rate_limit_headers)
        .with_strict_transport(settings.hsts);
    let state = match places {
        None => state,
        Some(places) => state.with_places(places),
    };
    web::drop_left_over(&state).await;
    let addresses = Addresses {
        api,
        operations,
        lock,
    };
    Ok((
        addresses,
        House {
            control,
            lake,
            tokens,
            state,
            checkpoints,
        },
        token,
    ))
}

async fn open_control(data_dir: &Path, pepper: Pepper) -> Result<Control, ServeError> {
    let options = ControlOptions {
        clock: Arc::new(SteadyClock::new()),
        random: Arc::new(SystemRandom),
        pepper,
    };
    let path = control_file(data_dir);
    let opened = Control::open(&path, options).await;
    opened.map_err(|source| ServeError::Opening { path, source })
}

async fn lake_of(
    settings: &ServeSettings,
    known: Vec<Arc<Pool>>,
    tokens: Arc<Tokens>,
    threads: Option<Handle>,
) -> Result<Arc<Lake>, ServeError> {
    let mut identity = [0; 8];
    SystemRandom.fill(&mut identity);
    let mut journal = lake::journal::Options::new(u64::from_le_bytes(identity));
    let data_dir = settings.data_dir.clone();
    journal.is_known = identity::check(&data_dir, Some(settings))? != Found::Unnoted;
    journal.segment_bytes = settings.journal_segment_bytes;
    let largest = journal.segment_bytes.saturating_sub(SEGMENT_RESERVE);
    journal.max_record_bytes = usize::try_from(largest).unwrap_or(usize::MAX);
    let usual = RunOptions::default();
    let run = RunOptions {
        // Whoever is refused knows it within twice the time that a question may take.
        wait: usual.wait.min(settings.query_deadline),
        deadline: settings.query_deadline,
        memory_bytes: usize::try_from(settings.query_memory_bytes).unwrap_or(usize::MAX),
        open_files: Shares::of_this_process()?.records,
        threads,
        ..usual
    };
    let options = LakeOptions {
        journal,
        run,
        buffer_bytes: settings.buffer_bytes,
        cache_bytes: settings.cache_bytes,
        tokens: TokenOptions::default(),
        upkeep: settings.upkeep,
    };
    let environment = Environment {
        disk: Arc::new(RealDisk),
        journal: journal_directory(&settings.data_dir),
        tables: tables_directory(&settings.data_dir),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        tokens,
    };
    let opened = tokio::task::spawn_blocking(move || {
        let lake = Lake::open(environment, known, options)?;
        identity::begin(&data_dir, lake.journal_extent())?;
        Ok::<_, ServeError>(lake)
    });
    let opened = opened
        .await
        .map_err(|error| ServeError::Other(error.to_string()))?;
    Ok(Arc::new(opened?))
}

/// Answers requests until `stop`, then lets the running ones end and makes
/// everything durable.
async fn serve(
    listeners: Listeners,
    house: House,
    settings: &ServeSettings,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let House {
        control,
        lake,
        tokens,
        state,
        checkpoints,
    } = house;
    let door = Door::new(settings)?;
    let stopping = CancellationToken::new();
    let api = tokio::spawn(accept(
        listeners.api,
        Shares::of_this_process()?.connections,
        door,
        web::router(state.clone()),
        stopping.clone(),
        DRAIN_TIME,
    ));
    let operations = tokio::spawn(accept(
        listeners.operations,
        OPERATIONS_CONNECTIONS_MAX,
        Door::plain(),
        web::operations_router(state.clone()),
        stopping.clone(),
        DRAIN_TIME,
    ));
    let last_use = tokio::spawn(timers::tend_keys(
        control.clone(),
        control.clock(),
        state.clone(),
        stopping.clone(),
    ));
    let drained = CancellationToken::new();
    let signing = tokio::spawn(checkpoints::keep(
        checkpoints,
        control.clone(),
        drained.clone(),
    ));
    let marking = tokio::spawn(timers::mark_time(control.clone(), drained.clone()));
    let refreshing = tokio::spawn(timers::refresh(state.clone(), stopping.clone()));
    let pages = tokio::spawn(timers::let_go_of_pages(state.clone(), stopping.clone()));
    let upkeep = upkeep::Threads::start(
        lake.clone(),
        control.clone(),
        scrub::Scrub::new(settings.scrub, &settings.data_dir),
        identity::Note::of(&settings.data_dir),
    )?;
    state.set_ready(true);
    stop.await;
    state.set_ready(false);
    stopping.cancel();
    for task in [api, operations, last_use, refreshing, pages] {
        let _ = task.await;
    }
    // The last checkpoint is of after the last change.
    drained.cancel();
    let _ = tokio::join!(signing, marking);
    control.close().await?;
    let close = move || {
        lake.stop();
        upkeep.join();
        lake.close();
    };
    let closed = tokio::task::spawn_blocking(close).await;
    tokens.close().await;
    closed.map_err(|error| ServeError::Other(error.to_string()))
}

/// Takes over the interrupt and termination signals; ends with the first one.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let take = |kind| signal(kind).map_err(|error| ServeError::other("take over a signal", error));
    let (mut interrupt, mut terminate) = (
        take(SignalKind::interrupt())?,
        take(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
