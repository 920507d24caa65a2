//! Two customers write records of the same ids into one pool: neither sees or
//! touches what the other has.

use model::filters::Constraint;
use model::permit::{Access, Permit};

use super::*;
use crate::lake::Lake;
use crate::simulation::{Random, SimulatedDisk};

/// A world, and what of it the customer `a` sees.
struct World {
    pool: Arc<Pool>,
    lake: Lake,
}

impl World {
    fn new(seed: u64) -> Self {
        let pool = unique_pool();
        let lake = open(&SimulatedDisk::new(seed), &[&pool], options());
        Self { pool, lake }
    }

    fn append(&self, access: &Access, records: &str) -> model::answers::AppendReceipt {
        let request = Request::new(&self.pool, records).by(access.clone());
        wait(self.lake.append(request.admit())).unwrap()
    }

    fn delete(&self, customer: &str, text: &str) -> u64 {
        let delete = deleting(&seeing(customer), &self.pool, Some(filter(text)));
        wait(self.lake.delete(delete)).unwrap()
    }

    fn seen(&self) -> Vec<String> {
        let mut seen = shown(held(&self.lake, &self.pool));
        seen.retain(|record| record.starts_with("a "));
        seen
    }
}

fn of(customer: &str) -> String {
    format!(r#"{{"field":"c","operator":"eq","value":"{customer}"}}"#)
}

fn seeing(customer: &str) -> Access {
    constrained(1, vec![Constraint::Rows(filter(&of(customer)))])
}

fn writing(customer: &str) -> Access {
    injecting(1, vec![(path("c"), customer.into())])
}

#[test]
fn a_customer_meets_the_same_with_and_without_another() {
    for seed in 0..cases(40, 1_000) {
        let (both, alone) = (World::new(seed), World::new(seed));
        let mut random = Random::new(seed);
        let permit = Permit::ours();
        for n in 0..30 {
            let customer = if random.one_in(2) { "a" } else { "b" };
            // What is sent names the other customer; the key knows better.
            let ids = [random.below(3), random.below(3)];
            let records = ids.map(|id| format!(r#"{{"c":"b","id":{id},"n":{n}}}"#));
            let records = format!("[{}]", records.join(","));
            let asked = format!(
                r#"{{"field":"id","operator":"eq","value":{}}}"#,
                random.below(3)
            );
            match random.below(8) {
                0..=4 => {
                    let receipt = both.append(&writing(customer), &records);
                    if customer == "a" {
                        assert_eq!(alone.append(&writing("a"), &records), receipt);
                    }
                }
                5 => {
                    let gone = both.delete(customer, &asked);
                    if customer == "a" {
                        assert_eq!(alone.delete("a", &asked), gone);
                    }
                }
                6 => both.lake.flush(&permit).unwrap(),
                _ => both.lake.compact(&permit).unwrap(),
            }
            assert_eq!(both.seen(), alone.seen(), "seed {seed}, step {n}");
        }
    }
}
