//! Measures portctl against `ss` on the same sockets: `cargo bench`.
//!
//! Makes 10,000 and then 100,000 TCP sockets (or as many as `PORTCTL_BENCH_SOCKETS` says, several
//! numbers separated by commas) in a network namespace of its own, and runs in turn `ss`, portctl
//! and the floor: a dump that is received and thrown away, the least work that gets the rows out
//! of the kernel. What counts is CPU time, which other load on the machine disturbs least, and the
//! ratios: columns `/ss` and `/floor`. Without `ss` only the latter is there.
//!
//! `ss -tanp` is quadratic; above 20,000 sockets it is measured once, or as often as everything
//! else with `PORTCTL_BENCH_PATIENT=1`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that meets something unexpected stops, and prints what it measured"
)]

mod support;

use std::path::Path;
use std::process::Command;
use support::{Row, crowd, floor, namespace, report};

const PORTCTL: &str = env!("CARGO_BIN_EXE_portctl");
const ROUNDS: usize = 5;
/// From here on one round of `ss -tanp` takes seconds.
const QUADRATIC: usize = 20_000;

fn main() {
    match std::env::var(support::ROLE).as_deref() {
        Ok("inside") => inside(),
        Ok("crowd") => crowd::hold(),
        Ok("floor") => floor::dump(),
        Ok(role) => panic!("unknown role {role}"),
        Err(_) => sizes().into_iter().for_each(namespace::run_inside),
    }
}

fn sizes() -> Vec<usize> {
    let wanted = std::env::var("PORTCTL_BENCH_SOCKETS");
    let wanted = wanted.as_deref().unwrap_or("10000,100000");
    let number = |word: &str| match word.trim().replace('_', "").parse() {
        Ok(n) if n >= 100 => n,
        _ => panic!("PORTCTL_BENCH_SOCKETS: '{word}' is not a number of at least 100"),
    };
    wanted.split(',').map(number).collect()
}

/// The run in the namespace: makes the sockets and measures.
fn inside() {
    namespace::loopback_up();
    let sockets = std::env::var(support::SOCKETS).unwrap().parse().unwrap();
    let crowd = crowd::Crowd::gather(sockets);
    let has_ss = ["/usr/bin/ss", "/bin/ss", "/usr/sbin/ss", "/sbin/ss"]
        .into_iter()
        .find(|path| Path::new(path).exists());

    let portctl = |arguments: &str| {
        let mut command = Command::new(PORTCTL);
        command.arg("ls").args(arguments.split(' '));
        Row::new(format!("portctl ls {arguments}"), command)
    };
    let mut rows = vec![Row::new("floor".into(), floor::command())];
    let ss = |arguments: &str| {
        has_ss.map(|ss| {
            let mut command = Command::new(ss);
            command.arg(arguments);
            Row::new(format!("ss {arguments}"), command)
        })
    };
    rows.extend(ss("-tan"));
    rows.push(portctl("-tan").compared_with("ss -tan"));
    rows.push(portctl("-tan --sort none").compared_with("ss -tan"));
    rows.push(portctl("-tan --json").compared_with("ss -tan"));
    let patient = std::env::var_os("PORTCTL_BENCH_PATIENT").is_some();
    rows.extend(ss("-tanp").map(|row| {
        row.at_most(match sockets {
            QUADRATIC.. if !patient => 1,
            _ => ROUNDS,
        })
    }));
    rows.push(portctl("-tanp").compared_with("ss -tanp"));

    check_counts(&crowd, has_ss);
    for _ in 0..ROUNDS {
        for row in &mut rows {
            row.measure();
        }
    }
    report::print(sockets, &rows);
}

/// All must have the same rows to show, or the comparison means nothing.
fn check_counts(crowd: &crowd::Crowd, ss: Option<&str>) {
    let lines = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
        output.stdout.iter().filter(|&&b| b == b'\n').count()
    };
    assert_eq!(
        lines(PORTCTL, &["ls", "-tanH"]),
        crowd.sockets(),
        "portctl's rows"
    );
    if let Some(ss) = ss {
        assert_eq!(lines(ss, &["-tanH"]), crowd.sockets(), "rows of ss");
    }
}
