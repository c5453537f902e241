//! Free ports: one a line, as JSON, and the remarks about them.

use super::json::{
    NetNsJson, NoticeJson, Schema, TableJson, outside_string, timestamp, write_value,
};
use super::{Closing, Opening};
use crate::analysis::why::free::{LeftOut, Wanted};
use crate::analysis::why::place::Place;
use crate::model::{BindError, BindFacts, Names, Port, Protocol};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;

/// Free ports, and how they were found.
#[derive(Clone, Copy)]
pub struct FreeView<'a> {
    /// The ports, ascending.
    pub ports: &'a [u16],
    /// Which were looked at.
    pub wanted: &'a Wanted,
    /// How many were asked for.
    pub count: u16,
    /// The protocols they are free for.
    pub protocols: &'a [Protocol],
    /// The addresses they are free at; empty for any.
    pub addresses: &'a [IpAddr],
    /// How many are not free, and why.
    pub left_out: LeftOut,
    /// The settings that decided.
    pub facts: &'a BindFacts,
    /// Names of services.
    pub names: &'a dyn Names,
}

impl std::fmt::Debug for FreeView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FreeView")
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

impl FreeView<'_> {
    /// Whether as many were found as were asked for.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.ports.len() >= usize::from(self.count)
    }

    /// What is said on standard error.
    #[must_use]
    pub fn remarks(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        if !self.is_enough() {
            let (low, high) = (self.wanted.range.start(), self.wanted.range.end());
            let _ = match self.ports.len() {
                0 => writeln!(text, "no port from {low} to {high} is free{}", self.why()),
                n => writeln!(
                    text,
                    "only {n} of {} ports from {low} to {high} {} free{}",
                    self.count,
                    if n == 1 { "is" } else { "are" },
                    self.why()
                ),
            };
            let mut is_here = true;
            for address in self.addresses.iter().filter(|a| self.is_elsewhere(**a)) {
                let _ = writeln!(text, "note: {address} is not an address of this host");
                is_here = false;
            }
            if self.left_out.ephemeral > 0 && is_here {
                text.push_str(
                    "hint: --ephemeral also takes ports that the kernel gives to connections\n",
                );
            }
            if self.left_out.reserved > 0 && is_here {
                text.push_str(
                    "hint: --reserved also takes ports that the administrator has reserved\n",
                );
            }
        }
        if !self.ports.is_empty() {
            text.push_str("note: another process may take a port before you bind it\n");
        }
        text
    }

    /// Whether the kernel binds nothing to an address because this host does not have it.
    fn is_elsewhere(&self, address: IpAddr) -> bool {
        let at = [(address, None)];
        let place = Place::new(
            self.facts,
            self.protocols,
            &at,
            Port(*self.wanted.range.end()),
        );
        place.refused(self.facts) == Some(BindError::NotAvailable)
    }

    fn why(&self) -> String {
        let out = &self.left_out;
        let mut parts = Vec::new();
        for (count, one, more) in [
            (out.taken, "is in use", "are in use"),
            (out.privileged, "needs a privilege", "need a privilege"),
            (out.ephemeral, "is ephemeral", "are ephemeral"),
            (out.reserved, "is reserved", "are reserved"),
            (
                out.refused,
                "is refused by the system",
                "are refused by the system",
            ),
        ] {
            if count > 0 {
                parts.push(format!("{count} {}", if count == 1 { one } else { more }));
            }
        }
        if parts.is_empty() {
            String::new()
        } else {
            format!(": {}", parts.join(", "))
        }
    }
}

/// Writes one port a line.
///
/// # Errors
/// If the output cannot be written.
pub fn free_text(out: &mut impl Write, view: &FreeView<'_>) -> io::Result<()> {
    let mut text = String::new();
    for port in view.ports {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{port}");
    }
    out.write_all(text.as_bytes())
}

#[derive(Serialize)]
struct FreeJson<'a> {
    schema: Schema,
    captured_at: Option<String>,
    netns: NetNsJson,
    complete: bool,
    protocols: Vec<&'static str>,
    addresses: Option<&'a [IpAddr]>,
    range: RangeJson,
    wanted: u16,
    enough: bool,
    ephemeral: Option<RangeJson>,
    ports: Vec<PortJson>,
    left_out: LeftOutJson,
    tables: Vec<TableJson>,
    notices: &'a [NoticeJson],
}

#[derive(Serialize)]
struct RangeJson {
    low: u16,
    high: u16,
}

#[derive(Serialize)]
struct PortJson {
    port: u16,
    /// The name of the first protocol that has one for it.
    service: Option<String>,
}

#[derive(Serialize)]
struct LeftOutJson {
    taken: u32,
    privileged: u32,
    ephemeral: u32,
    reserved: u32,
    refused: u32,
}

/// Writes one JSON document on one line; `portctl schema free` prints its schema.
///
/// # Errors
/// If the output cannot be written.
pub fn free_json(
    out: &mut impl Write,
    opening: &Opening,
    view: &FreeView<'_>,
    closing: &Closing,
) -> io::Result<()> {
    let service = |port: u16| {
        let mut protocols = view.protocols.iter();
        let name = protocols.find_map(|&protocol| view.names.service(protocol, Port(port)));
        name.map(|name| outside_string(&name))
    };
    let document = FreeJson {
        schema: Schema {
            name: "portctl.free",
            version: 1,
        },
        captured_at: opening.captured_at.map(timestamp),
        netns: NetNsJson::new(&opening.netns),
        complete: closing.is_complete(),
        protocols: view.protocols.iter().map(|p| p.word()).collect(),
        addresses: (!view.addresses.is_empty()).then_some(view.addresses),
        range: RangeJson {
            low: *view.wanted.range.start(),
            high: *view.wanted.range.end(),
        },
        wanted: view.count,
        enough: view.is_enough(),
        ephemeral: view.facts.ephemeral.as_ref().map(|settings| RangeJson {
            low: *settings.range.start(),
            high: *settings.range.end(),
        }),
        ports: view
            .ports
            .iter()
            .map(|&port| PortJson {
                port,
                service: service(port),
            })
            .collect(),
        left_out: LeftOutJson {
            taken: view.left_out.taken,
            privileged: view.left_out.privileged,
            ephemeral: view.left_out.ephemeral,
            reserved: view.left_out.reserved,
            refused: view.left_out.refused,
        },
        tables: TableJson::all(closing),
        notices: &NoticeJson::all(&closing.notices),
    };
    let mut buffer = Vec::new();
    write_value(&mut buffer, &document)?;
    buffer.push(b'\n');
    out.write_all(&buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NoNames;
    use crate::render::schema;

    fn view<'a>(ports: &'a [u16], wanted: &'a Wanted, facts: &'a BindFacts) -> FreeView<'a> {
        FreeView {
            ports,
            wanted,
            count: 2,
            protocols: &[Protocol::Tcp, Protocol::Udp],
            addresses: &[],
            left_out: LeftOut {
                taken: 1,
                ephemeral: 7,
                ..LeftOut::default()
            },
            facts,
            names: &NoNames,
        }
    }

    #[test]
    fn text_and_json_tell_the_same() {
        let wanted = Wanted {
            range: 3000..=3009,
            ephemeral: false,
            reserved: false,
        };
        let facts = BindFacts::default();
        let some = view(&[3000, 3001], &wanted, &facts);
        let mut text = Vec::new();
        free_text(&mut text, &some).unwrap();
        assert_eq!(text, b"3000\n3001\n");
        assert_eq!(
            some.remarks(),
            "note: another process may take a port before you bind it\n"
        );
        let none = view(&[], &wanted, &facts);
        assert_eq!(
            none.remarks(),
            "no port from 3000 to 3009 is free: 1 is in use, 7 are ephemeral\n\
             hint: --ephemeral also takes ports that the kernel gives to connections\n"
        );
        let schema = serde_json::from_str(schema("free").unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let opening = Opening {
            captured_at: None,
            netns: crate::model::NetNs::default(),
        };
        for view in [some, none] {
            let mut json = Vec::new();
            free_json(&mut json, &opening, &view, &Closing::default()).unwrap();
            let document: serde_json::Value = serde_json::from_slice(&json).unwrap();
            let errors: Vec<_> = validator
                .iter_errors(&document)
                .map(|e| e.to_string())
                .collect();
            assert!(errors.is_empty(), "{errors:?}");
            assert_eq!(
                document["ports"].as_array().unwrap().len(),
                view.ports.len()
            );
            assert_eq!(document["addresses"], serde_json::Value::Null);
        }
    }
}
