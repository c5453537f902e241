//! The attributes of one inet_diag answer that are sent on demand, and all that is nested in them.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::wire::bpf_storage::{self, MapInfo};
use portctl::wire::inet_details::{self, InetDetails, SubflowInfo, TlsInfo, UlpInfo};
use portctl::wire::tcp_info::{self, LONGS, LastWord, WORDS};

fuzz_target!(|bytes: &[u8]| {
    let found = InetDetails::find(bytes, 0);
    for last in [LastWord::Bits, LastWord::Halves, LastWord::Unsure] {
        for bytes in found.info.into_iter().chain([bytes]) {
            tcp_info::decode(&mut [0; WORDS], &mut [0; LONGS], bytes, last);
        }
    }
    let _ = found.memory.map(inet_details::skmeminfo);
    let _ = found.bbr.map(inet_details::bbr);
    let _ = found.dctcp.map(inet_details::dctcp);
    let _ = found.vegas.map(inet_details::vegas);
    let _ = found.md5.map(|keys| inet_details::md5_keys(keys).count());
    if let Some(ulp) = found.ulp.map(UlpInfo::find) {
        let _ = ulp.tls.map(TlsInfo::decode);
        let _ = ulp.mptcp.map(SubflowInfo::decode);
    }
    let (before, storages) = bpf_storage::split(bytes);
    assert!(before.len() <= bytes.len());
    for (_, value) in bpf_storage::values(storages.unwrap_or(bytes)) {
        assert!(value.len() <= bytes.len());
    }
    let _ = MapInfo::decode(bytes);
});
