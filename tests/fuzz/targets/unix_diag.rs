//! One unix_diag answer.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::wire::unix_diag::UnixRecord;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = UnixRecord::decode(bytes) {
        assert!(record.name.is_none_or(|name| name.len() < bytes.len()));
    }
});
