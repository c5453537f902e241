//! The expressions of `ss`, answered by both programs about the same sockets.

use crate::namespace;
use crate::portctl::Run;
use crate::scene::tcp::{self, Full, Pair, finish, listener, listener_at, time_wait};
use crate::scene::{port, udp};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::BTreeSet;
use std::process::Command;

/// What `ss` and portctl read alike, and every version of `ss` since 6.1 answers rightly. `P` and `Q` are local ports of two pairs.
const EXPRESSIONS: &str = "
    dport = P; sport = P; sport P; sport == :P; sport eq P; dport != P; dport ne :P; dport neq P
    sport >= P; sport ge P; sport geq P; sport <= P; sport le P; sport leq :P; sport > P; sport gt P; sport < P; sport lt P
    sport = :https; dport = :ssh; sport = https; sport = 0x1bb; sport = 0673; sport = *; dport = :*
    dst 127.0.0.1; dst = 127.0.0.1; src == 127.0.0.1; src 10; src 127.1; src 127; src 0x7f.0.0.1; src 127/8
    src 127.0.0.0/255.0.0.0; src 127.0/16; src 0.0.0.0; src 0.0.0.0/0; dst 127.0.0.1:P; src 127/8:P; src 127.0.0.1:; src 127.0.0.1:*
    src :P; src *:P; src *P; src *; dst any; src all; src default; src [127.0.0.1]:P
    src [::1]; src [::1]:Q; src [::1]Q; src ::/0; src ::/64; dst [::/0]:Q; src ::1:Q; src [::]; src ::ffff:127.0.0.1/128
    src [::ffff:127.0.0.1]; src inet:127.0.0.1; src inet6:[::1]:Q; sport = inet:P; sport = inet6:Q
    dev lo; dev = lo; dev != lo; dev 0; dev 1; dev = if1; not dev lo
    fwmark = 3; fwmark = 0x15; fwmark 1/1; fwmark != 3; fwmark = 0x10/0xf0; fwmark 0; not fwmark = 3; fwmark = 0x1/0xf
    autobound; not sport = P; ! sport = P; not not sport = P; not dst 127.0.0.1
    sport = P and dport = Q; sport = P or sport = Q; sport = P || sport = Q; sport = P | sport = Q; src 127.0.0.1 & dport = P
    src 127.0.0.1 && dport = P; src 127.0.0.1 dport = P; ( sport = P or dport = P ) and dst 127.0.0.1
    ( sport = P or dport = P ) dst 127.0.0.1; not ( sport = P or dport = P ); ! ( sport = P ) and ! ( dport = P ); ( ( sport = P ) )
    dport = P or ( sport = P and src 127.0.0.1 ); dport >= 1024 and dport < 60000 or sport = P
    state established; state listening; state time-wait; state close-wait; state fin-wait-2; state connected; state synchronized
    state bucket; state big; state all; exclude established; excl listening; state established state listening
    state all exclude time-wait; exclude listening exclude established; state CLOSE-WAIT; state closed; state close; state unconnected
    state listening sport = P; state established ( sport = P or dport = Q ); state synchronized dst 127.0.0.0/8
    state established sport = P or dport = Q; state established state listening sport = P or dport = Q
";

#[test]
#[ignore = "needs ss"]
fn the_same_sockets() {
    namespace::run("live_cli::beside_ss::the_same_sockets", || {
        let [first, second, closing] = ["127.0.0.1", "::1", "127.0.0.1"].map(Pair::on);
        finish(&closing.client);
        let _mapped = {
            let both = listener_at("[::]:0".parse().unwrap(), 3, Some(false));
            let client = tcp::connect(([127, 0, 0, 1], port(&both)).into());
            (tcp::accept(&both), both, client)
        };
        let _lingering = [time_wait("127.0.0.1"), time_wait("::1")];
        let _more = (
            Full::on("127.0.0.1"),
            listener_at("127.0.0.1:443".parse().unwrap(), 3, None),
            listener_at("[::]:0".parse().unwrap(), 3, Some(true)),
        );
        let (marked, device) = (listener("127.0.0.1", 3), listener("127.0.0.1", 3));
        let other = listener("::1", 3);
        setsockopt(&marked, sockopt::Mark, &3).unwrap();
        setsockopt(&other, sockopt::Mark, &0x15).unwrap();
        setsockopt(&device, sockopt::BindToDevice, &"lo".into()).unwrap();
        let server = udp::bound("127.0.0.1");
        let _udp = (udp::connected("127.0.0.1", &server), udp::bound("::1"));

        let (p, q) = (port(&first.server), port(&second.server));
        let expressions: Vec<String> = EXPRESSIONS
            .split([';', '\n'])
            .map(|e| {
                e.trim()
                    .replace('P', &p.to_string())
                    .replace('Q', &q.to_string())
            })
            .filter(|e| !e.is_empty())
            .collect();
        let (mut wrong, mut matched) = (Vec::new(), BTreeSet::new());
        for options in ["-ta", "-t", "-tl", "-ua", "-tua"] {
            // The names of services are those of the tables that were chosen.
            let named = |e: &&String| options.contains('t') || !e.contains("ssh");
            for expression in expressions.iter().filter(named) {
                let (theirs, ours) = (of_ss(options, expression), of_portctl(options, expression));
                if theirs != ours {
                    wrong.push(format!(
                        "{options} {expression}: ss {theirs:?}, portctl {ours:?}"
                    ));
                }
                if !ours.is_empty() {
                    matched.insert(expression);
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        // Where nothing ever matches, nothing is compared.
        assert!(
            matched.len() > 90,
            "{} of {}",
            matched.len(),
            expressions.len()
        );
    });
}

/// The cookies of the rows that `ss` shows.
fn of_ss(options: &str, expression: &str) -> BTreeSet<String> {
    let answer = Command::new("ss")
        .args(["-HnOe", options])
        .args(expression.split(' '))
        .env_remove("TCPDIAG_FILE")
        .output()
        .expect("ss of iproute2 is needed");
    assert!(answer.status.success(), "{expression}: {answer:?}");
    let text = String::from_utf8(answer.stdout).unwrap();
    let cookie = |line: &str| {
        let word = line.split_whitespace().find_map(|w| w.strip_prefix("sk:"));
        format!("0x{}", word.unwrap_or_else(|| panic!("{line}")))
    };
    text.lines().map(cookie).collect()
}

fn of_portctl(options: &str, expression: &str) -> BTreeSet<String> {
    let run = Run::with(
        ["ls", "--ndjson", options]
            .into_iter()
            .chain(expression.split(' ')),
    );
    let rows = run.go().exits(0).objects();
    rows.into_iter().filter_map(|row| row.cookie).collect()
}
