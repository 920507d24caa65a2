use super::*;
use crate::fixtures::noon;
use crate::permit::Permit;
use crate::random::SeededRandom;

fn project(number: u8) -> ProjectId {
    ProjectId::from_bytes([number; 16])
}

fn total(day: i32, pool: Option<PoolId>, requests: u64) -> (UsageOf, UsageCounts) {
    let of = UsageOf {
        project: project(1),
        key: KeyId::from_bytes([2; 16]),
        secret: SecretId::OF_NO_KEY,
        pool,
        view: None,
        day,
    };
    let counts = UsageCounts {
        requests,
        refused: 1,
        records: 5,
    };
    (of, counts)
}

#[test]
fn the_pool_of_a_project_is_always_the_same_and_that_of_no_other() {
    let pool = usage_pool(project(1));
    assert_eq!(pool, usage_pool(project(1)));
    assert_ne!(pool.id, usage_pool_id(project(2)));
    assert_ne!(pool.id.to_bytes(), project(1).to_bytes());
    assert!(pool.is_usage());
    assert_eq!(pool.draft.name.as_str(), "_usage");
    // Nobody gives a pool such a name, and what is called so is this one.
    assert!(Name::parse("_usage").is_err() && Name::parse_pool("_other").is_err());
    assert_eq!(Name::parse_pool("_usage").as_ref(), Ok(&pool.draft.name));
}

#[test]
fn totals_are_whole_records_and_tell_themselves_apart_by_what_usage_is_told_of() {
    let pool = PoolId::from_bytes([3; 16]);
    let of_other = |(of, counts): (UsageOf, UsageCounts)| {
        let of = UsageOf {
            project: project(2),
            ..of
        };
        (of, counts)
    };
    let totals = [
        total(20_000, None, 7),
        total(20_000, Some(pool), u64::MAX >> 1),
        of_other(total(20_000, None, 7)),
    ];
    let random = SeededRandom::new(1);
    let batch = Permit::ours().usage_totals(project(1), &totals, noon(), &random);
    assert_eq!(batch.pool().id, usage_pool_id(project(1)));
    assert!(batch.faults().is_empty(), "{:?}", batch.faults());
    assert_eq!(
        batch.records().len(),
        2,
        "those of another project are left out"
    );
    let of = |index: usize, path: &str| batch.records()[index].get(path).cloned();
    assert_eq!(of(0, "pool"), Some(Value::from("")));
    assert_eq!(of(1, "pool"), Some(Value::from(pool.to_string())));
    assert_eq!(of(0, "requests"), Some(Value::from(7_i64)));
    assert_eq!(of(1, "requests"), Some(Value::from(i64::MAX)));
    let day = Date::from_days(20_000).expect("a day");
    assert_eq!(of(0, "day"), Some(Value::Date(day)));
    assert_eq!(of(0, "at"), Some(Value::DateTime(day.midnight())));
    let unique = &batch.pool().draft.unique;
    let unique: Vec<&str> = unique.iter().map(|path| path.as_str()).collect();
    assert_eq!(unique, ["key", "day", "pool", "secret", "view"]);
}
