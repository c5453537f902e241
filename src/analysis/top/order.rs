//! The order of groups: `top --sort`.

use super::keys::Keys;
use super::{Bytes, Group, StateSlot};
use crate::analysis::order::{OrderError, is_descending, name_and_direction};
use crate::model::{FieldId, StateSetName, TcpMetric, field_by_name};
use std::cmp::Ordering;

/// What groups can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopColumn {
    /// How many sockets there are.
    Sockets,
    /// How many are in a state.
    State(StateSlot),
    /// Bytes to be read.
    RecvQueue,
    /// Bytes to leave.
    SendQueue,
    /// Connections to be accepted.
    AcceptQueue,
    /// Sockets that came.
    New,
    /// Sockets that went.
    Gone,
    /// Both.
    Churn,
    /// Bytes that connections received since they were made.
    BytesReceived,
    /// Bytes of theirs that were acknowledged.
    BytesAcked,
    /// Bytes received between the looks.
    In,
    /// Bytes acknowledged between the looks.
    Out,
    /// Both.
    Traffic,
    /// The value of one of the fields, by its place among them.
    Value(usize),
}

impl TopColumn {
    /// Whether there is such a number only after two looks.
    const fn compares_looks(self) -> bool {
        matches!(
            self,
            Self::New | Self::Gone | Self::Churn | Self::In | Self::Out | Self::Traffic
        )
    }
}

/// One key of `--sort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopOrder {
    /// What to sort by.
    pub column: TopColumn,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// Columns that go by a name of their own.
const NAMED: [(&str, TopColumn); 7] = [
    ("sockets", TopColumn::Sockets),
    ("new", TopColumn::New),
    ("gone", TopColumn::Gone),
    ("churn", TopColumn::Churn),
    ("in", TopColumn::In),
    ("out", TopColumn::Out),
    ("traffic", TopColumn::Traffic),
];

impl TopOrder {
    /// The usual order: most sockets first, or with two looks most bytes, and then those that came and went most.
    #[must_use]
    pub fn usual(two_looks: bool) -> Vec<Self> {
        let columns: &[TopColumn] = if two_looks {
            &[TopColumn::Traffic, TopColumn::Churn, TopColumn::Sockets]
        } else {
            &[TopColumn::Sockets]
        };
        let descending = true;
        columns
            .iter()
            .map(|&column| Self { column, descending })
            .collect()
    }

    /// Reads columns with an optional `:asc` or `:desc`, separated by commas: `sockets`, a state, a queue, one of `fields`, and with
    /// two looks `new`, `gone`, `churn`, `in`, `out` and `traffic`. Counts begin with the largest unless told otherwise, values with the smallest.
    ///
    /// # Errors
    /// If groups have nothing of a name, have it only after two looks, or a direction is none.
    pub fn parse(text: &str, fields: &[FieldId], two_looks: bool) -> Result<Vec<Self>, OrderError> {
        text.split(',')
            .map(|part| {
                let (name, word) = name_and_direction(part);
                let column =
                    column(name, fields).ok_or_else(|| OrderError::Unknown(name.to_owned()))?;
                if !two_looks && column.compares_looks() {
                    return Err(OrderError::OneLook(name.to_owned()));
                }
                let usual = !matches!(column, TopColumn::Value(_));
                let descending = word.map_or(Ok(usual), |word| is_descending(name, word))?;
                Ok(Self { column, descending })
            })
            .collect()
    }

    /// Every name that [`TopOrder::parse`] takes beside those of the fields.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let queues = [
            "recv_queue",
            "send_queue",
            "accept_queue",
            "bytes_received",
            "bytes_acked",
        ];
        let named = NAMED.iter().map(|(name, _)| *name);
        named
            .chain(queues)
            .chain(StateSlot::all().map(StateSlot::word))
    }

    pub(super) fn compare(self, keys: &Keys, a: &Group, b: &Group) -> Ordering {
        let (x, y) = (&a.counts, &b.counts);
        let down = self.descending;
        match self.column {
            TopColumn::Sockets => direct(x.sockets(), y.sockets(), down),
            TopColumn::State(slot) => direct(x.in_state(slot), y.in_state(slot), down),
            TopColumn::RecvQueue => known(x.recv_queue(), y.recv_queue(), down),
            TopColumn::SendQueue => known(x.send_queue(), y.send_queue(), down),
            TopColumn::AcceptQueue => known(x.accept_queue(), y.accept_queue(), down),
            TopColumn::New => known(x.churn().map(|c| c.0), y.churn().map(|c| c.0), down),
            TopColumn::Gone => known(x.churn().map(|c| c.1), y.churn().map(|c| c.1), down),
            TopColumn::Churn => {
                let sum = |(new, gone): (u32, u32)| u64::from(new) + u64::from(gone);
                known(x.churn().map(sum), y.churn().map(sum), down)
            }
            TopColumn::BytesReceived => known(received(x.carried()), received(y.carried()), down),
            TopColumn::BytesAcked => known(acked(x.carried()), acked(y.carried()), down),
            TopColumn::In => known(received(x.moved()), received(y.moved()), down),
            TopColumn::Out => known(acked(x.moved()), acked(y.moved()), down),
            TopColumn::Traffic => {
                let sum = |bytes: Bytes| bytes.received.saturating_add(bytes.acked);
                known(x.moved().map(sum), y.moved().map(sum), down)
            }
            TopColumn::Value(n) => keys.value_of(a.id, n).order(&keys.value_of(b.id, n), down),
        }
    }
}

fn received(bytes: Option<Bytes>) -> Option<u64> {
    bytes.map(|bytes| bytes.received)
}

fn acked(bytes: Option<Bytes>) -> Option<u64> {
    bytes.map(|bytes| bytes.acked)
}

fn column(name: &str, fields: &[FieldId]) -> Option<TopColumn> {
    let field = field_by_name(name).map(|field| field.id);
    if let Some(n) = field.and_then(|field| fields.iter().position(|f| *f == field)) {
        return Some(TopColumn::Value(n));
    }
    let plain = name.to_ascii_lowercase().replace('_', "-");
    let named = NAMED.iter().find(|(word, _)| *word == plain);
    // A state may have several names, as in filters.
    let set = StateSetName::find(&plain).map(|state| state.set);
    let names = StateSetName::ALL.iter().filter(|s| Some(s.set) == set);
    let names: Vec<&str> = names.map(|state| state.name).collect();
    let exact =
        |slot: &StateSlot| slot.word() == plain || slot.label().eq_ignore_ascii_case(&plain);
    let other = |slot: &StateSlot| names.contains(&slot.word());
    match field {
        Some(FieldId::RecvQueue) => Some(TopColumn::RecvQueue),
        Some(FieldId::SendQueue) => Some(TopColumn::SendQueue),
        Some(FieldId::AcceptQueue) => Some(TopColumn::AcceptQueue),
        Some(FieldId::Tcp(TcpMetric::BytesReceived)) => Some(TopColumn::BytesReceived),
        Some(FieldId::Tcp(TcpMetric::BytesAcked)) => Some(TopColumn::BytesAcked),
        _ if plain == "count" => Some(TopColumn::Sockets),
        // As the table heads them.
        _ if plain == "received" => Some(TopColumn::BytesReceived),
        _ if plain == "acked" => Some(TopColumn::BytesAcked),
        _ => named.map(|(_, column)| *column).or_else(|| {
            let slot = StateSlot::all().find(exact);
            let slot = slot.or_else(|| StateSlot::all().find(other));
            slot.map(TopColumn::State)
        }),
    }
}

fn direct<T: Ord>(a: T, b: T, descending: bool) -> Ordering {
    if descending { b.cmp(&a) } else { a.cmp(&b) }
}

/// What is unknown comes last either way.
fn known<T: Ord>(a: Option<T>, b: Option<T>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => direct(a, b, descending),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}
