//! What a person types for a port or a unix socket: `8080`, `tcp/8080`, `127.0.0.1:8080/udp`, `[::]:80`, `http`, `/run/x.sock`,
//! `@name`.

use crate::filter::{Resolver, brief};
use crate::model::{IfIndex, Port, Protocol, Question, Subject, UnixName};
use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;

/// Why a question makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionError {
    /// As it was typed.
    pub asked: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to try.
    pub hint: String,
}

/// The forms, for hints.
const FORMS: &str = "write 8080, tcp/8080, 127.0.0.1:8080/udp, [::1]:80, a service name, a path with a slash, or @name";

/// The longest path of unix(7), without its NUL.
const PATH_LEN: usize = 107;

/// Reads one question.
///
/// # Errors
/// If it names no port and no unix socket, or a service, host or interface that does not exist.
pub fn parse(typed: &OsStr, resolver: &dyn Resolver) -> Result<Question, QuestionError> {
    let asked = typed.to_string_lossy().into_owned();
    let fail = |problem: String, hint: String| QuestionError {
        asked: asked.clone(),
        problem,
        hint,
    };
    if let Some(name) = unix_name(typed.as_bytes()) {
        let length = match &name {
            UnixName::Path(bytes) | UnixName::Abstract(bytes) => bytes.len(),
            UnixName::Unnamed => 0,
        };
        if length == 0
            || length > PATH_LEN
            || matches!(&name, UnixName::Path(path) if path.contains(&0))
        {
            let problem =
                format!("a unix socket's name has 1 to {PATH_LEN} bytes, this has {length}");
            return Err(fail(
                problem,
                "name the file that the program binds".to_owned(),
            ));
        }
        let subject = Subject::Unix(name);
        return Ok(Question { asked, subject });
    }
    let Some(text) = typed.to_str() else {
        return Err(fail("this is not UTF-8".to_owned(), FORMS.to_owned()));
    };
    let (protocol, place) = protocol_of(text).map_err(|word| {
        fail(
            format!("there is no protocol '{}' here", brief(&word)),
            "tcp and udp have ports".to_owned(),
        )
    })?;
    let (address, word) = split(place).ok_or_else(|| {
        fail(
            "an IPv6 address needs brackets".to_owned(),
            "write [::1]:80".to_owned(),
        )
    })?;
    let (protocols, port) = port_of(word, protocol, resolver).map_err(|(p, h)| fail(p, h))?;
    let addresses = match address {
        None | Some("" | "*") => Vec::new(),
        Some(address) => addresses_of(address, resolver).map_err(|(p, h)| fail(p, h))?,
    };
    let subject = Subject::Port {
        protocols,
        port,
        addresses,
    };
    Ok(Question { asked, subject })
}

fn unix_name(bytes: &[u8]) -> Option<UnixName> {
    if let Some(name) = bytes.strip_prefix(b"@") {
        return Some(UnixName::Abstract(name.into()));
    }
    let path = bytes.strip_prefix(b"unix:").unwrap_or(bytes);
    let starts = |with: &[u8]| path.starts_with(with);
    (path.len() < bytes.len() || starts(b"/") || starts(b"./") || starts(b"../"))
        .then(|| UnixName::Path(path.into()))
}

/// Takes `tcp/` from the front or `/tcp` from the end. The error is a word that is no protocol.
fn protocol_of(text: &str) -> Result<(Option<Protocol>, &str), String> {
    let known = |word: &str| match word.to_ascii_lowercase().as_str() {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        _ => None,
    };
    let Some((front, back)) = text.split_once('/') else {
        return Ok((None, text));
    };
    match (known(front), known(back)) {
        (Some(protocol), _) => Ok((Some(protocol), back)),
        (None, Some(protocol)) => Ok((Some(protocol), front)),
        (None, None) => {
            let looks_like_port = front.bytes().any(|b| b.is_ascii_digit() || b == b':');
            Err(if looks_like_port { back } else { front }.to_owned())
        }
    }
}

/// Address and port; no address where there is no colon, nothing at all for an IPv6 address without brackets.
fn split(place: &str) -> Option<(Option<&str>, &str)> {
    if let Some(rest) = place.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        return Some((Some(address), port.strip_prefix(':')?));
    }
    match place.rsplit_once(':') {
        None => Some((None, place)),
        Some((address, _)) if address.contains(':') => None,
        Some((address, port)) => Some((Some(address), port)),
    }
}

type Fault = (String, String);

fn port_of(
    word: &str,
    protocol: Option<Protocol>,
    resolver: &dyn Resolver,
) -> Result<(Vec<Protocol>, Port), Fault> {
    let asked = |p: Protocol| protocol.is_none_or(|asked| asked == p);
    let both = [Protocol::Tcp, Protocol::Udp];
    if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
        return match word.parse::<u16>() {
            Ok(0) => Err((
                "port 0 asks the kernel to choose a port".to_owned(),
                "ask about a port from 1 to 65535".to_owned(),
            )),
            Ok(port) => Ok((both.into_iter().filter(|p| asked(*p)).collect(), Port(port))),
            Err(_) => Err((
                format!("'{}' is above 65535", brief(word)),
                "ports go from 1 to 65535".to_owned(),
            )),
        };
    }
    let found = resolver.service(word).unwrap_or_default();
    let mut ports = found
        .into_iter()
        .filter(|(p, port)| both.contains(p) && asked(*p) && *port != 0);
    let Some((first, port)) = ports.next() else {
        let similar = resolver.similar_services(word);
        let hint = if similar.is_empty() {
            FORMS.to_owned()
        } else {
            format!("did you mean {}? {FORMS}", similar.join(" or "))
        };
        return Err((
            format!("there is no port or service '{}'", brief(word)),
            hint,
        ));
    };
    let others = ports.filter(|(_, other)| *other == port).map(|(p, _)| p);
    let mut protocols: Vec<_> = std::iter::once(first).chain(others).collect();
    protocols.sort_unstable();
    Ok((protocols, Port(port)))
}

/// Reads an address, in brackets or not, with an interface behind `%` or not; or a host name, which may have several.
///
/// # Errors
/// If there is no such host or interface.
pub fn parse_address(
    typed: &str,
    resolver: &dyn Resolver,
) -> Result<Vec<(IpAddr, Option<IfIndex>)>, QuestionError> {
    let inside = typed.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    addresses_of(inside.unwrap_or(typed), resolver).map_err(|(problem, _)| QuestionError {
        asked: typed.to_owned(),
        problem,
        hint: "write an address of this host, such as 127.0.0.1, ::1 or fe80::1%eth0, or its name"
            .to_owned(),
    })
}

fn addresses_of(
    text: &str,
    resolver: &dyn Resolver,
) -> Result<Vec<(IpAddr, Option<IfIndex>)>, Fault> {
    let (address, scope) = text
        .split_once('%')
        .map_or((text, None), |(a, s)| (a, Some(s)));
    let interface = match scope {
        None => None,
        Some(name) => {
            let index = resolver
                .interface(name)
                .or_else(|| name.parse().ok().and_then(IfIndex::new));
            Some(index.ok_or_else(|| {
                let problem = format!("there is no interface '{}'", brief(name));
                (problem, "write the name that 'ip link' shows".to_owned())
            })?)
        }
    };
    if let Ok(address) = address.parse::<IpAddr>() {
        return Ok(vec![(address, interface)]);
    }
    match resolver.host(address) {
        Ok(found) if !found.is_empty() => Ok(found.into_iter().map(|a| (a, interface)).collect()),
        Ok(_) => Err((
            format!("'{}' has no address", brief(address)),
            FORMS.to_owned(),
        )),
        Err(reason) => Err((format!("'{}': {reason}", brief(address)), FORMS.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uid;
    use std::ops::RangeInclusive;

    struct Known;

    impl Resolver for Known {
        fn service(&self, name: &str) -> Option<Vec<(Protocol, u16)>> {
            match name {
                "domain" => Some(vec![(Protocol::Tcp, 53), (Protocol::Udp, 53)]),
                "http" => Some(vec![(Protocol::Tcp, 80)]),
                "split" => Some(vec![(Protocol::Tcp, 1), (Protocol::Udp, 2)]),
                _ => None,
            }
        }
        fn similar_services(&self, name: &str) -> Vec<String> {
            if name == "htpt" {
                vec!["http".to_owned()]
            } else {
                Vec::new()
            }
        }
        fn interface(&self, name: &str) -> Option<IfIndex> {
            IfIndex::new(u32::from(name == "lo"))
        }
        fn similar_interfaces(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
        fn user(&self, _: &str) -> Option<Uid> {
            None
        }
        fn similar_users(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
        fn cgroup(&self, _: &[u8]) -> Result<u64, String> {
            Err(String::new())
        }
        fn ephemeral_ports(&self) -> Option<RangeInclusive<u16>> {
            None
        }
        fn host(&self, name: &str) -> Result<Vec<IpAddr>, String> {
            match name {
                "localhost" => Ok(vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()]),
                _ => Err("Name or service not known".to_owned()),
            }
        }
    }

    fn read(text: &str) -> Result<Subject, QuestionError> {
        parse(OsStr::new(text), &Known).map(|q| q.subject)
    }

    fn port(text: &str) -> String {
        match read(text).unwrap_or_else(|e| panic!("{e:?}")) {
            Subject::Port {
                protocols,
                port,
                addresses,
            } => {
                let protocols: Vec<_> = protocols.iter().map(Protocol::to_string).collect();
                let addresses: Vec<_> = addresses
                    .iter()
                    .map(|(a, i)| i.map_or(a.to_string(), |i| format!("{a}%{}", i.0)))
                    .collect();
                format!("{} {} {}", protocols.join("+"), port.0, addresses.join(" "))
            }
            Subject::Unix(name) => panic!("{name:?}"),
        }
    }

    #[test]
    fn every_form_of_a_port_is_read() {
        for (text, meaning) in [
            ("8080", "tcp+udp 8080 "),
            ("tcp/8080", "tcp 8080 "),
            ("8080/TCP", "tcp 8080 "),
            ("127.0.0.1:8080/udp", "udp 8080 127.0.0.1"),
            ("udp/127.0.0.1:8080", "udp 8080 127.0.0.1"),
            ("[::]:80", "tcp+udp 80 ::"),
            ("[::1]:http", "tcp 80 ::1"),
            (":80", "tcp+udp 80 "),
            ("*:80/tcp", "tcp 80 "),
            ("[fe80::1%lo]:80/tcp", "tcp 80 fe80::1%1"),
            ("http", "tcp 80 "),
            ("domain", "tcp+udp 53 "),
            ("udp/domain", "udp 53 "),
            ("split", "tcp 1 "),
            ("localhost:80/tcp", "tcp 80 127.0.0.1 ::1"),
        ] {
            assert_eq!(port(text), meaning, "{text}");
        }
    }

    #[test]
    fn unix_names_are_told_from_ports() {
        let path = |text: &str| Ok(Subject::Unix(UnixName::Path(text.as_bytes().into())));
        assert_eq!(read("/run/x.sock"), path("/run/x.sock"));
        assert_eq!(read("./8080"), path("./8080"));
        assert_eq!(read("unix:x"), path("x"));
        let name = UnixName::Abstract(b"x"[..].into());
        assert_eq!(read("@x"), Ok(Subject::Unix(name)));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, words) in [
            ("0", "port 0"),
            ("65536", "above 65535"),
            ("99999999999999999999", "above 65535"),
            ("", "no port or service ''"),
            ("htpt", "no port or service 'htpt'"),
            ("sctp/80", "no protocol 'sctp'"),
            ("80/sctp", "no protocol 'sctp'"),
            ("::1:80", "brackets"),
            ("[::1]80", "brackets"),
            ("udp/http", "no port or service 'http'"),
            ("nowhere:80", "not known"),
            ("[fe80::1%none]:80", "no interface 'none'"),
            ("@", "1 to 107 bytes"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.problem.contains(words), "{text}: {error:?}");
            assert!(!error.hint.is_empty());
        }
        assert!(read("htpt").unwrap_err().hint.contains("http"));
        let long = format!("/{}", "x".repeat(107));
        assert!(read(&long).is_err());
    }

    #[test]
    fn any_text_is_read_or_refused() {
        for text in [
            "[", "]", "[]:", "/", "a/b/c", "%", "[%]:1", ":", "::", "\u{202e}", "tcp/", "/tcp",
        ] {
            let _ = read(text);
        }
    }
}
