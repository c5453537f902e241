//! What fields are counted in.

use super::Value;

/// The unit of a field, or the kind of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Words from outside, addresses and other text.
    Text,
    /// One of a few words of ours.
    Word,
    /// Several words of ours.
    Words,
    /// Yes or no.
    Flag,
    /// A count, a port or an id.
    Number,
    /// An identity or a mask, shown in hexadecimal.
    Hex,
    /// A multiple.
    Factor,
    /// Bytes.
    Bytes,
    /// TCP segments.
    Segments,
    /// Packets.
    Packets,
    /// Connections.
    Connections,
    /// Messages.
    Messages,
    /// Microseconds; shown as a readable time.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Bytes a second; shown in bits.
    Rate,
}

impl Unit {
    /// Its word in the help.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Word => "word",
            Self::Words => "words",
            Self::Flag => "yes or no",
            Self::Number => "number",
            Self::Hex => "hex",
            Self::Factor => "factor",
            Self::Bytes => "bytes",
            Self::Segments => "segments",
            Self::Packets => "packets",
            Self::Connections => "connections",
            Self::Messages => "messages",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Rate => "bytes/s",
        }
    }

    /// A plain number in this unit as a value.
    #[must_use]
    pub const fn number(self, n: u64) -> Value<'static> {
        match self {
            Self::Flag => Value::Flag(n != 0),
            Self::Hex => Value::Hex(n),
            Self::Bytes => Value::Bytes(n),
            Self::Microseconds => Value::Microseconds(n),
            Self::Milliseconds => Value::Milliseconds(n),
            Self::Rate => Value::Rate(n),
            _ => Value::Number(n),
        }
    }
}
