//! SO_REUSEPORT, devices and users.

use super::{NOBODY, Options, as_user, ask, ask_as_nobody, read};
use crate::namespace;
use crate::portctl::Run;
use crate::scene::{address, port};
use nix::sys::socket::{setsockopt, sockopt as nix_sockopt};

/// A holder with SO_REUSEPORT shares with its own user only, not even with root (6).
#[test]
#[ignore = "needs root, for several users"]
fn one_user_shares() {
    namespace::run_as_root("live_why::sharing::one_user_shares", || {
        let options = Options {
            reuse_port: true,
            ..Options::TCP
        };
        let theirs = as_user(Some(NOBODY), || options.listen("127.0.0.1"));
        let question = format!("127.0.0.1:{}/tcp", port(&theirs));
        for answer in [ask(&question), ask_as_nobody(&question)] {
            assert_eq!(answer.told(), ("blocked", "listener", Some(true)));
            answer.holds();
        }
        assert!(!ask(&question).leaves_open("reuseport"), "another user's");
        assert!(
            ask_as_nobody(&question).leaves_open("reuseport"),
            "one's own"
        );
        let tried = ask_as_nobody(&format!("{question} --try"));
        assert_eq!(tried.verdict(), "blocked");
        tried.holds();
        // Two of them prove the option.
        let second = as_user(Some(NOBODY), || {
            let fd = options.bind(address(&theirs)).unwrap();
            rustix::net::listen(&fd, 8).unwrap();
            fd
        });
        let answer = ask_as_nobody(&question);
        let binds = answer.document["binds"].as_array().unwrap();
        let shares = |b: &&serde_json::Value| b["as"] == "user" && b["variant"] == "reuseport";
        assert_eq!(binds.iter().find(shares).unwrap()["outcome"], "ok");
        answer.holds();
        let answer = ask(&question);
        assert_eq!(
            answer.told(),
            ("blocked", "reuseport-other-user", Some(true))
        );
        let remedies = answer.reasons()[0]["remedies"].as_array().unwrap();
        assert!(remedies.iter().any(|r| r["action"] == "share-as-user"));
        answer.holds();
        drop((theirs, second));
    });
}

/// Two that are bound side by side with SO_REUSEADDR: only one can listen (12).
#[test]
#[ignore = "needs user and network namespaces"]
fn two_that_race() {
    namespace::run("live_why::sharing::two_that_race", || {
        let options = Options {
            reuse_address: true,
            ..Options::TCP
        };
        for ip in ["127.0.0.1", "::1"] {
            let first = options.at(ip);
            let second = options.bind(address(&first)).unwrap();
            let question = format!("tcp/{}", port(&first));
            let answer = ask(&question);
            assert_eq!(answer.told(), ("unknown", "listen-race", None));
            answer.holds();
            rustix::net::listen(&first, 8).unwrap();
            let listens = rustix::net::listen(&second, 8);
            assert_eq!(listens, Err(rustix::io::Errno::ADDRINUSE));
            let answer = ask(&question);
            assert_eq!(answer.verdict(), "blocked");
            answer.reason("listener");
            let words = answer.reason("listen-race")["message"].clone();
            assert!(words.as_str().unwrap().contains("beside a listener"));
            answer.holds();
        }
    });
}

/// Bound to a device (15).
#[test]
#[ignore = "needs root, for SO_BINDTODEVICE"]
fn devices() {
    namespace::run_as_root("live_why::sharing::devices", || {
        let holder = Options::TCP.at("0.0.0.0");
        // Bound again to the device: the first socket only found a free port.
        let to = address(&holder);
        drop(holder);
        let holder = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::STREAM,
            None,
        )
        .unwrap();
        setsockopt(&holder, nix_sockopt::BindToDevice, &"lo".into()).unwrap();
        rustix::net::bind(&holder, &to).unwrap();
        rustix::net::listen(&holder, 8).unwrap();
        let answer = ask(&format!("tcp/{}", to.port()));
        assert_eq!(answer.told(), ("blocked", "listener", Some(true)));
        let socket = &answer.reason("listener")["sockets"][0];
        assert_eq!(socket["local"]["interface"], "lo");
        let remedies = answer.reason("listener")["remedies"].as_array().unwrap();
        assert!(remedies.iter().any(|r| r["action"] == "other-device"));
        answer.holds();
    });
}

/// Privileged ports, for root, for others, and where they begin (16).
#[test]
#[ignore = "needs root, for several users"]
fn privileged_ports() {
    namespace::run_as_root("live_why::sharing::privileged_ports", || {
        let answer = ask_as_nobody("tcp/80 -q");
        assert_eq!(answer.told(), ("blocked", "privileged-port", Some(true)));
        assert_eq!(answer.document["verdict_root"], "free");
        assert_eq!(answer.document["parts"][0]["error"], "EACCES");
        answer.holds();
        assert_eq!(ask("tcp/80").verdict(), "free");
        ask("tcp/80").holds();
        // Root of a user namespace has every capability there, and none over a network namespace that is not its own.
        let inside = |flags: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let run = Run::new("why tcp/80 --json").env("PATH", path);
            read(run.through(flags.split(' ')))
        };
        let answer = inside("unshare -U -r");
        assert_eq!(answer.told(), ("blocked", "privileged-port", Some(true)));
        assert_eq!(answer.reasons()[0]["remedies"][0]["action"], "run-outside");
        assert_eq!(inside("unshare -U -r -n").verdict(), "free");
        ask_as_nobody("udp/80").holds();
        ask_as_nobody("[::1]:80").holds();
        std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "80").unwrap();
        assert_eq!(ask_as_nobody("tcp/80").verdict(), "free");
        assert_eq!(ask_as_nobody("tcp/79").verdict(), "blocked");
        ask_as_nobody("tcp/80").holds();
        // Taken as well: for root that is what remains.
        std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "1024").unwrap();
        let listener = Options::TCP.bind("0.0.0.0:80".parse().unwrap()).unwrap();
        rustix::net::listen(&listener, 1).unwrap();
        let answer = ask_as_nobody("tcp/80 -q");
        assert_eq!(answer.verdict(), "blocked");
        assert_eq!(answer.document["verdict_root"], "blocked");
        answer.reason("privileged-port");
        answer.reason("listener");
        answer.holds();
        // Its processes are not this user's to see.
        let holder = &answer.document["holders"][0];
        assert_eq!(holder["owners"]["status"], "hidden");
    });
}
