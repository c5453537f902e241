//! A value and its parts: where an address ends and its port begins.

use super::error::{ErrorKind, Fault};
use super::token::Span;
use std::net::Ipv6Addr;
use std::ops::Range;

/// A part of a value that still knows its place in the filter text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Where it begins; none if quotes or backslashes were removed from the value.
    start: Option<usize>,
    /// The value it is part of.
    value: Span,
}

impl<'a> Piece<'a> {
    /// All of a value, whose text is `plain` without quotes and backslashes.
    pub(super) fn new(plain: &'a str, value: Span) -> Self {
        let verbatim = value.end - value.start == plain.len();
        Self {
            text: plain,
            start: verbatim.then_some(value.start),
            value,
        }
    }

    pub(super) fn span(self) -> Span {
        self.start
            .map_or(self.value, |s| Span::new(s, s + self.text.len()))
    }

    pub(super) fn part(self, range: Range<usize>) -> Self {
        Self {
            start: self.start.map(|s| s + range.start),
            text: self.text.get(range).unwrap_or_default(),
            ..self
        }
    }

    pub(super) fn from(self, start: usize) -> Self {
        self.part(start..self.text.len())
    }

    pub(super) fn strip_prefix(self, prefix: &str) -> Option<Self> {
        let stripped = self.text.strip_prefix(prefix)?;
        Some(self.from(self.text.len() - stripped.len()))
    }

    /// What is before and after the one-byte character at `at`.
    fn around(self, at: usize) -> (Self, Self) {
        (self.part(0..at), self.from(at + 1))
    }

    /// What is before and after the last colon.
    fn at_last_colon(self) -> (Self, Option<Self>) {
        match self.text.rfind(':') {
            Some(at) => {
                let (before, after) = self.around(at);
                (before, Some(after))
            }
            None => (self, None),
        }
    }

    pub(super) fn bad_address(self, wanted: &'static str) -> Fault {
        let address = self.text.to_owned();
        Fault::new(ErrorKind::BadAddress { address, wanted }, self.span())
    }

    pub(super) fn bad_prefix(self, why: &'static str) -> Fault {
        let prefix = self.text.to_owned();
        Fault::new(ErrorKind::BadPrefix { prefix, why }, self.span())
    }
}

/// The two halves of an address with a port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Halves<'a> {
    /// The address; none if any will do.
    pub(super) host: Option<Piece<'a>>,
    /// The length behind the brackets, if the address is in brackets and there is one.
    pub(super) length: Option<Piece<'a>>,
    /// The interface behind a `%`, as `ss` and portctl show where a socket is bound.
    pub(super) interface: Option<Piece<'a>>,
    /// The port; none if any will do.
    pub(super) port: Option<Piece<'a>>,
    /// Whether all of it would be an IPv6 address, too.
    pub(super) ambiguous: bool,
}

/// Takes the port off an address, as `ss` does: at the last colon that is not before a slash, or
/// after brackets, or after `*`. `is_port` tells whether an IPv6 address without brackets ends in a port.
pub(super) fn split<'a>(
    value: Piece<'a>,
    is_port: &dyn Fn(&str) -> bool,
) -> Result<Halves<'a>, Fault> {
    let halves = |host, port: Option<Piece<'a>>, ambiguous| Halves {
        host,
        length: None,
        interface: None,
        port: port.filter(|p| !p.text.is_empty()),
        ambiguous,
    };
    if let Some(inside) = value.strip_prefix("[") {
        let Some(close) = inside.text.find(']') else {
            return Err(value.bad_address("an address in brackets: the ']' is missing"));
        };
        let (host, after) = inside.around(close);
        if let Some(at) = host.text.find('%') {
            let (host, interface) = host.around(at);
            let port = after.strip_prefix(":").unwrap_or(after);
            return Ok(Halves {
                interface: Some(interface),
                ..halves(Some(host), Some(port), false)
            });
        }
        if let Some(bound) = after.strip_prefix("%") {
            let (interface, port) = bound.at_last_colon();
            return Ok(Halves {
                interface: Some(interface),
                ..halves(Some(host), port, false)
            });
        }
        if let Some(length) = after.strip_prefix("/") {
            let (length, port) = match length.text.find(':') {
                Some(colon) => length.around(colon),
                None => (length, length.from(length.text.len())),
            };
            return Ok(Halves {
                length: Some(length),
                ..halves(Some(host), Some(port), false)
            });
        }
        let port = after.strip_prefix(":").unwrap_or(after);
        return Ok(halves(Some(host), Some(port), false));
    }
    if let Some(at) = value.text.find('%') {
        let (host, bound) = value.around(at);
        let (interface, port) = bound.at_last_colon();
        return Ok(Halves {
            interface: Some(interface),
            ..halves((host.text != "*").then_some(host), port, false)
        });
    }
    if let Some(port) = value.strip_prefix("*") {
        let port = port.strip_prefix(":").unwrap_or(port);
        return Ok(halves(None, Some(port), false));
    }
    let slash = value.text.find('/');
    let after_slash = slash.unwrap_or(0);
    let colon = value.text.rfind(':').filter(|&c| c >= after_slash);
    let Some((host, port)) = colon.map(|at| value.around(at)) else {
        return Ok(halves(Some(value), None, false));
    };
    if host.text.is_empty() {
        return Ok(halves(None, Some(port), false));
    }
    if slash.is_none() && host.text.contains(':') {
        let is_v6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
        let whole = is_v6(value.text);
        let port_fits = port.text.is_empty() || is_port(port.text);
        if !is_v6(host.text) || (whole && !port_fits) {
            return Ok(halves(Some(value), None, false));
        }
        return Ok(halves(Some(host), Some(port), whole));
    }
    Ok(halves(Some(host), Some(port), false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::address::hosts;
    use crate::filter::port::number;
    use crate::model::Family;
    use proptest::prelude::*;

    fn piece(text: &str) -> Piece<'_> {
        Piece::new(text, Span::new(0, text.len()))
    }

    fn halves(text: &str) -> (Option<&str>, Option<&str>, bool) {
        let is_port = |p: &str| number(p).is_some_and(|n| n < 65536) || p == "https" || p == "*";
        let halves = split(piece(text), &is_port).unwrap();
        (
            halves.host.map(|h| h.text),
            halves.port.map(|p| p.text),
            halves.ambiguous,
        )
    }

    #[test]
    fn ports_are_taken_off() {
        assert_eq!(halves("10.0.0.1"), (Some("10.0.0.1"), None, false));
        assert_eq!(halves("10.0.0.1:22"), (Some("10.0.0.1"), Some("22"), false));
        assert_eq!(halves("10.0.0.1:*"), (Some("10.0.0.1"), Some("*"), false));
        assert_eq!(halves("10.0.0.1:"), (Some("10.0.0.1"), None, false));
        assert_eq!(halves("10/8:22"), (Some("10/8"), Some("22"), false));
        assert_eq!(halves("host:https"), (Some("host"), Some("https"), false));
        assert_eq!(halves("*:22"), (None, Some("22"), false));
        assert_eq!(halves("*22"), (None, Some("22"), false));
        assert_eq!(halves(":22"), (None, Some("22"), false));
        assert_eq!(halves("*"), (None, None, false));
    }

    #[test]
    fn brackets_hold_an_address() {
        assert_eq!(halves("[::1]"), (Some("::1"), None, false));
        assert_eq!(halves("[::1]:22"), (Some("::1"), Some("22"), false));
        assert_eq!(halves("[::1]22"), (Some("::1"), Some("22"), false));
        assert_eq!(
            halves("[fe80::/10]:22"),
            (Some("fe80::/10"), Some("22"), false)
        );
        assert_eq!(
            halves("[10.0.0.1]:22"),
            (Some("10.0.0.1"), Some("22"), false)
        );
        let never = |_: &str| false;
        assert!(split(piece("[::1"), &never).is_err());
        let behind = split(piece("[fe80::]/10:22"), &never).unwrap();
        let text = |piece: Option<Piece<'_>>| piece.unwrap().text.to_owned();
        assert_eq!(text(behind.host), "fe80::");
        assert_eq!(text(behind.length), "10");
        assert_eq!(text(behind.port), "22");
        assert_eq!(
            hosts(behind.host.unwrap(), behind.length, None),
            hosts(piece("fe80::/10"), None, None)
        );
        let twice = hosts(piece("::/10"), behind.length, None).unwrap_err();
        assert_eq!(twice.span, Span::new(9, 11));
    }

    #[test]
    fn interfaces_are_taken_off() {
        let parts = |text: &'static str| {
            let halves = split(piece(text), &|_| true).unwrap();
            [halves.host, halves.interface, halves.port].map(|p| p.map_or("", |p| p.text))
        };
        assert_eq!(parts("[fe80::5]%d0:5002"), ["fe80::5", "d0", "5002"]);
        assert_eq!(parts("[fe80::5]%d0"), ["fe80::5", "d0", ""]);
        assert_eq!(parts("[fe80::5%d0]:5002"), ["fe80::5", "d0", "5002"]);
        assert_eq!(parts("fe80::5%d0"), ["fe80::5", "d0", ""]);
        assert_eq!(parts("127.0.0.53%lo:53"), ["127.0.0.53", "lo", "53"]);
        assert_eq!(parts("*%d0:*"), ["", "d0", "*"]);
    }

    #[test]
    fn bare_ipv6_is_read_as_ss_does_where_that_makes_sense() {
        assert_eq!(halves("::1"), (Some("::1"), None, false));
        assert_eq!(halves("::"), (Some("::"), None, false));
        assert_eq!(halves("fe80::1"), (Some("fe80::1"), None, false));
        assert_eq!(halves("fe80::1:22"), (Some("fe80::1"), Some("22"), true));
        assert_eq!(
            halves("fe80::1:https"),
            (Some("fe80::1"), Some("https"), false)
        );
        assert_eq!(
            halves("fe80::1:70000"),
            (Some("fe80::1"), Some("70000"), false)
        );
        assert_eq!(halves("fe80::a:b"), (Some("fe80::a:b"), None, false));
        assert_eq!(
            halves("1:2:3:4:5:6:7:8"),
            (Some("1:2:3:4:5:6:7:8"), None, false)
        );
        assert_eq!(
            halves("1:2:3:4:5:6:7:8:9"),
            (Some("1:2:3:4:5:6:7:8"), Some("9"), false)
        );
        assert_eq!(
            halves("2001:db8::/32"),
            (Some("2001:db8::/32"), None, false)
        );
        assert_eq!(
            halves("2001:db8::/32:9"),
            (Some("2001:db8::/32"), Some("9"), false)
        );
        assert_eq!(
            halves("::ffff:10.0.0.1"),
            (Some("::ffff:10.0.0.1"), None, false)
        );
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[0-9a-fx.:/*%\\[\\]ü]{0,20}|.{0,12}") {
            if let Ok(halves) = split(piece(&text), &|p| number(p).is_some())
                && let Some(host) = halves.host
            {
                let _ = hosts(host, halves.length, None);
                let _ = hosts(host, halves.length, Some(Family::Inet));
                let _ = hosts(host, halves.length, Some(Family::Inet6));
            }
        }
    }
}
