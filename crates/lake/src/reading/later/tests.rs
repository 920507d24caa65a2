//! How much memory is said to be held for rows that are read by their addresses.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use model::permit::Permit;

use super::*;
use crate::columns::{Form, plain};
use crate::lake::tests::fixtures::{Request, open, path, pool, roomy};
use crate::reading::Hints;
use crate::simulation::SimulatedDisk;
use crate::tables::bytes_of;
use crate::worlds::tests::dice::Dice;

const DEFINITION: &str = r#"{"name":"p","schema":"open","isolation_field":"who","fields":[
    {"name":"who","type":"String"},{"name":"n","type":"Int64"},{"name":"b","type":"Boolean"},
    {"name":"u","type":"UUID"},{"name":"tags","type":"Array(String)"}]}"#;

#[test]
fn the_memory_of_fetched_rows_is_known_before_they_are_made() {
    let pool = pool(1, DEFINITION);
    let mut options = roomy();
    options.upkeep.block_rows = 16;
    let lake = open(&SimulatedDisk::new(1), &[&pool], options);
    let dice = &mut Dice::new(1);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    for part in 0..3 {
        let records = (0..100).map(|n| {
            let long = "x".repeat(dice.below(2_000));
            let tags = (0..dice.below(4)).map(|_| format!(r#""{}""#, &long[..long.len() / 9]));
            let tags = tags.collect::<Vec<_>>().join(",");
            format!(
                r#"{{"who":"c{}","n":{n},"b":true,"u":"6fa459ea-ee8a-3ca4-894e-db77e160355e","tags":[{tags}],"{}":"{long}"}}"#,
                dice.below(4),
                dice.pick(&["one", "other"]),
            )
        });
        let records = records.collect::<Vec<_>>().join(",");
        let request = Request::new(&pool, &format!("[{records}]"));
        runtime.block_on(lake.append(request.admit())).unwrap();
        if part < 2 {
            lake.flush(&Permit::ours()).unwrap();
        }
    }
    let columns = |names: &[&str]| -> Arc<Columns> {
        let schema = &pool.draft.schema;
        let columns = names.iter().map(|name| path(name));
        columns
            .map(|path| (path.clone(), schema.column(&path).unwrap()))
            .collect()
    };
    let later = columns(&["who", "n", "b", "u", "tags", "one", "other"]);
    // The first time they are read alone, the second their blocks, and then these are at hand.
    for round in 0..8 {
        let reading = Reading::in_form(
            lake.snapshot(&pool),
            columns(&["n"]),
            Some(later.clone()),
            Hints::default(),
            Form::Encoded,
        );
        let mut addresses = Vec::new();
        while let Some(batch) = reading.step() {
            if let Some(batch) = batch.unwrap() {
                let columns = [1, 2].map(|at| plain(batch.column(at)).unwrap());
                let [sources, rows] = columns.each_ref().map(|at| at.as_primitive::<UInt32Type>());
                addresses.extend(joined(sources, rows).values().iter().copied());
            }
        }
        assert_eq!(addresses.len(), 300);
        dice.shuffle(&mut addresses);
        addresses.truncate(dice.between(1, 60));
        let mut fetching = Fetching::new(&reading, &addresses.into());
        let mut before = 0;
        while fetching.step().unwrap() {
            assert!(fetching.bytes() > before);
            before = fetching.bytes();
        }
        let bytes = fetching.bytes();
        let rows = fetching.rows().unwrap();
        let made = bytes_of(&rows);
        // Bits and the end of the last cell are not counted of whole blocks.
        assert!(
            bytes + 64 + rows.num_rows() * 2 >= made,
            "{round}: {bytes} of {made}"
        );
        assert!(
            bytes <= 2 * made + 64 * rows.num_rows() * later.len(),
            "{round}: {bytes} of {made}"
        );
    }
}
