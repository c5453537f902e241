//! Commands that make no sense: one clear error that points at the place, status 2, no output.

use crate::portctl::{Answer, Run};

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
        (&["ls", "sport", ">=", "-1"], ""),
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

#[test]
fn options_that_make_no_sense() {
    let cases: &[(&[&str], &str)] = &[
        (&["ls", "--frobnicate"], "--frobnicate"),
        (&["ls", "-tz"], "-z"),
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
