#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (brigade_fuzz::target("parquet_parts").check)(bytes));
