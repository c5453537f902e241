//! Listeners of other network namespaces, by what /proc shows everybody of the processes in them.
//!
//! A namespace without a process, or whose processes cannot be seen, is not found: what is found is evidence, that nothing is found
//! is none.

use super::lower;
use super::owners::walk;
use crate::model::{DetailSet, Family, OtherListener, Pid, Port, Protocol, Socket, State, Table};
use crate::sys::proc_root::Dir;
use crate::wire::{pid, proc_net};
use rustc_hash::FxHashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// No more namespaces than this are looked into: to list the sockets of one, the kernel goes through those of all.
const MAX_NAMESPACES: usize = 16;
/// No more lines of one table than this are read.
const MAX_LINES: usize = 10_000;
/// A line of the TCP tables. The kernel goes on for as long as there is room, and listeners come first.
const LINE_LEN: usize = 150;

/// Sockets of other network namespaces that wait at `port`, of these protocols, by namespace.
#[must_use]
pub fn other_listeners(protocols: &[Protocol], port: Port) -> Vec<OtherListener> {
    let mut found = Vec::new();
    let Ok(proc) = Dir::open(Path::new("/proc")) else {
        return found;
    };
    let (Ok(here), Ok(pids)) = (proc.inode(c"thread-self/net/dev"), walk::processes(&proc)) else {
        return found;
    };
    // The files below `net` have the same numbers for all processes of a namespace.
    let mut seen = FxHashSet::from_iter([here]);
    for number in pids {
        let namespace = || proc.inode(format!("{number}/net/dev")).ok();
        let Some(there) = namespace().filter(|there| seen.insert(*there)) else {
            continue;
        };
        let mut sockets = Vec::new();
        for &protocol in protocols {
            for family in [Family::Inet, Family::Inet6] {
                let table = Table::new(protocol, family);
                sockets.extend(listeners(&proc, number, table, port));
            }
        }
        // The number may be another process's by now.
        if !sockets.is_empty() && namespace() == Some(there) {
            let status = proc.read(format!("{number}/status"), 4096);
            let name = status.ok().and_then(|status| pid::status_name(&status));
            found.extend(sockets.into_iter().map(|socket| OtherListener {
                pid: Pid(number),
                name: name.clone().map(Box::from),
                socket,
            }));
        }
        if seen.len() > MAX_NAMESPACES {
            break;
        }
    }
    found
}

/// The sockets of one table that wait at `port`.
fn listeners(proc: &Dir, number: u32, table: Table, port: Port) -> Vec<Socket> {
    let name = match (table.protocol, table.family) {
        (Protocol::Tcp, Family::Inet) => "tcp",
        (Protocol::Tcp, Family::Inet6) => "tcp6",
        (Protocol::Udp, Family::Inet) => "udp",
        (Protocol::Udp, Family::Inet6) => "udp6",
        _ => return Vec::new(),
    };
    let Ok(file) = proc.file(format!("{number}/net/{name}")) else {
        return Vec::new();
    };
    let lines = BufReader::with_capacity(LINE_LEN, file).split(b'\n');
    let lines = lines.take(MAX_LINES).map_while(Result::ok);
    let sockets = lines.filter_map(|line| proc_net::inet_line(&line));
    let sockets = sockets.map(|line| lower::inet_line(&line, table, DetailSet::NONE));
    sockets
        .take_while(|socket| table.protocol != Protocol::Tcp || socket.state == State::Listen)
        .filter(|socket| {
            let ends = socket.inet();
            ends.is_some_and(|ends| ends.local_port == port && !ends.has_peer())
        })
        .collect()
}
