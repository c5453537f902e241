//! One answer of each of the families beside IP and unix, and one message of a saved dump.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::wire::{
    inet_diag, netlink_diag::NetlinkRecord, packet_diag::PacketRecord, saved::Mark,
    tipc_diag::TipcRecord, vsock_diag::VsockRecord, xdp_diag::XdpRecord,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = (PacketRecord::decode(bytes), NetlinkRecord::decode(bytes));
    let _ = (VsockRecord::decode(bytes), XdpRecord::decode(bytes));
    let _ = (TipcRecord::decode(bytes), inet_diag::is_sctp_association(bytes));
    if let Some(mark) = Mark::decode(bytes) {
        let mut written = Vec::new();
        mark.write(&mut written);
        assert!(Mark::decode(&written[16..]) == Some(mark));
    }
});
