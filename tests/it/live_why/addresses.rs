//! Addresses that are not here, not yet here, or not like that.

use super::ask;
use crate::namespace;
use std::process::Command;

fn write(setting: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{setting}"), value).unwrap();
}

/// 17, 19, 20, and addresses of a route rather than an interface.
#[test]
#[ignore = "needs user and network namespaces"]
fn elsewhere() {
    namespace::run("live_why::addresses::elsewhere", || {
        for (question, kind, error) in [
            ("192.0.2.1:8080/tcp", "address-not-local", "EADDRNOTAVAIL"),
            (
                "[2001:db8::1]:8080/tcp",
                "address-not-local",
                "EADDRNOTAVAIL",
            ),
            (
                "[::ffff:192.0.2.1]:8080/tcp",
                "address-not-local",
                "EADDRNOTAVAIL",
            ),
            ("240.0.0.1:8080/tcp", "address-not-local", "EADDRNOTAVAIL"),
            ("[fe80::1]:8080/tcp", "scope-missing", "EINVAL"),
            (
                "[fe80::1%lo]:8080/tcp",
                "address-not-local",
                "EADDRNOTAVAIL",
            ),
            ("[ff02::1]:8080/tcp", "address-invalid", "EINVAL"),
            ("[ff02::1]:8080/udp", "scope-missing", "EINVAL"),
        ] {
            let answer = ask(question);
            assert_eq!(answer.told(), ("blocked", kind, Some(true)), "{question}");
            assert_eq!(answer.document["parts"][0]["error"], error, "{question}");
            answer.holds();
            let tried = ask(&format!("{question} --try"));
            assert_eq!(tried.told(), ("blocked", kind, Some(true)), "{question}");
        }
        for question in [
            "127.9.8.7:8080/tcp",
            "224.0.0.1:8080/udp",
            "255.255.255.255:8080/tcp",
            "[::ffff:127.0.0.1]:8080/tcp",
            "[::1]:8080/tcp",
        ] {
            let answer = ask(question);
            assert_eq!(
                answer.verdict(),
                "free",
                "{question}: {:#}",
                answer.document
            );
            answer.holds();
        }
        // Every address of a prefix is this host's by a route alone.
        namespace::add_elsewhere();
        let answer = ask("192.0.2.77:8080/tcp");
        assert_eq!(answer.verdict(), "free");
        answer.holds();
        namespace::remove_elsewhere();

        write("ipv4/ip_nonlocal_bind", "1");
        write("ipv6/ip_nonlocal_bind", "1");
        for question in ["192.0.2.1:8080/tcp", "[2001:db8::1]:8080/tcp"] {
            let answer = ask(question);
            assert_eq!(answer.verdict(), "free", "{question}");
            answer.holds();
        }
        write("ipv6/ip_nonlocal_bind", "0");
        write("ipv6/conf/lo/disable_ipv6", "1");
        let answer = ask("[::1]:8080/tcp");
        assert_eq!(answer.told(), ("blocked", "ipv6-disabled", Some(true)));
        answer.holds();
        let answer = ask("tcp/8080");
        assert_eq!(
            answer.verdict(),
            "free",
            "the wildcard is not touched by that"
        );
        answer.holds();
    });
}

/// Before lo is up there is no table of addresses, and bind(2) takes any of IPv4; afterwards there is one, whatever becomes of lo.
#[test]
#[ignore = "needs user and network namespaces, and iproute2"]
fn before_lo_is_up_and_after() {
    namespace::run("live_why::addresses::before_lo_is_up_and_after", || {
        let inside = || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            let agree = |verdict: &str| {
                for address in [
                    "192.0.2.1",
                    "127.0.0.1",
                    "[::1]",
                    "[fd00::1]",
                    "0.0.0.0",
                    "[::]",
                ] {
                    let answer = ask(&format!("{address}:8080/tcp"));
                    assert_ne!(answer.verdict(), "unknown", "{address}");
                    if address == "192.0.2.1" {
                        assert_eq!(answer.verdict(), verdict);
                    }
                    answer.holds();
                }
            };
            agree("free");
            ip("link set lo up");
            agree("blocked");
            ip("link set lo down");
            agree("blocked");
        };
        std::thread::scope(|scope| scope.spawn(inside).join().unwrap());
    });
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).status();
    assert!(done.unwrap().success(), "ip {arguments}");
}

/// An IPv6 address that is being checked (18), and link-local ones with their interface.
#[test]
#[ignore = "needs user and network namespaces, and iproute2"]
fn tentative() {
    namespace::run("live_why::addresses::tentative", || {
        ip("link add one type veth peer name two");
        write("ipv6/conf/one/accept_dad", "1");
        write("ipv6/conf/one/dad_transmits", "60");
        // The link-local address of the other end would be tentative for a moment, and not be any more when bind() is asked.
        write("ipv6/conf/two/accept_dad", "0");
        ip("link set two up");
        ip("link set one up");
        ip("address add fd00::7/64 dev one");
        let answer = ask("[fd00::7]:8080/tcp");
        assert_eq!(answer.told(), ("blocked", "address-tentative", Some(true)));
        answer.holds();
        let tried = ask("[fd00::7]:8080/tcp --try");
        assert_eq!(tried.told(), ("blocked", "address-tentative", Some(true)));
        ip("address add fd00::8/64 dev one nodad");
        let answer = ask("[fd00::8]:8080/tcp");
        assert_eq!(answer.verdict(), "free");
        answer.holds();
        ip("address add fe80::9/64 dev two nodad");
        let answer = ask("[fe80::9%two]:8080/tcp");
        assert_eq!(answer.verdict(), "free");
        answer.holds();
        assert_eq!(ask("[fe80::9%one]:8080/tcp").verdict(), "blocked");
        ask("[fe80::9%one]:8080/tcp").holds();
        // Without an address in the question each one here is judged.
        ask("8080").holds();
    });
}
