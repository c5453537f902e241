//! One inet_diag answer.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::wire::inet_diag::InetRecord;

fuzz_target!(|bytes: &[u8]| {
    assert!(InetRecord::decode(bytes).is_err() || bytes.len() >= 72);
});
