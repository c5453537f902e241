//! The measurement of one load, in its namespace.

use super::cases::Case;
use super::crowd::Crowd;
use super::loads::Load;
use super::row::{ROUNDS, Row};
use super::{calls, check, first_row, memory, namespace, report, summary};

/// Makes the load, measures, and prints.
pub(crate) fn measure() {
    let (load, count) = namespace::enter();
    let cases = Case::on(load);
    let crowd = Crowd::gather(load, count);
    // A count of descriptors says nothing of rows.
    let made = (load != Load::Descriptors).then(|| crowd.count());
    for case in cases {
        check::same_rows(case, made.filter(|_| case.shows_all()));
        if case.floor_is_dump() {
            check::same_requests(case);
        }
    }
    let mut rows = rows(cases, crowd.count());
    for _ in 0..ROUNDS {
        rows.iter_mut().for_each(Row::measure);
    }
    report::table(crowd.count(), load.name(), cases, &rows);
    match load {
        Load::Connections => {
            memory::report(crowd.count());
            first_row::report();
            summary::report();
        }
        Load::Descriptors => calls::report(),
        Load::TimeWait => check::lasted(&cases[0], crowd.count()),
        Load::Few | Load::Unix => {}
    }
}

/// The commands of the cases, each once.
fn rows(cases: &[Case], size: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for case in cases {
        let ss = (!case.ss_is_hopeless(size)).then(|| Row::ss(case.ss));
        let new = [
            Some(Row::floor(case.floor)),
            ss.flatten(),
            Some(Row::portctl(case.portctl)),
        ];
        for row in new.into_iter().flatten() {
            if rows.iter().all(|known| known.name != row.name) {
                rows.push(row);
            }
        }
    }
    rows
}
