//! Ports as a filter writes them: numbers of three bases, service names, `*`.

use super::Resolver;
use super::error::{ErrorKind, Fault, PortFault};
use super::split::Piece;
use crate::model::Protocol;

/// A port for each protocol that has ports. A service may have different numbers, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// For TCP.
    pub tcp: Option<u16>,
    /// For UDP.
    pub udp: Option<u16>,
    /// For raw sockets, whose "port" is the IP protocol number.
    pub raw: Option<u16>,
}

impl Ports {
    /// The same number for every protocol.
    #[must_use]
    pub const fn same(port: Option<u16>) -> Self {
        Self {
            tcp: port,
            udp: port,
            raw: port,
        }
    }

    /// The number for `protocol`; protocols without IP addresses have none, and those with few
    /// services of their own have TCP's or UDP's.
    #[must_use]
    pub const fn of(&self, protocol: Protocol) -> Option<u16> {
        match protocol {
            Protocol::Tcp | Protocol::Mptcp | Protocol::Sctp | Protocol::Dccp => self.tcp,
            Protocol::Udp | Protocol::UdpLite => self.udp,
            Protocol::Raw => self.raw,
            Protocol::Unix
            | Protocol::Packet
            | Protocol::Netlink
            | Protocol::Vsock
            | Protocol::Xdp
            | Protocol::Tipc => None,
        }
    }

    fn of_service(entries: &[(Protocol, u16)]) -> Self {
        let first = |protocol| entries.iter().find(|e| e.0 == protocol).map(|e| e.1);
        Self {
            tcp: first(Protocol::Tcp),
            udp: first(Protocol::Udp),
            raw: first(Protocol::Raw),
        }
    }
}

/// A port as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Any,
    Number(u64),
    Service(Ports),
}

/// Reads a port. Numbers above 65535 are let through: for unix sockets they are inodes.
pub(super) fn read(piece: Piece<'_>, resolver: &dyn Resolver) -> Result<Written, Fault> {
    let text = piece.text;
    if text == "*" {
        return Ok(Written::Any);
    }
    if let Some(number) = number(text) {
        return Ok(Written::Number(number));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit());
    let why = match () {
        () if text.is_empty() => PortFault::Empty,
        () if digits && !unsigned.starts_with('0') => PortFault::OutOfRange,
        () if digits => PortFault::NotANumber,
        () => {
            let entries = resolver.service(text).unwrap_or_default();
            return match Ports::of_service(&entries) {
                ports if ports == Ports::default() => Err(unknown_service(piece, resolver)),
                ports => Ok(Written::Service(ports)),
            };
        }
    };
    Err(bad(piece, why))
}

/// Whether `text` is a port number, a known service or `*`.
pub(super) fn is_port(text: &str, resolver: &dyn Resolver) -> bool {
    match number(text) {
        Some(number) => u16::try_from(number).is_ok(),
        None => text == "*" || resolver.service(text).is_some_and(|e| !e.is_empty()),
    }
}

pub(super) fn bad(piece: Piece<'_>, why: PortFault) -> Fault {
    let port = piece.text.to_owned();
    Fault::new(ErrorKind::BadPort { port, why }, piece.span())
}

fn unknown_service(piece: Piece<'_>, resolver: &dyn Resolver) -> Fault {
    let kind = ErrorKind::UnknownService {
        name: piece.text.to_owned(),
        candidates: resolver.similar_services(piece.text),
    };
    Fault::new(kind, piece.span())
}

/// A number: hexadecimal after `0x`, octal after `0`, else decimal, as strtol(3) reads base 0.
pub(super) fn number(text: &str) -> Option<u64> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hex, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// The octal number that `text` is, if it would be another number in decimal.
pub(super) fn octal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let value = number(text).filter(|_| digits && text.starts_with('0'))?;
    (text.parse() != Ok(value)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_bases() {
        assert_eq!(number("22"), Some(22));
        assert_eq!(number("0x16"), Some(22));
        assert_eq!(number("0X16"), Some(22));
        assert_eq!(number("026"), Some(22));
        assert_eq!(number("0"), Some(0));
        for text in [
            "",
            "08",
            "0x",
            "-1",
            "+1",
            "0+1",
            "0x+1",
            "22x",
            "99999999999999999999",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn octal_is_noticed_where_it_matters() {
        assert_eq!(octal("026"), Some(22));
        assert_eq!(octal("07"), None);
        assert_eq!(octal("0"), None);
        assert_eq!(octal("0x16"), None);
        assert_eq!(octal("26"), None);
    }
}
