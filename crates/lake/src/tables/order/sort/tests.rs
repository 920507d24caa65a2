//! The order of rows against that of their whole keys, by which files are merged.

use arrow_select::concat::concat_batches;
use model::records::Record;
use model::time::Timestamp;
use model::value::Value;

use super::*;
use crate::lake::tests::fixtures::{cases, path, pool};
use crate::tables::order::Keys;
use crate::tables::tests::{batches, plan};
use crate::worlds::tests::dice::Dice;

const CUSTOMERS: [&str; 8] = [
    "",
    "a",
    "a\0",
    "ab",
    "b",
    "customer",
    "customers",
    "customers of thirty-two bytes or more, which are not told by the first",
];

/// Records of few customers and times, so that many have both in common.
fn records(dice: &mut Dice) -> Vec<Record> {
    let count = dice.between(1, 150);
    let records = (0..count).map(|_| {
        let mut fields = vec![(
            path("_id"),
            Value::from(format!("{:026}", dice.below(1_000))),
        )];
        if dice.percent(80) {
            let micros = *dice.pick(&[-1, 0, 1, 1 << 40, 1_767_225_600_000_000]);
            let at = Timestamp::from_microsecond(micros).unwrap();
            fields.push((path("at"), Value::DateTime(at)));
        }
        if dice.percent(90) {
            fields.push((path("who"), Value::from(*dice.pick(&CUSTOMERS))));
        }
        Record::restore(fields).unwrap()
    });
    records.collect()
}

#[test]
fn rows_lie_in_the_order_of_their_whole_keys() {
    for isolation in ["", r#""isolation_field":"who","#] {
        let pool = pool(
            1,
            &format!(
                r#"{{"name":"p","schema":"strict",{isolation}"time_field":"at","fields":[
                    {{"name":"who","type":"String"}},{{"name":"at","type":"DateTime"}}]}}"#
            ),
        );
        let plan = plan(&pool, Vec::new(), 10);
        let keys = Keys::new(OrderedBy::new(&plan.layout, &plan.sorted_by)).unwrap();
        for seed in 0..cases(100, 1_000) {
            let dice = &mut Dice::new(seed);
            let records = records(dice);
            let batches = batches(dice, &plan.layout, &records);
            let rows = keys.rows(&concat_batches(&batches[0].schema(), &batches).unwrap());
            let rows = rows.unwrap();
            let mut expected: Vec<_> = rows.iter().collect();
            expected.sort();
            let sorted = sort(batches, &plan.layout, &plan.sorted_by, 7).unwrap();
            let sorted: Vec<_> = sorted
                .map(|batch| keys.rows(&batch.unwrap()).unwrap())
                .collect();
            assert!(
                sorted[..sorted.len() - 1]
                    .iter()
                    .all(|rows| rows.num_rows() == 7)
            );
            let found: Vec<_> = sorted.iter().flat_map(|rows| rows.iter()).collect();
            assert!(found == expected, "seed {seed}, {isolation}");
        }
    }
}
