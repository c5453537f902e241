//! Amended columns, limits, bare numbers, and questions that are answered by the exit status.

use crate::namespace;
use crate::portctl::{Run, list, portctl};
use crate::scene::port;
use crate::scene::tcp::{self, Pair, any_port, listener};

#[test]
#[ignore = "needs user and network namespaces"]
fn amended_columns() {
    namespace::run("live_cli::answers::amended_columns", || {
        let server = listener("127.0.0.1", 7);
        let usual = portctl("ls -tln").quiet();
        let usual: Vec<_> = usual.header_and_rows().0.split_whitespace().collect();
        let heading = |arguments: &str| -> Vec<String> {
            let answer = portctl(arguments).quiet();
            let words = answer.header_and_rows().0.split_whitespace();
            words.map(str::to_owned).collect()
        };
        let amended = heading("ls -tln --columns +uid,-peer,-recv_queue");
        let mut expected: Vec<_> = usual.clone();
        expected.retain(|h| !["PEER", "RECV-Q"].contains(h));
        expected.push("UID");
        assert_eq!(amended, expected);
        assert_eq!(heading("ls -tln --columns -peer").len(), usual.len() - 1);
        assert_eq!(heading("ls -tln --columns=-peer").len(), usual.len() - 1);
        // An added column stays however narrow the screen is: one field a line, then.
        let narrow = portctl("ls -tln --width 20 --columns +cookie").quiet();
        let cookie = |line: &&str| line.starts_with("COOKIE ") && line.contains(" 0x");
        assert!(narrow.lines().iter().any(cookie), "{narrow}");
        assert!(narrow.text().contains(&port(&server).to_string()));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn every_field_everywhere() {
    namespace::run("live_cli::answers::every_field_everywhere", || {
        let _kept = (listener("127.0.0.1", 7), Pair::on("::1"));
        let topic = portctl("help columns").quiet();
        let fields: Vec<_> = topic
            .lines()
            .into_iter()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|word| *word != "portctl")
            .collect();
        assert!(fields.len() > 25, "{fields:?}");
        for field in fields {
            for arguments in ["--columns", "--sort", "--csv --columns"] {
                // Notices are for what this host cannot tell, such as SELinux contexts where it is off.
                let answer = portctl(&format!("ls -anq {arguments} {field}")).quiet();
                assert!(answer.lines().len() >= 4, "{answer}");
            }
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn limits() {
    namespace::run("live_cli::answers::limits", || {
        let pairs: Vec<_> = (0..6).map(|_| Pair::on("127.0.0.1")).collect();
        for (n, pair) in pairs.iter().enumerate() {
            tcp::send(&pair.client, 100 * (n + 1));
        }
        // The largest, not the largest of the first.
        let answer =
            portctl("ls -tnH --sort recv_queue:desc --limit 2 --columns recv_queue").exits(0);
        assert_eq!(answer.lines(), ["600", "500"]);
        assert_eq!(
            answer.stderr,
            "note: 10 more rows not shown: a larger --limit, or none, shows them\n"
        );
        assert_eq!(portctl("ls -tn --limit 12").quiet().lines().len(), 13);

        let document = list("ls -tn --limit 5");
        assert_eq!(document.sockets.len(), 5);
        assert!(document.complete, "less is what was asked for");
        let [notice] = &document.notices[..] else {
            panic!("{:?}", document.notices)
        };
        assert_eq!((notice.kind.as_str(), notice.count), ("limited", Some(7)));

        // Rows that pass at once are not counted after the last one shown, and nobody says that they were.
        let document = list("ls -tn --limit 5 --sort none");
        assert_eq!(document.sockets.len(), 5);
        assert_eq!(document.notices[0].kind, "limited");
        assert_eq!(document.notices[0].count, None);
        assert_eq!(list("ls -tn --limit 13 --sort none").sockets.len(), 12);
    });
}

/// Values that nobody knows decide which rows come first, also those of rows that are not shown.
#[test]
#[ignore = "needs user and network namespaces"]
fn what_decides_the_first_rows_is_counted_of_all() {
    namespace::run(
        "live_cli::answers::what_decides_the_first_rows_is_counted_of_all",
        || {
            let _pairs: Vec<_> = (0..3).map(|_| Pair::on("127.0.0.1")).collect();
            let file = tempfile::NamedTempFile::new().unwrap();
            Run::new("ls -ta -D").arg(file.path()).go().quiet();
            let lacks = |options: &str, words: &str| {
                let run = Run::new(&format!("ls -tn --strict --limit 1 {options} --from"));
                let answer = run.arg(file.path()).go().exits(4);
                let is_told = |line: &&str| line.starts_with("warning: ") && line.contains(words);
                let told = answer.stderr.lines().filter(is_told);
                assert_eq!(told.count(), 1, "{words}: {answer}");
            };
            lacks("--sort rtt:desc", "of 6 sockets no counter (--sort rtt) ");
            lacks(
                "--columns rtt --sort cwnd",
                "of 6 sockets no counter (--columns rtt, --sort cwnd) ",
            );
            lacks("-i --sort rtt", "of 6 sockets no counter (-i) ");
            lacks("--sort pid", "6 sockets have no owner shown");
            lacks("--sort process -p", "6 sockets have no owner shown");
            lacks(
                "--sort rtt process is unknown",
                "of 6 sockets no counter (--sort rtt) ",
            );
            // What is shown only is missing in what is shown only.
            lacks("-i", "of 1 socket no counter (-i) ");
            lacks(
                "--columns rtt --sort local",
                "of 1 socket no counter (--columns rtt) ",
            );
            lacks("-p --sort local", "1 socket has no owner shown");
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn counts() {
    namespace::run("live_cli::answers::counts", || {
        let server = listener("127.0.0.1", 7);
        let _pairs: Vec<_> = (0..3).map(|_| Pair::on("127.0.0.1")).collect();
        let number = |arguments: &str| portctl(arguments).quiet().text().to_owned();
        assert_eq!(number("ls -t --count"), "6\n");
        assert_eq!(
            number("ls -ta --count"),
            format!("{}\n", list("ls -ta").sockets.len())
        );
        let own = format!("ls -ta --count sport = :{}", port(&server));
        assert_eq!(number(&own), "1\n");
        assert_eq!(number("ls -t --count dport = 1"), "0\n");
        assert_eq!(number("ls -u --count"), "0\n");
        for other in ["--json", "--csv", "--limit 3", "--exists"] {
            portctl(&format!("ls --count {other}")).exits(2);
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn questions() {
    namespace::run("live_cli::answers::questions", || {
        let server = listener("127.0.0.1", 7);
        let _idle = tcp::bound(any_port("127.0.0.1"));
        let ask = |arguments: &str, code| {
            let answer = portctl(arguments).exits(code);
            assert_eq!(answer.text(), "", "{answer}");
            answer
        };
        let own = format!("sport = :{}", port(&server));
        assert_eq!(ask(&format!("ls -tl --exists {own}"), 0).stderr, "");
        assert_eq!(ask(&format!("ls -tl --exists not {own}"), 1).stderr, "");
        assert_eq!(ask("ls -t --exists", 1).stderr, "");
        assert_eq!(ask("ls -ta --exists", 0).stderr, "");
        ask("ls --exists dprot = 1", 2);
        ask("ls --exists --json", 2);
        ask("ls --exists --from /nonexistent", 3);

        // Without netlink nobody tells of sockets that are bound and no more: "no" would be a guess, "yes" is none.
        // The code says so; in words it is said only to who wants more of them.
        for (arguments, code) in [
            ("ls -ta --source proc --exists sport = 1".to_owned(), 4),
            (format!("ls -ta --source proc --exists {own}"), 0),
            ("ls -tl --source proc --exists sport = 1".to_owned(), 1),
            (
                "ls -ta --exists sport = 1 or sport = 2 sport = 3".to_owned(),
                1,
            ),
        ] {
            assert_eq!(ask(&arguments, code).stderr, "");
            let told = ask(&format!("{arguments} -v"), code).stderr;
            assert!(told.contains("note: "), "{told}");
        }
        let unsure = ask("ls -tav --source proc --exists sport = 1", 4);
        assert!(unsure.stderr.contains("bound"), "{unsure}");
        let read = ask("ls -tav --exists sport = 1 or sport = 2 sport = 3", 1);
        assert!(read.stderr.contains("'and' comes before 'or'"), "{read}");
    });
}
