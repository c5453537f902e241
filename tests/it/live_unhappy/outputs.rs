//! Outputs that are full, closed or narrow, no terminal, and strings that try to be more than text.

use crate::live_owners::must_be_harmless;
use crate::namespace;
use crate::portctl::{Answer, BINARY, Run, list, portctl};
use crate::scene::tcp::{Pair, accept, connect, listener, read_to_end};
use crate::scene::unix::{abstract_name, bound, path};
use crate::scene::{Holder, address, port, udp};
use rustix::net::SocketType;
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

/// So many TIME_WAIT sockets: they cost no descriptors.
fn many_rows(number: usize) {
    let server = listener("127.0.0.1", 64);
    for _ in 0..number {
        let client = connect(address(&server));
        let accepted = accept(&server);
        // One after the other: if both closed at the same time, both would wait.
        drop(client);
        read_to_end(&accepted);
    }
    // The last acknowledgements may still be under way.
    namespace::eventually("all are over", || {
        list("ls -tan state time-wait").sockets.len() == number
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn a_reader_that_leaves() {
    namespace::run("live_unhappy::outputs::a_reader_that_leaves", || {
        many_rows(3000);
        for arguments in [
            "ls -tan",
            "ls -tan --sort none",
            "ls -tan --json",
            "ls -tan --ndjson",
            "ls -tan --csv",
            "ls -tanp",
            "help filter",
        ] {
            let whole = portctl(arguments).exits(0).stdout.len();
            // More than a pipe holds, so that the write fails for certain.
            assert!(
                whole > 100_000 || arguments.starts_with("help"),
                "{whole} bytes"
            );
            let files = tempfile::tempdir().unwrap();
            let script = format!(
                "cd {} && {{ env -i {BINARY} {arguments} 2>err; echo $? >status; }} | head -n 1 >out",
                files.path().display()
            );
            let done = Command::new("sh").args(["-c", &script]).status().unwrap();
            assert!(done.success());
            let read = |name| std::fs::read_to_string(files.path().join(name)).unwrap();
            assert_eq!(
                (read("status").trim(), read("err").as_str()),
                ("0", ""),
                "{arguments}"
            );
            assert_eq!(read("out").lines().count(), 1, "{arguments}");
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn a_full_device() {
    namespace::run("live_unhappy::outputs::a_full_device", || {
        let _pair = Pair::on("127.0.0.1");
        for arguments in [
            "",
            "ls -tan",
            "ls -tan --sort none",
            "ls -tan --json",
            "ls -tan --ndjson",
            "ls -tan --csv",
            "summary",
            "summary --json",
            "schema ls",
            "help filter",
            "completions bash",
            "--help",
            "--version",
        ] {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let answer = Run::new(arguments).stdout(full).go().exits(3);
            assert!(
                answer.stderr.contains("No space left on device"),
                "{answer}"
            );
            assert_eq!(answer.stderr.lines().count(), 1, "{answer}");
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn no_terminal_at_all() {
    namespace::run("live_unhappy::outputs::no_terminal_at_all", || {
        let _pair = Pair::on("::1");
        let usual = portctl("ls -tanp").quiet();
        // As under cron: a session of its own, nothing on the standard input.
        let cron = Run::new("ls -tanp")
            .through(["setsid", "--wait"])
            .go()
            .quiet();
        assert_eq!(cron.text(), usual.text());
        let closed = Run::new("ls -tanp").through(["sh", "-c", r#"exec "$@" <&-"#, "sh"]);
        assert_eq!(closed.go().quiet().text(), usual.text());
        // Descriptors 0 and 2 closed: what is opened next must not become one of them.
        let closed = Run::new("ls -tanp").through(["sh", "-c", r#"exec "$@" <&- 2>&-"#, "sh"]);
        assert_eq!(closed.go().exits(0).text(), usual.text());
        for term in ["dumb", "xterm-256color", ""] {
            let answer = Run::new("ls -tanp").env("TERM", term).go().quiet();
            assert_eq!(answer.text(), usual.text());
        }
        // Widths that other programs export are none of ours in a pipe.
        let answer = Run::new("ls -tanp").env("COLUMNS", "20").go().quiet();
        assert_eq!(answer.text(), usual.text());
    });
}

/// What a run says at a terminal of so many columns, without the carriage returns that it adds.
fn at_a_terminal(arguments: &[&str], columns: u16) -> String {
    let size = nix::pty::Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pair = nix::pty::openpty(&size, None).unwrap();
    let slave = || Stdio::from(pair.slave.try_clone().unwrap());
    let mut child = Command::new(BINARY)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(slave())
        .stderr(slave())
        .spawn()
        .unwrap();
    drop(pair.slave);
    let (mut said, mut terminal) = (Vec::new(), File::from(pair.master));
    // EIO when the last holder of the other end is gone.
    let _ = terminal.read_to_end(&mut said);
    child.wait().unwrap();
    String::from_utf8(said).unwrap().replace('\r', "")
}

#[test]
fn sentences_fit_a_narrow_terminal() {
    for arguments in [
        &["ls", "-t", "--sort", "recv_queue:dwon"][..],
        &["ls", "-N", "/dev/null"],
        &["help", "columns"],
        &["help", "states"],
    ] {
        let narrow = at_a_terminal(arguments, 60);
        let wide = at_a_terminal(arguments, 500);
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&narrow), words(&wide));
        assert!(wide.lines().any(|line| line.len() > 60), "{wide}");
        for line in narrow.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= 60, "{line}");
        }
    }
    // What was typed, and the carets below it, belong together.
    let filter = format!("dport = {}", "443 or dport = ".repeat(6));
    let narrow = at_a_terminal(&["ls", &filter], 40);
    let typed = narrow
        .lines()
        .find(|line| line.starts_with("  ..."))
        .unwrap();
    assert!(typed.len() > 40, "{narrow}");
}

/// Fails if a line is wider than this, or an end or a state is not there in full.
fn fits(answer: &Answer, width: usize, whole: &[String]) {
    for line in answer.lines() {
        let columns = unicode_width::UnicodeWidthStr::width(line);
        assert!(columns <= width, "{columns} columns: {line}\n{answer}");
    }
    for word in whole {
        assert!(answer.text().contains(word.as_str()), "{word} in {answer}");
    }
}

#[test]
#[ignore = "needs user and network namespaces"]
fn narrow_terminals() {
    namespace::run("live_unhappy::outputs::narrow_terminals", || {
        let pairs = [
            Pair::on("127.0.0.1"),
            Pair::on("::1"),
            Pair::on("127.100.100.100"),
        ];
        let mut whole = vec!["LISTEN".to_owned(), "ESTAB".to_owned()];
        for pair in &pairs {
            whole.extend([&pair.client, &pair.server].map(|fd| address(fd).to_string()));
        }
        for width in [40, 60, 80, 120] {
            for arguments in ["ls -tan", "ls -tanp", "ls -tanpe"] {
                let answer = portctl(&format!("{arguments} --width {width}")).exits(0);
                let records = answer.text().lines().any(str::is_empty);
                if records {
                    // What -p and -e ask for takes more room.
                    let enough = if arguments.contains('e') { 120 } else { 80 };
                    assert!(width < enough, "{answer}");
                    // One field per line: nothing needs to be cut, so a line may be longer.
                    fits(&answer, usize::MAX, &whole);
                } else {
                    fits(&answer, width, &whole);
                }
            }
        }
        // A column that does not fit is named once, on the other stream.
        let _named = Holder::named(b"a long name", &pairs[0].listener);
        let answer = portctl("ls -tlnpe --width 60").exits(0);
        assert!(answer.stderr.lines().count() <= 1, "{answer}");
        // Unlimited when asked, and in a pipe.
        let wide = portctl("ls -tanpe --width none").quiet();
        assert_eq!(wide.text(), portctl("ls -tanpe").quiet().text());
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn hostile_unix_names() {
    namespace::run("live_unhappy::outputs::hostile_unix_names", || {
        let directory = tempfile::tempdir().unwrap();
        std::env::set_current_dir(directory.path()).unwrap();
        let paths: [&[u8]; 6] = [
            b"\x1b[31mred\x1b[0m",
            b"two\nlines",
            b"\xff\xfe\x80",
            "bidi \u{202e}\u{200b}".as_bytes(),
            b"say \"hi\", you; $(id) `id`",
            b"\xc2\x9b31m",
        ];
        let names: [&[u8]; 4] = [
            b"nul\0nul",
            b"spaces and \t * 12345 users:((\"sshd\",pid=1,fd=3))",
            b"\n0000000000000000: 00000002 00000000 00010000 0001 01 777 /run/docker.sock",
            b"\x07\x08\r\x7f",
        ];
        let _sockets = (
            paths.map(|p| bound(SocketType::DGRAM, &path(p))),
            names.map(|n| bound(SocketType::DGRAM, &abstract_name(n))),
        );
        for arguments in [
            "ls -xan",
            "ls -xanp --width 80",
            "ls -xan --width 30",
            "ls -xan --csv",
            "ls -xan --json",
            "ls -xan --ndjson",
            "ls -xane",
            "ls -xan --color always",
            "ls -xan --columns path,local",
        ] {
            let answer = portctl(arguments).exits(0);
            must_be_harmless(answer.text(), arguments);
            must_be_harmless(&answer.stderr, arguments);
        }
        let answer = portctl("ls -xanH").quiet();
        assert_eq!(answer.lines().len(), 10, "one line a row: {answer}");
        for piece in [
            r"\x1b[31mred\x1b[0m",
            r"two\x0alines",
            r"\xff\xfe\x80",
            r"\u{202e}\u{200b}",
            r#"@"nul\x00nul""#,
            r"\x07\x08\x0d\x7f",
        ] {
            assert!(answer.text().contains(piece), "{piece} in {answer}");
        }
        // A name with blanks stands in quotes, so that it cannot look like other columns.
        let row = answer
            .lines()
            .into_iter()
            .find(|l| l.contains("12345"))
            .unwrap();
        let (before, _) = row.split_once("12345").unwrap();
        assert_eq!(before.matches('"').count() % 2, 1, "inside quotes: {row}");
        assert_eq!(list("ls -xa").sockets.len(), 10);
    });
}

/// An environment, a file name and words that are not UTF-8, or hostile: errors are text too.
#[test]
fn hostile_words() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let odd = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let lists: [Vec<OsString>; 5] = [
        vec!["ls".into(), odd(b"dport = \x1b[31m\xff")],
        vec!["ls".into(), "--columns".into(), odd(b"st\x1b]0;x\x07ate")],
        vec!["ls".into(), "--from".into(), odd(b"/nowhere/\x1b[7m\xff\n")],
        vec!["help".into(), odd(b"\x1b[31mtopic")],
        vec!["ls".into(), "state".into(), odd(b"\x1b[31mfoo\n")],
    ];
    for arguments in lists {
        let answer = Run::with(arguments).go();
        assert!([Some(2), Some(3)].contains(&answer.code), "{answer}");
        assert!(
            answer.stdout.is_empty() && !answer.stderr.is_empty(),
            "{answer}"
        );
        must_be_harmless(&answer.stderr, "error");
    }
}

/// The largest listing that a test machine takes in seconds: nothing is lost on the way out.
#[test]
#[ignore = "needs user and network namespaces"]
fn thousands_of_rows() {
    namespace::run("live_unhappy::outputs::thousands_of_rows", || {
        const ROWS: usize = 5000;
        many_rows(ROWS);
        let server = udp::bound("127.0.0.1");
        assert!(port(&std::os::fd::OwnedFd::from(server)) > 0);
        for arguments in [
            "ls -tanH state time-wait",
            "ls -tanH --sort none state time-wait",
            "ls -tanH --csv state time-wait",
            "ls -tan --ndjson state time-wait",
        ] {
            let answer = portctl(arguments).quiet();
            let mut lines = answer.lines();
            assert_eq!(lines.len(), ROWS, "{arguments}");
            lines.sort_unstable();
            lines.dedup();
            assert_eq!(lines.len(), ROWS, "{arguments}: no row twice");
        }
        assert_eq!(list("ls -tan state time-wait").sockets.len(), ROWS);
    });
}
