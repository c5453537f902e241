//! Smaller blocks of details, a paragraph each: congestion controls, what is on top of TCP, keys.

use super::lines::Lines;
use super::recent::{self, Recent};
use super::{number, value};
use crate::model::{Congestion, Details, ExtraMetric, Row, Value};
use crate::render::escape::escape_into;
use crate::render::pieces::{Piece, decimal};
use crate::render::{address, units};

/// A paragraph of fields whose names all begin with their group, which the label says already.
struct Block {
    label: &'static str,
    /// Where its last paragraph is kept.
    place: usize,
    /// Each field with its name and the blanks around it.
    fields: &'static [(ExtraMetric, Piece)],
}

fn block<'a>(
    lines: &mut Lines<'_>,
    block: &Block,
    recent: &mut Recent,
    read: impl Fn(ExtraMetric) -> Value<'a>,
    number: impl Fn(usize) -> Option<u64>,
) {
    let texts = &mut recent.extra;
    let field = |n: usize| block.fields.get(n);
    let item = |out: &mut Vec<u8>, n: usize, number: Option<u64>| {
        let Some((metric, name)) = field(n) else {
            return;
        };
        let texts = texts.get_mut(*metric as usize);
        recent::put(out, texts.and_then(|texts| texts.of(number)), |out| {
            name.put(out);
            value(out, &read(*metric));
        });
    };
    if let Some(last) = recent.blocks.get_mut(block.place) {
        last.write(lines, block.label, block.fields.len(), number, item);
    }
}

/// The fields with their names behind what the label says.
const fn fields<const N: usize>(
    label: &str,
    metrics: [ExtraMetric; N],
) -> [(ExtraMetric, Piece); N] {
    let mut fields = [(ExtraMetric::Congestion, Piece::EMPTY); N];
    let mut gap = " ";
    let (mut places, mut metrics): (&mut [(ExtraMetric, Piece)], &[ExtraMetric]) =
        (&mut fields, &metrics);
    while let ([place, free @ ..], [metric, others @ ..]) = (places, metrics) {
        let (_, name) = metric.name().split_at(label.len() + 1);
        *place = (*metric, Piece::joined(&[gap, name, " "]));
        gap = "  ";
        places = free;
        metrics = others;
    }
    fields
}

const BBR: Block = Block {
    label: "bbr",
    place: 0,
    fields: &fields(
        "bbr",
        [
            ExtraMetric::BbrBw,
            ExtraMetric::BbrMinRtt,
            ExtraMetric::BbrPacingGain,
            ExtraMetric::BbrCwndGain,
        ],
    ),
};
const DCTCP: Block = Block {
    label: "dctcp",
    place: 1,
    fields: &fields(
        "dctcp",
        [
            ExtraMetric::DctcpEnabled,
            ExtraMetric::DctcpCeState,
            ExtraMetric::DctcpAlpha,
            ExtraMetric::DctcpAbEcn,
            ExtraMetric::DctcpAbTot,
        ],
    ),
};
const VEGAS: Block = Block {
    label: "vegas",
    place: 2,
    fields: &fields(
        "vegas",
        [
            ExtraMetric::VegasEnabled,
            ExtraMetric::VegasRttcnt,
            ExtraMetric::VegasRtt,
            ExtraMetric::VegasMinrtt,
        ],
    ),
};
const TLS: Block = Block {
    label: "tls",
    place: 3,
    fields: &fields(
        "tls",
        [
            ExtraMetric::TlsVersion,
            ExtraMetric::TlsCipher,
            ExtraMetric::TlsTxconf,
            ExtraMetric::TlsRxconf,
            ExtraMetric::TlsZcRoTx,
            ExtraMetric::TlsRxNoPad,
            ExtraMetric::TlsTxMaxPayload,
        ],
    ),
};
const MPTCP: Block = Block {
    label: "mptcp",
    place: 4,
    fields: &fields(
        "mptcp",
        [
            ExtraMetric::MptcpFlags,
            ExtraMetric::MptcpTokenRem,
            ExtraMetric::MptcpTokenLoc,
            ExtraMetric::MptcpIdRem,
            ExtraMetric::MptcpIdLoc,
            ExtraMetric::MptcpRelwriteSeq,
            ExtraMetric::MptcpMapSeq,
            ExtraMetric::MptcpMapSfseq,
            ExtraMetric::MptcpSsnOffset,
            ExtraMetric::MptcpMapDatalen,
        ],
    ),
};

/// Appends those that the socket has.
pub(super) fn write(lines: &mut Lines<'_>, row: Row<'_>, details: &Details, recent: &mut Recent) {
    if let Some(info) = &details.congestion_info {
        let fields = match info {
            Congestion::Bbr(_) => &BBR,
            Congestion::Dctcp(_) => &DCTCP,
            Congestion::Vegas(_) => &VEGAS,
        };
        let numbers = info.numbers();
        let number = |n| numbers.get(n).copied().flatten();
        block(lines, fields, recent, |metric| info.value(metric), number);
    }
    if let Some(ulp) = &details.ulp {
        let read = |metric: ExtraMetric| metric.value(row);
        let number_in = |block: &Block, n: usize| {
            let (metric, _) = block.fields.get(n)?;
            number(&read(*metric))
        };
        if ulp.tls.is_some() {
            block(lines, &TLS, recent, read, |n| number_in(&TLS, n));
        }
        if ulp.mptcp.is_some() {
            block(lines, &MPTCP, recent, read, |n| number_in(&MPTCP, n));
        }
        if let (Some(name), None, None) = (&ulp.name, ulp.tls, ulp.mptcp) {
            lines.group("ulp");
            lines.item(1, |out| escape_into(out, name.bytes()));
        }
    }
    let keys = details.md5_keys.as_deref().unwrap_or_default();
    if !keys.is_empty() {
        lines.group("md5");
        let mut gap = 1;
        for key in keys {
            lines.item(std::mem::replace(&mut gap, 2), |out| {
                address::address(out, key.address);
                out.push(b'/');
                decimal(out, key.prefix_length.into());
                out.extend_from_slice(b" (key of ");
                units::bytes(out, key.key_length.into());
                out.push(b')');
            });
        }
    }
}
