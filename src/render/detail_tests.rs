//! Details below rows, in records, in CSV and in JSON, compared with files under `snapshots/`.

use super::tests::{FixedNames, closing, compare, inet, opening, validate};
use super::*;
use crate::model::*;

const COUNT: usize = TcpMetric::ALL.len();

fn counters(values: &[(TcpMetric, u64)], known: u128) -> TcpInfo {
    let mut all = [0; COUNT];
    for &(metric, value) in values {
        all[metric as usize] = value;
    }
    TcpInfo::new(all, known)
}

const ALL_KNOWN: u128 = (1 << COUNT) - 1;

fn connection(port: u16, details: Details) -> Socket {
    let mut socket = inet(
        Protocol::Tcp,
        State::Established,
        ("10.0.0.5", port),
        ("10.0.0.7", 443),
    );
    socket.inode = Inode::new(port.into());
    socket.details = Some(Box::new(details));
    socket
}

fn busy() -> TcpInfo {
    use TcpMetric::*;
    counters(
        &[
            (State, 1),
            (CaState, 3),
            (Options, 0b1000_0111),
            (Rtt, 4_200),
            (Rttvar, 1_100),
            (MinRtt, 3_900),
            (Rto, 204_000),
            (SndCwnd, 10),
            (SndSsthresh, 7),
            (SndMss, 1448),
            (Pmtu, 1500),
            (DeliveryRate, 1_550_000),
            (PacingRate, u64::MAX),
            (BytesSent, 10_485_760),
            (Lost, 2),
            (TotalRetrans, 5),
            (BusyTime, 2_000_000),
            (RwndLimited, 500_000),
            (LastDataSent, 12),
            (EcnMode, 2),
            (AccecnFailMode, 0b101),
            (DeliveryRateAppLimited, 1),
        ],
        ALL_KNOWN & !(1 << LastAckSent as u32),
    )
}

/// A socket for every block there is.
fn sockets() -> Vec<Socket> {
    let full = Details {
        tcp: Some(busy()),
        congestion: KernelName::new(b"bbr\0"),
        congestion_info: Some(Congestion::Bbr(Bbr {
            bw: Some(1_550_000),
            min_rtt_us: Some(3_900),
            pacing_gain: Some(739),
            cwnd_gain: Some(512),
        })),
        memory: Some(Memory::new(
            [2304, 131_072, 0, 87_040, u32::MAX - 9, 0, 40, 0, 3],
            9,
        )),
        tos: Some(0x10),
        tclass: None,
        class_id: Some(0),
        socket_options: Some(0b101_0010_0001),
        ..Details::default()
    };
    let tls = Details {
        // As Linux 4.9 sends it, with a name that is none.
        tcp: Some(counters(
            &[(TcpMetric::State, 1)],
            (1 << TcpMetric::BusyTime as u32) - 1,
        )),
        congestion: KernelName::new(b"e\x1b[31m"),
        ulp: Some(Box::new(Ulp {
            name: KernelName::new(b"tls"),
            tls: Some(Tls {
                version: Some(0x0304),
                cipher: Some(54),
                txconf: Some(2),
                rxconf: Some(9),
                zc_ro_tx: true,
                rx_no_pad: false,
                tx_max_payload_len: None,
            }),
            mptcp: None,
        })),
        congestion_info: Some(Congestion::Vegas(Vegas {
            enabled: Some(1),
            rttcnt: Some(4),
            rtt_us: Some(90),
            minrtt_us: None,
        })),
        memory: Some(Memory::new([0; 9], 8)),
        md5_keys: Some(vec![Md5Key {
            address: "10.0.0.0".parse().unwrap(),
            prefix_length: 24,
            key_length: 6,
        }]),
        ..Details::default()
    };
    let mptcp = Details {
        tcp: Some(busy()),
        congestion_info: Some(Congestion::Dctcp(Dctcp {
            enabled: Some(1),
            ce_state: Some(0),
            alpha: Some(1024),
            ab_ecn: Some(100),
            ab_tot: Some(1_000),
        })),
        ulp: Some(Box::new(Ulp {
            name: KernelName::new(b"mptcp"),
            tls: None,
            mptcp: Some(Subflow {
                token_rem: Some(0xaabb),
                token_loc: Some(0xccdd),
                flags: Some(0x243),
                map_seq: Some(u64::MAX),
                id_loc: Some(1),
                ..Subflow::default()
            }),
        })),
        ..Details::default()
    };
    let mut listener = inet(
        Protocol::Tcp,
        State::Listen,
        ("0.0.0.0", 80),
        ("0.0.0.0", 0),
    );
    listener.inode = Inode::new(9);
    listener.queues = Queues::Accept {
        length: 129,
        limit: Some(128),
    };
    listener.details = Some(Box::new(Details {
        tcp: Some(counters(
            &[
                (TcpMetric::State, 10),
                (TcpMetric::SndCwnd, 10),
                (TcpMetric::Unacked, 129),
            ],
            ALL_KNOWN,
        )),
        congestion: KernelName::new(b"cubic"),
        memory: Some(Memory::new([0, 131_072, 0, 16_384, 0, 0, 0, 0, 17], 9)),
        ..Details::default()
    }));
    let waiting = inet(
        Protocol::Tcp,
        State::TimeWait,
        ("10.0.0.5", 40_009),
        ("10.0.0.7", 443),
    );
    vec![
        connection(40_001, full),
        connection(40_002, tls),
        connection(40_003, mptcp),
        listener,
        waiting,
    ]
}

fn write(mut list: impl List) {
    let context = Context {
        owners: None,
        names: &FixedNames,
    };
    list.open(&opening()).unwrap();
    for socket in &sockets() {
        list.row(Row { socket, context }).unwrap();
    }
    list.close(&closing()).unwrap();
}

const SHOWN: DetailSet = DetailSet::INFO
    .or(DetailSet::MEMORY)
    .or(DetailSet::TOS)
    .or(DetailSet::SOCKET_OPTIONS);

fn table(options: TableOptions) -> String {
    let mut out = Vec::new();
    write(TableList::new(&mut out, options));
    String::from_utf8(out).unwrap()
}

fn options() -> TableOptions {
    TableOptions {
        columns: columns::parse("protocol,state,recv_queue,send_queue,local,peer").unwrap(),
        columns_named: false,
        header: true,
        width: None,
        streaming: false,
        colour: false,
        text: TextOptions::default(),
        details: DetailOptions {
            shown: SHOWN,
            oneline: false,
        },
        record: false,
    }
}

fn record() -> TableOptions {
    let mut columns = columns::parse("local").unwrap();
    let of_details = FIELDS
        .iter()
        .filter(|f| SHOWN.has(f.needs_details) && f.id.protocol().is_none());
    columns.extend(of_details.map(|f| Column::of(f.id)));
    TableOptions {
        columns,
        details: DetailOptions::default(),
        record: true,
        ..options()
    }
}

#[test]
fn details_stand_below_their_row() {
    compare("details-none.txt", table(options()).as_bytes());
    let at_100 = table(TableOptions {
        width: Some(100),
        ..options()
    });
    compare("details-100.txt", at_100.as_bytes());
}

#[test]
fn no_line_of_details_is_wider_than_the_terminal() {
    use unicode_width::UnicodeWidthStr;
    for width in 80..140 {
        let written = table(TableOptions {
            width: Some(width),
            ..options()
        });
        assert!(
            written.lines().all(|l| l.width() <= width),
            "at {width}\n{written}"
        );
    }
}

#[test]
fn wrapping_loses_no_word() {
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let unwrapped = words(&table(options()));
    for width in [77, 100, 133] {
        let wrapped = table(TableOptions {
            width: Some(width),
            ..options()
        });
        assert_eq!(words(&wrapped), unwrapped, "at {width}");
    }
    for width in 20..77 {
        let wrapped = table(TableOptions {
            width: Some(width),
            ..options()
        });
        let of_details = wrapped.lines().filter(|line| line.starts_with("    "));
        for line in of_details {
            let text = line.trim_start();
            assert!(
                !text.is_empty() && line.len() - text.len() <= 6,
                "at {width}: {line:?}"
            );
        }
    }
    let oneline = table(TableOptions {
        details: DetailOptions {
            shown: SHOWN,
            oneline: true,
        },
        ..options()
    });
    assert_eq!(words(&oneline), unwrapped);
    assert_eq!(oneline.lines().count(), 1 + sockets().len());
}

#[test]
fn every_counter_is_named_or_counted_in_the_details_of_a_connection() {
    let written = table(options());
    let first = written.split("tcp    ESTAB").nth(1).unwrap();
    let elsewhere = [TcpMetric::State, TcpMetric::Rttvar, TcpMetric::LastAckSent];
    let words: Vec<_> = first.split_whitespace().collect();
    let is_named = |metric: &&TcpMetric| words.contains(&metric.name());
    let mut metrics: Vec<_> = TcpMetric::ALL.iter().collect();
    metrics.retain(|metric| !elsewhere.contains(metric));
    let others = words.windows(2).find(|pair| pair[1] == "others").unwrap()[0];
    let others: usize = others.parse().unwrap();
    assert_eq!(
        metrics.iter().filter(|m| is_named(m)).count() + others,
        metrics.len()
    );
}

#[test]
fn records_have_every_field() {
    let written = table(record());
    compare("details-record.txt", written.as_bytes());
    let extra = ExtraMetric::ALL.iter();
    let extra = extra.filter(|metric| FieldId::Extra(**metric).field().needs_details.has(SHOWN));
    let each = 1 + COUNT + MemoryMetric::ALL.len() + extra.count();
    let first = written.split("\n\n").next().unwrap();
    // The name of the congestion control has a request of its own, which `-i` makes too.
    assert_eq!(first.lines().count(), each);
}

#[test]
fn records_have_every_field_that_was_named_whatever_the_socket_has() {
    let named = |columns_named| {
        table(TableOptions {
            columns: columns::parse("local,rtt,drops,congestion").unwrap(),
            columns_named,
            ..record()
        })
    };
    for record in named(true).split("\n\n") {
        let headings: Vec<_> = record.lines().map(|l| l.split(' ').next()).collect();
        let all = ["LOCAL", "RTT", "DROPS", "CONGESTION"];
        assert_eq!(headings, all.map(Some), "{record}");
    }
    assert!(named(false).split("\n\n").any(|r| !r.contains("RTT")));
}

#[test]
fn columns_of_times_have_units_whatever_the_kernel_counts_them_in() {
    let written = table(TableOptions {
        columns: columns::parse("last_data_sent,total_rto_time,busy_time,ato").unwrap(),
        details: DetailOptions::default(),
        ..options()
    });
    let cells = |n| -> Vec<_> {
        let line = written.lines().nth(n).unwrap();
        line.split_whitespace().collect()
    };
    assert_eq!(cells(1), ["12ms", "0", "2s", "0"]);
    let alone = table(TableOptions {
        columns: columns::parse("total_rto_time,busy_time").unwrap(),
        ..record()
    });
    assert!(alone.starts_with("TOTAL_RTO_TIME 0\nBUSY_TIME      2s\n"));
}

#[test]
fn csv_has_exact_numbers() {
    let mut out = Vec::new();
    let columns = columns::parse(
        "sport,rtt,last_data_sent,delivery_rate,busy_time,bytes_sent,fwd_alloc,congestion,bbr_pacing_gain",
    );
    write(CsvList::new(
        &mut out,
        columns.unwrap(),
        true,
        TextOptions::default(),
    ));
    let text = String::from_utf8(out).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some(
            "sport,rtt,last_data_sent,delivery_rate,busy_time,bytes_sent,fwd_alloc,congestion,bbr_pacing_gain"
        )
    );
    assert_eq!(
        lines.next(),
        Some(r"40001,4200,12,1550000,2000000,10485760,-10,bbr,2.88671875")
    );
    assert_eq!(lines.next(), Some(r"40002,,0,0,?,?,0,e\x1b[31m,"));
}

#[test]
fn json_is_as_the_schema_says() {
    let mut out = Vec::new();
    write(JsonList::new(&mut out));
    compare("details.json", &out);
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    validate("ls", &document);
    let tcp = &document["sockets"][0]["tcp"];
    assert_eq!(tcp["rtt_us"], 4200);
    assert_eq!(tcp["delivery_rate_bytes_per_s"], 1_550_000);
    assert_eq!(tcp["pacing_rate_bytes_per_s"], serde_json::Value::Null);
    assert_eq!(tcp["bbr"]["pacing_gain"], 2.886_718_75);
    assert_eq!(tcp["options"][3], "tfo_child");
    assert_eq!(document["sockets"][0]["memory"]["fwd_alloc"], -10);
    assert_eq!(document["sockets"][1]["tcp"]["tls"]["rxconf"], 9);
    assert_eq!(document["sockets"][2]["tcp"]["subflow"]["flags"][3], 512);
    assert_eq!(
        document["sockets"][3]["tcp"]["unacked"],
        serde_json::Value::Null
    );
    assert_eq!(document["sockets"][4]["tcp"], serde_json::Value::Null);
}

/// The kernel has numbers for times that were never measured; they are no hours.
#[test]
fn what_was_not_measured_is_no_time() {
    let never = [0x7fff_ffff, u32::MAX].map(Some);
    for us in never {
        let infos = [
            Congestion::Bbr(Bbr {
                min_rtt_us: us,
                ..Bbr::default()
            }),
            Congestion::Vegas(Vegas {
                rtt_us: us,
                minrtt_us: us,
                ..Vegas::default()
            }),
        ];
        for info in infos {
            let details = Details {
                tcp: Some(busy()),
                congestion_info: Some(info),
                ..Details::default()
            };
            let socket = connection(1, details);
            let context = Context {
                owners: None,
                names: &FixedNames,
            };
            let row = Row {
                socket: &socket,
                context,
            };
            let mut text = Vec::new();
            let mut recent = details::Recent::default();
            details::write(&mut text, row, options().details, None, &mut recent);
            let text = String::from_utf8(text).unwrap();
            let of_block = text.lines().last().unwrap();
            assert!(of_block.contains("rtt -"), "{of_block}");
            for metric in [
                ExtraMetric::BbrMinRtt,
                ExtraMetric::VegasRtt,
                ExtraMetric::VegasMinrtt,
            ] {
                assert!(!matches!(metric.value(row), Value::Microseconds(_)));
            }
            let mut json = Vec::new();
            json_details::write(&mut json, socket.details());
            let json = String::from_utf8(json).unwrap();
            assert!(!json.contains(&us.unwrap().to_string()), "{json}");
        }
    }
}

/// Every member that a field says it has in JSON is there.
#[test]
fn fields_are_where_they_say_in_json() {
    let mut out = Vec::new();
    write(JsonList::new(&mut out));
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let fields = FIELDS.iter().filter(|f| SHOWN.has(f.needs_details));
    for field in fields.filter(|f| f.id.protocol().is_none()) {
        let pointer = format!("/{}", field.json.replace('.', "/"));
        let found = document["sockets"].as_array().unwrap().iter();
        assert!(
            found
                .clone()
                .any(|socket| socket.pointer(&pointer).is_some()),
            "{}: {pointer}",
            field.name
        );
    }
}

/// Sockets like those of one host, each as the one before but for a few counters and a block of its own.
fn alike() -> impl proptest::strategy::Strategy<Value = Vec<Socket>> {
    use proptest::collection::vec;
    use proptest::prelude::*;
    let value = prop_oneof![
        4 => Just(0),
        4 => 1..6u64,
        1 => any::<u32>().prop_map(u64::from),
        1 => any::<u64>(),
    ];
    let known = prop_oneof![3 => Just(ALL_KNOWN), 1 => any::<u128>().prop_map(|n| n & ALL_KNOWN)];
    let name = prop_oneof![
        Just(None),
        Just(KernelName::new(b"bbr")),
        Just(KernelName::new(b"\x1b[2J"))
    ];
    let base = (vec(value.clone(), COUNT), known, name);
    // What the next socket has that the one before has not: a few counters, and blocks of its own.
    let counters = vec((0..COUNT, value), 0..5);
    let change = (counters, block(), proptest::array::uniform9(0..4u32));
    (base, vec(change, 1..24), any::<bool>()).prop_map(
        |((mut values, known, congestion), changes, listens)| {
            let sockets = changes.into_iter().zip(1..);
            let socket = |((counters, block, memory), port)| {
                for (place, value) in counters {
                    values[place] = value;
                }
                // The kernel has 32 bits for these.
                for metric in [TcpMetric::Rtt, TcpMetric::Rttvar] {
                    values[metric as usize] &= u64::from(u32::MAX);
                }
                let details = Details {
                    tcp: Some(TcpInfo::new(values.clone().try_into().unwrap(), known)),
                    congestion,
                    memory: Some(Memory::new(memory, 9)),
                    ..block
                };
                let mut socket = connection(port, details);
                if listens {
                    socket.state = State::Listen;
                }
                socket
            };
            sockets.map(socket).collect()
        },
    )
}

/// One of the smaller blocks.
fn block() -> impl proptest::strategy::Strategy<Value = Details> {
    use proptest::prelude::*;
    let number = proptest::option::of(0..4u32);
    let half = |n: Option<u32>| n.map(|n| n as u16);
    let upper = |ulp| Details {
        ulp: Some(Box::new(ulp)),
        ..Details::default()
    };
    (0..5, proptest::array::uniform5(number)).prop_map(move |(kind, [a, b, c, d, e])| {
        let told = |info| Details {
            congestion_info: Some(info),
            ..Details::default()
        };
        match kind {
            0 => told(Congestion::Bbr(Bbr {
                bw: a.map(u64::from),
                min_rtt_us: b,
                pacing_gain: c,
                cwnd_gain: d,
            })),
            1 => told(Congestion::Dctcp(Dctcp {
                enabled: half(a),
                ce_state: half(b),
                alpha: c,
                ab_ecn: d,
                ab_tot: e,
            })),
            2 => told(Congestion::Vegas(Vegas {
                enabled: a,
                rttcnt: b,
                rtt_us: c,
                minrtt_us: d,
            })),
            3 => upper(Ulp {
                tls: Some(Tls {
                    version: half(a),
                    cipher: half(b),
                    txconf: half(c),
                    rxconf: half(d),
                    tx_max_payload_len: half(e),
                    ..Tls::default()
                }),
                ..Ulp::default()
            }),
            _ => upper(Ulp {
                mptcp: Some(Subflow {
                    token_rem: a,
                    token_loc: b,
                    map_seq: c.map(u64::from),
                    map_datalen: half(d),
                    flags: e,
                    ..Subflow::default()
                }),
                ..Ulp::default()
            }),
        }
    })
}

#[test]
fn counters_that_were_not_told_are_named_once() {
    use TcpMetric::{RcvWnd, Rehash, Rto};
    let bit = |metric| 1u128 << metric as u32;
    let of = |known| {
        connection(
            1,
            Details {
                tcp: Some(counters(&[(Rto, 9)], known)),
                ..Details::default()
            },
        )
    };
    let (old, older) = (
        ALL_KNOWN & !bit(Rehash),
        ALL_KNOWN & !bit(Rehash) & !bit(RcvWnd),
    );
    for (known, expected) in [
        (&[ALL_KNOWN, ALL_KNOWN][..], &[][..]),
        (
            &[old, old],
            &["not told, hence in no line: rehash (JSON has null)"],
        ),
        (
            &[old, older, old],
            &[
                "not told, hence in no line: rehash (JSON has null)",
                "not told of some sockets, hence not in their lines: rcv_wnd (JSON has null)",
            ],
        ),
    ] {
        let mut recent = details::Recent::default();
        for known in known {
            let socket = &of(*known);
            let context = Context {
                owners: None,
                names: &FixedNames,
            };
            let row = Row { socket, context };
            details::write(&mut Vec::new(), row, options().details, None, &mut recent);
        }
        let notices = recent.notices();
        let told: Vec<_> = notices.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]

    #[test]
    fn the_rows_before_leave_no_trace(
        sockets in alike(), width in proptest::option::weighted(0.2, 20..200usize), oneline: bool,
    ) {
        let context = Context { owners: None, names: &FixedNames };
        let options = DetailOptions { shown: SHOWN, oneline };
        let mut recent = details::Recent::default();
        for socket in &sockets {
            let row = Row { socket, context };
            let (mut after_others, mut alone) = (Vec::new(), Vec::new());
            details::write(&mut after_others, row, options, width, &mut recent);
            details::write(&mut alone, row, options, width, &mut details::Recent::default());
            proptest::prop_assert_eq!(
                String::from_utf8_lossy(&after_others),
                String::from_utf8_lossy(&alone)
            );
        }
    }
}
