//! Conditions on the ends of a socket: `sport`, `dport`, `src`, `dst`.

use super::address::{Hosts, Network, hosts};
use super::ast::{Op, Value};
use super::check::Checker;
use super::class;
use super::error::{ErrorKind, Fault, PortFault};
use super::glob::Glob;
use super::numbers::NumberSet;
use super::port::{self, Ports, Written};
use super::predicate::{EndTest, PortSets, PortTest, Predicate};
use super::quantity;
use super::split::{Piece, split};
use super::token::Span;
use crate::model::{Family, Protocol, Side, Table, ethertype_named, netlink_named};

/// Prefixes of values that choose a family, as `ss` has them.
const PREFIXES: [(&str, Option<Family>); 8] = [
    ("inet:", Some(Family::Inet)),
    ("inet6:", Some(Family::Inet6)),
    ("unix:", Some(Family::Unix)),
    ("link:", Some(Family::Packet)),
    ("netlink:", Some(Family::Netlink)),
    ("vsock:", Some(Family::Vsock)),
    ("tipc:", None),
    ("xdp:", None),
];

impl Checker<'_> {
    /// `sport`, `dport`.
    pub(super) fn port(&mut self, side: Side, op: Op, value: &Value) -> Result<Predicate, Fault> {
        let plain = value.plain();
        let (family, piece) = family_prefix(Piece::new(&plain, value.span))?;
        if let Some(family) = family.filter(|f| has_numbers(*f)) {
            let piece = piece.strip_prefix(":").unwrap_or(piece);
            let port = self.number_port(family, op, piece)?;
            return Ok(end_of(family, side, None, port));
        }
        let piece = match piece.strip_prefix("*:") {
            Some(port) if port.text != "*" && !port.text.is_empty() => {
                self.warn(
                    piece.span(),
                    format!(
                        "'{}' is read as port {}; 'ss' takes it as any port",
                        piece.text, port.text
                    ),
                );
                port
            }
            Some(_) => piece.part(0..1),
            None => piece.strip_prefix(":").unwrap_or(piece),
        };
        let of_unix = family.map_or(self.only_wide_ports(), |f| f == Family::Unix);
        let sets = match quantity::range(piece).filter(|_| !op.is_order()) {
            Some(ends) => self.port_range(piece, ends, of_unix)?,
            None => match self.read_port(piece)? {
                Written::Any if op.is_order() => {
                    return Err(port::bad(piece, PortFault::AnyHasNoOrder));
                }
                Written::Any => return Ok(in_family(family, Vec::new())),
                Written::Service(ports) => {
                    let ports = self.service(op, ports, piece);
                    let set = |protocol| {
                        let number = ports.of(protocol);
                        number
                            .map_or_else(NumberSet::default, |n| NumberSet::comparing(op, n.into()))
                    };
                    PortSets {
                        tcp: set(Protocol::Tcp),
                        udp: set(Protocol::Udp),
                        raw: set(Protocol::Raw),
                        inodes: NumberSet::default(),
                    }
                }
                Written::Number(number) => {
                    let set = NumberSet::comparing(op, number);
                    same(set, number <= u16::MAX.into(), of_unix)
                        .ok_or_else(|| port::bad(piece, PortFault::OutOfRange))?
                }
            },
        };
        let test = Predicate::Port(Box::new(PortTest { side, sets }));
        Ok(in_family(family, vec![test]))
    }

    /// The ports of a service for this operator, and what should be known of them. A name with one number orders the ports of TCP and
    /// UDP alike, whether or not it is registered for both.
    fn service(&mut self, op: Op, ports: Ports, piece: Piece<'_>) -> Ports {
        let name = piece.text;
        let ordered = match (ports.tcp, ports.udp) {
            (Some(tcp), Some(udp)) if op.is_order() && tcp != udp => {
                let message = format!(
                    "'{name}' is {tcp} for TCP and {udp} for UDP, and each is compared with its own: \
                     a number would be the same for all"
                );
                self.warn(piece.span(), message);
                ports
            }
            (tcp, udp) if op.is_order() => Ports {
                tcp: tcp.or(udp),
                udp: udp.or(tcp),
                ..ports
            },
            _ => ports,
        };
        let selected = || {
            let tables = self.scope.tables.iter();
            tables.filter(|table| table.family.is_ip())
        };
        let has_number = |table: Table| ordered.of(table.protocol).is_some();
        if selected().next().is_some() && !selected().any(has_number) {
            let known = [("TCP", ports.tcp), ("UDP", ports.udp), ("raw", ports.raw)];
            let of: Vec<_> = known
                .iter()
                .filter(|k| k.1.is_some())
                .map(|k| k.0)
                .collect();
            let message = format!(
                "'{name}' is a name for {} only, so that no socket of those asked for has it",
                of.join(" and ")
            );
            self.warn(piece.span(), message);
        }
        ordered
    }

    /// `8000-8099`.
    fn port_range(
        &mut self,
        whole: Piece<'_>,
        ends: (Piece<'_>, Piece<'_>),
        of_unix: bool,
    ) -> Result<PortSets, Fault> {
        let mut numbers = [0; 2];
        for (number, piece) in numbers.iter_mut().zip([ends.0, ends.1]) {
            *number = match self.read_port(piece)? {
                Written::Number(n) => n,
                _ => return Err(port::bad(piece, PortFault::NotANumber)),
            };
        }
        let [from, to] = numbers;
        if from > to {
            return Err(port::bad(whole, PortFault::Backwards));
        }
        same(NumberSet::of([(from, to)]), to <= u16::MAX.into(), of_unix)
            .ok_or_else(|| port::bad(whole, PortFault::OutOfRange))
    }

    fn read_port(&mut self, piece: Piece<'_>) -> Result<Written, Fault> {
        self.note_octal(piece.text, piece.span());
        port::read(piece, self.resolver)
    }

    /// `autobound`: as `ss` sees it without the kernel's help.
    pub(super) fn autobound(&mut self, span: Span) -> Result<Predicate, Fault> {
        if !self.only_unix() {
            let message = "a port of the ephemeral range counts as chosen by the kernel, also where bind() named it; \
                           'ss' asks the kernel, and may show fewer";
            self.warn(span, message.to_owned());
        }
        let name = |pattern: &str| Predicate::Name(Side::Local, Glob::new(pattern).into());
        let mut of_unix = vec![Predicate::Family(Family::Unix)];
        // The kernel's own names are five hexadecimal digits, net/unix/af_unix.c.
        of_unix.push(Predicate::any(vec![
            name(""),
            name(&format!("@{}", "[0-9a-f]".repeat(5))),
        ]));
        Ok(Predicate::any(vec![
            self.port_class(Side::Local, "ephemeral", span)?,
            Predicate::all(of_unix),
        ]))
    }

    /// Ports of a class. It says nothing of raw sockets, whose ports are protocols, nor of unix sockets.
    pub(super) fn port_class(
        &mut self,
        side: Side,
        name: &str,
        span: Span,
    ) -> Result<Predicate, Fault> {
        let ephemeral = (name == "ephemeral").then(|| self.resolver.ephemeral_ports());
        if ephemeral == Some(None) {
            return Err(Fault::new(ErrorKind::NoEphemeralRange, span));
        }
        let set = class::ports(name, ephemeral.flatten()).unwrap_or_default();
        let sets = PortSets {
            tcp: set.clone(),
            udp: set,
            ..PortSets::default()
        };
        Ok(Predicate::Port(Box::new(PortTest { side, sets })))
    }

    /// `src`, `dst`.
    pub(super) fn host(&mut self, side: Side, value: &Value) -> Result<Predicate, Fault> {
        let plain = value.plain();
        let (family, piece) = family_prefix(Piece::new(&plain, value.span))?;
        let only = self.only_numbers();
        if let Some(family) = family.or(only).filter(|f| has_numbers(*f)) {
            return self.number_end(side, family, piece);
        }
        let pattern = value.pattern.as_str();
        if let Some(number) = pattern.strip_prefix('#').and_then(port::number) {
            // As a unix socket without a name is shown.
            let sets = PortSets {
                inodes: NumberSet::comparing(Op::Eq, number),
                ..PortSets::default()
            };
            return Ok(Predicate::Port(Box::new(PortTest { side, sets })));
        }
        let is_name = match family {
            None => is_name(pattern) || self.only_unix(),
            Some(family) => family == Family::Unix,
        };
        match family {
            None if is_any(pattern) => Ok(Predicate::Constant(true)),
            _ if is_name => {
                let pattern = pattern.strip_prefix("unix:").unwrap_or(pattern);
                Ok(Predicate::Name(side, Glob::new(pattern).into()))
            }
            _ => self.address(side, family, piece),
        }
    }

    fn address(
        &mut self,
        side: Side,
        family: Option<Family>,
        piece: Piece<'_>,
    ) -> Result<Predicate, Fault> {
        let resolver = self.resolver;
        let halves = split(piece, &|text| port::is_port(text, resolver))?;
        let mut parts = Vec::new();
        if let Some(interface) = halves.interface {
            parts.push(self.interface_named(interface)?);
        }
        if let Some(host) = halves.host {
            match hosts(host, halves.length, family)? {
                Hosts::Any => {}
                Hosts::Network(network) => {
                    for number in host.text.split(['.', '/']) {
                        self.note_octal(number, host.span());
                    }
                    parts.push(Predicate::Network(side, network));
                }
                Hosts::Named => parts.push(self.named(side, family, host)?),
            }
            if let (true, Some(port)) = (halves.ambiguous, halves.port) {
                let (host, port, whole) = (host.text, port.text, piece.text);
                self.warn(
                    piece.span(),
                    format!(
                        "'{whole}' is read as '[{host}]:{port}', address and port, as 'ss' does: \
                         for the address, write '[{whole}]'"
                    ),
                );
            }
        }
        if let Some(port) = halves.port {
            parts.extend(self.port_of_address(side, port)?);
        }
        Ok(in_family(family, parts))
    }

    /// Any of the addresses that a host has in the family.
    fn named(
        &self,
        side: Side,
        family: Option<Family>,
        host: Piece<'_>,
    ) -> Result<Predicate, Fault> {
        let unknown = |reason| {
            let name = host.text.to_owned();
            Fault::new(ErrorKind::UnknownHost { name, reason }, host.span())
        };
        let networks: Vec<Predicate> = self
            .resolver
            .host(host.text)
            .map_err(unknown)?
            .into_iter()
            .filter(|address| match family {
                Some(Family::Inet) => address.is_ipv4(),
                Some(Family::Inet6) => address.is_ipv6(),
                _ => true,
            })
            .map(|address| Predicate::Network(side, Network::host(address)))
            .collect();
        match family {
            _ if !networks.is_empty() => Ok(Predicate::any(networks)),
            Some(family) => Err(unknown(format!("none of family {family}"))),
            None => Err(unknown("none was found".to_owned())),
        }
    }

    /// The port behind an address; unix sockets have none.
    fn port_of_address(
        &mut self,
        side: Side,
        piece: Piece<'_>,
    ) -> Result<Option<Predicate>, Fault> {
        let one = |port: u16| NumberSet::comparing(Op::Eq, port.into());
        let ports = match self.read_port(piece)? {
            Written::Any => return Ok(None),
            Written::Service(ports) => ports,
            Written::Number(number) => match u16::try_from(number) {
                Ok(port) => Ports::same(Some(port)),
                Err(_) => return Err(port::bad(piece, PortFault::OutOfRange)),
            },
        };
        let sets = PortSets {
            tcp: ports.tcp.map(one).unwrap_or_default(),
            udp: ports.udp.map(one).unwrap_or_default(),
            raw: ports.raw.map(one).unwrap_or_default(),
            inodes: NumberSet::default(),
        };
        Ok(Some(Predicate::Port(Box::new(PortTest { side, sets }))))
    }

    /// `ip:eth0`, `rtnl:812`, `2:1024`: an end of a family whose addresses are numbers. `*`, or nothing, is any.
    fn number_end(
        &mut self,
        side: Side,
        family: Family,
        piece: Piece<'_>,
    ) -> Result<Predicate, Fault> {
        let (address, port) = match piece.text.find(':') {
            Some(at) => (piece.part(0..at), Some(piece.from(at + 1))),
            None => (piece, None),
        };
        let address = match address.text {
            "" | "*" => None,
            text => Some(
                number_address(family, text).ok_or_else(|| address.bad_address(wanted(family)))?,
            ),
        };
        let port = match port {
            Some(port) => self.number_port(family, Op::Eq, port)?,
            None => None,
        };
        Ok(end_of(family, side, address, port))
    }

    /// The port of such a family: an interface, a port id, or a number; `None` for any.
    fn number_port(
        &self,
        family: Family,
        op: Op,
        piece: Piece<'_>,
    ) -> Result<Option<NumberSet>, Fault> {
        if matches!(piece.text, "" | "*") {
            return Ok(None);
        }
        let number = match family {
            Family::Packet => match self.interface_named(piece)? {
                Predicate::Interface(Some(index)) => index.0.get().into(),
                _ => 0,
            },
            Family::Netlink if piece.text == "kernel" => 0,
            _ => port::number(piece.text)
                .filter(|&n| n <= u32::MAX.into())
                .ok_or_else(|| {
                    piece.bad_address(match family {
                        Family::Netlink => "a port id: a number, 'kernel' or '*'",
                        _ => "a port: a number or '*'",
                    })
                })?,
        };
        Ok(Some(NumberSet::comparing(op, number)))
    }

    fn note_octal(&mut self, text: &str, span: Span) {
        if let Some(value) = port::octal(text) {
            let message = format!("'{text}' begins with 0 and is read as octal: {value}");
            self.warn(span, message);
        }
    }
}

/// Whether both halves of an address of this family are numbers.
const fn has_numbers(family: Family) -> bool {
    matches!(family, Family::Packet | Family::Netlink | Family::Vsock)
}

/// The first half of an address of such a family.
fn number_address(family: Family, text: &str) -> Option<u32> {
    let number = port::number(text);
    match family {
        Family::Packet => number
            .and_then(|n| u16::try_from(n).ok())
            .or_else(|| ethertype_named(text))
            .map(u32::from),
        Family::Netlink => number
            .and_then(|n| u8::try_from(n).ok())
            .or_else(|| netlink_named(text))
            .map(u32::from),
        _ => number.and_then(|n| u32::try_from(n).ok()),
    }
}

/// What the first half of an address of such a family is.
const fn wanted(family: Family) -> &'static str {
    match family {
        Family::Packet => "a protocol of frames: its name, as arp, its number, or '*'",
        Family::Netlink => "a netlink protocol: its name, as rtnl, its number, or '*'",
        _ => "a context id: a number or '*'",
    }
}

/// Whether an end of a socket of such a family is this one.
fn end_of(family: Family, side: Side, address: Option<u32>, port: Option<NumberSet>) -> Predicate {
    let any = address.is_none() && port.is_none();
    let test = Predicate::End(Box::new(EndTest {
        side,
        address,
        port,
    }));
    in_family(Some(family), if any { Vec::new() } else { vec![test] })
}

/// Takes the family off a value.
fn family_prefix(value: Piece<'_>) -> Result<(Option<Family>, Piece<'_>), Fault> {
    for (prefix, family) in PREFIXES {
        match (value.strip_prefix(prefix), family) {
            (Some(rest), Some(family)) => return Ok((Some(family), rest)),
            (Some(_), None) => {
                let family = prefix.trim_end_matches(':');
                let kind = ErrorKind::UnsupportedFamily { family };
                return Err(Fault::new(kind, value.span()));
            }
            (None, _) => {}
        }
    }
    Ok((None, value))
}

/// The same numbers for every protocol; `None` if they are no ports of IP, and neither inodes nor ports of vsock were meant.
fn same(set: NumberSet, are_ports: bool, of_unix: bool) -> Option<PortSets> {
    match (are_ports, of_unix) {
        (false, false) => None,
        (false, true) => Some(PortSets {
            inodes: set,
            ..PortSets::default()
        }),
        (true, _) => Some(PortSets {
            tcp: set.clone(),
            udp: set.clone(),
            raw: set.clone(),
            inodes: set,
        }),
    }
}

/// Whether a pattern is the name of a unix socket by the way it is written: a path, an abstract name, or what portctl puts in quotes
/// because it would mean something else without.
fn is_name(pattern: &str) -> bool {
    pattern.starts_with(['/', '@'])
        || pattern.starts_with("\\@")
        || pattern.starts_with("\\#")
        || matches!(pattern, "\\*" | "\\?" | "\\-")
}

fn is_any(text: &str) -> bool {
    text == "*"
        || ["any", "all", "default"]
            .iter()
            .any(|a| a.eq_ignore_ascii_case(text))
}

/// All of `parts`, for sockets of the family only.
fn in_family(family: Option<Family>, mut parts: Vec<Predicate>) -> Predicate {
    if let Some(family) = family {
        parts.insert(0, Predicate::Family(family));
    }
    Predicate::all(parts)
}
