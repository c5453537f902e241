//! What a summary looks like, compared with files under `snapshots/`. `PORTCTL_BLESS=1` rewrites them.

use super::*;
use crate::analysis::summary::{Seen, Subject, Threshold};
use crate::model::*;
use crate::render::headroom_tests::{settings, world};
use crate::render::tests::{closing, compare, opening, validate};
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

fn listener(length: u32, limit: u32) -> Socket {
    Socket {
        protocol: Protocol::Tcp,
        family: Family::Inet,
        state: State::Listen,
        v6only: None,
        shutdown: None,
        ends: Ends::Inet(InetEnds {
            local: "0.0.0.0".parse().unwrap(),
            peer: "0.0.0.0".parse().unwrap(),
            local_port: Port(8080),
            peer_port: Port(0),
            interface: None,
        }),
        queues: Queues::Accept {
            length,
            limit: Some(limit),
        },
        timer: None,
        uid: None,
        inode: Inode::new(7),
        cookie: None,
        mark: None,
        cgroup: None,
        details: Some(Box::new(Details {
            memory: Some(Memory::of(&[(MemoryMetric::Drops, 0)])),
            ..Details::default()
        })),
    }
}

fn vitals() -> Vitals {
    Vitals {
        listen_overflows: Some(12),
        listen_drops: Some(40),
        time_wait_overflows: Some(0),
        time_wait: Some(180),
        tcp_sockets: Some(600),
        time_wait_max: Some(190),
        tcp_pages: Some(100),
        tcp_pages_limits: Some([100, 200, 300]),
        orphans: Some(5),
        orphans_max: Some(1000),
        conntrack: Some(990),
        conntrack_max: Some(1000),
        conntrack_lost: Some(3),
        files: Some((1000, 100_000)),
        somaxconn: Some(4096),
    }
}

fn process(name: &[u8]) -> Process {
    Process {
        pid: Pid(900),
        name: Some(name.into()),
        uid: None,
    }
}

/// Everything that can be in trouble is, and names are hostile.
fn troubled() -> Summary {
    let table = world();
    let mut holders = table.holders().to_vec();
    for holder in &mut holders {
        if holder.hold == Hold::Live(State::CloseWait) {
            holder.quiet_ms = Some(90_000);
            holder.inode = NonZeroU64::new(50_000 + u64::from(holder.port.0)).map(Inode);
        }
    }
    let sight = table.sight();
    let table = crate::analysis::headroom::PortTable::new(
        Protocol::Tcp,
        settings(),
        holders,
        sight,
        BTreeMap::new(),
    );
    let mut thresholds = Thresholds::default();
    thresholds.set(Threshold::CloseWaitWarning, 20.0);
    // Three that share a port, and one of an interface.
    let mut listeners = vec![listener(129, 128), listener(3, 128), listener(129, 128)];
    for (n, dropped) in [(0, 7), (2, 1)] {
        listeners[n].details = Some(Box::new(Details {
            memory: Some(Memory::of(&[(MemoryMetric::Drops, dropped)])),
            ..Details::default()
        }));
    }
    let mut bound = listener(129, 128);
    if let Ends::Inet(ends) = &mut bound.ends {
        ends.interface = IfIndex::new(3);
    }
    listeners.push(bound);
    let counts = BTreeMap::from([((Protocol::Unix, Family::Unix, 1), 3)]);
    let seen = || Seen {
        tcp: table.holders(),
        tcp_table: Some(&table),
        udp_table: None,
        listeners: &listeners,
        unconnected: &[],
        counts: &counts,
        ephemeral: Some(settings().ports),
        vitals: Some(vitals()),
        descriptors: Some(Descriptors {
            worst: vec![DescriptorUse {
                process: process(b"e\x1bvil\"|\\"),
                open: 96,
                limit: 100,
            }],
            processes: 1,
            hidden: 0,
        }),
    };
    let first = Summary::new(seen(), None, &thresholds);
    let before = Vitals {
        listen_drops: Some(30),
        ..vitals()
    };
    let mut earlier = first.earlier(2.0, Some(before));
    for left in earlier.left.values_mut() {
        *left += 50;
    }
    let mut summary = Summary::new(seen(), Some(&earlier), &thresholds);
    let mut owners = OwnerTable::new();
    let held: Vec<_> = summary
        .wanted_inodes()
        .into_iter()
        .map(|inode| Held::descriptor(inode, 4))
        .collect();
    owners.add(process(b"e\x1bvil\"|\\"), None, &held);
    summary.name_holders(&owners, &HashMap::new(), &thresholds);
    summary
}

fn report<'a>(summary: &'a Summary, thresholds: &'a Thresholds) -> SummaryReport<'a> {
    SummaryReport {
        summary,
        thresholds,
        no_headroom: None,
        probe: None,
        names: &NoNames,
    }
}

#[test]
fn trouble_of_every_kind() {
    let (summary, thresholds) = (troubled(), Thresholds::default());
    let report = report(&summary, &thresholds);
    for (width, name) in [
        (Some(100), "summary.txt"),
        (Some(40), "summary-40.txt"),
        (None, "summary-unlimited.txt"),
    ] {
        let mut text = Vec::new();
        summary_text(&mut text, &report, &closing(), width).unwrap();
        assert!(!text.contains(&0x1b));
        let limit = width.unwrap_or(usize::MAX);
        for line in std::str::from_utf8(&text).unwrap().lines() {
            let one_word = line.split_whitespace().count() <= 2;
            assert!(line.chars().count() <= limit || one_word, "{line}");
        }
        compare(name, &text);
    }
    let mut json = Vec::new();
    summary_json(&mut json, &opening(), &report, &closing()).unwrap();
    compare("summary.json", &json);
    validate("summary", &serde_json::from_slice(&json).unwrap());
    let metrics = openmetrics(Some((&report, &closing())));
    compare("summary.metrics", metrics.as_bytes());
    let mut series: Vec<_> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series)
        .collect();
    let count = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), count, "{metrics}");
    let (status, line) = check_line(&report, &closing());
    assert_eq!(status, CheckStatus::Critical);
    // Escaped, and once.
    let descriptors = words::headline(&report, Subject::Descriptors(0)).unwrap();
    assert!(descriptors.contains(r#"e\x1bvil"|\x5c"#), "{descriptors}");
    compare("summary.check", line.as_bytes());
    // One line, and one bar.
    assert_eq!(
        (line.matches('\n').count(), line.matches('|').count()),
        (1, 1)
    );
}

#[test]
fn a_healthy_host_fits_a_screen() {
    let sight = world().sight();
    let of = |protocol| {
        let none = Vec::new();
        crate::analysis::headroom::PortTable::new(
            protocol,
            settings(),
            none,
            sight,
            BTreeMap::new(),
        )
    };
    let (tcp, udp) = (of(Protocol::Tcp), of(Protocol::Udp));
    let seen = Seen {
        tcp: tcp.holders(),
        tcp_table: Some(&tcp),
        udp_table: Some(&udp),
        listeners: &[listener(0, 128)],
        unconnected: &[],
        counts: &BTreeMap::new(),
        ephemeral: Some(settings().ports),
        vitals: Some(Vitals {
            listen_drops: Some(0),
            time_wait: Some(1),
            conntrack: Some(1),
            ..vitals()
        }),
        descriptors: Some(Descriptors::default()),
    };
    let thresholds = Thresholds::default();
    let summary = Summary::new(seen, None, &thresholds);
    let report = report(&summary, &thresholds);
    let closing = Closing::default();
    let mut text = Vec::new();
    summary_text(&mut text, &report, &closing, Some(80)).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.lines().count() <= 12, "{text}");
    assert!(text.lines().next().unwrap().starts_with("OK "), "{text}");
    for bad in ["NOTICE", "WARNING", "CRITICAL"] {
        assert!(!text.contains(bad), "{text}");
    }
    assert_eq!(check_line(&report, &closing).0, CheckStatus::Ok);
}

#[test]
fn what_cannot_be_known_is_unknown() {
    let summary = troubled();
    let thresholds = Thresholds::default();
    let (fine, _) = (Thresholds::default(), ());
    let seen = Seen {
        tcp: &[],
        tcp_table: None,
        udp_table: None,
        listeners: &[],
        unconnected: &[],
        counts: &BTreeMap::new(),
        ephemeral: None,
        vitals: None,
        descriptors: None,
    };
    let blind = Summary::new(seen, None, &fine);
    let report = SummaryReport {
        no_headroom: Some("a setting cannot be read"),
        ..report(&blind, &thresholds)
    };
    let (status, line) = check_line(&report, &Closing::default());
    assert_eq!(status, CheckStatus::Unknown, "{line}");
    assert!(line.contains("a setting cannot be read"), "{line}");
    let metrics = openmetrics(Some((&report, &Closing::default())));
    assert!(
        metrics.contains("\nportctl_scrape_success 0\n"),
        "{metrics}"
    );
    let mut json = Vec::new();
    summary_json(&mut json, &opening(), &report, &closing()).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&json).unwrap();
    validate("summary", &document);
    for unknown in ["verdict", "new_flow", "limits", "ephemeral"] {
        assert!(document[unknown].is_null(), "{unknown} in {document}");
    }
    // What is missing does not hide what is certain.
    let report = self::report(&summary, &thresholds);
    let closing = Closing {
        notices: vec![Notice::Interrupted {
            table: Table::new(Protocol::Tcp, Family::Inet),
        }],
        ..Closing::default()
    };
    assert_eq!(check_line(&report, &closing).0, CheckStatus::Critical);
    let metrics = openmetrics(Some((&report, &closing)));
    assert!(
        metrics.contains("\nportctl_scrape_success 0\n"),
        "{metrics}"
    );
    assert!(openmetrics(None).contains("\nportctl_scrape_success 0\n# EOF\n"));
}
