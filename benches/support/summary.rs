//! What the summary costs beside a list of the same sockets.

use super::aim::By;
use super::report;
use super::row::{ROUNDS, Row};

const AT_MOST: f64 = 2.0;

/// Measures both in turn.
pub(crate) fn report() {
    let [mut summary, mut list] = [Row::summary(), Row::portctl("-tan")];
    for _ in 0..ROUNDS {
        summary.measure();
        list.measure();
    }
    let ratio = summary.ratio(By::Floor, &[&list]);
    report::figure(
        &format!(
            "{}: {:.1} ms CPU, /{}",
            summary.name,
            summary.cpu(),
            list.name
        ),
        &format!("{ratio:.3}"),
        &AT_MOST.to_string(),
        ratio <= AT_MOST,
    );
}
