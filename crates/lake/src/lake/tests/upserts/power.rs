//! The power goes at every operation of a flush and of the merging after it:
//! whatever the disk holds then, each record is there in its last version.

use model::permit::Permit;

use super::*;
use crate::lake::Lake;
use crate::simulation::{Fault, SimulatedDisk};

fn append(lake: &Lake, pool: &Arc<Pool>, records: &str) {
    wait(lake.append(Request::new(pool, records).admit())).unwrap();
}

fn delete(lake: &Lake, pool: &Arc<Pool>, text: &str) {
    let gone = wait(lake.delete(deleting(&access(1), pool, Some(filter(text))))).unwrap();
    assert_eq!(gone, 1);
}

/// A lake with older versions in two files, and newer ones in memory of which
/// one was deleted.
fn prepared(disk: &SimulatedDisk, pool: &Arc<Pool>) -> Lake {
    let lake = open(disk, &[pool], options());
    let permit = Permit::ours();
    let all = r#"[{"c":"a","id":1,"n":1},{"c":"a","id":2,"n":1},{"c":"a","id":3,"n":1},{"c":"b","id":1,"n":1}]"#;
    append(&lake, pool, all);
    lake.flush(&permit).unwrap();
    append(
        &lake,
        pool,
        r#"[{"c":"a","id":1,"n":2},{"c":"b","id":2,"n":2}]"#,
    );
    lake.flush(&permit).unwrap();
    append(
        &lake,
        pool,
        r#"[{"c":"a","id":1,"n":3},{"c":"a","id":2,"n":3},{"c":"b","id":2,"n":3}]"#,
    );
    let one = r#"{"all":[{"field":"c","operator":"eq","value":"a"},{"field":"id","operator":"eq","value":1}]}"#;
    delete(&lake, pool, one);
    let left = ["a 2 3", "a 3 1", "b 1 1", "b 2 3"];
    assert_eq!(shown(held(&lake, pool)), left);
    lake
}

#[test]
fn nothing_that_was_replaced_comes_back_when_the_power_goes() {
    let pool = unique_pool();
    let mut cuts = 0;
    for operation in 1.. {
        let disk = SimulatedDisk::new(operation);
        let lake = prepared(&disk, &pool);
        let expected = shown(held(&lake, &pool));
        disk.plan(Some(Fault::CutAtOperation(disk.operations() + operation)));
        let permit = Permit::ours();
        let done = lake.flush(&permit).and_then(|()| lake.compact(&permit));
        if !disk.fault_happened() {
            done.unwrap();
            break;
        }
        drop(lake);
        cuts += 1;
        let disk = disk.crash();
        let lake = open(&disk, &[&pool], options());
        assert_eq!(shown(held(&lake, &pool)), expected, "operation {operation}");
        lake.compact(&permit).unwrap();
        assert_eq!(shown(held(&lake, &pool)), expected, "operation {operation}");
    }
    assert!(cuts > 50, "{cuts}");
}
