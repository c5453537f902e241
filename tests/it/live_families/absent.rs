//! Protocols that a kernel does not have, or cannot list.

use crate::namespace;
use crate::portctl::{list, portctl};

fn protocols() -> String {
    std::fs::read_to_string("/proc/thread-self/net/protocols").unwrap()
}

/// Of those, one that this kernel lacks; nearly every kernel lacks one.
fn lacking() -> (&'static str, &'static str) {
    let all = protocols();
    let has = |name: &str| {
        all.lines()
            .any(|line| line.split_whitespace().next() == Some(name))
    };
    [("DCCP", "dccp"), ("SCTP", "sctp"), ("TIPC", "tipc")]
        .into_iter()
        .find(|(name, _)| !has(name))
        .expect("a kernel with all of DCCP, SCTP and TIPC")
}

#[test]
#[ignore = "needs user and network namespaces"]
fn a_protocol_that_is_not_there_is_told_once_to_those_who_name_it() {
    let test =
        "live_families::absent::a_protocol_that_is_not_there_is_told_once_to_those_who_name_it";
    namespace::run(test, || {
        let (_, word) = lacking();
        for source in ["auto", "netlink", "proc"] {
            let document = list(&format!("ls -A {word} -a --source {source}"));
            assert!(document.sockets.is_empty() && document.tables.is_empty());
            assert!(document.complete, "there are none: {document:?}");
            assert_eq!(
                document.notice_kinds(),
                ["protocol-absent"],
                "once for both families"
            );
        }
        let answer = portctl(&format!("ls -A {word},tcp -a --strict")).exits(0);
        assert_eq!(answer.stderr.lines().count(), 1, "{answer}");
        assert!(answer.stderr.contains(&format!("no {word}")), "{answer}");
        // Whoever did not name it is not bothered.
        for arguments in [
            "ls",
            "ls -a",
            "ls -A all -a",
            "ls -A inet",
            "ls -4 -a",
            "ls -v",
        ] {
            let answer = portctl(arguments).exits(0);
            assert!(!answer.stderr.contains(word), "{answer}");
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn a_list_of_everything_is_complete() {
    namespace::run(
        "live_families::absent::a_list_of_everything_is_complete",
        || {
            // Where vsock can be neither listed nor counted, who asks for all by that word is told.
            let vsock = portctl("ls -A vsock -a");
            let unlisted = vsock.code == Some(3);
            let told = |arguments: &str| {
                portctl(arguments)
                    .exits(0)
                    .stderr
                    .contains("vsock: this kernel")
            };
            assert_eq!(told("ls -A all -a"), unlisted, "{vsock}");
            assert_eq!(told("ls -A all --count"), unlisted, "{vsock}");
            assert_eq!(told("top --by protocol -A all -a"), unlisted, "{vsock}");
            assert_eq!(told("ls -A all -a -D /dev/null"), unlisted, "{vsock}");
            assert!(!told("ls -a") && !told("ls -A all,!vsock -a"));
            assert!(!told("top --by protocol -a"));
            // It is no failure, and yet no reason to be sure that there are none.
            portctl("ls -A all -a --source auto --strict").exits(0);
            let sure = |arguments: &str| portctl(arguments).code == Some(1);
            assert_eq!(
                sure("ls -A all -a --exists sport = 9"),
                !unlisted,
                "{vsock}"
            );
            assert!(sure("ls -A all,!vsock -a --exists sport = 9"));
            assert!(sure("ls -A all -a --exists sport = 9 protocol = tcp"));
            for arguments in [
                "ls -ap",
                "ls -A all,!vsock -a",
                "ls",
                "ls -a --source netlink",
                "ls -a --source proc",
            ] {
                let document = list(arguments);
                // What /proc cannot tell it says.
                let of_proc = ["states-unavailable", "names-uncertain", "fell-back"];
                let mut kinds = document.notice_kinds();
                kinds.retain(|kind| !of_proc.contains(kind));
                assert!(kinds.is_empty(), "{arguments}: {:?}", document.notices);
                assert!(document.tables.iter().all(|t| t.protocol != "tipc"));
            }
            // There is no text of these to be read, only a count.
            let said = portctl("ls -a -v").exits(0).stderr;
            let textless = ["vsock: ", "xdp: ", "mptcp/", "dccp/"];
            let is_of_one = |line: &&str| {
                line.contains(" from ") && textless.iter().any(|table| line.contains(table))
            };
            let lines: Vec<_> = said.lines().filter(is_of_one).collect();
            assert!(!lines.is_empty(), "none of these tables at all: {said}");
            let from_proc = |line: &&str| line.ends_with("from proc");
            assert!(!lines.iter().any(from_proc), "{said}");
            // What is always unconnected is not asked for where nobody wants that.
            let document = list("ls");
            let asked = |word: &str| document.tables.iter().any(|t| t.protocol == word);
            assert!(asked("unix") && !asked("packet") && !asked("netlink"));
        },
    );
}
