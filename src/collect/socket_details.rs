//! Details of sockets into the model.

use crate::model::{
    Bbr, BpfStorage, Congestion, Dctcp, DetailSet, Details, INFINITE_SSTHRESH, KernelName, Md5Key,
    Memory, MemoryMetric, Protocol, Subflow, TcpInfo, TcpMetric, Tls, Ulp, Vegas,
};
use crate::sys;
use crate::wire::bpf_storage;
use crate::wire::inet_details::{self, InetDetails, SubflowInfo, TlsInfo, UlpInfo};
use crate::wire::inet_diag;
use crate::wire::proc_net::{InetLine, TcpColumns};
use crate::wire::tcp_info::{self, LastWord};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is wanted of the details that messages bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Which details.
    pub(super) details: DetailSet,
    /// How the kernel that sends them lays out the end of its counters.
    pub(super) last_word: LastWord,
    /// Whether sockets without TCP-MD5 keys can be told from those whose keys are kept secret: `CAP_NET_ADMIN`.
    pub(super) tells_keys: bool,
    /// Whether sockets without values of BPF programs can be told from those whose values nobody asked for.
    pub(super) tells_storage: bool,
}

impl Wanted {
    /// Nothing beyond the sockets.
    pub(super) const NOTHING: Self = Self {
        details: DetailSet::NONE,
        last_word: LastWord::Unsure,
        tells_keys: false,
        tells_storage: false,
    };

    /// These details, from the kernel that this program runs on.
    pub(super) fn of_this_kernel(details: DetailSet) -> Self {
        let has_info = details.has(DetailSet::INFO);
        let release = if has_info {
            sys::kernel_release()
        } else {
            None
        };
        let last_word = release.map_or(LastWord::Unsure, LastWord::of_release);
        Self {
            details: details.of_the_kernel(),
            last_word,
            tells_keys: has_info && sys::caller::may_administer_the_network() == Some(true),
            tells_storage: false,
        }
    }

    /// These details, from a kernel that nobody knows.
    pub(super) fn of_a_dump(details: DetailSet) -> Self {
        Self {
            details: details.of_the_kernel(),
            last_word: LastWord::Unsure,
            tells_keys: false,
            tells_storage: false,
        }
    }

    /// The same, with what BPF programs keep with sockets, if the kernel tells it.
    pub(super) fn with_storage(self, is_told: bool) -> Self {
        let untold = match is_told {
            true => DetailSet::NONE,
            false => DetailSet::BPF_STORAGE,
        };
        Self {
            details: self.details.without(untold),
            tells_storage: is_told,
            ..self
        }
    }

    /// Those of them that messages of `protocol` can bring.
    pub(super) fn of(self, protocol: Protocol) -> Self {
        let others = match protocol {
            Protocol::Unix
            | Protocol::Packet
            | Protocol::Netlink
            | Protocol::Xdp
            | Protocol::Tipc => DetailSet::BPF_STORAGE,
            told if BpfStorage::is_told_of(told) => DetailSet::OWN,
            _ => DetailSet::OWN.or(DetailSet::BPF_STORAGE),
        };
        Self {
            details: self.details.without(others),
            ..self
        }
    }

    /// The bits of `idiag_ext` that ask inet_diag for them.
    pub(super) fn extensions(self) -> u8 {
        [
            (DetailSet::INFO, inet_details::EXT_INFO),
            (DetailSet::CONGESTION, inet_details::EXT_CONG),
            (DetailSet::MEMORY, inet_details::EXT_SKMEMINFO),
            (DetailSet::TOS, inet_details::EXT_TOS),
        ]
        .into_iter()
        .filter(|(set, _)| self.details.has(*set))
        .fold(0, |bits, (_, more)| bits | more)
    }
}

/// Reads the details in the attributes of an inet_diag message into their place; `None` if it has none of those. Details of another
/// socket there give their memory. A mini-socket has no storage of programs that could be told.
pub(super) fn read_inet(
    place: &mut Option<Box<Details>>,
    sent: &InetDetails<'_>,
    protocol: Protocol,
    wanted: Wanted,
    is_mini: bool,
) {
    let info = wanted.details.has(DetailSet::INFO);
    let name = info || wanted.details.has(DetailSet::CONGESTION);
    let asked_tos = wanted.details.has(DetailSet::TOS);
    let tcp = protocol == Protocol::Tcp && info;
    let about_tcp = sent.info.is_some() || sent.ulp.is_some() || sent.md5.is_some();
    let told_memory = sent.memory.is_some() || sent.meminfo.is_some();
    let tells_storage = wanted.tells_storage && BpfStorage::is_told_of(protocol) && !is_mini;
    let nothing = || tells_storage.then(Default::default);
    let storages = match wanted.details.has(DetailSet::BPF_STORAGE) {
        true => sent.storages.map(storages).or_else(nothing),
        false => None,
    };
    let anything = about_tcp && tcp
        || sent.congestion.is_some() && name
        || told_memory && wanted.details.has(DetailSet::MEMORY)
        || (sent.tos.is_some() || sent.tclass.is_some()) && asked_tos
        || sent.socket_options.is_some() && wanted.details.has(DetailSet::SOCKET_OPTIONS)
        || storages.is_some();
    if !anything {
        *place = None;
        return;
    }
    // In place: these are several hundred bytes, for every socket.
    let Details {
        tcp: counters,
        congestion,
        congestion_info,
        memory,
        tos,
        tclass,
        class_id,
        socket_options,
        ulp,
        md5_keys,
        bpf_storage,
        own,
    } = &mut **place.get_or_insert_default();
    match sent.info.filter(|_| tcp) {
        Some(bytes) => counters
            .get_or_insert_with(TcpInfo::none)
            .fill(|words, longs| tcp_info::decode(words, longs, bytes, wanted.last_word)),
        None => *counters = None,
    }
    *congestion = sent.congestion.filter(|_| name).and_then(KernelName::new);
    *congestion_info = congestion_control(sent).filter(|_| tcp);
    let older = || meminfo(sent.meminfo?);
    *memory = match wanted.details.has(DetailSet::MEMORY) {
        true => sent.memory.map(of_skmeminfo).or_else(older),
        false => None,
    };
    *tos = sent.tos.filter(|_| asked_tos);
    *tclass = sent.tclass.filter(|_| asked_tos);
    *class_id = sent.class_id.filter(|_| asked_tos);
    *socket_options = sent
        .socket_options
        .filter(|_| wanted.details.has(DetailSet::SOCKET_OPTIONS));
    *ulp = sent
        .ulp
        .filter(|_| tcp)
        .map(|bytes| Box::new(upper_layer(bytes)));
    *md5_keys = match sent.md5 {
        Some(bytes) if tcp => Some(keys(bytes)),
        _ => (tcp && wanted.tells_keys).then(Vec::new),
    };
    *bpf_storage = storages;
    *own = None;
}

/// The details of a unix socket: its memory.
pub(super) fn of_unix(skmeminfo: Option<&[u8]>, wanted: Wanted) -> Option<Box<Details>> {
    let memory = skmeminfo
        .filter(|_| wanted.details.has(DetailSet::MEMORY))
        .map(of_skmeminfo)?;
    Some(Box::new(Details {
        memory: Some(memory),
        ..Details::default()
    }))
}

/// The details in a line of /proc/net; `None` if it has none of those that are wanted.
pub(super) fn of_text(
    line: &InetLine,
    protocol: Protocol,
    wanted: DetailSet,
) -> Option<Box<Details>> {
    let mut details = Details::default();
    if protocol == Protocol::Tcp {
        details.tcp = line
            .tcp()
            .filter(|_| wanted.has(DetailSet::INFO))
            .map(|columns| text_counters(line, columns));
    } else if wanted.has(DetailSet::MEMORY) {
        details.memory = line
            .drops()
            .map(|drops| Memory::of(&[(MemoryMetric::Drops, drops)]));
    }
    (details.tcp.is_some() || details.memory.is_some()).then(|| Box::new(details))
}

/// The few counters that the text has.
fn text_counters(line: &InetLine, columns: TcpColumns) -> TcpInfo {
    const TICK_US: u64 = 10_000;
    let ssthresh = columns.ssthresh.map_or(INFINITE_SSTHRESH, u64::from);
    TcpInfo::of(&[
        // By it a listener is known, whose other columns mean something else.
        (TcpMetric::State, line.state.into()),
        (TcpMetric::Retransmits, line.retransmits.into()),
        (TcpMetric::Probes, line.probes.into()),
        (TcpMetric::Rto, u64::from(columns.rto_ticks) * TICK_US),
        (TcpMetric::Ato, u64::from(columns.ato_ticks) * TICK_US),
        (TcpMetric::SndCwnd, columns.cwnd.into()),
        (TcpMetric::SndSsthresh, ssthresh),
    ])
}

pub(super) fn of_skmeminfo(bytes: &[u8]) -> Memory {
    let (words, known) = inet_details::skmeminfo(bytes);
    Memory::new(words, known)
}

/// The part of it that is in the older structure.
fn meminfo(bytes: &[u8]) -> Option<Memory> {
    let [rmem, wmem, fmem, tmem] = inet_details::meminfo(bytes)?;
    Some(Memory::of(&[
        (MemoryMetric::RmemAlloc, rmem),
        (MemoryMetric::WmemQueued, wmem),
        (MemoryMetric::FwdAlloc, fmem),
        (MemoryMetric::WmemAlloc, tmem),
    ]))
}

fn congestion_control(sent: &InetDetails<'_>) -> Option<Congestion> {
    if let Some(bytes) = sent.bbr {
        let (bw, [min_rtt_us, pacing_gain, cwnd_gain]) = inet_details::bbr(bytes);
        return Some(Congestion::Bbr(Bbr {
            bw,
            min_rtt_us,
            pacing_gain,
            cwnd_gain,
        }));
    }
    if let Some(bytes) = sent.dctcp {
        let ([enabled, ce_state], [alpha, ab_ecn, ab_tot]) = inet_details::dctcp(bytes);
        return Some(Congestion::Dctcp(Dctcp {
            enabled,
            ce_state,
            alpha,
            ab_ecn,
            ab_tot,
        }));
    }
    let [enabled, rttcnt, rtt_us, minrtt_us] = inet_details::vegas(sent.vegas?);
    Some(Congestion::Vegas(Vegas {
        enabled,
        rttcnt,
        rtt_us,
        minrtt_us,
    }))
}

fn upper_layer(bytes: &[u8]) -> Ulp {
    let sent = UlpInfo::find(bytes);
    Ulp {
        name: sent.name.and_then(KernelName::new),
        tls: sent.tls.map(|bytes| {
            let tls = TlsInfo::decode(bytes);
            Tls {
                version: tls.version,
                cipher: tls.cipher,
                txconf: tls.txconf,
                rxconf: tls.rxconf,
                zc_ro_tx: tls.zc_ro_tx,
                rx_no_pad: tls.rx_no_pad,
                tx_max_payload_len: tls.tx_max_payload_len,
            }
        }),
        mptcp: sent.mptcp.map(|bytes| {
            let flow = SubflowInfo::decode(bytes);
            Subflow {
                token_rem: flow.token_rem,
                token_loc: flow.token_loc,
                relwrite_seq: flow.relwrite_seq,
                map_seq: flow.map_seq,
                map_sfseq: flow.map_sfseq,
                ssn_offset: flow.ssn_offset,
                map_datalen: flow.map_datalen,
                flags: flow.flags,
                id_rem: flow.id_rem,
                id_loc: flow.id_loc,
            }
        }),
    }
}

fn storages(bytes: &[u8]) -> Box<[BpfStorage]> {
    let values = bpf_storage::values(bytes);
    let mut storages: Box<[_]> = values
        .map(|(map, value)| BpfStorage {
            map,
            value: value.into(),
        })
        .collect();
    // The kernel has them in the order in which they were made.
    storages.sort_by_key(|storage| storage.map);
    storages
}

fn keys(bytes: &[u8]) -> Vec<Md5Key> {
    inet_details::md5_keys(bytes)
        .map(|key| {
            let [a, b, c, d, ..] = key.address;
            Md5Key {
                address: match key.family {
                    inet_diag::FAMILY_INET6 => IpAddr::V6(Ipv6Addr::from(key.address)),
                    _ => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
                },
                prefix_length: key.prefix_length,
                key_length: key.key_length,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::proc_net;

    fn of_inet(sent: &InetDetails<'_>, wanted: Wanted) -> Option<Box<Details>> {
        let mut details = None;
        read_inet(&mut details, sent, Protocol::Tcp, wanted, false);
        details
    }

    #[test]
    fn counters_have_the_names_of_the_header_in_its_order() {
        assert_eq!(TcpMetric::ALL.len(), tcp_info::COUNT);
        for ((n, metric), name) in TcpMetric::ALL.iter().enumerate().zip(tcp_info::NAMES) {
            assert_eq!(metric.is_long(), tcp_info::is_long(n), "{name}");
            let member = metric.json_member();
            assert!(
                member.trim_start_matches(",\"").starts_with(name),
                "{metric:?} is {name}, in JSON {member}"
            );
        }
    }

    /// Who made a dump may have asked for the older structure only.
    #[test]
    fn memory_is_told_by_either_structure() {
        let words = |words: &[u32]| {
            words
                .iter()
                .flat_map(|w| w.to_ne_bytes())
                .collect::<Vec<_>>()
        };
        let older = words(&[1, 2, 3u32.wrapping_neg(), 4]);
        let newer = words(&[11, 12, 13, 14, 15, 16, 17, 18]);
        let wanted = Wanted::of_a_dump(DetailSet::MEMORY);
        let of = |sent: InetDetails<'_>| of_inet(&sent, wanted).unwrap().memory.unwrap();
        let mut sent = InetDetails {
            meminfo: Some(&older),
            ..InetDetails::default()
        };
        use MemoryMetric as M;
        let all = [
            M::RmemAlloc,
            M::WmemQueued,
            M::FwdAlloc,
            M::WmemAlloc,
            M::Rcvbuf,
            M::Drops,
        ];
        let told = all.map(|metric| of(sent).get(metric));
        assert_eq!(told, [Some(1), Some(2), Some(-3), Some(4), None, None]);
        sent.memory = Some(&newer);
        let told = all.map(|metric| of(sent).get(metric));
        assert_eq!(
            told,
            [Some(11), Some(16), Some(15), Some(13), Some(12), None]
        );
    }

    #[test]
    fn a_line_of_text_has_some() {
        let of = |text: &[u8], protocol, wanted| {
            of_text(&proc_net::inet_line(text).unwrap(), protocol, wanted)
        };
        let tcp = b"1: 0100007F:9C40 0200000A:01BB 01 0:0 02:5DC 1 0 3 12345 2 0 20 4 30 10 7";
        assert_eq!(of(tcp, Protocol::Tcp, DetailSet::MEMORY), None);
        let details = of(tcp, Protocol::Tcp, DetailSet::INFO).unwrap();
        let info = details.tcp.unwrap();
        for (metric, n) in [
            (TcpMetric::Rto, Some(200_000)),
            (TcpMetric::Ato, Some(40_000)),
            (TcpMetric::SndCwnd, Some(10)),
            (TcpMetric::SndSsthresh, Some(7)),
            (TcpMetric::Retransmits, Some(1)),
            (TcpMetric::Probes, Some(3)),
            (TcpMetric::Lost, None),
        ] {
            assert_eq!((metric, info.get(metric)), (metric, n));
        }
        // The last column of a listener is another number.
        let listener = b"0: 00000000:0016 00000000:0000 0A 0:0 00:0 0 0 0 411 1 0 100 0 0 10 5";
        let info = of(listener, Protocol::Tcp, DetailSet::INFO)
            .unwrap()
            .tcp
            .unwrap();
        assert_eq!(info.get(TcpMetric::SndCwnd), Some(10));
        assert_eq!(info.get(TcpMetric::SndSsthresh), None);
        let udp = b"81: 0100007F:2329 00000000:0000 07 0:300 00:0 0 0 0 12346 2 0 17";
        assert_eq!(of(udp, Protocol::Udp, DetailSet::INFO), None);
        let memory = of(udp, Protocol::Udp, DetailSet::MEMORY)
            .unwrap()
            .memory
            .unwrap();
        assert_eq!(memory.get(MemoryMetric::Drops), Some(17));
        assert_eq!(memory.get(MemoryMetric::Rcvbuf), None);
    }

    #[test]
    fn nothing_is_kept_that_was_not_wanted() {
        let mut payload = vec![0; inet_diag::BASE_LEN];
        payload.extend([6, 0, 22, 0, 1, 0, 0, 0]);
        payload.extend([10, 0, 4, 0, b'c', b'u', b'b', b'i', b'c', 0, 0, 0]);
        let with = |details| Wanted {
            details,
            last_word: LastWord::Bits,
            tells_keys: false,
            tells_storage: false,
        };
        let sent = InetDetails::find(&payload, inet_diag::BASE_LEN);
        let of = |set| of_inet(&sent, with(set));
        assert_eq!(of(DetailSet::NONE), None);
        assert_eq!(of(DetailSet::MEMORY), None);
        let details = of(DetailSet::SOCKET_OPTIONS).unwrap();
        assert_eq!(
            (details.socket_options, details.congestion),
            (Some(1), None)
        );
        let details = of(DetailSet::CONGESTION).unwrap();
        assert_eq!(details.congestion.unwrap().bytes(), b"cubic");
        assert_eq!(details.socket_options, None);
        assert_eq!(with(DetailSet::NONE).extensions(), 0);
        assert_eq!(with(DetailSet::INFO).extensions(), 0x0e);
        assert_eq!(
            with(DetailSet::INFO.or(DetailSet::MEMORY)).extensions(),
            0x4e
        );
        assert_eq!(with(DetailSet::TOS).extensions(), 0x30);
    }
}
