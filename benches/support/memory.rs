//! The most memory that a command has at one time.

use super::{Role, again, cost, programs, report};
use std::process::{Command, Stdio};

const MB: f64 = 1024.0 * 1024.0;
/// What sorting may take for each socket, in bytes.
const SORTED_EACH: f64 = 160.0;
/// What it may take besides, in MB.
const SORTED_REST: f64 = 16.0;
/// What may be taken without sorting, in MB.
const UNSORTED: f64 = 32.0;

/// Measures listing so many sockets.
pub(crate) fn report(sockets: usize) {
    let sorted = SORTED_EACH * sockets as f64 / MB + SORTED_REST;
    for (arguments, at_most, words) in [
        ("-tan", sorted, ", 160 bytes a socket and 16 MB"),
        ("-tan --sort none", UNSORTED, ""),
        ("-tan --json --sort none", UNSORTED, ""),
    ] {
        let mb = peak(arguments);
        report::figure(
            &format!("peak memory of portctl ls {arguments}"),
            &format!("{mb:.1} MB"),
            &format!("{at_most:.1} MB{words}"),
            mb <= at_most,
        );
    }
}

/// The peak of `portctl ls`, in MB.
fn peak(arguments: &str) -> f64 {
    let command = programs::portctl(arguments);
    let output = again(Role::Peak)
        .arg(command.get_program())
        .args(command.get_args())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
    let kb: f64 = String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .parse()
        .unwrap();
    kb * 1024.0 / MB
}

/// Runs the command in the arguments and prints its peak in KB, getrusage(2). The kernel counts
/// what a process had before execve(2) too, so this must not be done by one that has much itself.
pub(crate) fn run() {
    let mut arguments = std::env::args().skip(1);
    let status = Command::new(arguments.next().unwrap())
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    println!("{}", cost::children().max_rss());
}
