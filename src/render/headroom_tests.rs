//! What a headroom looks like, compared with files under `snapshots/`. `PORTCTL_BLESS=1` rewrites them.

use super::tests::{closing, compare, opening, validate};
use super::*;
use crate::analysis::headroom::{HeadroomFlow, Mode, Note, PortTable, Sight, headroom, remedies};
use crate::model::*;
use std::collections::BTreeMap;

pub(super) fn settings() -> AllocationSettings {
    AllocationSettings {
        kernel: Some(KernelRelease::new(6, 18, 44)),
        ports: EphemeralPorts {
            range: 40_000..=40_999,
            reserved: Some(vec![40_500..=40_509]),
        },
        tw_reuse: Some(TwReuse::Loopback),
        tw_reuse_delay_ms: 1000,
        timestamps: Some(true),
        autobind_reuse: Some(false),
    }
}

pub(super) fn flow() -> HeadroomFlow {
    HeadroomFlow {
        protocol: Protocol::Tcp,
        source: "10.0.0.5".parse().unwrap(),
        destination: "10.0.0.7".parse().unwrap(),
        destination_port: Port(5432),
        interface: None,
        mode: Mode::Connect,
        socket_range: None,
        mapped: false,
    }
}

pub(super) fn world() -> PortTable {
    let holder = |port: u16| PortHolder {
        port: Port(40_000 + port),
        family: Family::Inet,
        local: flow().source,
        peer: flow().destination,
        peer_port: Port(5432),
        interface: None,
        hold: Hold::Live(State::Established),
        v6only: None,
        explicit: Some(false),
        late_port: Some(false),
        opened: Some(Opened::Actively),
        timestamps: Some(true),
        cookie: None,
        inode: None,
        mapped: false,
        quiet_ms: None,
        resent: None,
    };
    let mut holders: Vec<_> = (0..500).map(|n| holder(n * 2)).collect();
    holders.extend((0..180).map(|n| PortHolder {
        hold: Hold::TimeWait { left_ms: 30_000 },
        ..holder(n * 2 + 1)
    }));
    holders.extend((180..230).map(|n| PortHolder {
        hold: Hold::Live(State::CloseWait),
        ..holder(n * 2 + 1)
    }));
    holders.extend((300..340).map(|n| PortHolder {
        peer: "10.0.0.8".parse().unwrap(),
        ..holder(n * 2 + 1)
    }));
    holders.extend((340..350).map(|n| PortHolder {
        hold: Hold::Listening,
        ..holder(n * 2 + 1)
    }));
    let sight = Sight {
        bound: true,
        whole: true,
        interfaces: true,
        routes_unasked: 0,
    };
    PortTable::new(Protocol::Tcp, settings(), holders, sight, BTreeMap::new())
}

#[test]
fn the_headroom() {
    let (table, flow, settings) = (world(), flow(), settings());
    let now = headroom(&table, &flow);
    let remedies = remedies(&table, &flow, &now, true);
    let notes = [Note::EndIgnored {
        low: true,
        high: false,
    }];
    let report = HeadroomReport {
        flow: &flow,
        interface: Some(b"eth\x1b0"),
        source_given: false,
        answer: Ok(&now),
        settings: Some(&settings),
        notes: &notes,
        remedies: &remedies,
        probe: Some(ProbeReport {
            asked: 40,
            open: 0,
            closed: 0,
            refused: Some("the loopback interface is down".to_owned()),
        }),
    };
    for (width, name) in [(None, "headroom.txt"), (Some(40), "headroom-40.txt")] {
        let mut text = Vec::new();
        headroom_text(&mut text, &report, &closing(), width).unwrap();
        compare(name, &text);
    }
    let mut json = Vec::new();
    headroom_json(&mut json, &opening(), &report, &closing()).unwrap();
    compare("headroom.json", &json);
    validate("headroom", &serde_json::from_slice(&json).unwrap());
}

#[test]
fn an_unknown_headroom_has_a_reason_and_no_number() {
    let flow = flow();
    let report = HeadroomReport {
        flow: &flow,
        interface: None,
        source_given: true,
        answer: Err("\x1b[31m cannot be read"),
        settings: None,
        notes: &[],
        remedies: &[],
        probe: None,
    };
    let mut text = Vec::new();
    headroom_text(&mut text, &report, &closing(), None).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.starts_with("unknown: \\x1b[31m cannot be read\n"),
        "{text}"
    );
    let mut json = Vec::new();
    headroom_json(&mut json, &opening(), &report, &closing()).unwrap();
    let document = serde_json::from_slice(&json).unwrap();
    validate("headroom", &document);
    assert_eq!(document["headroom"], serde_json::Value::Null);
}
