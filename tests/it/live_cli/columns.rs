//! Columns, order, headings and names for numbers.

use crate::namespace;
use crate::portctl::{Answer, Run, list, portctl};
use crate::scene::tcp::{self, Pair, listener, listener_at};
use crate::scene::{address, cookie, inode, port, user_name};
use std::net::{Ipv4Addr, SocketAddr};

/// A table as cells; the test's values hold no blanks.
fn cells(answer: &Answer) -> Vec<Vec<&str>> {
    answer
        .lines()
        .into_iter()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[test]
#[ignore = "needs user and network namespaces"]
fn chosen_columns() {
    namespace::run("live_cli::columns::chosen_columns", || {
        let server = listener("127.0.0.1", 7);
        let number = port(&server).to_string();
        let fields = [
            ("sport", number.clone()),
            ("local_port", number.clone()),
            ("state", "LISTEN".into()),
            ("protocol", "tcp".into()),
            ("netid", "tcp".into()),
            ("src", "127.0.0.1".into()),
            ("local", format!("127.0.0.1:{number}")),
            ("inode", inode(&server).to_string()),
            ("uid", "0".into()),
            ("user", user_name(0).unwrap()),
            ("cookie", cookie(&server)),
            ("accept_queue", "0".into()),
            ("accept_limit", "7".into()),
            ("pid", std::process::id().to_string()),
        ];
        for (field, value) in &fields {
            let answer = portctl(&format!("ls -tln --columns {field}")).quiet();
            let table = cells(&answer);
            assert_eq!(table.len(), 2, "{answer}");
            assert_eq!(table[1], [value.as_str()], "{field}: {answer}");
        }
        // In the order asked for, each in any case and with either dash.
        let answer = portctl("ls -tln --columns Accept-Limit,sport,STATE").quiet();
        assert_eq!(cells(&answer)[1], ["7", &number, "LISTEN"]);
        assert_eq!(cells(&answer)[0].len(), 3);
        // Fields of owners need no -p to be found.
        let answer = portctl("ls -tln --columns process").quiet();
        assert!(
            answer.text().contains(&std::process::id().to_string()),
            "{answer}"
        );
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn order() {
    namespace::run("live_cli::columns::order", || {
        let pairs: Vec<_> = (0..6).map(|_| Pair::on("127.0.0.1")).collect();
        for (n, pair) in pairs.iter().enumerate() {
            tcp::send(&pair.client, 100 * (n + 1));
        }
        let column = |arguments: &str, field: &str| -> Vec<u64> {
            let answer = portctl(&format!("{arguments}H --columns {field}")).quiet();
            answer
                .lines()
                .iter()
                .map(|l| l.trim().parse().unwrap())
                .collect()
        };
        let sorted = |mut numbers: Vec<u64>, down: bool| {
            numbers.sort_unstable();
            if down {
                numbers.reverse();
            }
            numbers
        };
        for field in ["sport", "dport", "recv_queue", "inode"] {
            for (direction, down) in [("", false), (":asc", false), (":desc", true)] {
                let arguments = format!("ls -tn --sort {field}{direction} -");
                let found = column(&arguments, field);
                assert_eq!(found.len(), 12);
                assert_eq!(found, sorted(found.clone(), down), "{arguments}");
            }
        }
        // Numbers by value, not as text: 100 to 600 and the empty queues.
        let queues = column("ls -tn --sort recv_queue:desc -", "recv_queue");
        assert_eq!(queues[..7], [600, 500, 400, 300, 200, 100, 0]);
        // Two fields.
        let rows = portctl("ls -tn --sort recv_queue,sport:desc --ndjson").objects();
        let keys: Vec<_> = rows
            .iter()
            .map(|r| (r.recv_queue, std::cmp::Reverse(r.local().port)))
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
        // By default: protocol, local port, local address, peer; the same each time.
        let rows = list("ls -tan").sockets;
        let keys: Vec<_> = rows.iter().map(|r| r.local().port).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        let first = portctl("ls -tan").quiet();
        assert_eq!(first.text(), portctl("ls -tan").quiet().text());
        // Unsorted has the same rows.
        let unsorted = portctl("ls -tan --sort none").quiet();
        let set = |answer: &Answer| {
            let mut rows: Vec<Vec<String>> = cells(answer)
                .iter()
                .map(|row| row.iter().map(|&c| c.to_owned()).collect())
                .collect();
            rows.sort();
            rows
        };
        assert_eq!(set(&unsorted), set(&first));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn headings_queues_and_details() {
    namespace::run("live_cli::columns::headings_queues_and_details", || {
        let pair = Pair::on("127.0.0.1");
        rustix::net::sockopt::set_socket_keepalive(&pair.client, true).unwrap();
        let with = portctl("ls -tn").quiet();
        let (heading, rows) = with.header_and_rows();
        for word in ["STATE", "RECV-Q", "SEND-Q", "LOCAL", "PEER"] {
            assert!(heading.contains(word), "{with}");
        }
        assert_eq!(rows.len(), 2);
        let without = portctl("ls -tnH").quiet();
        assert_eq!(without.lines().len(), 2);
        for word in ["STATE", "LOCAL"] {
            assert!(!without.text().contains(word), "{without}");
        }
        let no_queues = portctl("ls -tnQ").quiet();
        assert!(!no_queues.text().contains("-Q"), "{no_queues}");
        let extended = portctl("ls -tne").quiet();
        for value in [inode(&pair.client).to_string(), cookie(&pair.client)] {
            assert!(extended.text().contains(&value), "{value} in {extended}");
        }
        let timers = portctl("ls -tno").quiet();
        assert!(timers.text().contains("keepalive"), "{timers}");
        assert!(!with.text().contains("keepalive"));
        // One line each, however much is shown.
        assert_eq!(portctl("ls -tnopeOH").quiet().lines().len(), 2);
        assert!(portctl("ls -tnr").exits(0).lines().len() == 3);
    });
}

/// What /etc/services calls a port.
fn service(number: u16, protocol: &str) -> Option<String> {
    let text = std::fs::read_to_string("/etc/services").unwrap_or_default();
    let wanted = format!("{number}/{protocol}");
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        (words.next()? == wanted).then(|| name.to_owned())
    })
}

#[test]
#[ignore = "needs user and network namespaces"]
fn names_of_ports() {
    namespace::run("live_cli::columns::names_of_ports", || {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 443));
        let server = listener_at(at, 1, None);
        let name = service(443, "tcp");
        let row = |arguments: &str| {
            let answer = portctl(arguments).quiet();
            cells(&answer)[0][0].to_owned()
        };
        assert_eq!(row("ls -tlnH --columns local"), "127.0.0.1:443");
        let shown = name.clone().unwrap_or_else(|| "443".into());
        assert_eq!(row("ls -tlH --columns local"), format!("127.0.0.1:{shown}"));
        let document = list("ls -tl");
        assert_eq!(document.by_inode(inode(&server)).local().service, name);
        // A port that connections get by chance has no name, even if the file has one.
        let settings = std::path::Path::new("/proc/sys/net/ipv4");
        std::fs::write(settings.join("ip_unprivileged_port_start"), "0").unwrap();
        std::fs::write(settings.join("ip_local_port_range"), "400 500").unwrap();
        assert_eq!(
            list("ls -tl").by_inode(inode(&server)).local().service,
            None
        );
        assert_eq!(row("ls -tlH --columns local"), "127.0.0.1:443");
        assert_eq!(address(&server), at);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn colour() {
    namespace::run("live_cli::columns::colour", || {
        let _pair = Pair::on("127.0.0.1");
        let coloured = |run: Run| {
            let answer = run.go().quiet();
            answer.text().contains('\x1b')
        };
        let run = || Run::new("ls -tan");
        assert!(!coloured(run()), "not in a pipe");
        assert!(coloured(run().arg("--color=always")));
        assert!(!coloured(run().arg("--color=never")));
        assert!(coloured(run().env("CLICOLOR_FORCE", "1")));
        assert!(!coloured(run().env("NO_COLOR", "1")));
        let both = |run: Run| run.env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1");
        assert!(!coloured(both(run())), "NO_COLOR comes first");
        assert!(
            coloured(both(run().arg("--color=always"))),
            "an option beats the environment"
        );
        assert!(
            !coloured(Run::new("ls -tan --json --color=always")),
            "never in data"
        );
        assert!(
            !coloured(Run::new("ls -tan --csv --color=always")),
            "never in data"
        );
    });
}
