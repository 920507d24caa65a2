//! Records that replace others: wherever the older one is, it is gone at once,
//! and it never comes back.

mod machine;
mod stages;
mod worlds;

use std::sync::Arc;

use model::pools::Pool;
use model::value::Value;

use super::fixtures::*;
use crate::lake::LakeOptions;

/// Small segments of the journal, with room for what a flush writes there.
pub(super) fn options() -> LakeOptions {
    let mut options = small();
    options.journal.segment_bytes = 48 << 10;
    options.journal.max_record_bytes = 24 << 10;
    options
}

/// Waits for what the lake does; upkeep wants a thread without a runtime.
pub(super) fn wait<T>(doing: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(doing)
}

/// A pool whose records are told apart by `c`, the customer, and `id`.
pub(super) fn unique_pool() -> Arc<Pool> {
    pool(
        1,
        r#"{"name":"p","schema":"open","isolation_field":"c","unique":["id"],"fields":[
            {"name":"c","type":"String"},{"name":"id","type":"Int64"},{"name":"n","type":"Int64"}]}"#,
    )
}

/// The records as `customer id n`, with what else they hold, in order.
pub(super) fn shown(records: Vec<Stored>) -> Vec<String> {
    let show = |record: &Stored| {
        let values = ["c", "id", "n", "r"].iter().filter_map(|name| {
            Some(match record.get(*name)? {
                Value::String(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                other => panic!("{other:?}"),
            })
        });
        values.collect::<Vec<_>>().join(" ")
    };
    let mut shown: Vec<_> = records.iter().map(show).collect();
    shown.sort();
    shown
}
