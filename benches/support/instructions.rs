//! User-space instructions, counted by valgrind(1): what no other work on the machine disturbs.

use super::crowd::Crowd;
use super::loads::Load;
use super::row::Row;
use super::{aim, namespace, programs};
use std::process::{Command, Stdio};

/// What is listed.
pub(crate) const LOAD: Load = Load::Connections;

/// How many sockets there are, one size after the other. The first is start-up; between the others
/// it cancels out.
const SIZES: [usize; 3] = [0, 2_000, 12_000];

/// Commands, and how many instructions a socket they may take.
const ROWS: [(&str, Option<f64>); 7] = [
    ("-tan --sort none", Some(1500.0)),
    ("-tan", None),
    ("-tan --json --sort none", Some(3000.0)),
    ("-tan --ndjson --sort none", Some(3000.0)),
    ("-tanp", None),
    ("-tani --sort none", Some(8000.0)),
    ("-tani --json --sort none", None),
];

/// Counts, and prints the page.
pub(crate) fn measure() {
    namespace::enter();
    let mut commands: Vec<(String, Command, Option<f64>)> = ROWS
        .iter()
        .map(|&(arguments, aim)| {
            let name = Row::portctl_name(arguments);
            (name, programs::portctl(arguments), aim)
        })
        .collect();
    commands.extend(programs::ss("-tan").map(|command| (Row::ss_name("-tan"), command, None)));

    let mut crowd = Crowd::gather(LOAD, SIZES[0]);
    let mut counts = vec![Vec::new(); commands.len()];
    let mut sizes = Vec::new();
    for size in SIZES {
        crowd.grow(LOAD, size - crowd.count());
        sizes.push(crowd.count() as f64);
        for ((_, command, _), counts) in commands.iter().zip(&mut counts) {
            counts.push(count(command));
        }
    }

    println!("{}", page_head());
    for ((name, _, at_most), counts) in commands.iter().zip(counts) {
        let [start, small, large] = counts[..] else {
            panic!("one count for each size");
        };
        let each = (large - small) / (sizes[2] - sizes[1]);
        let verdict = at_most.map_or(String::new(), |most| {
            aim::verdict(&format!("{most}"), each <= most)
        });
        println!("| `{name}` | {each:.0} | {verdict} | {start:.0} |");
    }
}

fn page_head() -> String {
    let compiler = Command::new("rustc").arg("-V").output().unwrap().stdout;
    let compiler = String::from_utf8(compiler).unwrap();
    format!(
        "# User-space instructions

Made by `cargo bench --bench against_ss -- instructions > benches/INSTRUCTIONS.md`, which needs
valgrind. A socket's share is the difference between {} and {} TCP connections, divided by the
difference in sockets; start-up is a run where there are none. With `-p` a socket's share
includes its descriptor. {}, {}.

| command | a socket | aim | start-up |
|---|---:|---|---:|",
        SIZES[1],
        SIZES[2],
        compiler.trim_end(),
        std::env::consts::ARCH
    )
}

/// The instructions of one run, in all its threads.
fn count(command: &Command) -> f64 {
    let options = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let output = programs::under("valgrind", &options, command)
        .expect("valgrind is needed")
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    let collected = collected.unwrap_or_else(|| panic!("valgrind: {text}"));
    collected.trim().parse().unwrap()
}
