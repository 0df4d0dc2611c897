#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tickwire_fuzz::json::hold(input);
});
