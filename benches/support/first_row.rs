//! How long it takes until something is to be seen.

use super::{cost::median, programs, report, row::ROUNDS};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

const AT_MOST_MS: f64 = 10.0;

/// Measures the time from the start to the end of the first row, through a pipe.
pub(crate) fn report() {
    for arguments in [
        "-tn --sort none",
        "-tan --sort none",
        "-tan --ndjson --sort none",
    ] {
        let ms = median((0..ROUNDS).map(|_| once(arguments)));
        report::figure(
            &format!("first row of portctl ls {arguments}"),
            &format!("{ms:.1} ms"),
            &format!("{AT_MOST_MS} ms"),
            ms <= AT_MOST_MS,
        );
    }
}

fn once(arguments: &str) -> f64 {
    let mut command = programs::portctl(arguments);
    let started = Instant::now();
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    // A heading, or a first object about the whole, and the first row.
    for _ in 0..2 {
        let length = output.skip_until(b'\n').unwrap();
        assert!(length > 0, "no row of portctl ls {arguments}");
    }
    let ms = started.elapsed().as_secs_f64() * 1000.0;
    process.kill().unwrap();
    process.wait().unwrap();
    ms
}
