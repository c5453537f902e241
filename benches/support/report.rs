//! What is printed: a table for each load, and single figures below it.

use super::aim::{By, verdict};
use super::cases::Case;
use super::row::Row;

/// Prints the measurements of the cases on a load of this size.
pub(crate) fn table(size: usize, unit: &str, cases: &[Case], rows: &[Row]) {
    let line = |name: &str, cells: [&str; 6]| {
        let [cpu, wall, ss, ss_aim, floor, floor_aim] = cells;
        let line =
            format!("{name:36} {cpu:>8} {wall:>8}  {ss:>6} {ss_aim:14} {floor:>6} {floor_aim}");
        println!("{}", line.trim_end());
    };
    println!("\n{size} {unit}; CPU is user and system time, medians");
    line("", ["CPU ms", "wall ms", "/ss", "aim", "/floor", "aim"]);
    for row in rows {
        let case = cases
            .iter()
            .find(|case| row.name == Row::portctl_name(case.portctl));
        let [ss, floor] = [By::Ss, By::Floor].map(|by| {
            case.and_then(|case| compared(case, rows, by, size))
                .unwrap_or_default()
        });
        let [cpu, wall] = [row.cpu(), row.wall()].map(|ms| format!("{ms:.1}"));
        line(&row.name, [&cpu, &wall, &ss.0, &ss.1, &floor.0, &floor.1]);
    }
    for case in cases {
        let name = Row::portctl_name(case.portctl);
        match compared(case, rows, By::SsWall, size) {
            Some((ratio, aim)) if !aim.is_empty() => println!("{name}: wall, /ss: {ratio} {aim}"),
            _ => {}
        }
        if let Some(rest) = case.rest_of_floor {
            let floors = [case.floor, rest].map(|words| find(rows, &Row::floor_name(words)));
            let [Some(floor), Some(rest), Some(row)] = [floors[0], floors[1], find(rows, &name)]
            else {
                continue;
            };
            let ratio = row.ratio(By::Floor, &[floor, rest]);
            println!("{name}: CPU, /({} + {}): {ratio:.3}", floor.name, rest.name);
        }
    }
}

/// The ratio of a case, and what is to be said of the aim for a load of this size.
fn compared(case: &Case, rows: &[Row], by: By, size: usize) -> Option<(String, String)> {
    let row = find(rows, &Row::portctl_name(case.portctl))?;
    let other = match by {
        By::Ss | By::SsWall => Row::ss_name(case.ss),
        By::Floor => Row::floor_name(case.floor),
    };
    let ratio = row.ratio(by, &[find(rows, &other)?]);
    let mut aims = case.aims.iter().filter(|aim| aim.by == by);
    let aim = aims.find(|aim| aim.is_for(size));
    let aim = aim.map_or(String::new(), |aim| aim.verdict(ratio));
    Some((format!("{ratio:.3}"), aim))
}

fn find<'a>(rows: &'a [Row], name: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.name == name)
}

/// Prints a figure that is no ratio.
pub(crate) fn figure(what: &str, value: &str, at_most: &str, met: bool) {
    println!("{what}: {value} {}", verdict(at_most, met));
}
