//! The answer as one JSON document on one line; `portctl schema why` prints its schema.

use super::WhyView;
use super::process::Known;
use super::remedy;
use crate::analysis::why::{Bind, Part, Reason};
use crate::model::{
    BindTarget, OtherListener, Pid, Redirect, Subject, ToAddress, ToPort, UnixName,
};
use crate::render::json::{
    NetNsJson, NoticeJson, Schema, TableJson, outside_string, timestamp, write_value,
};
use crate::render::{Closing, Opening, json_socket};
use serde::Serialize;
use std::io::{self, Write};
use std::net::IpAddr;

#[derive(Serialize)]
struct Head<'a> {
    schema: Schema,
    captured_at: Option<String>,
    netns: NetNsJson,
    complete: bool,
    question: QuestionJson,
    port: Option<u16>,
    verdict: &'static str,
    verdict_root: &'static str,
    user: UserJson,
    parts: Vec<PartJson>,
    binds: Vec<BindJson>,
    elsewhere: usize,
    redirects_read: Option<bool>,
    other_namespaces: Option<Vec<OtherJson>>,
    tables: Vec<TableJson>,
    notices: &'a [NoticeJson],
}

#[derive(Serialize)]
struct QuestionJson {
    asked: String,
    protocols: Vec<&'static str>,
    addresses: Vec<AddressJson>,
    path: Option<String>,
    path_hex: Option<String>,
    #[serde(rename = "abstract")]
    abstract_name: Option<String>,
    abstract_hex: Option<String>,
}

#[derive(Serialize)]
struct AddressJson {
    address: IpAddr,
    interface: Option<String>,
}

#[derive(Serialize)]
struct UserJson {
    uid: u32,
    user: Option<String>,
    may_bind_privileged: Option<bool>,
}

#[derive(Serialize)]
struct PartJson {
    protocol: &'static str,
    verdict: &'static str,
    verdict_root: &'static str,
    needs_reuseaddr: bool,
    error: Option<&'static str>,
}

#[derive(Serialize)]
struct BindJson {
    protocol: &'static str,
    address: IpAddr,
    interface: Option<String>,
    v6only: Option<bool>,
    #[serde(rename = "as")]
    user: &'static str,
    variant: &'static str,
    outcome: &'static str,
    tried: bool,
}

/// A reason without its sockets, which are written straight into the buffer.
#[derive(Serialize)]
struct ReasonJson {
    kind: &'static str,
    protocol: &'static str,
    blocking: Option<bool>,
    blocking_root: Option<bool>,
    error: Option<&'static str>,
    overlap: Option<&'static str>,
    message: String,
    until_s: Option<f64>,
    redirect: Option<RedirectJson>,
    owners: Vec<OwnerJson>,
    remedies: Vec<RemedyJson>,
}

#[derive(Serialize)]
struct RedirectJson {
    to_address: Option<IpAddr>,
    to_port: Option<u16>,
    target_read: bool,
    conditional: bool,
    ipv4: bool,
    ipv6: bool,
    incoming: bool,
    outgoing: bool,
    table: String,
    chain: String,
}

#[derive(Serialize)]
struct OwnerJson {
    pid: u32,
    name: Option<String>,
    name_hex: Option<String>,
    uid: Option<u32>,
    user: Option<String>,
    command: Option<Vec<String>>,
    started_at: Option<String>,
    cgroup: Option<String>,
    unit: Option<String>,
    user_unit: bool,
    container: Option<ContainerJson>,
    forwards_to: Option<String>,
    restarted_by: Option<RestartJson>,
    parent: Option<ParentJson>,
}

#[derive(Serialize)]
struct ParentJson {
    pid: u32,
    name: Option<String>,
    name_hex: Option<String>,
}

#[derive(Serialize)]
struct ContainerJson {
    engine: &'static str,
    id: String,
}

#[derive(Serialize)]
struct RestartJson {
    kind: &'static str,
    name: String,
}

#[derive(Serialize)]
struct OtherJson {
    protocol: &'static str,
    address: IpAddr,
    port: u16,
    pid: u32,
    name: Option<String>,
    name_hex: Option<String>,
}

#[derive(Serialize)]
struct RemedyJson {
    action: &'static str,
    command: Option<String>,
    text: String,
}

/// Writes an answer as one JSON document, on one line.
///
/// # Errors
/// If the output cannot be written.
pub fn why_json(
    out: &mut impl Write,
    opening: &Opening,
    view: &WhyView<'_>,
    closing: &Closing,
) -> io::Result<()> {
    let answer = view.answer;
    let (port, question) = question(view);
    let head = Head {
        schema: Schema {
            name: "portctl.why",
            version: 1,
        },
        captured_at: opening.captured_at.map(timestamp),
        netns: NetNsJson::new(&opening.netns),
        complete: closing.is_complete(),
        question,
        port,
        verdict: answer.verdict.word(),
        verdict_root: answer.root.word(),
        user: UserJson {
            uid: view.evidence.user.uid.0,
            user: view
                .names
                .user(view.evidence.user.uid)
                .map(|n| outside_string(&n)),
            may_bind_privileged: view.evidence.user.privileged,
        },
        parts: answer.parts.iter().map(part).collect(),
        binds: answer.binds.iter().map(|b| bind(view, b)).collect(),
        elsewhere: answer.elsewhere,
        redirects_read: matches!(view.question.subject, Subject::Port { .. })
            .then_some(view.evidence.redirects.is_some_and(|r| r.gap.is_none())),
        other_namespaces: view
            .others
            .map(|all| all.iter().filter_map(other).collect()),
        tables: TableJson::all(closing),
        notices: &NoticeJson::all(&closing.notices),
    };
    let mut buffer = Vec::new();
    write_value(&mut buffer, &head)?;
    // Sockets are written as `ls` writes them, so the last brace waits.
    buffer.pop();
    buffer.extend_from_slice(b",\"reasons\":[");
    for (n, found) in answer.reasons.iter().enumerate() {
        if n > 0 {
            buffer.push(b',');
        }
        write_value(&mut buffer, &reason(view, found))?;
        buffer.pop();
        sockets(&mut buffer, ",\"sockets\":[", view, &found.sockets);
        buffer.push(b'}');
    }
    buffer.push(b']');
    sockets(&mut buffer, ",\"holders\":[", view, &answer.holders);
    sockets(&mut buffer, ",\"clients\":[", view, &answer.clients);
    buffer.extend_from_slice(b"}\n");
    out.write_all(&buffer)?;
    out.flush()
}

fn other(other: &OtherListener) -> Option<OtherJson> {
    let ends = other.socket.inet()?;
    let name = other.name.as_deref();
    Some(OtherJson {
        protocol: other.socket.protocol.word(),
        address: ends.local,
        port: ends.local_port.0,
        pid: other.pid.0,
        name: name.map(outside_string),
        name_hex: name.and_then(hex_if_lossy),
    })
}

fn sockets(buffer: &mut Vec<u8>, key: &str, view: &WhyView<'_>, places: &[usize]) {
    buffer.extend_from_slice(key.as_bytes());
    for (n, socket) in view.sockets(places).enumerate() {
        if n > 0 {
            buffer.push(b',');
        }
        json_socket::write(buffer, view.row(socket), "");
    }
    buffer.push(b']');
}

fn question(view: &WhyView<'_>) -> (Option<u16>, QuestionJson) {
    let mut question = QuestionJson {
        asked: view.question.asked.clone(),
        protocols: Vec::new(),
        addresses: Vec::new(),
        path: None,
        path_hex: None,
        abstract_name: None,
        abstract_hex: None,
    };
    match &view.question.subject {
        Subject::Port {
            protocols,
            port,
            addresses,
        } => {
            question.protocols = protocols.iter().map(|p| p.word()).collect();
            question.addresses = addresses
                .iter()
                .map(|&(address, index)| AddressJson {
                    address,
                    interface: index.map(|index| interface(view, index)),
                })
                .collect();
            (Some(port.0), question)
        }
        Subject::Unix(name) => {
            question.protocols.push("unix");
            match name {
                UnixName::Path(path) => {
                    question.path = Some(outside_string(path));
                    question.path_hex = hex_if_lossy(path);
                }
                UnixName::Abstract(name) => {
                    question.abstract_name = Some(outside_string(name));
                    question.abstract_hex = hex_if_lossy(name);
                }
                UnixName::Unnamed => {}
            }
            (None, question)
        }
    }
}

fn interface(view: &WhyView<'_>, index: crate::model::IfIndex) -> String {
    view.names
        .interface(index)
        .map_or_else(|| format!("if{}", index.0), |name| outside_string(&name))
}

fn part(part: &Part) -> PartJson {
    PartJson {
        protocol: part.protocol.word(),
        verdict: part.verdict.word(),
        verdict_root: part.root.word(),
        needs_reuseaddr: part.needs_reuseaddr,
        error: part.error.map(crate::model::BindError::word),
    }
}

fn bind(view: &WhyView<'_>, bind: &Bind) -> BindJson {
    let BindTarget {
        protocol,
        address,
        interface: index,
        v6only,
        ..
    } = bind.target;
    BindJson {
        protocol: protocol.word(),
        address,
        interface: index.map(|index| interface(view, index)),
        v6only: address.is_ipv6().then_some(v6only),
        user: bind.user.word(),
        variant: bind.variant.word(),
        outcome: bind.outcome.word(),
        tried: bind.tried,
    }
}

fn reason(view: &WhyView<'_>, reason: &Reason) -> ReasonJson {
    let path = match &view.question.subject {
        Subject::Unix(UnixName::Path(path)) => Some(&path[..]),
        _ => None,
    };
    ReasonJson {
        kind: reason.kind.word(),
        protocol: reason.protocol.word(),
        blocking: reason.blocking,
        blocking_root: reason.blocking_root,
        error: reason.error.map(crate::model::BindError::word),
        overlap: reason.overlap.map(crate::analysis::why::Overlap::word),
        message: super::words::sentence(view, reason),
        until_s: reason.until_ms.map(|ms| f64::from(ms) / 1000.0),
        redirect: reason.redirect.as_ref().map(redirect),
        owners: reason
            .pids
            .iter()
            .map(|&pid| owner(view, pid, &reason.sockets))
            .collect(),
        remedies: reason
            .remedies
            .iter()
            .map(|found| {
                let told = remedy::tell(found, view.names, path);
                RemedyJson {
                    action: told.action,
                    command: told.command,
                    text: told.text,
                }
            })
            .collect(),
    }
}

fn owner(view: &WhyView<'_>, pid: Pid, sockets: &[usize]) -> OwnerJson {
    let known = Known::new(view, pid, sockets);
    let uid = known.process.and_then(|p| p.uid);
    let name = known.process.and_then(|p| p.name.as_deref());
    let place = known.place();
    OwnerJson {
        pid: pid.0,
        name: name.map(outside_string),
        name_hex: name.and_then(hex_if_lossy),
        uid: uid.map(|uid| uid.0),
        user: uid
            .and_then(|uid| view.names.user(uid))
            .map(|name| outside_string(&name)),
        command: known
            .command()
            .map(|words| words.iter().map(|word| outside_string(word)).collect()),
        started_at: known.detail.and_then(|d| d.started_at).map(timestamp),
        cgroup: place.map(|p| outside_string(&p.path)),
        unit: place.and_then(|p| p.unit.as_deref()).map(outside_string),
        user_unit: place.is_some_and(|p| p.user_unit),
        container: place
            .and_then(|p| p.container.as_ref())
            .map(|(engine, id)| ContainerJson {
                engine: engine.word(),
                id: outside_string(id),
            }),
        forwards_to: known.forwards_to().map(|target| target.to_string()),
        restarted_by: known.restarted_by().map(|(kind, name)| RestartJson {
            kind,
            name: outside_string(&name),
        }),
        parent: known
            .detail
            .and_then(|d| d.parent.as_ref())
            .map(|parent| ParentJson {
                pid: parent.pid.0,
                name: parent.name.as_deref().map(outside_string),
                name_hex: parent.name.as_deref().and_then(hex_if_lossy),
            }),
    }
}

fn redirect(rule: &Redirect) -> RedirectJson {
    let is_unread = rule.to_address == ToAddress::Unread || rule.to_port == ToPort::Unread;
    RedirectJson {
        to_address: match rule.to_address {
            ToAddress::To(address) => Some(address),
            ToAddress::Same | ToAddress::Own | ToAddress::Unread => None,
        },
        to_port: match rule.to_port {
            ToPort::To(port) => Some(port.0),
            ToPort::Same | ToPort::Unread => None,
        },
        target_read: !is_unread,
        conditional: rule.is_conditional,
        ipv4: rule.families.0,
        ipv6: rule.families.1,
        incoming: rule.hooks.0,
        outgoing: rule.hooks.1,
        table: outside_string(&rule.table),
        chain: outside_string(&rule.chain),
    }
}

/// All bytes in hexadecimal, of a string that is not UTF-8.
fn hex_if_lossy(bytes: &[u8]) -> Option<String> {
    if std::str::from_utf8(bytes).is_ok() {
        return None;
    }
    let digits = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
    Some(
        digits
            .filter_map(|d| char::from_digit(d.into(), 16))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_utf_8_has_its_bytes_told() {
        assert_eq!(hex_if_lossy("é".as_bytes()), None);
        assert_eq!(hex_if_lossy(b"\xff\x0a").as_deref(), Some("ff0a"));
    }
}
