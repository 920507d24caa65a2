//! Parquet and Arrow at the border: bodies read into records, answers
//! written as files, and files read for imports.

mod encode;
mod guard;
mod read;

pub use encode::ByteStream;
pub(crate) use encode::encode;
pub use read::RecordFile;
pub(crate) use read::decode;

#[cfg(test)]
mod tests;
