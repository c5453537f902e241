//! Waiting ends when, and only when, what was waited for has come.

use crate::live_why::Options;
use crate::namespace;
use crate::portctl::{Answer, BINARY, Run, portctl};
use crate::scene::tcp::{self, accept, connect, listener_at};
use crate::scene::unix::abstract_name;
use crate::scene::{address, unix};
use rustix::net::{RecvFlags, SocketAddrUnix, SocketType};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

/// Starts portctl, does `later` after a moment, and holds what that returns until portctl has ended.
fn while_waiting<T: Send>(arguments: &str, later: impl FnOnce() -> T + Send) -> Answer {
    std::thread::scope(|scope| {
        let made = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(400));
            later()
        });
        let began = Instant::now();
        let answer = portctl(arguments);
        assert!(
            began.elapsed() > Duration::from_millis(300),
            "before it came: {answer}"
        );
        drop(made.join().unwrap());
        answer
    })
}

#[test]
#[ignore = "needs user and network namespaces"]
fn until_it_listens() {
    namespace::run("live_ports::wait::until_it_listens", || {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let words = |name: &str| path(name).to_str().unwrap().to_owned();
        let bind = |kind, name: &str| -> OwnedFd {
            let fd = rustix::net::socket(rustix::net::AddressFamily::UNIX, kind, None).unwrap();
            rustix::net::bind(&fd, &SocketAddrUnix::new(path(name)).unwrap()).unwrap();
            fd
        };
        let tcp = |ip: &str, port: u16| {
            let to = at(ip, port);
            move || listener_at(to, 4, None)
        };
        while_waiting("wait 3000", tcp("127.0.0.1", 3000)).quiet();
        while_waiting("wait tcp/127.0.0.1:3000 --connect", tcp("0.0.0.0", 3000)).quiet();
        while_waiting("wait 127.0.0.1:3000/tcp --connect", tcp("::", 3000)).quiet();
        while_waiting("wait [::1]:3000 --connect", tcp("::1", 3000)).quiet();
        while_waiting("wait 3000 --connect", tcp("::", 3000)).quiet();
        while_waiting("wait udp/3000", || {
            UdpSocket::bind(at("::1", 3000)).unwrap()
        })
        .quiet();
        let stream = while_waiting(&format!("wait {} --connect", words("s")), || {
            let fd = bind(SocketType::STREAM, "s");
            rustix::net::listen(&fd, 4).unwrap();
            fd
        });
        stream.quiet();
        let dgram = format!("wait {} --connect", words("d"));
        while_waiting(&dgram, || bind(SocketType::DGRAM, "d")).quiet();
        while_waiting("wait @later --connect", || {
            unix::listener(SocketType::SEQPACKET, &abstract_name(b"later"), 4)
        })
        .quiet();
        // Both must come.
        let second = while_waiting("wait 3000 3001 -v", || {
            (
                listener_at(at("127.0.0.1", 3000), 4, None),
                listener_at(at("127.0.0.1", 3001), 4, None),
            )
        });
        assert_eq!(second.stderr.lines().count(), 2, "{second}");
        assert!(
            second.stderr.starts_with("3000 listens after 0."),
            "{second}"
        );
        second.exits(0);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_is_there_and_does_not_do_is_told() {
    let name = "live_ports::wait::what_is_there_and_does_not_do_is_told";
    namespace::run(name, || {
        let bound = tcp::bound(at("127.0.0.1", 3000));
        let answer = portctl("wait 3000 --timeout 300ms").exits(1);
        assert_eq!(answer.text(), "");
        let expected = "note: there is tcp BOUND 127.0.0.1:3000\n";
        assert!(
            answer
                .stderr
                .starts_with("nothing listens on 3000 after 0."),
            "{answer}"
        );
        assert!(answer.stderr.ends_with(expected), "{answer}");
        let listener = listener_at(at("127.0.0.1", 3001), 4, None);
        let answer = portctl("wait 127.0.0.2:3001 --timeout 0").exits(1);
        assert!(
            answer.stderr.contains("tcp LISTEN 127.0.0.1:3001"),
            "{answer}"
        );
        let v6only = listener_at(at("::", 3002), 4, Some(true));
        portctl("wait 127.0.0.1:3002 --timeout 0").exits(1);
        portctl("wait [::1]:3002 --timeout 0").quiet();
        let udp = UdpSocket::bind(at("127.0.0.1", 3003)).unwrap();
        let answer = portctl("wait 3003 --timeout 0").exits(1);
        assert!(
            answer.stderr.contains("udp UNCONN 127.0.0.1:3003"),
            "{answer}"
        );
        portctl("wait udp/3003 --timeout 0").quiet();
        let quiet = portctl("wait 3003 --timeout 0 -q").exits(1);
        assert_eq!(quiet.stderr, "");
        // A path at which a file stands that nobody listens on any more.
        let directory = tempfile::tempdir().unwrap();
        let stale = directory.path().join("\u{1b}[31mstale\n");
        drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
        let run = Run::with(["wait", "--timeout", "0"]).arg(&stale);
        let answer = run.go().exits(1);
        assert!(answer.stderr.contains("\\x1b[31mstale\\x0a"), "{answer}");
        assert!(answer.stderr.contains("the file of a socket that is gone"));
        assert_eq!(answer.stderr.lines().count(), 2, "{answer}");
        // Each of several that has not come is told.
        let answer = portctl("wait 3004 3001 3005 --timeout 0 -v").exits(1);
        let words = ["on 3004 after", "3001 listens", "on 3005 after"];
        let told = words.map(|word| answer.stderr.contains(word));
        assert_eq!(told, [true; 3], "{answer}");
        // Without netlink, too.
        let run = Run::new("wait 3001 --timeout 0").without_netlink();
        run.go().exits(0);
        let run = Run::new("wait 3004 --timeout 0").without_netlink();
        run.go().exits(1);
        drop((bound, listener, v6only, udp));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn nothing_is_connected_to_unless_asked() {
    let name = "live_ports::wait::nothing_is_connected_to_unless_asked";
    namespace::run(name, || {
        let listener = listener_at(at("127.0.0.1", 3000), 0, None);
        rustix::io::ioctl_fionbio(&listener, true).unwrap();
        portctl("wait 3000").quiet();
        let none = rustix::net::accept(&listener).unwrap_err();
        assert_eq!(none, rustix::io::Errno::AGAIN);
        portctl("wait 3000 --connect").quiet();
        let server = rustix::net::accept(&listener).unwrap();
        let mut byte = [0];
        let read = rustix::net::recv(&server, &mut byte, RecvFlags::empty()).unwrap();
        assert_eq!(read.0, 0, "closed again");
        // A queue that is full does not answer; once there is room, it does.
        let waiting: Vec<_> = (0..2)
            .map(|_| tcp::connecting(at("127.0.0.1", 3000)))
            .collect();
        let answer = portctl("wait 3000 --connect --timeout 500ms").exits(1);
        assert!(
            answer
                .stderr
                .starts_with("3000 listens and does not answer after "),
            "{answer}"
        );
        while_waiting("wait 3000 --connect", || {
            let mut taken = Vec::new();
            namespace::eventually("both are taken", || {
                taken.extend(rustix::net::accept(&listener));
                taken.len() >= 2
            });
            taken
        })
        .quiet();
        drop(waiting);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn until_it_is_free() {
    namespace::run("live_ports::wait::until_it_is_free", || {
        let listener = listener_at(at("127.0.0.1", 3000), 4, None);
        let answer = portctl("wait 3000 --until free --timeout 300ms").exits(1);
        assert!(
            answer.stderr.contains("tcp LISTEN 127.0.0.1:3000"),
            "{answer}"
        );
        assert!(answer.stderr.contains("hint: portctl why 3000"), "{answer}");
        portctl("wait udp/3000 --until free --timeout 0").quiet();
        portctl("wait 127.0.0.2:3000 --until free --timeout 0").quiet();
        while_waiting("wait 3000 --until free", move || drop(listener)).quiet();
        // What is left of connections: decided as the kernel decides a bind with SO_REUSEADDR.
        for (port, reuse_address) in [(3001, true), (3002, false)] {
            let options = Options {
                reuse_address,
                ..Options::TCP
            };
            let listener = options.bind(at("127.0.0.1", port)).unwrap();
            rustix::net::listen(&listener, 4).unwrap();
            let client = connect(address(&listener));
            let server = accept(&listener);
            drop(listener);
            let (here, there) = (address(&server), address(&client));
            drop(server);
            tcp::read_to_end(&client);
            drop(client);
            tcp::await_state(here, there, tcp::number::TIME_WAIT);
            let usual = Options {
                reuse_address: true,
                ..Options::TCP
            };
            let free = usual.bind(at("0.0.0.0", port)).is_ok();
            assert_eq!(free, reuse_address, "{port}");
            let answer = portctl(&format!("wait {port} --until free --timeout 0"));
            assert_eq!(answer.code, Some(i32::from(!free)), "{answer}");
        }
        let answer = portctl("wait 192.0.2.1:3000 --timeout 0").exits(1);
        assert!(answer.stderr.contains("not one of this host's"), "{answer}");
        // An address that nobody has never gets free.
        let answer = portctl("wait 192.0.2.1:3000 --until free --timeout 0").exits(1);
        assert!(answer.stderr.contains("EADDRNOTAVAIL"), "{answer}");
        let bound = tcp::bound(at("127.0.0.1", 3003));
        let run = Run::new("wait 127.0.0.1:3003 --until free --timeout 0");
        run.without_netlink().go().exits(1);
        drop(bound);
        let run = Run::new("wait 127.0.0.1:3003 --until free --timeout 0");
        run.without_netlink().go().exits(0);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let arguments = format!("wait {} --until free", path.to_str().unwrap());
        portctl(&format!("{arguments} --timeout 0")).exits(1);
        while_waiting(&arguments, move || std::fs::remove_file(&path).unwrap()).quiet();
        drop(socket);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn until_it_is_connected() {
    namespace::run("live_ports::wait::until_it_is_connected", || {
        let listener = listener_at(at("127.0.0.1", 3000), 4, None);
        portctl("wait 3000 --until established --timeout 200ms").exits(1);
        while_waiting("wait 3000 --until established", || {
            (connect(address(&listener)), accept(&listener))
        })
        .quiet();
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn it_can_be_stopped() {
    let name = "live_ports::wait::it_can_be_stopped";
    namespace::run(name, || {
        let mut child = Command::new(BINARY)
            .args(["wait", "3000", "--timeout", "none"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let pid = rustix::process::Pid::from_child(&child);
        // Not SIGINT, which shells let their background jobs ignore.
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = namespace::wait(&mut child, Duration::from_secs(5)).unwrap();
        assert_eq!(status.signal(), Some(15));
        let output = child.wait_with_output().unwrap();
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{output:?}"
        );
    });
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    for (arguments, words) in [
        ("wait", "PORT"),
        ("wait 0", "port 0"),
        ("wait 80 --timeout soon", "30s"),
        ("wait udp/80 --connect", "UDP"),
        ("wait 80 --connect --until free", "nothing to connect to"),
        ("wait \u{1b}x", "\\x1bx"),
    ] {
        let answer = portctl(arguments).exits(2);
        assert!(answer.stderr.contains(words), "{answer}");
        assert!(!answer.stderr.contains('\u{1b}'), "{answer}");
    }
}
