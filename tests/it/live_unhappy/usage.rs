//! Commands that make no sense: one clear error that points at the place, status 2, no output.

use crate::portctl::{Answer, Run};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

fn run(arguments: &[&str]) -> Answer {
    Run::with(arguments.iter().copied()).go()
}

/// The place behind the last word.
const END: &str = "the end";

/// Fails unless the error shows what was typed, with carets under `place`, or under a part of it.
fn must_point_at(answer: &Answer, place: &str) {
    let lines: Vec<_> = answer.stderr.lines().collect();
    let carets = lines
        .iter()
        .position(|l| !l.trim().is_empty() && l.trim().chars().all(|c| c == '^'));
    let carets = carets.unwrap_or_else(|| panic!("carets in {answer}"));
    let (typed, marks) = (lines[carets - 1], lines[carets]);
    let (start, end) = (marks.find('^').unwrap(), marks.len());
    if place == END {
        assert_eq!((start, end), (typed.len(), typed.len() + 1), "{answer}");
        return;
    }
    let shown = typed
        .get(start..end)
        .unwrap_or_else(|| panic!("beside the text: {answer}"));
    assert!(
        place.contains(shown),
        "under {shown:?}, not {place:?}: {answer}"
    );
    assert!(!shown.trim().is_empty(), "{answer}");
}

#[test]
fn filters_that_make_no_sense() {
    let cases: &[(&[&str], &str)] = &[
        (&["ls", "dport", "=", ":70000"], "70000"),
        (&["ls", "-t", "sport = 65536"], "65536"),
        (&["ls", "sport", ">=", "-1"], "-1"),
        (&["ls", "-t", "sport=-1", "-e"], "-1"),
        (&["ls", "sport = 22,htpps,80"], "htpps"),
        (&["ls", "dst", "is", "privat"], "privat"),
        (&["ls", "pid = nginx"], "nginx"),
        (&["ls", "rtt > 5 apples"], "5 apples"),
        (&["ls", "rtt > 5apples"], "5apples"),
        (&["ls", "dev = no-such-dev0"], "no-such-dev0"),
        (&["ls", "src [fe80::1]%no-such-dev0:22"], "no-such-dev0"),
        (&["ls", "user = no-such-user"], "no-such-user"),
        (&["ls", "state", "foo"], "foo"),
        (&["ls", "-t", "exclude", "tim-wait"], "tim-wait"),
        (&["ls", "dst", "10.0.0.0/33"], "10.0.0.0/33"),
        (&["ls", "src", "::1/129"], "::1/129"),
        (&["ls", "dst", "10.0.0.256"], "10.0.0.256"),
        (&["ls", "dport", "="], "dport ="),
        (&["ls", "( dport = 1"], "("),
        (&["ls", "dport = 1 )"], ")"),
        (&["ls", "dport = 1 or"], END),
        (&["ls", "frobnicate = 1"], "frobnicate"),
        (&["ls", "dport ! 1"], "dport ! 1"),
        (
            &["ls", "dport = no-such-service-name"],
            "no-such-service-name",
        ),
        (&["ls", "dport = 1", "and", "dst", "1.2.3.4.5"], "1.2.3.4.5"),
    ];
    for (arguments, place) in cases {
        let answer = run(arguments).exits(2);
        assert!(answer.stdout.is_empty(), "{answer}");
        assert!(answer.stderr.starts_with("error: "), "{answer}");
        if !place.is_empty() {
            must_point_at(&answer, place);
        }
    }
}

/// Bytes that are no UTF-8 are told like any other mistake, and so is a value that looks like an option.
#[test]
fn a_filter_that_is_no_text() {
    let hostile = OsStr::from_bytes(b"spo\xffrt = 1");
    let answer = Run::new("ls").arg(hostile).go().exits(2);
    must_point_at(&answer, r"spo\xffrt");
    let answer = Run::new("ls -t --json src")
        .arg(OsStr::from_bytes(b"/tmp/\xff"))
        .go();
    assert!(answer.document().sockets.is_empty());
}

#[test]
fn filters_from_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("filter");
    let ask = |text: &str, more: &str| {
        std::fs::write(&path, text).unwrap();
        Run::new("ls -t -F").arg(&path).arg(more).go()
    };
    ask("# nobody\nsport = 1 # tcpmux\nor sport = 2\n", "sport = 3").exits(0);
    let answer = ask("sport = 1\nor sport = htpps\n", "").exits(2);
    must_point_at(&answer, "htpps");
    assert!(answer.stderr.contains("in /"), "{answer}");
    assert!(answer.stderr.contains("filter, line 2:\n"), "{answer}");
    let answer = ask(&format!("sport in {}htpps", "22,".repeat(9999)), "").exits(2);
    must_point_at(&answer, "htpps");
    assert!(answer.stderr.len() < 500, "{answer}");
    let answer = Run::new("ls -F /nonexistent/file").go().exits(2);
    assert!(
        answer
            .stderr
            .starts_with("error: -F: /nonexistent/file: No such file"),
        "{answer}"
    );
}

#[test]
fn filters_from_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("filter");
    let ask = |text: &str, arguments: &str| {
        std::fs::write(&path, text).unwrap();
        let shell = ["/bin/sh", "-c", "exec \"$@\" < \"$0\""].map(OsStr::new);
        Run::new(arguments)
            .through(shell.into_iter().chain([path.as_os_str()]))
            .go()
    };
    let answer = ask(
        "# nobody\r\nsport = 1\r\nand sport = 2 # nor this\r\n",
        "ls -ta --count -F -",
    );
    assert_eq!(answer.quiet().text(), "0\n");
    let answer = ask("sport = 1\nor sport = htpps", "ls -t -F - dport = 3").exits(2);
    must_point_at(&answer, "htpps");
    assert!(
        answer.stderr.contains("\nin standard input, line 2:\n"),
        "{answer}"
    );
    // Nothing is no filter.
    ask("", "ls -t -F -").exits(0);
}

#[test]
fn options_that_make_no_sense() {
    let cases: &[(&[&str], &str)] = &[
        (&["ls", "--frobnicate"], "--frobnicate"),
        (&["ls", "-tE"], "-E"),
        (&["--frobnicate"], "--frobnicate"),
        (&["frobnicate"], "frobnicate"),
        (&["ls", "--columns", "state,nope"], "nope"),
        (&["ls", "--sort", "nope"], "nope"),
        (
            &["ls", "--sort", "state:sideways"],
            "'sideways' is not a direction",
        ),
        (&["ls", "--width", "many"], "many"),
        (&["ls", "--source", "magic"], "magic"),
        (&["ls", "--color", "sometimes"], "sometimes"),
        (&["help", "nonsense"], "nonsense"),
        (&["schema", "nonsense"], "nonsense"),
        (&["ls", "--columns"], "--columns"),
        (&["ls", "-K", "dport = 1"], "-K"),
        (&["ls", "dport = 1", "-K"], "-K"),
    ];
    for (arguments, place) in cases {
        let answer = run(arguments).exits(2);
        assert!(answer.stdout.is_empty(), "{answer}");
        assert!(answer.stderr.starts_with("error: "), "{answer}");
        assert!(answer.stderr.contains(place), "{place} in {answer}");
    }
}

#[test]
fn options_of_ss_may_be_short_and_others_lead_to_their_command() {
    for (short, long) in [
        ("ls --proc --list --tcp", "ls -plt"),
        ("--ext --tcp", "ls -et"),
        ("--no-h --tcp", "ls -tH"),
    ] {
        // Nothing has that port, so that only the headings are compared.
        let ask = |arguments| Run::new(&format!("{arguments} sport = 1")).go().exits(0);
        assert_eq!(ask(short).stdout, ask(long).stdout, "{short}");
    }
    let headings = Run::new("--proc --tcp sport = 1").go().exits(0).stdout;
    assert!(headings.ends_with(b"PROCESS\n"), "{headings:?}");
    for (option, command) in [
        ("--summary", "portctl summary"),
        ("-s", "portctl summary"),
        ("--kill", "portctl kill"),
    ] {
        let answer = run(&["ls", option]).exits(2);
        assert!(answer.stderr.contains(command), "{answer}");
        // Options of ours that look like it do something else.
        assert!(!answer.stderr.contains("similar"), "{answer}");
    }
}

#[test]
fn a_near_miss_gets_a_suggestion() {
    let cases: &[(&[&str], &str)] = &[
        (&["ls", "state", "time-wiat"], "time-wait"),
        (&["ls", "--columns", "stat"], "state"),
        (&["ls", "--sort", "recv-que"], "recv"),
        (&["ls", "dprot = 1"], "dport"),
        (&["ls", "--jsn"], "--json"),
        (&["sumary"], "summary"),
        (&["help", "filtr"], "filter"),
    ];
    for (arguments, suggestion) in cases {
        let answer = run(arguments).exits(2);
        assert!(
            answer.stderr.contains(suggestion),
            "{suggestion} in {answer}"
        );
    }
}

#[test]
fn columns_orders_and_groups_that_make_no_sense() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["ls", "--columns", "local,pere"], &["'pere'", "peer"]),
        (&["ls", "--columns", "+inod"], &["'inod'", "inode"]),
        (
            &["ls", "--columns", "local,+inode"],
            &["sign", "+inode,-peer"],
        ),
        (&["ls", "--columns", "+"], &["is not a field"]),
        (&["ls", "--limit", "0"], &["--limit"]),
        (&["ls", "--limit", "-1"], &["'-1'"]),
        (&["ls", "--count", "--json"], &["--count", "--json"]),
        (&["ls", "--exists", "--count"], &["--exists", "--count"]),
        (&["top", "--by", "dprot"], &["'dprot'", "dport"]),
        (&["top", "--by", ""], &["--by", "help columns"]),
        (
            &["top", "--sort", "close-wiat"],
            &["'close-wiat'", "close-wait"],
        ),
        (&["top", "--sort", "new"], &["'new' compares two", "add -i"]),
        (
            &["top", "--sort", "local,churn:asc"],
            &["'local'", "a field of --by"],
        ),
        (
            &["top", "--sort", "sockets,churn:asc"],
            &["'churn'", "add -i"],
        ),
        (
            &["top", "--sort", "recv_queue:dwon"],
            &[
                "'dwon' is not a direction",
                "did you mean desc?",
                "recv_queue:desc",
            ],
        ),
        (
            &["top", "--by", "dport", "--sort", "dprot"],
            &["'dprot'", "did you mean dport?"],
        ),
        (
            &["ls", "--sort", "local,peer:dwon"],
            &[
                "'dwon' is not a direction",
                "did you mean desc?",
                "peer:desc",
            ],
        ),
        (
            &["ls", "--sort", "locl:dwon"],
            &["'locl' is not a field", "local"],
        ),
        (&["ls", "--color", "a\nb\\"], &["'a\\x0ab\\x5c'"]),
        (
            &["top", "--by", "dport", "--sort", "sport"],
            &["'sport'", "--by"],
        ),
        (
            &["top", "--sort", "sockets:up"],
            &["'up'", "did you mean asc?"],
        ),
        (&["top", "-n", "0"], &["'all'"]),
        (&["ls", "--json", "--csv"], &["--json", "--csv"]),
        (&["ls", "--record", "--csv"], &["--record", "--csv"]),
        (&["ls", "-O", "--record"], &["--oneline", "--record"]),
        (&["top", "-i", "0"], &["seconds"]),
        (&["top", "-i", "nan"], &["seconds"]),
        (
            &["top", "-i", "1", "--from", "/dev/null"],
            &["-i", "--from"],
        ),
        (&["top", "--by", "x\n\x1b[31m"], &["\\x0a", "\\x1b"]),
        (&["top", "--sort", "x\n\x1b[31m"], &["\\x0a", "\\x1b"]),
    ];
    for (arguments, words) in cases {
        let answer = run(arguments).exits(2);
        assert!(answer.stdout.is_empty(), "{answer}");
        assert!(answer.stderr.starts_with("error: "), "{answer}");
        for word in *words {
            assert!(answer.stderr.contains(word), "{word} in {answer}");
        }
    }
}

/// What was typed is told, but not a page of it.
#[test]
fn long_words_are_told_in_short() {
    let word = "x".repeat(60_000);
    let numbers = format!("1{}", "0".repeat(60_000));
    let files = format!("/{}", "f".repeat(60_000));
    let glued = ["(", word.as_str(), ")"].join(&" ".repeat(30_000));
    let cases: &[&[&str]] = &[
        &["ls", "WORD"],
        &["ls", "WORD = 1"],
        &["ls", "sport = WORD"],
        &["ls", "sport = :WORD"],
        &["ls", "sport = NUMBERS"],
        &["ls", "sport = 5-NUMBERS"],
        &["ls", "sport is WORD"],
        &["ls", "sport = 22 WORD"],
        &["ls", "sport = 22 1WORD"],
        &["ls", "sport = 22 NUMBERS"],
        &["ls", "pid = 5 WORD"],
        &["ls", "pid = WORD"],
        &["ls", "pid = NUMBERS"],
        &["ls", "recv_queue = 1WORD"],
        &["ls", "recv_queue = NUMBERS-1"],
        &["ls", "dst WORD"],
        &["ls", "dst WORD/33"],
        &["ls", "dst 1/WORD"],
        &["ls", "dst [WORD"],
        &["ls", "dst 10.NUMBERS"],
        &["ls", "dst WORD,WORD"],
        &["ls", "src is WORD"],
        &["ls", "sport = FILES"],
        &["ls", "state WORD"],
        &["ls", "exclude WORD"],
        &["ls", "timer = WORD"],
        &["ls", "v6only = WORD"],
        &["ls", "dev = WORD"],
        &["ls", "user = WORD"],
        &["ls", "cgroup = WORD"],
        &["ls", "mark = WORD"],
        &["ls", "cookie = WORD"],
        &["ls", "sport = 'WORD"],
        &["ls", "sport = {WORD"],
        &["ls", "( sport = 22 or FILES"],
        &["ls", "sport = 22 )WORD"],
        &["ls", "sport GLUED"],
        &["ls", "NUMBERS"],
        &["ls", "NUMBERS.1/8"],
        &["ls", "-F", "FILES"],
        &["ls", "--from", "FILES"],
        &["ls", "--columns", "WORD"],
        &["ls", "--columns", "+-WORD"],
        &["ls", "--sort", "WORD"],
        &["ls", "--sort", "local:WORD"],
        &["ls", "--limit", "WORD"],
        &["ls", "--limit", "NUMBERS"],
        &["ls", "--width", "WORD"],
        &["ls", "--color", "WORD"],
        &["ls", "--source", "WORD"],
        &["ls", "--WORD"],
        &["ls", "-A", "WORD"],
        &["ls", "-A=WORD"],
        &["ls", "-N", "WORD"],
        &["ls", "-N", "FILES"],
        &["ls", "-ta", "--dump", "FILES"],
        &["headroom", "--to", "WORD"],
        &["headroom", "--to", "WORD:80"],
        &["headroom", "--to", "10.0.0.1:NUMBERS"],
        &["free", "WORD"],
        &["free", "NUMBERS"],
        &["wait", "WORD"],
        &["wait", "tcp/NUMBERS"],
        &["ls", "--json=WORD"],
        &["top", "--by", "WORD"],
        &["top", "--sort", "WORD"],
        &["top", "--sort", "sockets:WORD"],
        &["top", "-n", "WORD"],
        &["top", "-i", "WORD"],
        &["why", "WORD"],
        &["why", "NUMBERS"],
        &["why", "WORD/80"],
        &["why", "WORD:80"],
        &["why", "[fe80::1%WORD]:80"],
        &["why", "FILES"],
        &["help", "WORD"],
        &["schema", "WORD"],
        &["completions", "WORD"],
        &["WORD"],
        &["FILES"],
    ];
    let mut wrong = Vec::new();
    for case in cases {
        let arguments: Vec<String> = case
            .iter()
            .map(|part| {
                part.replace("WORD", &word)
                    .replace("NUMBERS", &numbers)
                    .replace("FILES", &files)
                    .replace("GLUED", &glued)
            })
            .collect();
        let answer = Run::with(arguments.iter()).go();
        let told = answer.stderr.starts_with("error: ") && answer.stderr.len() < 1500;
        if !told || !answer.stdout.is_empty() {
            let shown = answer.stderr.chars().take(300).collect::<String>();
            wrong.push(format!("{case:?}: {} bytes: {shown}", answer.stderr.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The beginning and the end tell enough, and the caret stays with them.
    let answer = run(&["ls", &format!("sport = 22 and q{word}z = 1")]).exits(2);
    assert!(
        answer.stderr.starts_with("error: there is no field 'qxx"),
        "{answer}"
    );
    assert!(answer.stderr.contains("xx...xx"), "{answer}");
    assert!(answer.stderr.contains("xz'"), "{answer}");
    must_point_at(&answer, &format!("q{word}"));
}

#[test]
fn completion_is_never_an_error() {
    for words in [
        &["bash"][..],
        &["bash", "portctl '", "'"],
        &["zsh", "--", "ls", "--nope", "="],
        &["fish", "\u{fffd}"],
    ] {
        let arguments = [&["complete"], words].concat();
        assert_eq!(run(&arguments).quiet().stderr, "");
    }
}
