#![no_main]

#[path = "../entries/analysis.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    entry::check(bytes);
});
