//! Holders that other tools show a blank for, refusals from outside, and ports that change hands while one asks.

use super::{Options, ask};
use crate::namespace::{self, LeaderGone};
use crate::scene::tcp::any_port;
use crate::scene::{Holder, inherit, port, unix};
use rustix::net::SocketType;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// A process whose first thread has ended, and a descriptor that is on its way between processes (30).
#[test]
#[ignore = "needs user and network namespaces"]
fn hidden_corners() {
    namespace::run("live_why::hard::hidden_corners", || {
        let listener = Options::TCP.listen("127.0.0.1");
        let question = format!("tcp/{}", port(&listener));
        let (holder, _) = inherit(&[&listener], LeaderGone::start);
        drop(listener);
        let answer = ask(&question);
        assert_eq!(answer.told(), ("blocked", "listener", Some(true)));
        assert_eq!(answer.reason("listener")["owners"][0]["pid"], holder.pid());
        answer.holds();

        let listener = Options::TCP.listen("127.0.0.1");
        let question = format!("tcp/{}", port(&listener));
        let (near, far) = unix::pair(SocketType::STREAM);
        unix::pass(&near, listener.as_fd());
        drop(listener);
        let answer = ask(&question);
        assert_eq!(answer.told(), ("blocked", "listener", Some(true)));
        let reason = answer.reason("listener");
        assert_eq!(reason["sockets"][0]["owners"]["reason"], "in-transit");
        assert_eq!(reason["owners"][0]["pid"], std::process::id());
        // Ending one of those that may have it is no remedy.
        let remedies = reason["remedies"].as_array().unwrap();
        let stops = |r: &serde_json::Value| r["action"].as_str().unwrap().starts_with("stop");
        assert!(!remedies.iter().any(stops), "{remedies:?}");
        let text = crate::portctl::portctl(&format!("why {question}")).exits(1);
        assert!(text.text().contains("a unix socket of one of"), "{text}");
        assert!(!text.text().contains("kill"), "{text}");
        drop(far);
    });
}

/// A port that the kernel itself has, for a tunnel (29).
#[test]
#[ignore = "needs user and network namespaces, iproute2 and vxlan"]
fn tunnels() {
    namespace::run("live_why::hard::tunnels", || {
        for arguments in [
            "link add vx0 type vxlan id 1 dstport 19206 dev lo remote 127.0.0.2",
            "link set vx0 up",
        ] {
            let done = Command::new("ip").args(arguments.split(' ')).status();
            assert!(done.unwrap().success(), "ip {arguments}");
        }
        let answer = ask("udp/19206");
        assert_eq!(answer.told(), ("blocked", "udp-socket", Some(true)));
        let reason = answer.reason("udp-socket");
        assert_eq!(reason["sockets"][0]["owners"]["reason"], "kernel");
        let remedies = reason["remedies"].as_array().unwrap();
        let [remedy] = &remedies[..] else {
            panic!("{remedies:?}")
        };
        assert_eq!(remedy["action"], "stop-tunnel");
        assert_eq!(remedy["command"], "ip link del vx0");
        let text = crate::portctl::portctl("why udp/19206").exits(1);
        let who = "the kernel, for vxlan device vx0";
        assert!(text.text().contains(who), "{text}");
        answer.holds();
    });
}

/// Where lo never was up, every address can be bound; root may lack a capability.
#[test]
#[ignore = "needs user and network namespaces, util-linux"]
fn places_that_are_set_up_in_part() {
    namespace::run("live_why::hard::places_that_are_set_up_in_part", || {
        let run = crate::portctl::Run::new("why tcp/127.0.0.1:7777 --try");
        let answer = run.through(["unshare", "-n"]).go().exits(0);
        assert!(answer.text().contains("free"), "{answer}");
        let run = crate::portctl::Run::new("why tcp/127.0.0.1:7777");
        let answer = run.through(["unshare", "-n"]).go();
        assert!(!answer.text().contains("EADDRNOTAVAIL"), "{answer}");
        let run = crate::portctl::Run::new("why tcp/80");
        let without = ["setpriv", "--bounding-set", "-net_bind_service"];
        let answer = run.through(without).go().exits(1);
        assert!(
            answer.text().contains("give it CAP_NET_BIND_SERVICE"),
            "{answer}"
        );
        assert!(!answer.text().contains("as root"), "{answer}");
        let free = crate::portctl::portctl("free --address 10.1.1.1").exits(1);
        assert!(
            free.stderr
                .contains("10.1.1.1 is not an address of this host"),
            "{free}"
        );
    });
}

/// A sandbox that forbids bind(2) (21, 22): only a trial shows it.
#[test]
#[ignore = "needs user and network namespaces"]
fn sandboxes() {
    namespace::run("live_why::hard::sandboxes", || {
        const SOCKADDR_IN: u64 = 16;
        let length =
            SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, SOCKADDR_IN);
        let rule = SeccompRule::new(vec![length.unwrap()]).unwrap();
        let rules = BTreeMap::from([(nix::libc::SYS_bind, vec![rule])]);
        let deny = SeccompAction::Errno(nix::libc::EPERM as u32);
        let arch = std::env::consts::ARCH.try_into().unwrap();
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, deny, arch).unwrap();
        let program: BpfProgram = filter.try_into().unwrap();
        assert_eq!(ask("127.0.0.1:8080/tcp").verdict(), "free");
        std::thread::spawn(move || {
            seccompiler::apply_filter(&program).unwrap();
            // Children inherit the filter of the thread that makes them.
            let answer = ask("127.0.0.1:8080/tcp --try");
            assert_eq!(answer.told(), ("blocked", "refused", Some(true)));
            assert_eq!(answer.reason("refused")["error"], "EPERM");
            assert_eq!(
                answer.document["verdict_root"], "free",
                "nothing speaks against root"
            );
        })
        .join()
        .unwrap();
    });
}

/// Whatever happens between reading and trying, the answer is one of the words, and follows its schema.
#[test]
#[ignore = "needs user and network namespaces"]
fn ports_that_change_hands() {
    namespace::run("live_why::hard::ports_that_change_hands", || {
        let place = TcpListener::bind(any_port("127.0.0.1")).unwrap();
        let address = place.local_addr().unwrap();
        drop(place);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // A trial may be in the way for an instant.
                    let held = TcpListener::bind(address);
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    drop(held);
                    std::thread::yield_now();
                }
            });
            for _ in 0..25 {
                let answer = ask(&format!("tcp/{} --try", address.port()));
                for reason in answer.reasons() {
                    let known = [
                        "listener",
                        "bound-not-listening",
                        "taken-meanwhile",
                        "gone-meanwhile",
                        "ephemeral-port",
                    ];
                    let kind = reason["kind"].as_str().unwrap();
                    assert!(known.contains(&kind), "{:#}", answer.document);
                }
                if answer.verdict() == "blocked" {
                    assert!(
                        answer.reasons().iter().any(|r| r["blocking"] == true),
                        "{:#}",
                        answer.document
                    );
                }
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}

/// A control group of this test's own in the unified hierarchy.
struct Group(PathBuf);

impl Group {
    fn new(path: &str) -> Self {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "));
        let root = mount.unwrap().split(' ').nth(4).unwrap();
        let base = format!("portctl-test-{}", std::process::id());
        let group = PathBuf::from(root).join(base).join(path);
        std::fs::create_dir_all(&group).unwrap();
        Self(group)
    }

    fn take(&self, holder: &Holder) {
        std::fs::write(self.0.join("cgroup.procs"), holder.pid().to_string()).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Upwards until one is in use or not ours.
        let mut path = self.0.clone();
        while std::fs::remove_dir(&path).is_ok() && path.pop() {}
    }
}

/// The unit or container that a holder belongs to is told, with what stops it; a hostile name becomes no command.
#[test]
#[ignore = "needs root and a cgroup2 hierarchy to write to"]
fn units_and_containers() {
    namespace::run_as_root("live_why::hard::units_and_containers", || {
        let id = "0123456789abcdef".repeat(4);
        for (path, action, command) in [
            (
                "system.slice/app.service".to_owned(),
                "stop-unit",
                Some("systemctl stop app.service".to_owned()),
            ),
            (
                format!("docker/{id}"),
                "stop-container",
                Some(format!("docker stop {id}")),
            ),
            (
                format!("machine.slice/libpod-{id}.scope"),
                "stop-container",
                Some(format!("podman stop {id}")),
            ),
            (
                "a$(touch x)\u{1b}[31m.service".to_owned(),
                "stop-unit",
                None,
            ),
            ("session-1.scope".to_owned(), "stop-process", None),
        ] {
            let group = Group::new(&path);
            let listener = Options::TCP.listen("127.0.0.1");
            let question = format!("tcp/{}", port(&listener));
            let holder = Holder::of(&[&listener]);
            drop(listener);
            group.take(&holder);
            let answer = ask(&question);
            let remedy = &answer.reason("listener")["remedies"][0];
            assert_eq!(remedy["action"], action, "{path}");
            if action != "stop-process" {
                assert_eq!(remedy["command"].as_str(), command.as_deref(), "{path}");
            }
            let owner = &answer.reason("listener")["owners"][0];
            let name = path.rsplit('/').next().unwrap();
            if name.ends_with(".service") {
                assert_eq!(owner["unit"], name);
                assert_eq!(owner["restarted_by"]["kind"], "systemd");
            }
            let text = crate::portctl::portctl(&format!("why {question}")).exits(1);
            assert!(!text.text().contains('\x1b'), "{text}");
            drop(holder);
            drop(group);
        }
    });
}

/// A listener in another network namespace is named where nothing listens here (28).
#[test]
#[ignore = "needs user and network namespaces"]
fn a_listener_in_another_namespace() {
    namespace::run("live_why::hard::a_listener_in_another_namespace", || {
        let mut inside = Command::new("unshare")
            .args([
                "-n",
                "--",
                crate::portctl::BINARY,
                "wait",
                "tcp/1",
                "--timeout",
                "none",
            ])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .stdin(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let here = std::fs::metadata("/proc/thread-self/net/dev").unwrap();
        let path = format!("/proc/{}/net/dev", inside.id());
        let number = |meta: &std::fs::Metadata| std::os::unix::fs::MetadataExt::ino(meta);
        namespace::eventually("the namespace", || {
            std::fs::metadata(&path).is_ok_and(|there| number(&there) != number(&here))
        });
        // A thread of this process makes the listener there; the process that waits keeps the namespace visible.
        let file = std::fs::File::open(format!("/proc/{}/ns/net", inside.id())).unwrap();
        let listener = std::thread::spawn(move || {
            nix::sched::setns(&file, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            TcpListener::bind("0.0.0.0:8099").unwrap()
        });
        let listener = listener.join().unwrap();
        let answer = ask("8099");
        assert_eq!(answer.verdict(), "free");
        let others = answer.document["other_namespaces"].as_array().unwrap();
        let ours: Vec<_> = others.iter().filter(|o| o["pid"] == inside.id()).collect();
        assert_eq!(ours.len(), 1, "{others:?}");
        assert_eq!(ours[0]["address"], "0.0.0.0");
        let text = crate::portctl::portctl("why tcp/8099").exits(0);
        let words = format!(
            "tcp LISTEN 0.0.0.0:8099, in that of portctl[{}]",
            inside.id()
        );
        assert!(text.text().contains(&words), "{text}");
        drop(listener);
        let gone = ask("8099");
        let others = gone.document["other_namespaces"].as_array().unwrap();
        assert!(others.iter().all(|o| o["pid"] != inside.id()), "{others:?}");
        inside.kill().unwrap();
        inside.wait().unwrap();
    });
}
