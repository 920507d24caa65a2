//! Instants, dates, time zones, and the ranges and intervals that people name.
//!
//! Everything in the house that speaks of time uses these types. There is no
//! ambient clock: the present comes in through [`Clock`], and time zone rules
//! come from the database that is compiled in, never from the machine.

mod buckets;
mod civil;
mod clock;
mod date;
mod error;
mod interval;
mod local;
mod range;
mod span;
mod text;
mod timeframe;
mod timestamp;
mod unit;
mod zone;

pub use buckets::{BUCKETS_MAX, Buckets, TooManyBuckets, buckets};
pub use clock::{Clock, ManualClock};
pub use date::Date;
pub use error::TimeError;
pub use interval::{INTERVAL_COUNT_MAX, Interval};
pub use range::TimeRange;
pub use span::Span;
pub use timeframe::{TIMEFRAME_COUNT_MAX, Timeframe};
pub use timestamp::{InZone, Timestamp};
pub use unit::{Unit, WeekStart};
pub use zone::TimeZone;
