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
        (&["ls", "rtt > 5 apples"], "apples"),
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
    assert!(answer.stderr.contains("filter:\n"), "{answer}");
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
fn options_that_make_no_sense() {
    let cases: &[(&[&str], &str)] = &[
        (&["ls", "--frobnicate"], "--frobnicate"),
        (&["ls", "-tE"], "-E"),
        (&["--frobnicate"], "--frobnicate"),
        (&["frobnicate"], "frobnicate"),
        (&["ls", "--columns", "state,nope"], "nope"),
        (&["ls", "--sort", "nope"], "nope"),
        (&["ls", "--sort", "state:sideways"], "sideways"),
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
        (&["top", "--sort", "new"], &["'new'", "with -i"]),
        (
            &["top", "--by", "dport", "--sort", "sport"],
            &["'sport'", "--by"],
        ),
        (&["top", "--sort", "sockets:up"], &["'sockets:up'"]),
        (&["top", "-n", "0"], &["'all'"]),
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
