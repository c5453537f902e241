//! Ending who holds a port ends those, nobody else, and says what came of it.

use super::as_nobody;
use crate::live_why::{Options, as_user};
use crate::namespace;
use crate::portctl::{Answer, BINARY, portctl};
use crate::scene::tcp::{Pair, accept, bound, connect, time_wait};
use crate::scene::{Holder, address, port, udp, unix, user_name};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A listener as servers make it: its port can be bound again at once.
fn server() -> OwnedFd {
    let options = Options {
        reuse_address: true,
        ..Options::TCP
    };
    let fd = options.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    rustix::net::listen(&fd, 8).unwrap();
    fd
}

/// A process that holds `sockets`, which this process holds no longer.
fn hand_over(sockets: Vec<OwnedFd>) -> Holder {
    let all: Vec<&dyn AsFd> = sockets.iter().map(|s| s as &dyn AsFd).collect();
    Holder::of(&all)
}

fn says(answer: &Answer, words: &[&str]) {
    let text = format!("{}{}", answer.text(), answer.stderr);
    for word in words {
        assert!(text.contains(word), "no '{word}': {answer}");
    }
    assert!(!text.contains('\x1b'), "{answer}");
}

#[test]
#[ignore = "needs user and network namespaces"]
fn the_listener_ends_and_its_clients_live() {
    let name = "live_ports::kill::the_listener_ends_and_its_clients_live";
    namespace::run(name, || {
        let listener = server();
        let at = port(&listener);
        let client = connect(address(&listener));
        let served = accept(&listener);
        let mut clients = hand_over(vec![client]);
        let mut servers = [Holder::of(&[&listener, &served]), Holder::of(&[&listener])];
        drop((listener, served));

        // Nothing is done without an answer.
        let plan = portctl(&format!("kill {at} --dry-run")).exits(0);
        let [one, two] = [servers[0].pid(), servers[1].pid()];
        assert_eq!(plan.lines().len(), 2, "{plan}");
        let lines = [
            format!("end cat[{one}]"),
            format!("end cat[{two}]"),
            format!("tcp LISTEN 127.0.0.1:{at}"),
        ];
        says(&plan, &lines.each_ref().map(|l| &l[..]));
        let unasked = portctl(&format!("kill {at}")).exits(2);
        says(&unasked, &["--yes", "nobody to ask"]);
        // A terminal of 40 columns.
        let command = format!(
            "stty cols 40; {} kill {at} --dry-run",
            env!("CARGO_BIN_EXE_portctl")
        );
        let output = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .stdin(Stdio::null())
            .output()
            .expect("script of util-linux is needed");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && shown.contains("end cat["),
            "{shown}"
        );
        assert!(
            shown.lines().all(|line| line.trim_end().len() <= 40),
            "{shown}"
        );
        assert!(servers.iter_mut().all(Holder::is_running));

        let answer = portctl(&format!("kill tcp/127.0.0.1:{at} --yes --grace 60s")).exits(0);
        says(&answer, &["has ended", "is free"]);
        assert!(!servers.iter_mut().any(Holder::is_running), "{answer}");
        assert!(clients.is_running(), "{answer}");
        let gone = portctl(&format!("kill {at} --yes")).exits(1);
        says(&gone, &["no listener matches"]);
        assert!(gone.stdout.is_empty(), "{gone}");
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn filters_choose_too_and_clients_only_if_asked_for() {
    let name = "live_ports::kill::filters_choose_too_and_clients_only_if_asked_for";
    namespace::run(name, || {
        let pair = Pair::on("127.0.0.1");
        let at = port(&pair.listener);
        let mut client = hand_over(vec![pair.client]);
        let answer = portctl(&format!("kill --yes dport = {at}")).exits(1);
        says(&answer, &["no listener matches"]);
        assert!(client.is_running());
        // What else would go is told before.
        let (one, other) = (server(), server());
        let (at_one, at_other) = (port(&one), port(&other));
        let holder = hand_over(vec![one, other]);
        let plan = portctl(&format!("kill {at_one} --dry-run")).exits(0);
        let words = [
            format!("cat[{}]: tcp LISTEN 127.0.0.1:{at_one};", holder.pid()),
            format!("with it goes tcp LISTEN 127.0.0.1:{at_other}"),
        ];
        says(&plan, &words.each_ref().map(|w| &w[..]));
        drop(holder);
        let datagrams = OwnedFd::from(udp::bound("127.0.0.1"));
        let udp_at = port(&datagrams);
        let mut receiver = hand_over(vec![datagrams]);
        portctl(&format!("kill --yes -u sport = {udp_at}")).exits(0);
        assert!(!receiver.is_running() && client.is_running());
        let answer = portctl(&format!("kill --yes state established dport = {at}"));
        assert!(!client.is_running(), "{answer}");
        // What a program sends its log through is no listener.
        let log = unix::socket(rustix::net::SocketType::DGRAM);
        let mut holder = hand_over(vec![log]);
        let answer = portctl(&format!("kill --yes pid = {}", holder.pid())).exits(1);
        says(&answer, &["no listener matches"]);
        assert!(holder.is_running());
        // A unix socket by its name.
        let name = unix::abstract_name(b"portctl kill");
        let listener = unix::listener(rustix::net::SocketType::STREAM, &name, 1);
        let mut holder = hand_over(vec![listener]);
        let run = crate::portctl::Run::with(["kill", "--yes", "@portctl kill"]);
        let answer = run.go().exits(0);
        assert!(!holder.is_running(), "{answer}");
    });
}

#[test]
fn everything_is_never_meant() {
    for arguments in [
        "kill",
        "kill --yes",
        "kill -t --yes",
        "kill --sockets --yes -a",
        "kill --dry-run state all",
        "kill --sockets --yes state all",
        "kill --dry-run state all and not not state all",
        "kill --dry-run sport = :*",
    ] {
        let answer = portctl(arguments).exits(2);
        assert!(answer.stderr.contains("every socket"), "{answer}");
        assert!(answer.stdout.is_empty());
    }
    for (arguments, words) in [
        ("kill 0", "port 0"),
        ("kill 80 --yes --dry-run", "cannot be used with"),
        ("kill 80 --grace soon", "30s"),
        ("kill 80 -N x", "-N"),
        ("kill sport = 1 y", "'y'"),
        ("kill \u{1b}x", "\\x1bx"),
    ] {
        let answer = portctl(arguments).exits(2);
        assert!(answer.stderr.contains(words), "{answer}");
    }
}

#[test]
#[ignore = "needs user and network namespaces"]
fn hostile_and_stubborn_processes() {
    let name = "live_ports::kill::hostile_and_stubborn_processes";
    namespace::run(name, || {
        let listener = server();
        let at = port(&listener);
        let mut holder = Holder::named(b"x]\nend \x1b[31m1", &listener);
        drop(listener);
        let answer = portctl(&format!("kill {at} --yes")).exits(0);
        let heading = format!("end \"x]\\x0aend \\x1b[31m1\"[{}]", holder.pid());
        says(&answer, &[&heading]);
        assert_eq!(answer.lines().len(), 1);
        assert!(!holder.is_running());

        let listener = server();
        let at = port(&listener);
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' TERM; while :; do read -r _; done"]);
        let mut holder = Holder::run(&mut shell, &[&listener]);
        drop(listener);
        // The trap takes a moment to be set.
        let status = format!("/proc/{}/status", holder.pid());
        namespace::eventually("the trap", || {
            let text = std::fs::read_to_string(&status).unwrap();
            let line = text.lines().find_map(|l| l.strip_prefix("SigIgn:\t"));
            u64::from_str_radix(line.unwrap(), 16).unwrap() & (1 << 14) != 0
        });
        let never = portctl(&format!("kill {at} --yes --grace 200ms")).exits(0);
        says(
            &never,
            &["did not end by itself, and was killed", "is free"],
        );
        assert!(!holder.is_running());
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_keeps_the_port_or_takes_it_again_is_said() {
    let name = "live_ports::kill::what_keeps_the_port_or_takes_it_again_is_said";
    namespace::run(name, || {
        // A server without SO_REUSEADDR leaves a connection that keeps the port.
        let listener = Options::TCP.listen("127.0.0.1");
        let at = port(&listener);
        let client = connect(address(&listener));
        let served = accept(&listener);
        let holder = hand_over(vec![listener, served]);
        let answer = portctl(&format!("kill {at} --yes")).exits(1);
        says(&answer, &["has ended", "is not free", "portctl why"]);
        drop((holder, client));

        // This process looks like a supervisor, and acts as one.
        std::fs::write("/proc/self/comm", "runsv").unwrap();
        let listener = server();
        let (place, at) = (address(&listener), port(&listener));
        let mut holder = hand_over(vec![listener]);
        let answer = std::thread::scope(|scope| {
            let again = scope.spawn(|| {
                let options = Options {
                    reuse_address: true,
                    ..Options::TCP
                };
                // As soon as it is free, however long the machine takes for anything else.
                let fd = loop {
                    match options.bind(place) {
                        Ok(fd) => break fd,
                        Err(_) => std::thread::yield_now(),
                    }
                };
                rustix::net::listen(&fd, 1).unwrap();
                fd
            });
            let answer = portctl(&format!("kill {at} --yes")).exits(1);
            drop(again.join().unwrap());
            assert!(!holder.is_running());
            answer
        });
        let this = format!("by runsv[{}]", std::process::id());
        says(&answer, &["started it and would start it again", &this]);
    });
}

/// As a loop in a shell does.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_parent_that_nobody_knows_as_a_supervisor_starts_it_again() {
    let name = "live_ports::kill::a_parent_that_nobody_knows_as_a_supervisor_starts_it_again";
    namespace::run(name, || {
        let listener = server();
        let (place, at) = (address(&listener), port(&listener));
        let mut holder = hand_over(vec![listener]);
        let (answer, again) = std::thread::scope(|scope| {
            let again = scope.spawn(|| {
                namespace::eventually("its end", || !holder.is_running());
                // Long enough for the port to have been seen free, and whether or not it was, the answer is the same.
                std::thread::sleep(Duration::from_millis(300));
                let options = Options {
                    reuse_address: true,
                    ..Options::TCP
                };
                let fd = options.bind(place).unwrap();
                rustix::net::listen(&fd, 1).unwrap();
                hand_over(vec![fd])
            });
            let answer = portctl(&format!("kill {at} --yes")).exits(1);
            (answer, again.join().unwrap())
        });
        // Whatever its name was: it may have been seen before it became cat.
        let by = format!("[{}]", again.pid());
        let parent = format!("[{}] started it again", std::process::id());
        says(&answer, &[&by, &parent]);
        assert!(!answer.stderr.contains("is free"), "{answer}");
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn each_port_that_matches_nothing_is_told() {
    let name = "live_ports::kill::each_port_that_matches_nothing_is_told";
    namespace::run(name, || {
        let (idle, listener) = (bound("127.0.0.1:0".parse().unwrap()), server());
        let (idle_at, at) = (port(&idle), port(&listener));
        let mut holder = hand_over(vec![listener]);
        let answer = portctl(&format!("kill --yes {idle_at} {at} 3001")).exits(1);
        let missing = [idle_at, 3001].map(|port| format!("no listener matches {port}\n"));
        says(
            &answer,
            &[&missing[0], &missing[1], "there is tcp", "-a also ends"],
        );
        says(&answer, &["is free"]);
        assert!(!holder.is_running(), "{answer}");
    });
}

#[test]
#[ignore = "needs user and network namespaces, and ip of iproute2"]
fn the_kernels_sockets_are_never_closed() {
    let name = "live_ports::kill::the_kernels_sockets_are_never_closed";
    namespace::run(name, || {
        for command in [
            "link add vx0 type vxlan id 5 dstport 4789 dev lo",
            "link set vx0 up",
        ] {
            let status = Command::new("ip").args(command.split(' ')).status();
            assert!(status.expect("ip(8) of iproute2 is needed").success());
        }
        let there = || portctl("ls -uan --no-header sport = :4789").exits(0).stdout;
        let before = there();
        assert!(!before.is_empty());
        for arguments in [
            "kill --sockets --yes -a sport = :4789",
            "kill --sockets --yes -l udp/4789",
            "kill --yes udp/4789",
        ] {
            let answer = portctl(arguments).exits(1);
            says(&answer, &["held by the kernel, for vxlan device vx0"]);
            assert!(answer.stdout.is_empty(), "{answer}");
            assert_eq!(there(), before, "{answer}");
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn process_one_is_never_ended() {
    namespace::run_with_mounts("live_ports::kill::process_one_is_never_ended", || {
        mount_proc();
        assert_eq!(std::process::id(), 1);
        let listener = server();
        let other = Holder::of(&[&listener]);
        let answer = portctl(&format!("kill {} --yes", port(&listener))).exits(1);
        says(&answer, &["process 1 holds it"]);
        assert!(answer.stdout.is_empty(), "{answer}");
        drop(other);
    });
}

fn mount_proc() {
    let status = Command::new("mount")
        .args(["-t", "proc", "proc", "/proc"])
        .status()
        .unwrap();
    assert!(status.success());
}

/// portctl at a terminal, which it asks a question on.
struct Asked {
    child: std::process::Child,
    terminal: File,
    said: String,
}

impl Asked {
    fn new(arguments: &str) -> Self {
        let pair = nix::pty::openpty(None, None).unwrap();
        let slave = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let child = Command::new(BINARY)
            .args(arguments.split(' '))
            .env_clear()
            .stdin(slave(&pair.slave))
            .stdout(slave(&pair.slave))
            .stderr(slave(&pair.slave))
            .spawn()
            .unwrap();
        let mut asked = Self {
            child,
            terminal: pair.master.into(),
            said: String::new(),
        };
        while !asked.said.contains("[y/N]") {
            let mut bytes = [0; 512];
            let length = asked.terminal.read(&mut bytes).unwrap();
            asked.said += &String::from_utf8_lossy(&bytes[..length]);
        }
        asked
    }

    /// Answers; returns everything that was said, and the exit code.
    fn answer(mut self, word: &str) -> (String, Option<i32>) {
        self.terminal.write_all(word.as_bytes()).unwrap();
        self.terminal.write_all(b"\n").unwrap();
        let mut rest = Vec::new();
        // EIO when the last holder of the other end is gone.
        let _ = self.terminal.read_to_end(&mut rest);
        self.said += &String::from_utf8_lossy(&rest);
        let status = namespace::wait(&mut self.child, Duration::from_secs(60)).unwrap();
        (self.said, status.code())
    }
}

#[test]
#[ignore = "needs user and network namespaces"]
fn a_person_is_asked() {
    namespace::run("live_ports::kill::a_person_is_asked", || {
        let listener = server();
        let at = port(&listener);
        let mut holder = hand_over(vec![listener]);
        let arguments = format!("kill {at}");
        for word in ["n", "", "yo"] {
            let (said, code) = Asked::new(&arguments).answer(word);
            assert!(said.contains("nothing was done"), "{said}");
            assert_eq!(code, Some(1));
        }
        assert!(holder.is_running());
        let (said, code) = Asked::new(&arguments).answer("y");
        assert!(said.contains("is free"), "{said}");
        assert_eq!(code, Some(0));
        assert!(!holder.is_running());
    });
}

/// While the question stands, the process ends and another one gets its number.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_process_with_the_number_of_another_is_left_alone() {
    let name = "live_ports::kill::a_process_with_the_number_of_another_is_left_alone";
    namespace::run_with_mounts(name, || {
        mount_proc();
        let listener = server();
        let at = port(&listener);
        let holder = Holder::of(&[&listener]);
        let pid = holder.pid();
        // It would hold the port as well, but for this process's descriptor, which process 1 must not have meanwhile.
        drop(listener);
        let asked = Asked::new(&format!("kill {at} --grace 0"));
        assert!(
            asked.said.contains(&format!("cat[{pid}]")),
            "{}",
            asked.said
        );
        drop(holder);
        std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
        // The newcomer listens there, too.
        let again = Options {
            reuse_address: true,
            ..Options::TCP
        };
        let again = again.bind(SocketAddr::from(([127, 0, 0, 1], at))).unwrap();
        rustix::net::listen(&again, 1).unwrap();
        let mut innocent = Holder::of(&[&again]);
        assert_eq!(innocent.pid(), pid, "the number is used again");
        drop(again);
        let (said, _) = asked.answer("y");
        assert!(said.contains("left alone"), "{said}");
        assert!(innocent.is_running(), "{said}");
    });
}

/// The process still lives, and has closed the socket; another one has the same port.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_process_that_holds_it_no_more_is_left_alone() {
    let name = "live_ports::kill::a_process_that_holds_it_no_more_is_left_alone";
    namespace::run(name, || {
        let listener = server();
        let (at, place) = (port(&listener), address(&listener));
        let mut shell = Command::new("bash");
        shell.args(["-c", "read -r _; exec 100>&-; echo; read -r _"]);
        let (mut child, fds) = crate::scene::inherit(&[&listener], || {
            let shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped());
            shell.spawn().unwrap()
        });
        assert_eq!(fds, [100]);
        drop(listener);
        let asked = Asked::new(&format!("kill {at} --grace 0"));
        child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let mut other = hand_over(vec![{
            let options = Options {
                reuse_address: true,
                ..Options::TCP
            };
            let fd = options.bind(place).unwrap();
            rustix::net::listen(&fd, 1).unwrap();
            fd
        }]);
        let (said, code) = asked.answer("y");
        assert!(said.contains("left alone"), "{said}");
        assert_eq!(code, Some(1), "the port is not free: {said}");
        assert!(child.try_wait().unwrap().is_none() && other.is_running());
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

#[test]
#[ignore = "needs root with every user id"]
fn others_processes_take_rights() {
    namespace::run_as_root("live_ports::kill::others_processes_take_rights", || {
        let listener = server();
        let at = port(&listener);
        let mut holder = hand_over(vec![listener]);
        let answer = as_nobody(&format!("kill {at} --yes")).exits(3);
        says(&answer, &["cannot be seen", "root"]);
        assert!(holder.is_running());
        // Of a process that cannot be seen nobody knows whether it is called so.
        let answer = as_nobody("kill --yes process = cat").exits(3);
        says(&answer, &["is unknown", "nothing was done"]);
        assert!(holder.is_running());
        let pair = Pair::on("127.0.0.1");
        let arguments = format!("kill --sockets --yes dport = {}", port(&pair.listener));
        let answer = as_nobody(&arguments).exits(3);
        says(&answer, &["CAP_NET_ADMIN"]);
        rustix::io::write(&pair.client, b"x").unwrap();
    });
}

/// What is missing is said, and whose process it is; nobody waits then for a port that nothing frees.
#[test]
#[ignore = "needs root with every user id"]
fn root_without_capabilities_is_told_which() {
    let name = "live_ports::kill::root_without_capabilities_is_told_which";
    namespace::run_as_root(name, || {
        let listener = server();
        let at = port(&listener);
        let mut holder = as_user(Some(65534), || hand_over(vec![listener]));
        let without = |right: &str| {
            let run = crate::portctl::Run::new(&format!("kill {at} --yes"));
            let path = std::env::var_os("PATH").unwrap_or_default();
            let dropped = format!("setpriv --bounding-set -{right} --inh-caps -{right}");
            run.env("PATH", path)
                .through(dropped.split(' '))
                .go()
                .exits(3)
        };
        let answer = without("kill");
        let user = user_name(65534).unwrap_or_else(|| "65534".to_owned());
        says(
            &answer,
            &["this root lacks CAP_KILL", &format!("of user {user}:")],
        );
        assert!(!answer.stderr.contains("is not free"), "{answer}");
        let answer = without("sys_ptrace");
        says(&answer, &["cannot be seen", "CAP_SYS_PTRACE"]);
        assert!(!answer.stderr.contains("as root"), "{answer}");
        assert!(holder.is_running());
    });
}

/// Connections that nobody has accepted have no process, and end with their listener.
#[test]
#[ignore = "needs user and network namespaces"]
fn what_waits_to_be_accepted_ends_with_its_listener() {
    let name = "live_ports::kill::what_waits_to_be_accepted_ends_with_its_listener";
    namespace::run(name, || {
        let listener = server();
        let place = address(&listener);
        let mut holder = hand_over(vec![listener]);
        let client = std::net::TcpStream::connect(place).unwrap();
        let answer = portctl(&format!("kill -a --dry-run tcp/{}", place.port())).exits(0);
        let queue = format!("in the accept queue of the listener on {place}");
        says(&answer, &["end cat", &queue]);
        let answer = portctl(&format!("kill -a --yes tcp/{}", place.port()));
        assert!(!holder.is_running(), "{answer}");
        let error = (&client).read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn sockets_are_closed_and_processes_live() {
    namespace::run(
        "live_ports::kill::sockets_are_closed_and_processes_live",
        || {
            let pair = Pair::on("127.0.0.1");
            let other = Pair::on("127.0.0.1");
            let at = port(&pair.listener);
            let answer = portctl(&format!("kill --sockets --yes dport = {at}")).exits(0);
            says(&answer, &["1 socket closed"]);
            assert_eq!(answer.lines().len(), 1, "{answer}");
            assert_eq!(
                rustix::io::read(&pair.client, &mut [0; 1]),
                Err(Errno::CONNABORTED)
            );
            assert_eq!(
                rustix::io::read(&pair.server, &mut [0; 1]),
                Err(Errno::CONNRESET)
            );
            rustix::io::write(&other.client, b"x").unwrap();

            // A listener keeps a port that it asked for, and portctl says so.
            let place = SocketAddr::from(([127, 0, 0, 1], 3000));
            let listener = crate::scene::tcp::listener_at(place, 4, None);
            let at = port(&listener);
            let none = portctl(&format!("kill --sockets --yes {at}")).exits(1);
            says(&none, &["no socket matches", "there is tcp LISTEN"]);
            let answer = portctl(&format!("kill --sockets --yes -l tcp/{at}")).exits(1);
            let held = format!("tcp/127.0.0.1:{at} is not free");
            says(
                &answer,
                &["does not free its port", "1 socket closed", &held],
            );

            // So does a UDP socket, unless the kernel chose the port.
            let named = std::net::UdpSocket::bind("127.0.0.1:3000").unwrap();
            let answer = portctl("kill --sockets --yes -l udp/3000").exits(1);
            let held = "udp/127.0.0.1:3000 is not free";
            says(
                &answer,
                &["does not free its port", "1 socket closed", held],
            );
            drop(named);
            let chosen = OwnedFd::from(udp::bound("127.0.0.1"));
            let arguments = format!("kill --sockets --yes -l udp/{}", port(&chosen));
            says(&portctl(&arguments).exits(0), &["1 socket closed"]);

            let plain = Options {
                reuse_address: true,
                ..Options::TCP
            };
            assert_eq!(plain.bind(place).map(drop), Err(Errno::ADDRINUSE));

            // What is bound and idle cannot be closed.
            let idle = bound("127.0.0.1:0".parse().unwrap());
            let answer = portctl(&format!("kill --sockets --yes -B {}", port(&idle))).exits(1);
            says(&answer, &["does not close such", "kill -a"]);
            assert!(answer.stdout.is_empty(), "nothing is planned: {answer}");
            let answer = portctl(&format!("kill --sockets --yes {}", port(&idle))).exits(1);
            says(
                &answer,
                &["there is tcp BOUND", "only closed by its process"],
            );
        },
    );
}

/// TIME_WAIT has no process, and goes with its port.
#[test]
#[ignore = "needs user and network namespaces"]
fn time_wait_is_closed() {
    namespace::run("live_ports::kill::time_wait_is_closed", || {
        let expected = time_wait("127.0.0.1");
        let crate::portctl::End::Inet(local) = &expected.socket.local else {
            panic!("{expected:?}")
        };
        let place = SocketAddr::from(([127, 0, 0, 1], local.port));
        assert_eq!(Options::TCP.bind(place).map(drop), Err(Errno::ADDRINUSE));
        let arguments = format!("kill --yes -a {}", local.port);
        says(&portctl(&arguments).exits(1), &["--sockets closes it"]);
        let arguments = format!("kill --sockets --yes sport = {}", local.port);
        says(&portctl(&arguments).exits(0), &["1 socket closed"]);
        Options::TCP.bind(place).unwrap();
    });
}
