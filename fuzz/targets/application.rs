#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hansom_fuzz::laws::application(data));
