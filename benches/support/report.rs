//! The table, and whether what must be reached is reached.

use super::Row;

/// CPU time of portctl as a part of what `ss` needs, at most, where there are many sockets.
const AIMS: [(&str, f64); 2] = [("portctl ls -tan", 1.0), ("portctl ls -tanp", 0.2)];

const MANY: usize = 100_000;

/// Prints the measurements at one size.
pub(crate) fn print(sockets: usize, rows: &[Row]) {
    let find = |name: &str| rows.iter().find(|row| row.name == name);
    let floor = find("floor").unwrap().cpu();
    println!("{sockets} TCP sockets, 3 in 10 of them IPv6; CPU is user and system time, medians");
    println!(
        "{:28} {:>9} {:>9} {:>7} {:>7}",
        "", "CPU ms", "wall ms", "/ss", "/floor"
    );
    for row in rows {
        let against = row.against.and_then(find);
        let to_ss = against.map_or(String::new(), |ss| format!("{:.2}", row.cpu() / ss.cpu()));
        println!(
            "{:28} {:9.1} {:9.1} {to_ss:>7} {:7.2}",
            row.name,
            row.cpu(),
            row.wall(),
            row.cpu() / floor
        );
    }
    for (name, aim) in AIMS.into_iter().filter(|_| sockets >= MANY) {
        let Some((row, ss)) = find(name).and_then(|r| Some((r, find(r.against?)?))) else {
            continue;
        };
        let verdict = if row.cpu() <= aim * ss.cpu() {
            "reached"
        } else {
            "MISSED"
        };
        println!("aim: {name} at most {aim} of {}: {verdict}", ss.name);
    }
    println!();
}
