#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (brigade_fuzz::target("manifest_rows").check)(bytes));
