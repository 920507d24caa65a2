//! How files are built is kept within the bytes of the cache.

use super::*;
use crate::lake::tests::fixtures::{Request, pool};

const BYTES: u64 = 1 << 20;

#[test]
fn of_however_many_files_footers_stay_within_the_bytes_of_the_cache() {
    let pool = pool(
        1,
        r#"{"name":"p","schema":"strict","time_field":"at","fields":[
        {"name":"who","type":"String"},{"name":"at","type":"DateTime"}]}"#,
    );
    let records = Request::new(&pool, r#"[{"who":"a"}]"#).admit();
    let records = records.into_records();
    let plan = plan(&pool, Vec::new(), 5);
    let rows = batch(&plan.layout, &records);
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new(1));
    let root = Path::new(SimulatedDisk::ROOT).join("tables");
    let tables = Tables::new(disk.clone(), &root, BYTES);
    let directory = tables.directory(pool.id);
    disk.create_directory(&root).unwrap();
    disk.create_directory(&directory).unwrap();
    let (mut entries, mut all) = (Vec::new(), 0);
    for number in 0..250_u8 {
        let id = FileId(RawId::from_bytes([number; 16]));
        let mut writer = TableWriter::create(&disk, &directory, id, plan.clone()).unwrap();
        writer.write(&rows).unwrap();
        let entry = writer.finish(0, 5, Position::new(11)).unwrap().unwrap();
        commit_names(disk.as_ref(), &directory, id).unwrap();
        let entry = Arc::new(entry);
        let file = tables.open(pool.id, &entry).unwrap();
        assert_eq!(file.blocks(), 1);
        all += file.footprint;
        // Nothing was read of them yet but how they are built.
        assert!(tables.cache_bytes() <= BYTES / 2, "{number}");
        entries.push(entry);
    }
    assert!(all > BYTES, "{all} bytes test nothing");
    assert!(tables.cache_bytes() > BYTES / 4, "they are counted");
    let known = entries.iter().filter(|entry| tables.known(entry).is_some());
    let known = known.count();
    assert!(known > 0 && known < entries.len(), "{known}");
    // What was let go is looked into again.
    for entry in &entries {
        assert_eq!(tables.open(pool.id, entry).unwrap().block_rows(0), 1);
    }
    assert!(tables.cache_bytes() <= BYTES / 2);
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    tables.forget(&ids);
    assert_eq!(tables.cache_bytes(), 0);
}
