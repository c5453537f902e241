//! Escaping: nothing a terminal acts on comes out.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::render::escape::{is_deceptive, quote_into};

fuzz_target!(|bytes: &[u8]| {
    let mut out = Vec::new();
    quote_into(&mut out, bytes);
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.chars().all(|c| !c.is_control() && !is_deceptive(c)));
});
