//! Memory of a socket.

use super::metrics::metrics;
use crate::model::{Row, Unit, Value, Why};

metrics! {
    /// `SK_MEMINFO_*` of `linux/sock_diag.h`, in its order.
    MemoryMetric in "memory." as MEMORY_FIELDS, Memory, from "SKMEMINFO", read by read;
    RmemAlloc "rmem_alloc" [] "rmem_alloc" MEMORY Bytes "memory of data that waits to be read";
    Rcvbuf "rcvbuf" [] "rcvbuf" MEMORY Bytes "most memory that received data may take (SO_RCVBUF)";
    WmemAlloc "wmem_alloc" [] "wmem_alloc" MEMORY Bytes "memory of packets that were given to the network";
    Sndbuf "sndbuf" [] "sndbuf" MEMORY Bytes "most memory that data to be sent may take (SO_SNDBUF)";
    FwdAlloc "fwd_alloc" [] "fwd_alloc" MEMORY Bytes "memory that is reserved for the socket and not in use";
    WmemQueued "wmem_queued" [] "wmem_queued" MEMORY Bytes "memory of the send queue";
    Optmem "optmem" [] "optmem" MEMORY Bytes "memory of socket options, filters and control messages";
    Backlog "backlog_bytes" [] "backlog" MEMORY Bytes "memory of packets that came while a process used the socket";
    Drops "drops" [] "drops" MEMORY Packets "packets dropped at the socket; listeners: callers without an answer";
}

/// Buffers and drops of a socket, as far as the kernel sent them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    words: [u32; MemoryMetric::ALL.len()],
    /// A bit for each that was sent.
    known: u16,
}

impl Memory {
    /// The first `known` of these words were sent.
    #[must_use]
    pub const fn new(words: [u32; MemoryMetric::ALL.len()], known: u8) -> Self {
        let known = match known {
            16.. => u16::MAX,
            known => (1 << known) - 1,
        };
        Self { words, known }
    }

    /// Only these.
    #[must_use]
    pub fn of(known: &[(MemoryMetric, u32)]) -> Self {
        let mut this = Self::default();
        for &(metric, word) in known {
            if let Some(place) = this.words.get_mut(metric as usize) {
                *place = word;
                this.known |= 1 << metric as u16;
            }
        }
        this
    }

    /// All but one.
    #[must_use]
    pub const fn without(self, metric: MemoryMetric) -> Self {
        Self {
            known: self.known & !(1 << metric as u16),
            ..self
        }
    }

    /// One of them, if it was sent. Only `fwd_alloc` can be negative.
    #[must_use]
    pub fn get(&self, metric: MemoryMetric) -> Option<i64> {
        let place = metric as usize;
        let word = *self.words.get(place)?;
        (self.known >> place & 1 == 1).then_some(match metric {
            MemoryMetric::FwdAlloc => i64::from(word.cast_signed()),
            _ => i64::from(word),
        })
    }
}

fn read(row: Row<'_>, metric: MemoryMetric) -> Value<'_> {
    let memory = row.socket.details().and_then(|d| d.memory);
    match memory.and_then(|memory| memory.get(metric)) {
        Some(n) => u64::try_from(n).map_or(Value::Signed(n), |n| match metric.unit() {
            Unit::Bytes => Value::Bytes(n),
            _ => Value::Number(n),
        }),
        None if row.socket.is_mini() => Value::Unknown(Why::NoFile),
        None => Value::Unknown(Why::Source),
    }
}
