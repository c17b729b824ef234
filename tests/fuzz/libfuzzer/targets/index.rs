#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    interstice_fuzz::run("index", input);
});
