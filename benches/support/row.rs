//! One command and what it cost.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The kernel tells the CPU time of ended children in ticks of 1/100 s, so a measurement repeats
/// the command until it has used about this much: a tick is then 2 % of it.
const ENOUGH: Duration = Duration::from_millis(500);
const MOST_REPEATS: u32 = 200;

/// A command, the command it is compared with, and its measurements.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) against: Option<&'static str>,
    command: Command,
    rounds_left: usize,
    repeats: Option<u32>,
    cpu_ms: Vec<f64>,
    wall_ms: Vec<f64>,
}

impl Row {
    /// A command that is measured in every round.
    pub(crate) fn new(name: String, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Self {
            name,
            against: None,
            command,
            rounds_left: usize::MAX,
            repeats: None,
            cpu_ms: Vec::new(),
            wall_ms: Vec::new(),
        }
    }

    /// Names the row that it is divided by.
    pub(crate) fn compared_with(mut self, name: &'static str) -> Self {
        self.against = Some(name);
        self
    }

    /// Measured in so many rounds at most.
    pub(crate) fn at_most(mut self, rounds: usize) -> Self {
        self.rounds_left = rounds;
        self
    }

    /// Runs it once more, or as often as a measurement needs.
    pub(crate) fn measure(&mut self) {
        if self.rounds_left == 0 {
            return;
        }
        self.rounds_left -= 1;
        // The first run warms up, and tells how long one takes.
        let repeats = match self.repeats {
            Some(repeats) => repeats,
            None if self.rounds_left == 0 => 1,
            None => {
                let started = Instant::now();
                self.run();
                let one = started.elapsed().max(Duration::from_micros(100));
                let repeats = (ENOUGH.as_secs_f64() / one.as_secs_f64()).ceil() as u32;
                *self.repeats.insert(repeats.clamp(1, MOST_REPEATS))
            }
        };
        let (cpu, started) = (cpu_of_children(), Instant::now());
        for _ in 0..repeats {
            self.run();
        }
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / f64::from(repeats);
        self.wall_ms.push(each(started.elapsed()));
        self.cpu_ms.push(each(cpu_of_children() - cpu));
    }

    fn run(&mut self) {
        let status = self.command.status().unwrap();
        assert!(status.success(), "{}: {status}", self.name);
    }

    /// User and system time of one run.
    pub(crate) fn cpu(&self) -> f64 {
        median(&self.cpu_ms)
    }

    /// What passed meanwhile.
    pub(crate) fn wall(&self) -> f64 {
        median(&self.wall_ms)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// User and system time of all children that ended, proc_pid_stat(5).
fn cpu_of_children() -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    // The field behind the name is the third; cutime and cstime are the 16th and 17th.
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: u32 = ticks.map(|t| t.parse::<u32>().unwrap()).sum();
    TICK * ticks
}
