//! Details as members of a socket's JSON object: `tcp`, `memory`, `ip`.

use super::json_socket::{bytes_as_string, literal, maybe_flag, maybe_number, number, word};
use super::pieces::{self, Piece};
use super::text;
use crate::model::{
    Congestion, Details, MPTCP_FLAGS, Md5Key, MemoryMetric, SOCKET_OPTIONS, Subflow, TcpInfo,
    TcpMetric, Tls, UNMEASURED_RTT_US, Ulp, Unit, Value,
};

/// Appends the three members, the comma before them included.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, details: Option<&Details>) {
    match details {
        None => literal(out, ",\"tcp\":null,\"memory\":null,\"ip\":null"),
        Some(details) => some(out, details),
    }
}

#[inline(never)]
fn some(out: &mut Vec<u8>, details: &Details) {
    literal(out, ",\"tcp\":");
    if details.tcp.is_some() || details.congestion.is_some() {
        tcp(out, details);
    } else {
        literal(out, "null");
    }
    literal(out, ",\"memory\":");
    match &details.memory {
        Some(memory) => {
            let mut open = true;
            for &metric in MemoryMetric::ALL {
                begin(out, &mut open, metric.json_member());
                match memory.get(metric) {
                    Some(n) => text::signed(out, n),
                    None => literal(out, "null"),
                }
            }
            literal(out, "}");
        }
        None => literal(out, "null"),
    }
    literal(out, ",\"ip\":");
    let has_tos = details.tos.or(details.tclass).is_some();
    if has_tos || details.socket_options.is_some() {
        maybe_number(out, "{\"tos\":", details.tos.map(u64::from));
        maybe_number(out, ",\"tclass\":", details.tclass.map(u64::from));
        maybe_number(out, ",\"class_id\":", details.class_id.map(u64::from));
        literal(out, ",\"sockopt\":");
        match details.socket_options {
            Some(bits) => words(out, bits.into(), SOCKET_OPTIONS),
            None => literal(out, "null"),
        }
        literal(out, "}");
    } else {
        literal(out, "null");
    }
}

/// Begins a member; the first one opens the object instead of following another.
fn begin(out: &mut Vec<u8>, open: &mut bool, member: &'static str) {
    if std::mem::take(open) {
        literal(out, "{");
        literal(out, member.strip_prefix(',').unwrap_or(member));
    } else {
        literal(out, member);
    }
}

fn tcp(out: &mut Vec<u8>, details: &Details) {
    literal(out, "{\"congestion\":");
    match &details.congestion {
        Some(name) => bytes_as_string(out, name.bytes()),
        None => literal(out, "null"),
    }
    counters(out, details.tcp.as_ref());
    let rate = details.tcp.as_ref().and_then(TcpInfo::send_rate);
    maybe_number(out, ",\"send_rate_bytes_per_s\":", rate);
    congestion(out, details.congestion_info);
    upper_layer(out, details.ulp.as_deref());
    literal(out, ",\"md5_keys\":");
    match &details.md5_keys {
        Some(keys) => md5_keys(out, keys),
        None => literal(out, "null"),
    }
    literal(out, "}");
}

fn md5_keys(out: &mut Vec<u8>, keys: &[Md5Key]) {
    literal(out, "[");
    for (n, key) in keys.iter().enumerate() {
        literal(
            out,
            if n == 0 {
                "{\"address\":\""
            } else {
                ",{\"address\":\""
            },
        );
        super::address::address(out, key.address);
        number(out, "\",\"prefix_length\":", key.prefix_length.into());
        number(out, ",\"key_length\":", key.key_length.into());
        literal(out, "}");
    }
    literal(out, "]");
}

fn counters(out: &mut Vec<u8>, info: Option<&TcpInfo>) {
    let Some(info) = info else {
        for member in &MEMBERS {
            member.put(out);
            literal(out, "null");
        }
        return;
    };
    let mut present = info.present();
    for (&metric, member) in TcpMetric::ALL.iter().zip(&MEMBERS) {
        member.put(out);
        let is_there = present & 1 == 1;
        present >>= 1;
        match metric.unit() {
            _ if !is_there => literal(out, "null"),
            Unit::Flag | Unit::Word | Unit::Words => not_number(out, info, metric),
            _ => pieces::decimal(out, info.number(metric)),
        }
    }
}

/// The members in the order of the counters.
const MEMBERS: [Piece; TcpMetric::ALL.len()] = {
    let mut members = [Piece::EMPTY; TcpMetric::ALL.len()];
    let (mut places, mut metrics): (&mut [Piece], &[TcpMetric]) = (&mut members, TcpMetric::ALL);
    while let ([place, free @ ..], [metric, others @ ..]) = (places, metrics) {
        *place = Piece::joined(&[metric.json_member()]);
        places = free;
        metrics = others;
    }
    members
};

/// A counter that is told in words.
fn not_number(out: &mut Vec<u8>, info: &TcpInfo, metric: TcpMetric) {
    match info.value(metric) {
        Value::Flag(flag) => literal(out, if flag { "true" } else { "false" }),
        Value::Word(name) => word(out, "", name),
        Value::Words(bits, names) => words(out, bits, names),
        _ => pieces::decimal(out, info.number(metric)),
    }
}

/// The words of the bits that are set, as an array; bits without a word as one number in it.
pub(super) fn words(out: &mut Vec<u8>, bits: u64, names: &'static [&'static str]) {
    let mut key = "[";
    let mut unnamed = bits;
    for (n, name) in names.iter().enumerate() {
        if bits >> n & 1 == 1 {
            unnamed &= !(1 << n);
            word(out, key, name);
            key = ",";
        }
    }
    if unnamed != 0 {
        number(out, key, unnamed);
        key = ",";
    }
    literal(out, if key == "[" { "[]" } else { "]" });
}

fn congestion(out: &mut Vec<u8>, info: Option<Congestion>) {
    let wide = |n: Option<u32>| n.map(u64::from);
    let measured = |us: Option<u32>| wide(us.filter(|us| *us < UNMEASURED_RTT_US));
    literal(out, ",\"bbr\":");
    if let Some(Congestion::Bbr(bbr)) = info {
        maybe_number(out, "{\"bw_bytes_per_s\":", bbr.bw);
        maybe_number(out, ",\"min_rtt_us\":", measured(bbr.min_rtt_us));
        factor(out, ",\"pacing_gain\":", bbr.pacing_gain);
        factor(out, ",\"cwnd_gain\":", bbr.cwnd_gain);
        literal(out, "}");
    } else {
        literal(out, "null");
    }
    literal(out, ",\"dctcp\":");
    if let Some(Congestion::Dctcp(dctcp)) = info {
        maybe_flag(out, "{\"enabled\":", dctcp.enabled.map(|n| n != 0));
        maybe_number(out, ",\"ce_state\":", dctcp.ce_state.map(u64::from));
        maybe_number(out, ",\"alpha\":", wide(dctcp.alpha));
        maybe_number(out, ",\"ab_ecn\":", wide(dctcp.ab_ecn));
        maybe_number(out, ",\"ab_tot\":", wide(dctcp.ab_tot));
        literal(out, "}");
    } else {
        literal(out, "null");
    }
    literal(out, ",\"vegas\":");
    if let Some(Congestion::Vegas(vegas)) = info {
        maybe_flag(out, "{\"enabled\":", vegas.enabled.map(|n| n != 0));
        maybe_number(out, ",\"rttcnt\":", wide(vegas.rttcnt));
        maybe_number(out, ",\"rtt_us\":", measured(vegas.rtt_us));
        maybe_number(out, ",\"minrtt_us\":", measured(vegas.minrtt_us));
        literal(out, "}");
    } else {
        literal(out, "null");
    }
}

fn upper_layer(out: &mut Vec<u8>, ulp: Option<&Ulp>) {
    literal(out, ",\"ulp\":");
    match ulp.and_then(|ulp| ulp.name.as_ref()) {
        Some(name) => bytes_as_string(out, name.bytes()),
        None => literal(out, "null"),
    }
    literal(out, ",\"tls\":");
    match ulp.and_then(|ulp| ulp.tls) {
        Some(info) => tls(out, info),
        None => literal(out, "null"),
    }
    literal(out, ",\"subflow\":");
    match ulp.and_then(|ulp| ulp.mptcp) {
        Some(info) => subflow(out, info),
        None => literal(out, "null"),
    }
}

fn tls(out: &mut Vec<u8>, info: Tls) {
    number_or_word(out, "{\"version\":", info.version, Tls::version_word);
    number_or_word(out, ",\"cipher\":", info.cipher, Tls::cipher_word);
    number_or_word(out, ",\"txconf\":", info.txconf, Tls::conf_word);
    number_or_word(out, ",\"rxconf\":", info.rxconf, Tls::conf_word);
    maybe_flag(out, ",\"zc_ro_tx\":", Some(info.zc_ro_tx));
    maybe_flag(out, ",\"rx_no_pad\":", Some(info.rx_no_pad));
    let payload = info.tx_max_payload_len.map(u64::from);
    maybe_number(out, ",\"tx_max_payload_len\":", payload);
    literal(out, "}");
}

fn subflow(out: &mut Vec<u8>, info: Subflow) {
    let wide = |n: Option<u32>| n.map(u64::from);
    literal(out, "{\"flags\":");
    match info.flags {
        Some(bits) => words(out, bits.into(), MPTCP_FLAGS),
        None => literal(out, "null"),
    }
    maybe_number(out, ",\"token_rem\":", wide(info.token_rem));
    maybe_number(out, ",\"token_loc\":", wide(info.token_loc));
    maybe_number(out, ",\"id_rem\":", info.id_rem.map(u64::from));
    maybe_number(out, ",\"id_loc\":", info.id_loc.map(u64::from));
    maybe_number(out, ",\"relwrite_seq\":", wide(info.relwrite_seq));
    super::json_socket::hex(out, ",\"map_seq\":", info.map_seq);
    maybe_number(out, ",\"map_sfseq\":", wide(info.map_sfseq));
    maybe_number(out, ",\"ssn_offset\":", wide(info.ssn_offset));
    maybe_number(out, ",\"map_datalen\":", info.map_datalen.map(u64::from));
    literal(out, "}");
}

/// A word of ours, or the kernel's number where there is none for it.
fn number_or_word(
    out: &mut Vec<u8>,
    key: &'static str,
    value: Option<u16>,
    name: fn(u16) -> Option<&'static str>,
) {
    match value.map(|n| (n, name(n))) {
        Some((_, Some(name))) => word(out, key, name),
        Some((n, None)) => number(out, key, n.into()),
        None => maybe_number(out, key, None),
    }
}

/// 256ths as a decimal fraction, which is exact.
fn factor(out: &mut Vec<u8>, key: &'static str, value: Option<u32>) {
    literal(out, key);
    match value {
        Some(n) => super::units::exact_factor(out, n),
        None => literal(out, "null"),
    }
}
