//! Listeners that everybody can reach, and that usually are meant for few: databases, caches, remote control, debuggers.
//!
//! A port hints at what listens there, a process's name does too; neither proves it, and a firewall may keep strangers out. So a
//! finding is a question. Listeners that only this host, one interface or a private network reaches raise none.

use crate::model::{Exposure, Inode, OwnerTable, Owners, Pid, Port, Protocol, Socket};
use std::collections::BTreeMap;

/// Why being open to everybody is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenKind {
    /// It takes commands from whoever connects, or a password in clear text.
    RemoteControl,
    /// It runs code for whoever attaches.
    Debugger,
    /// It keeps data.
    Database,
    /// It keeps data in memory, usually without asking for a password.
    Cache,
}

impl OpenKind {
    /// The word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::RemoteControl => "remote-control",
            Self::Debugger => "debugger",
            Self::Database => "database",
            Self::Cache => "cache",
        }
    }
}

/// A service that is seldom meant for everybody.
#[derive(Debug)]
struct Service {
    /// Its name, as its makers write it.
    name: &'static str,
    kind: OpenKind,
    tcp: &'static [u16],
    udp: &'static [u16],
    /// Names of its processes, as the kernel cuts them; they tell it on any port.
    programs: &'static [&'static str],
}

const fn service(
    name: &'static str,
    kind: OpenKind,
    tcp: &'static [u16],
    programs: &'static [&'static str],
) -> Service {
    Service {
        name,
        kind,
        tcp,
        udp: &[],
        programs,
    }
}

/// Ports from IANA's registry and the programs' own manuals. A port in much other use (8000, 5005) is not here: it would ask too often.
const SERVICES: &[Service] = {
    use OpenKind::{Cache, Database, Debugger, RemoteControl};
    &[
        service("telnet", RemoteControl, &[23], &["telnetd", "in.telnetd"]),
        service("rexec", RemoteControl, &[512], &["in.rexecd"]),
        service("rlogin", RemoteControl, &[513], &["in.rlogind"]),
        service("rsh", RemoteControl, &[514], &["in.rshd"]),
        service("Docker's API without TLS", RemoteControl, &[2375], &[]),
        service("X11", RemoteControl, &[6000], &["Xorg"]),
        service("the Node.js inspector", Debugger, &[9229], &[]),
        service("Chrome's debugger", Debugger, &[9222], &["chromedriver"]),
        service("debugpy", Debugger, &[5678], &[]),
        service("gdbserver", Debugger, &[], &["gdbserver"]),
        service("Delve", Debugger, &[], &["dlv"]),
        service("PostgreSQL", Database, &[5432], &["postgres", "postmaster"]),
        service("MySQL", Database, &[3306], &["mysqld", "mariadbd"]),
        service("MongoDB", Database, &[27017], &["mongod", "mongos"]),
        service("Elasticsearch", Database, &[9200, 9300], &[]),
        service("CouchDB", Database, &[5984], &[]),
        service("Cassandra", Database, &[9042], &[]),
        service("etcd", Database, &[2379], &["etcd"]),
        service("ZooKeeper", Database, &[2181], &[]),
        service("SQL Server", Database, &[1433], &["sqlservr"]),
        service("Oracle Database", Database, &[1521], &["tnslsnr"]),
        service("InfluxDB", Database, &[], &["influxd"]),
        service(
            "Redis",
            Cache,
            &[6379],
            &["redis-server", "valkey-server", "keydb-server"],
        ),
        Service {
            udp: &[11211],
            ..service("memcached", Cache, &[11211], &["memcached"])
        },
    ]
};

/// The service that usually has a port.
fn by_port(protocol: Protocol, port: Port) -> Option<&'static Service> {
    SERVICES.iter().find(|service| match protocol {
        Protocol::Tcp => service.tcp.contains(&port.0),
        Protocol::Udp => service.udp.contains(&port.0),
        _ => false,
    })
}

/// The service that a process's name says.
fn by_program(name: &[u8]) -> Option<&'static Service> {
    SERVICES.iter().find(|service| {
        let mut programs = service.programs.iter();
        programs.any(|program| program.as_bytes() == name)
    })
}

/// What speaks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The port is that service's, by custom; it may be another one.
    Port,
    /// The process that holds it calls itself so.
    Program,
}

/// A listener, perhaps one for each family, that is open to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenService {
    /// What it seems to be.
    pub service: &'static str,
    /// Of what kind that is.
    pub kind: OpenKind,
    /// By what it is told.
    pub sign: Sign,
    /// Transport.
    pub protocol: Protocol,
    /// Its port.
    pub port: Port,
    /// From where it can be reached, [`Exposure::Global`] or [`Exposure::Any`]; `None` where nobody can tell whether it is bound to an
    /// interface.
    pub reach: Option<Exposure>,
    /// The processes that hold it, with the names they chose, ascending; empty if nobody looked or nobody may.
    pub processes: Vec<(Pid, Option<Box<[u8]>>)>,
    /// Its sockets.
    pub inodes: Vec<Inode>,
}

/// Takes sockets one by one and keeps the listeners that are open to everybody.
#[derive(Clone, Debug, Default)]
pub struct OpenListeners {
    sockets: Vec<(Socket, Option<Exposure>)>,
}

impl OpenListeners {
    /// Has seen none yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at one socket.
    pub fn add(&mut self, socket: &Socket) {
        let Some(reach) = Exposure::of(socket) else {
            return;
        };
        // Ports that the kernel gave to UDP clients have nothing behind them that strangers could use.
        let is_server = socket.protocol != Protocol::Udp
            || (socket.inet()).is_some_and(|e| by_port(socket.protocol, e.local_port).is_some());
        if is_server && matches!(reach, None | Some(Exposure::Any | Exposure::Global)) {
            self.sockets.push((socket.clone(), reach));
        }
    }

    /// Those that look as if few were meant to reach them, by kind, protocol and port. With `owners` also such as are told by their
    /// process only.
    #[must_use]
    pub fn questionable(&self, owners: Option<&OwnerTable>) -> Vec<OpenService> {
        let mut found: BTreeMap<_, OpenService> = BTreeMap::new();
        for (socket, reach) in &self.sockets {
            let Some(port) = socket.inet().map(|ends| ends.local_port) else {
                continue;
            };
            let processes = owners.map_or_else(Vec::new, |table| processes(table, socket));
            let named = processes
                .iter()
                .find_map(|(_, name)| by_program(name.as_deref()?));
            let (service, sign) = match (named, by_port(socket.protocol, port)) {
                (Some(service), _) => (service, Sign::Program),
                (None, Some(service)) => (service, Sign::Port),
                (None, None) => continue,
            };
            let key = (service.kind, socket.protocol, port, service.name);
            let entry = found.entry(key).or_insert_with(|| OpenService {
                service: service.name,
                kind: service.kind,
                sign,
                protocol: socket.protocol,
                port,
                reach: *reach,
                processes: Vec::new(),
                inodes: Vec::new(),
            });
            entry.inodes.extend(socket.inode);
            entry.reach = entry.reach.max(*reach);
            entry.processes.extend(processes);
            entry.processes.sort_unstable();
            entry.processes.dedup();
        }
        found.into_values().collect()
    }
}

fn processes(owners: &OwnerTable, socket: &Socket) -> Vec<(Pid, Option<Box<[u8]>>)> {
    match owners.of(socket) {
        Owners::Known(holders) | Owners::None { via: holders, .. } => holders
            .map(|h| (h.process.pid, h.process.name.clone()))
            .collect(),
        Owners::Hidden | Owners::NotAsked => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cookie, Ends, Family, Held, InetEnds, Inode, Process, Queues, State, Uid};
    use std::net::IpAddr;
    use std::num::NonZeroU64;

    fn listener(protocol: Protocol, address: &str, port: u16) -> Socket {
        let local: IpAddr = address.parse().unwrap();
        Socket {
            protocol,
            family: Family::Inet,
            state: match protocol {
                Protocol::Tcp => State::Listen,
                _ => State::Close,
            },
            v6only: None,
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local,
                peer: IpAddr::from([0; 4]),
                local_port: Port(port),
                peer_port: Port(0),
                interface: None,
            }),
            queues: Queues::Unknown,
            timer: None,
            uid: None,
            inode: Inode::new(port.into()),
            cookie: NonZeroU64::new(1).map(Cookie),
            mark: None,
            cgroup: None,
            details: None,
        }
    }

    fn ask(sockets: &[Socket], owners: Option<&OwnerTable>) -> Vec<OpenService> {
        let mut open = OpenListeners::new();
        sockets.iter().for_each(|s| open.add(s));
        open.questionable(owners)
    }

    fn named(port: u16, name: &[u8]) -> OwnerTable {
        let mut table = OwnerTable::new();
        let process = Process {
            pid: Pid(7),
            name: Some(name.into()),
            uid: Some(Uid(0)),
        };
        let inode = Inode::new(port.into()).unwrap();
        table.add(process, None, &[Held::descriptor(inode, 3)]);
        table
    }

    #[test]
    fn only_what_everybody_reaches_is_asked_about() {
        use Protocol::{Tcp, Udp};
        for (protocol, address, port, asked) in [
            (Tcp, "0.0.0.0", 5432, Some("PostgreSQL")),
            (Tcp, "::", 6379, Some("Redis")),
            (Tcp, "203.0.113.7", 23, Some("telnet")),
            (Udp, "0.0.0.0", 11211, Some("memcached")),
            (Tcp, "0.0.0.0", 9229, Some("the Node.js inspector")),
            (Tcp, "127.0.0.1", 5432, None),
            (Tcp, "::ffff:127.0.0.1", 5432, None),
            (Tcp, "10.0.0.1", 5432, None),
            (Tcp, "fe80::1", 5432, None),
            (Udp, "0.0.0.0", 5432, None),
            (Tcp, "0.0.0.0", 443, None),
            (Tcp, "0.0.0.0", 22, None),
        ] {
            let found = ask(&[listener(protocol, address, port)], None);
            let service = found.first().map(|f| f.service);
            assert_eq!(service, asked, "{protocol} {address} {port}");
            assert!(
                found
                    .iter()
                    .all(|f| f.sign == Sign::Port && f.processes.is_empty())
            );
        }
    }

    #[test]
    fn connections_and_clients_raise_no_question() {
        let mut connection = listener(Protocol::Tcp, "0.0.0.0", 5432);
        connection.state = State::Established;
        let mut client = listener(Protocol::Udp, "0.0.0.0", 11211);
        if let Ends::Inet(ends) = &mut client.ends {
            ends.peer_port = Port(9);
        }
        assert_eq!(ask(&[connection, client], None), []);
    }

    #[test]
    fn a_program_is_known_on_any_port_and_is_its_own_word() {
        let open = [listener(Protocol::Tcp, "0.0.0.0", 7777)];
        assert_eq!(ask(&open, None), []);
        let found = ask(&open, Some(&named(7777, b"redis-server")));
        let [finding] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((finding.service, finding.sign), ("Redis", Sign::Program));
        assert_eq!(finding.processes[0].0, Pid(7));
        assert_eq!(ask(&open, Some(&named(7777, b"redis-server\n"))), []);
        // The name counts more than the port.
        let open = [listener(Protocol::Tcp, "0.0.0.0", 5432)];
        let found = ask(&open, Some(&named(5432, b"gdbserver")));
        assert_eq!(found[0].kind, OpenKind::Debugger);
        let found = ask(&open, Some(&named(5432, b"\xff\x1b[31m")));
        assert_eq!(
            (found[0].service, found[0].sign),
            ("PostgreSQL", Sign::Port)
        );
    }

    #[test]
    fn two_families_are_one_question() {
        let found = ask(
            &[
                listener(Protocol::Tcp, "203.0.113.7", 3306),
                listener(Protocol::Tcp, "::", 3306),
                listener(Protocol::Tcp, "0.0.0.0", 23),
            ],
            None,
        );
        let names: Vec<_> = found.iter().map(|f| f.service).collect();
        assert_eq!(names, ["telnet", "MySQL"]);
        assert_eq!(found[1].reach, Some(Exposure::Any));
    }

    #[test]
    fn an_untold_interface_is_no_reason_to_be_silent() {
        let mut socket = listener(Protocol::Tcp, "0.0.0.0", 6379);
        socket.cookie = None;
        assert_eq!(ask(&[socket], None)[0].reach, None);
    }

    #[test]
    fn no_port_and_no_program_is_of_two_services() {
        let mut seen = std::collections::HashSet::new();
        for service in SERVICES {
            let tcp = service.tcp.iter().map(|p| format!("tcp/{p}"));
            let udp = service.udp.iter().map(|p| format!("udp/{p}"));
            let programs = service.programs.iter().map(ToString::to_string);
            for word in tcp.chain(udp).chain(programs) {
                assert!(seen.insert(word.clone()), "{word}");
            }
            assert!(service.programs.iter().all(|p| p.len() <= 15));
        }
    }
}
