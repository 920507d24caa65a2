use std::collections::BTreeSet;

use super::*;

/// Gives every byte once in 256, and counts how often it is asked.
#[derive(Debug, Default)]
struct Counter(Mutex<(u64, usize)>);

impl RandomSource for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().expect("nobody panics");
        state.1 += 1;
        for chunk in bytes.chunks_mut(8) {
            state.0 += 1;
            chunk.copy_from_slice(&state.0.to_be_bytes()[8 - chunk.len()..]);
        }
    }
}

#[test]
fn what_is_drawn_ahead_is_given_once_in_few_draws() {
    let source = Counter::default();
    let ahead = DrawnAhead::new(&source, 8 * 1_000);
    let mut seen = BTreeSet::new();
    for _ in 0..1_000 {
        let mut bytes = [0; 8];
        ahead.fill(&mut bytes);
        assert!(seen.insert(bytes), "{bytes:?} was given twice");
        assert_ne!(bytes, [0; 8]);
    }
    assert_eq!(source.0.lock().expect("nobody panics").1, 2);
    let mut many = [0; 5_000];
    ahead.fill(&mut many);
    assert!(many[4_992..] != [0; 8], "more than is drawn ahead");
}
