//! What `-i`, `-m`, `--tos`, `--inet-sockopt` and `--cgroup` tell, against getsockopt(2) of the test's own sockets and against `ss`.

use crate::namespace::{self, eventually};
use crate::portctl::{Answer, Run, Socket, Thread, list, portctl};
use crate::scene::tcp::{self, Full, Pair};
use crate::scene::{OwnTable, address, inode, port};
use nix::sys::socket::{getsockopt, setsockopt, sockopt as nix_sockopt};
use rustix::net::sockopt;
use serde_json::Value;
use std::os::fd::OwnedFd;

/// Linux 5.4 and later answer with at least so much of `struct tcp_info`.
const LEN: usize = 232;

mod raw {
    use nix::libc;

    /// `getsockopt(TCP_INFO)`, which no crate in use offers.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct TcpInfo;

    nix::getsockopt_impl!(
        TcpInfo,
        nix::libc::IPPROTO_TCP,
        nix::libc::TCP_INFO,
        [u8; super::LEN],
        nix::sys::socket::sockopt::GetStruct<[u8; super::LEN]>
    );
}

/// Where the fields are that the test compares, by `linux/tcp.h`: name in JSON, offset, length.
const FIELDS: [(&str, usize, usize); 45] = [
    ("state", 0, 1),
    ("retransmits", 2, 1),
    ("probes", 3, 1),
    ("backoff", 4, 1),
    ("rto_us", 8, 4),
    ("ato_us", 12, 4),
    ("snd_mss", 16, 4),
    ("rcv_mss", 20, 4),
    ("unacked", 24, 4),
    ("sacked", 28, 4),
    ("lost", 32, 4),
    ("retrans", 36, 4),
    ("fackets", 40, 4),
    ("pmtu", 60, 4),
    ("rcv_ssthresh", 64, 4),
    ("rtt_us", 68, 4),
    ("rttvar_us", 72, 4),
    ("snd_ssthresh", 76, 4),
    ("snd_cwnd", 80, 4),
    ("advmss", 84, 4),
    ("reordering", 88, 4),
    ("rcv_rtt_us", 92, 4),
    ("rcv_space", 96, 4),
    ("total_retrans", 100, 4),
    ("pacing_rate_bytes_per_s", 104, 8),
    ("max_pacing_rate_bytes_per_s", 112, 8),
    ("bytes_acked", 120, 8),
    ("bytes_received", 128, 8),
    ("segs_out", 136, 4),
    ("segs_in", 140, 4),
    ("notsent_bytes", 144, 4),
    ("min_rtt_us", 148, 4),
    ("data_segs_in", 152, 4),
    ("data_segs_out", 156, 4),
    ("delivery_rate_bytes_per_s", 160, 8),
    ("rwnd_limited_us", 176, 8),
    ("sndbuf_limited_us", 184, 8),
    ("delivered", 192, 4),
    ("delivered_ce", 196, 4),
    ("bytes_sent", 200, 8),
    ("bytes_retrans", 208, 8),
    ("dsack_dups", 216, 4),
    ("reord_seen", 220, 4),
    ("rcv_ooopack", 224, 4),
    ("snd_wnd", 228, 4),
];

/// The kernel's numbers that say that there is none.
fn says_none(name: &str, value: u64) -> bool {
    match name {
        "rtt_us" | "rcv_rtt_us" => value == 0,
        "min_rtt_us" => value == u64::from(u32::MAX),
        "snd_ssthresh" => value >= 0x7fff_ffff,
        "pacing_rate_bytes_per_s" | "max_pacing_rate_bytes_per_s" => value == u64::MAX,
        _ => false,
    }
}

fn number(bytes: &[u8], offset: usize, length: usize) -> u64 {
    let mut whole = [0; 8];
    whole[..length].copy_from_slice(&bytes[offset..offset + length]);
    u64::from_le_bytes(whole)
}

/// Connections that have done something: sent, received, measured.
fn worked(ip: &str) -> Pair {
    let pair = Pair::on(ip);
    for (bytes, from, to) in [
        (70_000, &pair.client, &pair.server),
        (900, &pair.server, &pair.client),
    ] {
        tcp::send(from, bytes);
        let mut buffer = vec![0; bytes];
        let mut left = bytes;
        while left > 0 {
            left -= rustix::io::read(to, &mut buffer[..left]).unwrap();
        }
    }
    // Delayed acknowledgements are out after 40 ms; then nothing changes any more.
    std::thread::sleep(std::time::Duration::from_millis(300));
    pair
}

fn row(document: &crate::portctl::Document, fd: &OwnedFd) -> Socket {
    document.by_inode(inode(fd)).clone()
}

#[test]
#[ignore = "needs user and network namespaces"]
fn counters_are_those_of_getsockopt() {
    namespace::run("live_details::counters_are_those_of_getsockopt", || {
        for ip in ["127.0.0.1", "::1"] {
            let pair = worked(ip);
            let document = list("ls -tanim");
            for fd in [&pair.client, &pair.server] {
                let bytes = getsockopt(fd, raw::TcpInfo).unwrap();
                let tcp = row(&document, fd).tcp.unwrap();
                for (name, offset, length) in FIELDS {
                    let told = number(&bytes, offset, length);
                    let shown = &tcp[name];
                    let none =
                        says_none(name, told) || name == "rttvar_us" && tcp["rtt_us"].is_null();
                    assert_eq!(
                        shown.as_u64(),
                        (!none).then_some(told),
                        "{name} of {ip}: {tcp}"
                    );
                }
                assert_eq!(tcp["snd_wscale"], u64::from(bytes[6] & 15));
                assert_eq!(tcp["rcv_wscale"], u64::from(bytes[6] >> 4));
                assert_eq!(tcp["ca_state"], "open");
                let name = sockopt::tcp_congestion(fd).unwrap();
                assert_eq!(tcp["congestion"], name.as_str());
                assert_eq!(tcp["last_ack_sent_ms"], Value::Null);
                let options: Vec<&str> = tcp["options"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|o| o.as_str().unwrap())
                    .collect();
                assert!(
                    options.contains(&"sack") && options.contains(&"wscale"),
                    "{options:?}"
                );
            }
            assert!(document.complete && document.notices.is_empty());
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn memory_is_that_of_the_sockets() {
    namespace::run("live_details::memory_is_that_of_the_sockets", || {
        let pair = Pair::on("127.0.0.1");
        tcp::send(&pair.client, 5000);
        let (one, two) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut document = None;
        eventually("arrived", || {
            let listed = list("ls -txanm");
            let arrived = row(&listed, &pair.server).recv_queue == Some(5000);
            document = Some(listed);
            arrived
        });
        let document = document.unwrap();
        for fd in [&pair.client, &pair.server] {
            let memory = row(&document, fd).memory.unwrap();
            assert_eq!(
                memory["rcvbuf"],
                sockopt::socket_recv_buffer_size(fd).unwrap()
            );
            assert_eq!(
                memory["sndbuf"],
                sockopt::socket_send_buffer_size(fd).unwrap()
            );
            assert_eq!(memory["drops"], 0);
        }
        let server = row(&document, &pair.server).memory.unwrap();
        assert!(server["rmem_alloc"].as_u64().unwrap() >= 5000, "{server}");
        for fd in [&one, &two] {
            let memory = document.by_inode(inode(fd)).memory.clone().unwrap();
            assert_eq!(
                memory["sndbuf"],
                sockopt::socket_send_buffer_size(fd).unwrap()
            );
        }
        // Nobody asked for anything else.
        assert!(
            document
                .sockets
                .iter()
                .all(|s| s.tcp.is_none() && s.ip.is_none())
        );
        assert!(list("ls -txan").sockets.iter().all(|s| s.memory.is_none()));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn options_that_were_set() {
    namespace::run("live_details::options_that_were_set", || {
        let pair = Pair::on("127.0.0.1");
        sockopt::set_ip_tos(&pair.client, 0x28).unwrap();
        setsockopt(&pair.server, nix_sockopt::Ipv4RecvErr, &true).unwrap();
        let six = Pair::on("::1");
        sockopt::set_ipv6_tclass(&six.client, 0x50).unwrap();
        let document = list("ls -tan --tos --inet-sockopt");
        let ip = |fd| row(&document, fd).ip.unwrap();
        assert_eq!(ip(&pair.client)["tos"], 0x28);
        assert_eq!(ip(&pair.client)["tclass"], Value::Null);
        assert_eq!(ip(&six.client)["tclass"], 0x50);
        let has = |fd, name: &str| {
            let ip = ip(fd);
            let words = ip["sockopt"].as_array().unwrap();
            words.iter().any(|word| word == name)
        };
        assert!(has(&pair.server, "recverr") && !has(&pair.client, "recverr"));
        assert!(has(&pair.client, "is_icsk"));
        // Without the options only what was asked for is there.
        let document = list("ls -tan --tos");
        assert_eq!(
            row(&document, &pair.server).ip.unwrap()["sockopt"],
            Value::Null
        );
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn listeners_count_their_drops() {
    namespace::run("live_details::listeners_count_their_drops", || {
        let full = Full::on("127.0.0.1");
        let number = port(&full.listener);
        let filter = format!("sport = {number}");
        let mut shown = String::new();
        // The attempt that finds the queue full is dropped, again and again.
        eventually("a drop", || {
            let answer = Run::with(["ls", "-tlnm", &filter]).go();
            shown = answer.text().to_owned();
            shown.contains("accept: 1/0 FULL  drops ") && !shown.contains("drops 0")
        });
        assert!(shown.contains("LISTEN(full)"), "{shown}");
        let document = list("ls -tlnm");
        let listener = row(&document, &full.listener);
        assert!(listener.memory.unwrap()["drops"].as_u64().unwrap() > 0);
        assert_eq!(listener.state, "listen");
        // The word is there without colour, and colour with it.
        let coloured = Run::with(["ls", "-tln", "--color", "always", &filter]).go();
        assert!(
            coloured.text().contains("\x1b[1;31mLISTEN(full)\x1b[0m"),
            "{coloured}"
        );
        assert!(
            list("ls -tlni")
                .by_inode(inode(&full.listener))
                .tcp
                .as_ref()
                .unwrap()["rtt_us"]
                .is_null()
        );
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn fields_of_details_need_no_option() {
    namespace::run("live_details::fields_of_details_need_no_option", || {
        let pair = worked("127.0.0.1");
        let answer = portctl(
            "ls -tnH --columns sport,bytes_received,congestion,rcvbuf --sort bytes_received:desc",
        )
        .quiet();
        let rows: Vec<Vec<&str>> = answer
            .lines()
            .iter()
            .map(|l| l.split_whitespace().collect())
            .collect();
        let (server, client) = (
            port(&pair.server).to_string(),
            address(&pair.client).port().to_string(),
        );
        assert_eq!(rows[0][..2], [server.as_str(), "70000"]);
        assert_eq!(rows[1][..2], [client.as_str(), "900"]);
        assert_eq!(rows[0][2], sockopt::tcp_congestion(&pair.server).unwrap());
        assert_eq!(
            rows[0][3],
            sockopt::socket_recv_buffer_size(&pair.server)
                .unwrap()
                .to_string()
        );
        // Sorting alone asks, too.
        let sorted = portctl("ls -tnH --columns sport --sort bytes_received:desc").quiet();
        assert_eq!(
            sorted.lines().iter().map(|l| l.trim()).collect::<Vec<_>>(),
            [server, client]
        );
    });
}

/// `ss` and portctl tell the same of a connection at rest.
#[test]
#[ignore = "needs user and network namespaces, and ss"]
fn as_ss_prints_it() {
    namespace::run("live_details::as_ss_prints_it", || {
        let pair = worked("127.0.0.1");
        let filter = format!("sport = :{}", port(&pair.client));
        let output = std::process::Command::new("ss")
            .args(["-tinmoeH", "--tos", &filter])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let words: std::collections::HashMap<&str, &str> = text
            .split_whitespace()
            .filter_map(|word| word.split_once(':'))
            .collect();
        let socket = row(&list("ls -tinm --tos"), &pair.client);
        let (tcp, memory) = (socket.tcp.unwrap(), socket.memory.unwrap());
        for (ss, ours) in [
            ("mss", "snd_mss"),
            ("pmtu", "pmtu"),
            ("rcvmss", "rcv_mss"),
            ("advmss", "advmss"),
            ("cwnd", "snd_cwnd"),
            ("bytes_sent", "bytes_sent"),
            ("bytes_acked", "bytes_acked"),
            ("bytes_received", "bytes_received"),
            ("segs_out", "segs_out"),
            ("segs_in", "segs_in"),
            ("data_segs_out", "data_segs_out"),
            ("data_segs_in", "data_segs_in"),
            ("delivered", "delivered"),
            ("rcv_space", "rcv_space"),
            ("rcv_ssthresh", "rcv_ssthresh"),
            ("snd_wnd", "snd_wnd"),
        ] {
            assert_eq!(words[ss], tcp[ours].to_string(), "{ss}: {text}\n{tcp}");
        }
        let milliseconds = |name: &str| tcp[name].as_f64().unwrap() / 1000.0;
        assert_eq!(
            words["rtt"],
            format!("{}/{}", milliseconds("rtt_us"), milliseconds("rttvar_us"))
        );
        assert_eq!(words["minrtt"], milliseconds("min_rtt_us").to_string());
        assert_eq!(words["rto"], milliseconds("rto_us").to_string());
        assert_eq!(
            words["wscale"],
            format!("{},{}", tcp["snd_wscale"], tcp["rcv_wscale"])
        );
        let names = [
            "rmem_alloc",
            "rcvbuf",
            "wmem_alloc",
            "sndbuf",
            "fwd_alloc",
            "wmem_queued",
            "optmem",
            "backlog",
            "drops",
        ];
        let letters = ["r", "rb", "t", "tb", "f", "w", "o", "bl", "d"];
        let skmem: Vec<String> = letters
            .iter()
            .zip(names)
            .map(|(letter, name)| format!("{letter}{}", memory[name]))
            .collect();
        assert_eq!(words["skmem"], format!("({})", skmem.join(",")), "{text}");
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn one_field_a_line_and_one_socket_a_line() {
    namespace::run(
        "live_details::one_field_a_line_and_one_socket_a_line",
        || {
            let pair = worked("127.0.0.1");
            let filter = format!("sport = {}", port(&pair.client));
            let record = Run::with(["ls", "-tnim", "--record", &filter]).go().quiet();
            for name in [
                "STATE",
                "RTT",
                "DELIVERED_CE",
                "TOTAL_RTO_TIME",
                "DROPS",
                "CONGESTION",
            ] {
                let found = record
                    .lines()
                    .iter()
                    .filter(|l| l.split_whitespace().next() == Some(name))
                    .count();
                assert_eq!(found, 1, "{name}: {record}");
            }
            let cell = |record: &Answer, name: &str| {
                let mut lines = record.lines().into_iter();
                let line = lines.find(|l| l.split_whitespace().next() == Some(name));
                let line = line.unwrap_or_else(|| panic!("{name}: {record}"));
                line[name.len()..].trim_start().to_owned()
            };
            let sent = cell(&record, "LAST_DATA_SENT");
            assert!(sent == "0" || sent.ends_with(['s', 'm', 'h']), "{sent}");
            for name in ["RCVBUF", "RECV-Q"] {
                let bytes = cell(&record, name);
                assert!(bytes.ends_with('B'), "{name} {bytes}");
            }
            // What was named is there, whether the socket has it or not.
            let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let named = portctl("ls -uan --record --columns local,rtt").quiet();
            let headings: Vec<_> = named.lines().iter().map(|l| l.split(' ').next()).collect();
            assert_eq!(headings, [Some("LOCAL"), Some("RTT")], "{named}");
            drop(udp);
            // A listener has one queue, with its limit.
            let filter = format!("sport = {}", port(&pair.listener));
            let record = Run::with(["ls", "-tln", "--record", &filter]).go().quiet();
            let queue = cell(&record, "ACCEPT-Q");
            let (length, limit) = queue.split_once('/').expect("with its limit");
            assert_eq!(length, "0");
            assert!(limit.parse::<u32>().is_ok(), "{record}");
            assert!(!record.text().contains("SEND-Q"), "{record}");
            let filter = format!("sport = {}", port(&pair.client));
            let one = Run::with(["ls", "-tnimOH", &filter]).go().exits(0);
            assert_eq!(one.lines().len(), 1, "{one}");
            assert!(one.text().contains("  memory: "), "{one}");
            let wrapped = Run::with(["ls", "-tnimH", "--width", "100", &filter])
                .go()
                .exits(0);
            // What this kernel has no counter for is said once, not in every line.
            assert!(!wrapped.text().contains("unknown"), "{wrapped}");
            assert!(
                wrapped.lines().len() > 5
                    && wrapped.lines().iter().all(|l| l.chars().count() <= 100),
                "{wrapped}"
            );
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn through_proc_details_are_unknown() {
    namespace::run("live_details::through_proc_details_are_unknown", || {
        let pair = worked("127.0.0.1");
        let document = list("ls -tanim --source proc");
        let socket = row(&document, &pair.client);
        assert_eq!(socket.memory, None);
        let tcp = socket.tcp.expect("the few that the text has");
        for name in ["rto_us", "ato_us", "snd_cwnd"] {
            assert!(tcp[name].is_u64(), "{name}: {tcp}");
        }
        for name in ["rtt_us", "bytes_acked", "lost", "congestion", "unacked"] {
            assert!(tcp[name].is_null(), "{name}: {tcp}");
        }
        let answer = portctl("ls -tnH --source proc --columns rtt,drops,congestion").exits(0);
        let told = "no counter (--columns rtt), no congestion control (--columns congestion), \
                    no memory (--columns drops);";
        assert!(answer.stderr.contains(told), "{answer}");
        // Columns are a question, as options are; what the text has is answered.
        let strictly = |columns: &str| {
            portctl(&format!(
                "ls -tn --source proc --strict --columns {columns}"
            ))
        };
        for column in ["rtt", "drops", "congestion", "cookie", "mark", "cgroup"] {
            strictly(column).exits(4);
        }
        portctl("ls -tn --source proc --strict --cgroup").exits(4);
        // What -e brings along is no loss, and said all the same.
        let habit = portctl("ls -tne --source proc --strict").exits(0);
        let told = "note: tcp/inet: no cgroup, no cookie, no mark, no shutdown (-e); /proc/net";
        assert!(habit.stderr.starts_with(told), "{habit}");
        let habit = portctl("top -tn all --by peer --source proc --strict").exits(0);
        let told = "note: tcp/inet: no counter (";
        assert!(habit.stderr.starts_with(told), "{habit}");
        // What the user asked for is called by the user's words.
        for (arguments, told) in [
            ("ls -tnim", "few counters (-i), no memory (-m);"),
            ("ls -tn --bpf-maps", "no BPF storage (--bpf-maps);"),
            (
                "ls -tn --columns rtt,mark",
                "no counter (--columns rtt), no mark (--columns mark);",
            ),
            (
                "top -tn all --by congestion",
                "no congestion control (--by congestion);",
            ),
        ] {
            let answer = portctl(&format!("{arguments} --source proc"));
            let told = format!("warning: tcp/inet: {told} /proc/net tells no more");
            assert!(answer.stderr.starts_with(&told), "{answer}");
        }
        portctl("top -t --by peer --sort bytes_acked --source proc --strict").exits(4);
        for columns in [
            "rto,ato,snd_cwnd,snd_ssthresh",
            "local,unix_waiting,sctp_locals",
        ] {
            strictly(columns).quiet();
        }
        assert!(
            answer
                .lines()
                .iter()
                .all(|l| l.split_whitespace().all(|c| c == "?")),
            "{answer}"
        );
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn threads_of_the_holders() {
    namespace::run("live_details::threads_of_the_holders", || {
        let pair = Pair::on("127.0.0.1");
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let (tell, started) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("a \x1b[1m".to_owned())
            .spawn(move || {
                tell.send(()).unwrap();
                wait.recv()
            })
            .unwrap();
        // By then it has its name.
        started.recv().unwrap();
        // Its table has the sockets, too, and is another.
        let own = OwnTable::copy();
        let this = std::process::id();
        let thread_of = |tid: u32| Thread {
            tid,
            name: Some(
                std::fs::read_to_string(format!("/proc/{this}/task/{tid}/comm"))
                    .unwrap()
                    .trim_end_matches('\n')
                    .to_owned(),
            ),
        };
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let mut shared: Vec<u32> = tasks
            .map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .filter(|&tid| tid != own.thread)
            .collect();
        shared.sort_unstable();
        let shared: Vec<_> = shared.into_iter().map(thread_of).collect();
        assert!(
            shared
                .iter()
                .any(|t| t.name.as_deref() == Some("a \x1b[1m")),
            "{shared:?}"
        );

        let document = list("ls -tnT");
        let processes = row(&document, &pair.client).owners.processes.clone();
        let told: Vec<_> = processes
            .iter()
            .map(|process| (process.pid, process.thread, process.threads.clone()))
            .collect();
        let alone = vec![thread_of(own.thread)];
        let expected = [
            (this, None, Some(shared.clone())),
            (this, Some(own.thread), Some(alone)),
        ];
        assert_eq!(told, expected);

        let answer = portctl("ls -tnTH --columns threads").quiet();
        for (line, words) in answer.lines().iter().flat_map(|line| {
            let named = |t: &Thread| format!("[{}]", t.tid);
            shared.iter().map(named).map(move |words| (line, words))
        }) {
            assert_eq!(line.matches(&words).count(), 1, "{words} in {line}");
        }
        assert!(answer.text().contains("a \\x1b[1m"), "{answer}");
        let holds = |tid: u32| portctl(&format!("ls -tn --count threads = {tid}")).quiet();
        assert_eq!(holds(own.thread).text(), holds(this).text());
        // By name, as a list shows them: of the shared table one, of the other thread's none.
        let count = |condition: &str| {
            let answer = Run::with(["ls", "-tn", "--count", condition]).go().quiet();
            answer.text().trim().parse::<u32>().unwrap()
        };
        let all = count(&format!("threads = {this}"));
        assert!(all > 0);
        for (condition, expected) in [
            ("threads = a*1m", all),
            ("threads = a", 0),
            ("threads in {nobody,A*}", all),
            ("threads = nobody", 0),
            ("threads = 1", 0),
        ] {
            assert_eq!(count(condition), expected, "{condition}");
        }
        // Without -T nobody looks.
        assert_eq!(
            row(&list("ls -tnp"), &pair.client).owners.processes[0].threads,
            None
        );
        drop(stop);
        let _ = thread.join();
    });
}

/// The kernel compares threads by the ids that this process's own PID namespace gives them, and /proc here has others.
#[test]
#[ignore = "needs user, network, mount and PID namespaces"]
fn threads_where_proc_is_of_another_namespace() {
    let name = "live_details::threads_where_proc_is_of_another_namespace";
    namespace::run_with_mounts(name, || {
        let this = std::fs::read_link("/proc/self").unwrap();
        let this: u32 = this.to_str().unwrap().parse().unwrap();
        assert_ne!(this, std::process::id(), "/proc is that of outside");
        let pair = Pair::on("127.0.0.1");
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let mut tids: Vec<u32> = tasks
            .map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .collect();
        tids.sort_unstable();
        assert!(tids.len() > 1);
        let document = list("ls -tnT");
        let processes = &row(&document, &pair.client).owners.processes;
        let told: Vec<_> = processes
            .iter()
            .map(|process| {
                let threads = process.threads.iter().flatten();
                (process.pid, threads.map(|t| t.tid).collect())
            })
            .collect();
        assert_eq!(told, [(this, tids)]);
        drop(stop);
        let _ = thread.join();
    });
}
