//! One answer of each of the families beside IP and unix, and one message of a saved dump.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portctl::wire::{
    inet_diag, mptcp_info, netlink_diag, netlink_diag::NetlinkRecord, packet_diag,
    packet_diag::{PacketExtras, PacketRecord},
    saved::Mark,
    sctp_info,
    tipc_diag::TipcRecord,
    vsock_diag::VsockRecord,
    xdp_diag::{XdpExtras, XdpRecord},
};

fuzz_target!(|bytes: &[u8]| {
    let _ = (PacketRecord::decode(bytes), NetlinkRecord::decode(bytes));
    let _ = (VsockRecord::decode(bytes), XdpRecord::decode(bytes));
    let _ = (TipcRecord::decode(bytes), inet_diag::is_sctp_association(bytes));
    let packet = PacketExtras::find(bytes);
    let _ = packet.memberships().count();
    let ops = packet_diag::filter_ops(packet.filter.unwrap_or(bytes));
    for (n, op) in ops.enumerate() {
        let (code, jt, jf, k) = (op.code, op.jt, op.jf, op.k);
        let text = portctl::model::Instruction { code, jt, jf, k }.at(n).to_string();
        assert!(!text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() || c == ' '));
    }
    let _ = (XdpExtras::find(bytes), netlink_diag::groups(bytes), netlink_diag::flags(bytes));
    let _ = (sctp_info::addresses(bytes, 72), sctp_info::decode(bytes), sctp_info::primary(bytes));
    let _ = mptcp_info::decode(bytes);
    if let Some(mark) = Mark::decode(bytes) {
        let mut written = Vec::new();
        mark.write(&mut written);
        assert!(Mark::decode(&written[16..]) == Some(mark));
    }
});
