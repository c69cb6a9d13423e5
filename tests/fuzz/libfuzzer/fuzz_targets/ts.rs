#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (fuzz::targets::target("ts").run)(input));
