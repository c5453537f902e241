//! Another network namespace than that of the caller.

use crate::namespace;
use crate::portctl::{list, portctl};
use crate::scene::describe;
use crate::scene::tcp::listener;
use std::process::{Child, Command, Stdio};

/// A process in a network namespace of its own.
struct Elsewhere(Child);

impl Elsewhere {
    fn start() -> Self {
        let child = Command::new("unshare")
            .args(["-n", "sleep", "1000"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let elsewhere = Self(child);
        let here = namespace_of("self");
        namespace::eventually("it has a namespace of its own", || {
            namespace_of(&elsewhere.pid()) != here
        });
        elsewhere
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn namespace_of(pid: &str) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(format!("/proc/{pid}/ns/net"))
        .unwrap()
        .ino()
}

#[test]
#[ignore = "needs user and network namespaces"]
fn by_pid_and_path() {
    namespace::run("live_families::network::by_pid_and_path", || {
        let here = listener("127.0.0.1", 1);
        let elsewhere = Elsewhere::start();
        let pid = elsewhere.pid();
        for name in [pid.clone(), format!("/proc/{pid}/ns/net")] {
            let document = list(&format!("ls -tunlap -N {name}"));
            assert!(document.sockets.is_empty(), "{document:?}");
            assert_eq!(document.netns.inode, Some(namespace_of(&pid)));
            assert!(document.complete && document.notices.is_empty());
        }
        // And from there back here, with the owners.
        let back = format!("--net=/proc/{}/ns/net", std::process::id());
        let inside = Command::new("nsenter")
            .args([
                "-t",
                &pid,
                "-n",
                crate::portctl::BINARY,
                "ls",
                "-tap",
                "--json",
                &back,
            ])
            .output()
            .expect("nsenter of util-linux is needed");
        let document: crate::portctl::Document = serde_json::from_slice(&inside.stdout).unwrap();
        document.must_have(&describe(&here).accept_queue(0, 1));
        assert_eq!(document.netns.inode, Some(namespace_of("self")));
        // Root of a user namespace has no rights over processes outside: to be root is no remedy.
        let refused = portctl("ls -t -N 1").exits(3);
        assert!(refused.stderr.contains("/proc/1/ns/net"), "{refused}");
        assert!(refused.stderr.contains("user namespace"), "{refused}");
        assert!(!refused.stderr.contains("run as root"), "{refused}");
        let summary = portctl(&format!("summary --json -N {pid}"))
            .exits(0)
            .value();
        assert_eq!(summary["netns"]["inode"], namespace_of(&pid));
    });
}

#[test]
#[ignore = "needs user, network and mount namespaces"]
fn by_name() {
    namespace::run_with_mounts("live_families::network::by_name", || {
        let mount = |arguments: &[&str]| {
            assert!(
                Command::new("mount")
                    .args(arguments)
                    .status()
                    .unwrap()
                    .success()
            );
        };
        mount(&["-t", "tmpfs", "tmpfs", "/run"]);
        mount(&["-t", "proc", "proc", "/proc"]);
        std::fs::create_dir("/run/netns").unwrap();
        let elsewhere = Elsewhere::start();
        let pid = elsewhere.pid();
        // A name of digits is a name.
        for name in ["blue", "77777777"] {
            let path = format!("/run/netns/{name}");
            std::fs::write(&path, "").unwrap();
            mount(&["--bind", &format!("/proc/{pid}/ns/net"), &path]);
        }
        for name in ["blue", "77777777"] {
            let document = list(&format!("ls -ta -N {name}"));
            assert_eq!(document.netns.inode, Some(namespace_of(&pid)));
            assert!(document.netns.name.is_some());
        }
        let answer = portctl("ls -N blux").exits(3);
        assert!(answer.stdout.is_empty());
        assert!(
            answer.stderr.contains("no network namespace 'blux'"),
            "{answer}"
        );
        assert!(answer.stderr.contains("77777777, blue"), "{answer}");
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_cannot_be_entered() {
    namespace::run("live_families::network::what_cannot_be_entered", || {
        for (name, words) in [
            ("4294967295", "no network namespace"),
            ("no/such/file", "no network namespace"),
            ("/dev/null", "not a network namespace"),
            ("/proc/self/ns/uts", "not a network namespace"),
            // Root of a user namespace is not root of the first one.
            ("/proc/2/ns/net", "o permission"),
        ] {
            let answer = portctl(&format!("ls -t -N {name}")).exits(3);
            assert!(answer.stdout.is_empty(), "{answer}");
            let missing = name == "/proc/2/ns/net" && answer.stderr.contains("no network");
            assert!(answer.stderr.contains(words) || missing, "{answer}");
            assert!(answer.stderr.contains("hint: "), "{answer}");
        }
        portctl("ls -N x --from y").exits(2);
    });
}
