//! What decides about a port in an inet_diag answer, and the answer to a question for a route.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::wire::port_diag::PortFacts;
use portctl::wire::route::Route;

fuzz_target!(|bytes: &[u8]| {
    let _ = PortFacts::decode(bytes, u32::MAX);
    assert!(Route::decode(bytes).is_none() || bytes.len() >= 8);
});
