//! Framing: whatever the bytes, the walk over messages ends.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::wire::nlmsg::{Messages, done_status, error_status};

fuzz_target!(|bytes: &[u8]| {
    let mut count = 0;
    for (header, payload) in Messages::new(bytes).map_while(Result::ok) {
        count += 1;
        assert!(payload.len() < header.length);
        let _ = (done_status(payload), error_status(&header, payload));
    }
    assert!(count <= bytes.len() / 16);
});
