//! Reading datasets, for the native routes and for dialects.

use bytes::Bytes;
use model::analyses::{Answer, Period};
use model::credits::{DOCUMENT_COST, Tier};
use model::datasets::Dataset;
use model::fault::{Fault, FaultCode};
use model::filters::Constraint;
use model::ids::GrantId;
use model::permit::{Access, ConstrainedAnalysis, On, Permit, RetrieveDataset};
use model::saved_queries::WithPools;
use model::time::{BUCKETS_MAX, Buckets, TimeError, TimeRange, Timestamp, buckets};
use model::value::Value;

use crate::cells::Reading;
use crate::error::ApiError;
use crate::metering::LetIn;
use crate::plane::PlaneError;
use crate::state::AppState;

/// What is read of a dataset.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Which of the key's grants is meant.
    pub(crate) grant: Option<GrantId>,
    /// The values of the fields that it is indexed by, in their order.
    pub(crate) index: Vec<Vec<Value>>,
    /// When; all that the dataset holds without it.
    pub(crate) period: Option<Period>,
    /// How the answer is written, and whether wide integers are texts: part of
    /// what a kept text is found by.
    pub(crate) style: (&'static str, bool),
}

/// The text that `write` makes of the dataset's series over the rows of one
/// index that the caller's grant on it says. Only whole intervals that begin in
/// the period and that the dataset holds are in it.
///
/// # Errors
/// [`ApiError`] as of every question.
pub(crate) async fn read(
    access: &Access,
    dataset: Option<&WithPools<'_, Dataset>>,
    asked: &Asked,
    (let_in, state): (&LetIn, &AppState),
    write: impl AsyncFnOnce(Answer) -> Result<Bytes, ApiError>,
) -> Result<Bytes, ApiError> {
    let permit: Permit<RetrieveDataset> = access.permit(On::Dataset(dataset))?;
    let dataset = dataset.ok_or_else(ApiError::not_found)?.item;
    let now = state.clock.now();
    let schema = permit.reads().map(|pool| &pool.draft.schema);
    let index = dataset.draft.rows_of(&asked.index, schema)?;
    let window = window(dataset, now)?;
    let chosen = chosen(dataset, &window, asked.period, now)?;
    let under = permit.kept_under(asked.grant, &index)?;
    let ask = |range: TimeRange| -> Result<_, ApiError> {
        Ok(permit.series(asked.grant, &index, range, now)?)
    };
    let tier = permit.reads().map_or(Tier::Core, |pool| pool.draft.tier);
    if let Some(pool) = permit.reads() {
        let_in.touch(pool.id, None);
    }
    let_in.reserve(state, access, tier, DOCUMENT_COST)?;
    let Some(range) = chosen else {
        return write(empty(&permit, asked, &index, &window, now)?).await;
    };
    let Some(pool) = permit.reads() else {
        return write(of_nothing(ask(range)?)?).await;
    };
    let series = state.cells.series(under, now);
    let reading = Reading {
        window: &window,
        range,
        pool,
        style: asked.style,
        now,
    };
    let text = series.text(reading, &ask, &*state.plane, write).await?;
    state.cells.fit(&series);
    Ok(text)
}

/// The answer where there is no interval to answer for, which is refused like
/// any other when something is wrong with the definitions.
fn empty(
    permit: &Permit<RetrieveDataset>,
    asked: &Asked,
    index: &Constraint,
    window: &Buckets,
    now: Timestamp,
) -> Result<Answer, ApiError> {
    let series = permit.series(asked.grant, index, window.range(), now)?;
    let Some((_, form)) = series.form().groups(Vec::new()) else {
        return Err(ApiError::internal("a dataset that is no series"));
    };
    let nothing = model::analyses::Results::Intervals(Vec::new());
    Ok(Answer::Measured(model::analyses::Measured {
        groups: Vec::new(),
        labels: form.labels.clone(),
        results: nothing,
    }))
}

/// The answer where the pool is gone.
fn of_nothing(asked: ConstrainedAnalysis) -> Result<Answer, ApiError> {
    Ok(asked.answer(Vec::new()).map_err(PlaneError::from)?)
}

fn out_of_range(error: TimeError) -> Fault {
    Fault::new(FaultCode::InvalidValue, error.to_string()).at("/timeframe")
}

/// The intervals that the dataset holds now. The first is whole, although the
/// timeframe may begin in the midst of it.
pub(crate) fn window(dataset: &Dataset, now: Timestamp) -> Result<Buckets, Fault> {
    let query = &dataset.draft.query;
    let calendar = &query.source.calendar;
    let missing = || Fault::new(FaultCode::InvalidValue, "the dataset has no interval");
    let interval = query.interval.ok_or_else(missing)?;
    let interval = interval.with_weeks_from(calendar.week_start);
    let period = query.source.period.ok_or_else(missing)?;
    let range = period.range(now, calendar).map_err(out_of_range)?;
    let cut = |range| {
        buckets(range, interval, &calendar.zone, BUCKETS_MAX).map_err(|error| {
            Fault::new(FaultCode::LimitExceeded, error.to_string()).at("/interval")
        })
    };
    let cut_off = cut(range.ok_or_else(missing)?)?;
    let first = cut_off.starts().first().copied().unwrap_or(Timestamp::MIN);
    let whole = TimeRange::new(first, cut_off.range().to()).map_err(out_of_range)?;
    cut(whole)
}

/// The stretch of whole intervals that begin in the period; `None` for none.
fn chosen(
    dataset: &Dataset,
    window: &Buckets,
    period: Option<Period>,
    now: Timestamp,
) -> Result<Option<TimeRange>, Fault> {
    let Some(period) = period else {
        return Ok(Some(window.range()));
    };
    let calendar = &dataset.draft.query.source.calendar;
    let (from, to) = period.sides(now, calendar).map_err(out_of_range)?;
    let from = from.unwrap_or(Timestamp::MIN);
    let to = to.unwrap_or(Timestamp::MAX);
    let begun = window.starts().iter().zip(0_u32..);
    let mut parts = begun
        .filter(|(start, _)| from <= **start && **start < to)
        .filter_map(|(_, index)| window.part(index));
    let Some(first) = parts.next() else {
        return Ok(None);
    };
    let last = parts.last().unwrap_or(first);
    Ok(TimeRange::new(first.from(), last.to()).ok())
}
