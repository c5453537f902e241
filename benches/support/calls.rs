//! How many system calls it takes to find owners.

use super::{floor::descriptors, programs, report};
use std::process::Stdio;

/// Calls for each descriptor, at most.
const EACH_DESCRIPTOR: f64 = 1.05;
/// Calls for each process, at most.
const EACH_PROCESS: f64 = 12.0;

/// Counts with strace(1), with and without owners; what is more is what they cost.
pub(crate) fn report() {
    const WHAT: &str = "system calls for owners, portctl ls -tulnp";
    let (Some(with), Some(without)) = (count("-tulnp"), count("-tuln")) else {
        println!("{WHAT}: not counted, as there is no strace");
        return;
    };
    let walked = descriptors::walk();
    let (descriptors, processes) = (walked.descriptors as f64, walked.processes as f64);
    let calls = with - without;
    let at_most = EACH_DESCRIPTOR * descriptors + EACH_PROCESS * processes;
    report::figure(
        WHAT,
        &format!("{calls}"),
        &format!(
            "{at_most:.0}, 1.05 for {descriptors} descriptors and 12 for {processes} processes"
        ),
        calls <= at_most,
    );
}

/// The system calls of one run, in all its threads.
fn count(arguments: &str) -> Option<f64> {
    let options = ["-f", "-c", "-U", "name,calls"];
    let output = programs::under("strace", &options, &programs::portctl(arguments))?
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let total = text.lines().find_map(|line| line.strip_prefix("total"));
    let total = total.unwrap_or_else(|| panic!("strace: {text}"));
    Some(total.trim().parse().unwrap())
}
