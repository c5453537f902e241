//! Rules, chains and sets of nftables: whoever may change the firewall chooses these bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portctl::wire::nftables::{Chain, Rule, matched_ports, port_elements, target};

fuzz_target!(|bytes: &[u8]| {
    let _ = (Chain::decode(bytes), Rule::decode(bytes), port_elements(bytes));
    let _ = (target(bytes, 2), target(bytes, 10));
    for name in [&b"tcp"[..], b"udp", b"multiport"] {
        let _ = matched_ports(name, bytes);
    }
});
