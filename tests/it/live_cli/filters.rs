//! The filter language, checked against what the test knows about its sockets.

use crate::namespace;
use crate::portctl::{Run, Socket, list};
use crate::scene::tcp::{Pair, accept, any_port, connect, listener, listener_at};
use crate::scene::unix::{abstract_name, bound};
use crate::scene::{address, inode};
use rustix::net::SocketType;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// A connected socket, as the test made it.
#[derive(Clone, Copy)]
struct Made {
    inode: u64,
    src: IpAddr,
    sport: u16,
    dst: IpAddr,
    dport: u16,
}

impl Made {
    fn new(fd: &OwnedFd, peer: &OwnedFd) -> Self {
        let (local, peer) = (address(fd), address(peer));
        Self {
            inode: inode(fd),
            src: local.ip(),
            sport: local.port(),
            dst: peer.ip(),
            dport: peer.port(),
        }
    }
}

/// Whether an address is in an IPv4 prefix, by itself or as a mapped address.
fn within(address: IpAddr, prefix: &str, length: u32) -> bool {
    let prefix: Ipv4Addr = prefix.parse().unwrap();
    let v4 = match address {
        IpAddr::V4(v4) => v4,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4,
            None => return false,
        },
    };
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    u32::from(v4) & mask == u32::from(prefix) & mask
}

type Rule = Box<dyn Fn(&Made) -> bool>;

fn rules(p: u16, q: u16) -> Vec<(String, Rule)> {
    let (low, high) = (p.min(q), p.max(q));
    let v4 = |a: IpAddr| within(a, "0.0.0.0", 0);
    let loopback: IpAddr = Ipv4Addr::LOCALHOST.into();
    let six: IpAddr = "::1".parse().unwrap();
    let rule = |text: String, rule: Rule| (text, rule);
    vec![
        rule(format!("sport = :{p}"), Box::new(move |s| s.sport == p)),
        rule(format!("sport = {p}"), Box::new(move |s| s.sport == p)),
        rule(format!("sport {p}"), Box::new(move |s| s.sport == p)),
        rule(format!("sport == :{p}"), Box::new(move |s| s.sport == p)),
        rule(format!("sport eq {p}"), Box::new(move |s| s.sport == p)),
        rule(format!("sport={p}"), Box::new(move |s| s.sport == p)),
        rule(format!("sport != :{p}"), Box::new(move |s| s.sport != p)),
        rule(format!("sport ne :{p}"), Box::new(move |s| s.sport != p)),
        rule(format!("sport neq :{p}"), Box::new(move |s| s.sport != p)),
        rule(format!("dport = :{q}"), Box::new(move |s| s.dport == q)),
        rule(format!("dport > :{low}"), Box::new(move |s| s.dport > low)),
        rule(format!("dport gt {low}"), Box::new(move |s| s.dport > low)),
        rule(format!("dport >= {low}"), Box::new(move |s| s.dport >= low)),
        rule(format!("dport ge {low}"), Box::new(move |s| s.dport >= low)),
        rule(
            format!("dport geq {low}"),
            Box::new(move |s| s.dport >= low),
        ),
        rule(format!("dport>={low}"), Box::new(move |s| s.dport >= low)),
        rule(
            format!("dport < :{high}"),
            Box::new(move |s| s.dport < high),
        ),
        rule(
            format!("dport lt {high}"),
            Box::new(move |s| s.dport < high),
        ),
        rule(
            format!("dport <= {high}"),
            Box::new(move |s| s.dport <= high),
        ),
        rule(
            format!("dport le {high}"),
            Box::new(move |s| s.dport <= high),
        ),
        rule(
            format!("dport leq {high}"),
            Box::new(move |s| s.dport <= high),
        ),
        rule("dport > 65534".into(), Box::new(|s| s.dport > 65534)),
        rule("dport >= 0".into(), Box::new(|_| true)),
        rule(
            "src 127.0.0.1".into(),
            Box::new(|s| within(s.src, "127.0.0.1", 32)),
        ),
        rule(
            "src = 127.0.0.1".into(),
            Box::new(|s| within(s.src, "127.0.0.1", 32)),
        ),
        rule(
            "src != 127.0.0.1".into(),
            Box::new(|s| !within(s.src, "127.0.0.1", 32)),
        ),
        rule(
            "dst 127.0.0.0/8".into(),
            Box::new(|s| within(s.dst, "127.0.0.0", 8)),
        ),
        rule(
            "dst 127.0.0.0/255.0.0.0".into(),
            Box::new(|s| within(s.dst, "127.0.0.0", 8)),
        ),
        rule(
            "dst 127/8".into(),
            Box::new(|s| within(s.dst, "127.0.0.0", 8)),
        ),
        rule(
            "dst 127.77.0.0/16".into(),
            Box::new(|s| within(s.dst, "127.77.0.0", 16)),
        ),
        rule(
            "dst 127.76.0.0/15".into(),
            Box::new(|s| within(s.dst, "127.76.0.0", 15)),
        ),
        rule("dst 10.0.0.0/8".into(), Box::new(|_| false)),
        rule("dst 0.0.0.0/0".into(), Box::new(move |s| v4(s.dst))),
        rule("dst ::1".into(), Box::new(move |s| s.dst == six)),
        rule("dst [::1]".into(), Box::new(move |s| s.dst == six)),
        rule("dst ::1/128".into(), Box::new(move |s| s.dst == six)),
        rule("dst ::/0".into(), Box::new(|s| s.dst.is_ipv6())),
        rule(
            "dst ::ffff:127.0.0.1".into(),
            Box::new(|s| s.dst.to_string() == "::ffff:127.0.0.1"),
        ),
        rule("not dst ::1".into(), Box::new(move |s| s.dst != six)),
        rule("dst *".into(), Box::new(|_| true)),
        rule("src any".into(), Box::new(|_| true)),
        rule(format!("dst *:{q}"), Box::new(move |s| s.dport == q)),
        rule(format!("dst :{q}"), Box::new(move |s| s.dport == q)),
        rule(
            format!("dst 127.0.0.1:{q}"),
            Box::new(move |s| within(s.dst, "127.0.0.1", 32) && s.dport == q),
        ),
        rule(
            format!("src [::1]:{p}"),
            Box::new(move |s| s.src == six && s.sport == p),
        ),
        rule(
            "dst 127.0.0.1:*".into(),
            Box::new(|s| within(s.dst, "127.0.0.1", 32)),
        ),
        rule(
            format!("sport = {p} or dport = {p}"),
            Box::new(move |s| s.sport == p || s.dport == p),
        ),
        rule(
            format!("sport = {p} | dport = {p} || sport = {q}"),
            Box::new(move |s| s.sport == p || s.dport == p || s.sport == q),
        ),
        rule(
            format!("src ::1 and sport = {p}"),
            Box::new(move |s| s.src == six && s.sport == p),
        ),
        rule(
            format!("src ::1 sport = {p}"),
            Box::new(move |s| s.src == six && s.sport == p),
        ),
        rule(
            format!("src ::1 & sport != {p} && dport > 0"),
            Box::new(move |s| s.src == six && s.sport != p),
        ),
        rule(format!("not sport = {p}"), Box::new(move |s| s.sport != p)),
        rule(format!("! sport = {p}"), Box::new(move |s| s.sport != p)),
        rule(
            format!("not not sport = {p}"),
            Box::new(move |s| s.sport == p),
        ),
        rule(
            format!("not ( sport = {p} or dport = {p} )"),
            Box::new(move |s| s.sport != p && s.dport != p),
        ),
        rule(
            format!("(sport={p} or dport={p}) and not src ::1"),
            Box::new(move |s| (s.sport == p || s.dport == p) && s.src != six),
        ),
        rule(
            format!("state established ( sport = {p} or ( dport = {p} and src 127.0.0.1 ) )"),
            Box::new(move |s| s.sport == p || (s.dport == p && s.src == loopback)),
        ),
    ]
}

#[test]
#[ignore = "needs user and network namespaces"]
fn against_what_was_made() {
    namespace::run("live_cli::filters::against_what_was_made", || {
        let pairs = [
            Pair::on("127.0.0.1"),
            Pair::on("127.77.1.2"),
            Pair::on("::1"),
            Pair::on("127.0.0.1"),
        ];
        let dual = listener_at(any_port("::"), 4, Some(false));
        let client = connect(SocketAddr::from((
            Ipv4Addr::LOCALHOST,
            address(&dual).port(),
        )));
        let server = accept(&dual);
        let mut made = Vec::new();
        for pair in &pairs {
            made.push(Made::new(&pair.client, &pair.server));
            made.push(Made::new(&pair.server, &pair.client));
        }
        for (a, b) in [(&client, &server), (&server, &client)] {
            let local = address(a);
            // Each end as its own family shows it.
            let peer = rustix::net::getpeername(a).unwrap().unwrap();
            let peer = SocketAddr::try_from(peer).unwrap();
            assert_eq!(peer.port(), address(b).port());
            made.push(Made {
                inode: inode(a),
                src: local.ip(),
                sport: local.port(),
                dst: peer.ip(),
                dport: peer.port(),
            });
        }

        let (p, q) = (
            address(&pairs[2].server).port(),
            address(&pairs[0].server).port(),
        );
        for (text, rule) in rules(p, q) {
            // As one word, and as the shell would split it; through both sources.
            let split: Vec<_> = text.split_whitespace().collect();
            for source in ["netlink", "proc"] {
                for words in [vec![text.as_str()], split.clone()] {
                    let run = Run::new("ls -tn --ndjson --source").arg(source);
                    let run = words.into_iter().fold(run, Run::arg);
                    let rows = run.go().objects();
                    let found: BTreeSet<_> = rows.iter().filter_map(|r| r.inode).collect();
                    let wanted = made.iter().filter(|s| rule(s)).map(|s| s.inode);
                    assert_eq!(found, wanted.collect(), "{text} ({source})");
                    assert_eq!(found.len(), rows.len(), "{text}");
                }
            }
        }
    });
}

/// `and` binds tighter than `or`; `ss` reads from left to right, and where that differs it is said.
#[test]
#[ignore = "needs user and network namespaces"]
fn precedence_is_told() {
    namespace::run("live_cli::filters::precedence_is_told", || {
        let (a, b) = (Pair::on("127.0.0.1"), Pair::on("::1"));
        let (p, q) = (address(&a.server).port(), address(&b.server).port());
        let filter = format!("sport = {p} or sport = {q} and dport = {p}");
        let answer = Run::new("ls -tn --json").arg(&filter).go();
        let document = answer.exits(0).document_whatever_status();
        let found: Vec<_> = document.sockets.iter().map(|s| s.inode).collect();
        assert_eq!(found, [Some(inode(&a.server))]);
        document.notice("filter-reading");
        let spelled = format!("sport = {p} or ( sport = {q} and dport = {p} )");
        let document = Run::new("ls -tn --json").arg(&spelled).go().document();
        assert!(document.notices.is_empty());
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn services_and_listeners() {
    namespace::run("live_cli::filters::services_and_listeners", || {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let https = listener_at(at(443), 1, None);
        let ssh = listener_at(at(22), 1, None);
        let other = listener("::1", 1);
        let ports = |filter: &str| -> Vec<u16> {
            let rows = list(&format!("ls -tl {filter}")).sockets;
            rows.iter().map(|s: &Socket| s.local().port).collect()
        };
        assert_eq!(ports("sport = :https"), [443]);
        assert_eq!(ports("sport = https"), [443]);
        assert_eq!(ports("( sport = :https or sport = :ssh )"), [22, 443]);
        assert_eq!(
            ports("sport != :ssh sport != :https"),
            [address(&other).port()]
        );
        assert_eq!(ports("sport < 100"), [22]);
        assert_eq!(ports("src ::1"), [address(&other).port()]);
        drop((https, ssh, other));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn unix_names() {
    namespace::run("live_cli::filters::unix_names", || {
        let names = ["/run/a.sock", "/run/b.sock", "other"];
        let made = names.map(|n| bound(SocketType::DGRAM, &abstract_name(n.as_bytes())));
        let found = |filter: &str| -> Vec<u64> {
            let run = Run::new("ls -xa --json").arg(filter).go();
            let rows = run.document().sockets;
            let mut inodes: Vec<_> = rows.iter().filter_map(|s| s.inode).collect();
            inodes.sort_unstable();
            inodes
        };
        let all: Vec<_> = made.iter().map(inode).collect();
        assert_eq!(found("src unix:@/run/*"), all[..2]);
        assert_eq!(found("src @/run/b.sock"), all[1..2]);
        assert_eq!(
            found("src unix:@OTHER"),
            all[2..],
            "names match in any case, as in ss"
        );
        assert_eq!(found("not src @/run/*"), all[2..]);
        assert_eq!(found(&format!("sport = {}", all[1])), all[1..2]);
    });
}
