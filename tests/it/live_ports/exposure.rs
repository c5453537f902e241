//! Listeners are classed by where they were bound.

use crate::namespace;
use crate::portctl::{list, portctl};
use crate::scene::tcp::{self, Pair, accept, connect, listener_at};
use crate::scene::{describe, inode, port, udp};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

#[test]
#[ignore = "needs user and network namespaces"]
fn listeners_are_classed_by_where_they_are_bound() {
    namespace::run(
        "live_ports::exposure::listeners_are_classed_by_where_they_are_bound",
        || {
            let any = listener_at(at("0.0.0.0", 7654), 4, None);
            let any6 = listener_at(at("::", 81), 4, Some(true));
            let loopback = listener_at(at("127.0.0.1", 50_000), 4, None);
            let mapped = listener_at(at("::ffff:127.0.0.1", 3000), 4, Some(false));
            let device = tcp::socket(at("0.0.0.0", 0), rustix::net::SocketFlags::CLOEXEC);
            nix::sys::socket::setsockopt(
                &device,
                nix::sys::socket::sockopt::BindToDevice,
                &"lo".into(),
            )
            .unwrap();
            rustix::net::bind(&device, &at("0.0.0.0", 6543)).unwrap();
            rustix::net::listen(&device, 4).unwrap();
            let datagrams = udp::bound("0.0.0.0");
            let elsewhere = tcp::with_elsewhere(|| listener_at(at("192.0.2.9", 6544), 4, None));
            let pair = Pair::on("127.0.0.1");
            let client = connect(at("127.0.0.1", 7654));
            let served = accept(&any);

            let document = list("ls -tuap");
            for socket in [&any, &any6, &loopback, &mapped, &elsewhere] {
                document.must_have(&describe(socket).accept_queue(0, 4));
            }
            document.must_have(&describe(&device).accept_queue(0, 4).interface("lo"));
            document.must_have(&describe(&datagrams));
            for socket in [&pair.client, &pair.server, &client, &served] {
                assert_eq!(document.by_inode(inode(socket)).exposure, None);
            }

            let passing = |words: &str| -> Vec<u64> {
                let rows = list(words).sockets.into_iter();
                rows.filter_map(|socket| socket.inode).collect()
            };
            let inodes = |sockets: &[&OwnedFd]| sockets.iter().map(inode).collect();
            let mut open: Vec<u64> = inodes(&[&any, &any6]);
            open.push(inode(&datagrams));
            let sorted = |mut list: Vec<u64>| {
                list.sort_unstable();
                list
            };
            assert_eq!(
                sorted(passing("ls -l exposure = any")),
                sorted(open.clone())
            );
            // Without -l, too: nothing else can match.
            assert_eq!(sorted(passing("exposure = any")), sorted(open));
            let far: Vec<u64> = inodes(&[&elsewhere]);
            assert_eq!(passing("ls -tl exposure is global"), far);
            let near: Vec<u64> = inodes(&[&loopback, &mapped, &device, &pair.listener]);
            assert_eq!(sorted(passing("ls -tl exposure = loopback")), sorted(near));
            let ours = format!("ls -tl exposure = any and sport = {}", port(&any));
            assert_eq!(passing(&ours), inodes(&[&any]) as Vec<u64>);

            let text = portctl("ls -tln sport = 7654").quiet();
            let (heading, rows) = text.header_and_rows();
            assert!(
                heading.contains("EXPOSURE") && rows[0].contains(" any"),
                "{text}"
            );
            let groups = portctl("top --by exposure").exits(0);
            assert!(groups.text().contains("loopback"), "{groups}");

            // /proc does not tell that one of them is bound to an interface.
            let unsure = portctl("ls -tl --source proc --json exposure = any").exits(0);
            let unsure = unsure.document();
            assert!(unsure.sockets.is_empty());
            assert_eq!(unsure.notice("filter-unknown").count, Some(3));
            // Nor that [::] is for one family only: what is shown must not be taken for that.
            let row = format!("[::]:{}", port(&any6));
            let untold = portctl("ls -tln --source proc").exits(0);
            assert!(untold.text().contains(&row), "{untold}");
            assert!(
                untold
                    .stderr
                    .contains("1 socket on [::] may be for IPv4, too"),
                "{untold}"
            );
            portctl("ls -tln").quiet();
        },
    );
}
