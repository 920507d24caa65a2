#![no_main]

#[path = "../entries/record.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    entry::check(bytes);
});
