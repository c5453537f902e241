//! Why a port can or cannot be bound, compared with what bind(2) then does.
//!
//! Every situation is made with real sockets; portctl is asked, and each bind that its answer tells the end of is then done
//! by this test, as the same user and with the same options.

mod addresses;
mod hard;
mod owners;
mod random;
mod redirects;
mod sharing;
mod situations;
mod unix;

use crate::portctl::Run;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};
use rustix::process::Uid;
use serde_json::Value;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;

/// A user who is not root.
pub(crate) const NOBODY: u32 = 65534;

/// An answer that follows its schema.
struct Answer {
    document: Value,
    code: i32,
}

/// Asks, with a question and options separated by blanks.
fn ask(arguments: &str) -> Answer {
    read(Run::new(&format!("why {arguments} --json")))
}

/// Asks as another user, through a copy of the program that this user may run.
fn ask_as_nobody(arguments: &str) -> Answer {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("portctl");
    std::fs::copy(crate::portctl::BINARY, &copy).unwrap();
    for path in [directory.path(), &copy] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let nobody = format!("setpriv --reuid {NOBODY} --clear-groups --inh-caps=-all");
    let run = Run::new(&format!("why {arguments} --json")).binary(copy);
    let path = std::env::var_os("PATH").unwrap_or_default();
    read(run.env("PATH", path).through(nobody.split(' ')))
}

fn read(run: Run) -> Answer {
    let answer = run.go();
    let document = answer.value();
    let schema = ::portctl::render::schema("why").unwrap();
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&document)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{document:#}");
    // Socket objects are those of `ls`.
    let ls: Value = serde_json::from_str(::portctl::render::schema("ls").unwrap()).unwrap();
    let of_socket = serde_json::json!({"$ref": "#/$defs/socket", "$defs": ls["$defs"]});
    let validator = jsonschema::validator_for(&of_socket).unwrap();
    for socket in document["holders"].as_array().unwrap() {
        assert!(validator.is_valid(socket), "{socket:#}");
    }
    let code = answer.code.unwrap();
    let expected = match document["verdict"].as_str().unwrap() {
        "free" => 0,
        "blocked" => 1,
        _ => 3,
    };
    assert_eq!(code, expected, "{answer}");
    Answer { document, code }
}

impl Answer {
    fn verdict(&self) -> &str {
        self.document["verdict"].as_str().unwrap()
    }

    fn reasons(&self) -> &[Value] {
        self.document["reasons"].as_array().unwrap()
    }

    /// The reason of this kind; there must be exactly one.
    fn reason(&self, kind: &str) -> &Value {
        let mut found = self.reasons().iter().filter(|r| r["kind"] == kind);
        let first = found.next();
        assert!(
            found.next().is_none(),
            "two of {kind} in {:#}",
            self.document
        );
        first.unwrap_or_else(|| panic!("no {kind} in {:#}", self.document))
    }

    /// Verdict, and the kind and the effect of the first reason.
    fn told(&self) -> (&str, &str, Option<bool>) {
        let first = self.reasons().first();
        let kind = first.and_then(|r| r["kind"].as_str()).unwrap_or_default();
        let blocking = first.and_then(|r| r["blocking"].as_bool());
        (self.verdict(), kind, blocking)
    }

    /// Does every bind that the answer tells the end of, and compares. Returns how many there were for who asked and for root.
    fn holds(&self) -> (usize, usize) {
        let user = self.document["user"]["uid"].as_u64().unwrap();
        let caller = (user != 0).then_some(u32::try_from(user).unwrap());
        let mut counts = (0, 0);
        let binds = self.document["binds"].as_array().unwrap();
        for bind in binds {
            let outcome = bind["outcome"].as_str().unwrap();
            if outcome == "unknown" {
                continue;
            }
            let root = bind["as"] == "root";
            let port = self.document["port"].as_u64().unwrap();
            // One with SO_REUSEPORT that succeeds where a plain one does leaves a mark on the port that lets the next ones in.
            let plain = |b: &&Value| b["variant"] == "plain" && same_place(b, bind);
            if bind["variant"] == "reuseport"
                && binds.iter().find(plain).unwrap()["outcome"] == "ok"
            {
                assert_eq!(outcome, "ok", "{bind} in {:#}", self.document);
                continue;
            }
            let real = real_bind(
                bind,
                port.try_into().unwrap(),
                if root { None } else { caller },
            );
            assert_eq!(outcome, real, "{bind} in {:#}", self.document);
            if root { counts.1 += 1 } else { counts.0 += 1 }
        }
        counts
    }

    /// Whether any bind of this variant was left open.
    fn leaves_open(&self, variant: &str) -> bool {
        let binds = self.document["binds"].as_array().unwrap();
        let mut of = binds.iter().filter(|b| b["variant"] == variant);
        of.any(|b| b["outcome"] == "unknown")
    }
}

/// Whether two binds differ in their options alone.
fn same_place(a: &Value, b: &Value) -> bool {
    let keys = ["protocol", "address", "interface", "v6only", "as"];
    keys.iter().all(|key| a[key] == b[key])
}

/// Does the bind that `bind` describes, as `uid` or as this user, and names how it ends.
fn real_bind(bind: &Value, port: u16, uid: Option<u32>) -> &'static str {
    let address: IpAddr = bind["address"].as_str().unwrap().parse().unwrap();
    let scope = bind["interface"]
        .as_str()
        .map_or(0, |name| nix::net::if_::if_nametoindex(name).unwrap());
    let to = match address {
        IpAddr::V4(v4) => SocketAddr::from((v4, port)),
        IpAddr::V6(v6) => SocketAddrV6::new(v6, port, 0, scope).into(),
    };
    let options = Options {
        reuse_address: bind["variant"] == "reuseaddr",
        reuse_port: bind["variant"] == "reuseport",
        v6only: bind["v6only"].as_bool(),
        stream: bind["protocol"] == "tcp",
    };
    match as_user(uid, || options.bind(to)) {
        Ok(_) => "ok",
        Err(Errno::ADDRINUSE) => "EADDRINUSE",
        Err(Errno::ACCESS) => "EACCES",
        Err(Errno::ADDRNOTAVAIL) => "EADDRNOTAVAIL",
        Err(Errno::INVAL) => "EINVAL",
        Err(Errno::AFNOSUPPORT) => "EAFNOSUPPORT",
        Err(other) => panic!("{other}: {bind}"),
    }
}

/// Runs `work` as another user: the user of a thread is its own.
pub(crate) fn as_user<T: Send>(uid: Option<u32>, work: impl FnOnce() -> T + Send) -> T {
    let Some(uid) = uid else { return work() };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let uid = Uid::from_raw(uid);
            rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            work()
        });
        other.join().unwrap()
    })
}

/// The options of a socket before it is bound.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) v6only: Option<bool>,
    pub(crate) stream: bool,
}

impl Options {
    /// TCP without any.
    pub(crate) const TCP: Self = Self {
        reuse_address: false,
        reuse_port: false,
        v6only: None,
        stream: true,
    };
    /// UDP without any.
    pub(crate) const UDP: Self = Self {
        stream: false,
        ..Self::TCP
    };

    pub(crate) fn bind(self, to: SocketAddr) -> Result<OwnedFd, Errno> {
        let family = if to.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let kind = if self.stream {
            SocketType::STREAM
        } else {
            SocketType::DGRAM
        };
        let fd = rustix::net::socket_with(family, kind, rustix::net::SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_reuseaddr(&fd, self.reuse_address)?;
        sockopt::set_socket_reuseport(&fd, self.reuse_port)?;
        if let Some(v6only) = self.v6only {
            sockopt::set_ipv6_v6only(&fd, v6only)?;
        }
        rustix::net::bind(&fd, &to)?;
        Ok(fd)
    }

    /// Binds to any port of an address.
    fn at(self, ip: &str) -> OwnedFd {
        self.bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap()
    }

    /// Listens on any port of an address.
    pub(crate) fn listen(self, ip: &str) -> OwnedFd {
        let fd = self.at(ip);
        rustix::net::listen(&fd, 8).unwrap();
        fd
    }
}
