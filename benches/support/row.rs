//! One command and what it took, round by round.

use super::cost::{cpu_of_children, median};
use super::{aim::By, floor, programs, sizes};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often everything is measured.
pub(crate) const ROUNDS: usize = 5;
const MOST_REPEATS: u32 = 200;

/// A command and its measurements.
pub(crate) struct Row {
    pub(crate) name: String,
    command: Command,
    repeats: Option<u32>,
    cpu_ms: Vec<f64>,
    wall_ms: Vec<f64>,
}

impl Row {
    /// `portctl ls` with these arguments.
    pub(crate) fn portctl(arguments: &str) -> Self {
        Self::new(Self::portctl_name(arguments), programs::portctl(arguments))
    }

    /// `portctl summary`.
    pub(crate) fn summary() -> Self {
        Self::new("portctl summary".to_owned(), programs::summary())
    }

    /// `ss` with these arguments, if there is one.
    pub(crate) fn ss(arguments: &str) -> Option<Self> {
        Some(Self::new(
            Self::ss_name(arguments),
            programs::ss(arguments)?,
        ))
    }

    /// The floor of these words.
    pub(crate) fn floor(words: &str) -> Self {
        Self::new(Self::floor_name(words), floor::command(words))
    }

    /// What the row of `portctl ls` with these arguments is called.
    pub(crate) fn portctl_name(arguments: &str) -> String {
        format!("portctl ls {arguments}")
    }

    /// What the row of `ss` with these arguments is called.
    pub(crate) fn ss_name(arguments: &str) -> String {
        format!("ss {arguments}")
    }

    /// What the row of this floor is called.
    pub(crate) fn floor_name(words: &str) -> String {
        format!("floor {words}")
    }

    fn new(name: String, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Self {
            name,
            command,
            repeats: None,
            cpu_ms: Vec::new(),
            wall_ms: Vec::new(),
        }
    }

    /// Runs it once more, or as often as a measurement needs.
    pub(crate) fn measure(&mut self) {
        // The first run warms up, and tells how long one takes.
        let repeats = self.repeats.unwrap_or_else(|| {
            let started = Instant::now();
            self.run();
            let one = started.elapsed().max(Duration::from_micros(100));
            let repeats = sizes::enough().as_secs_f64() / one.as_secs_f64();
            *self
                .repeats
                .insert((repeats.ceil() as u32).clamp(1, MOST_REPEATS))
        });
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

    /// Milliseconds of user and system time of one run.
    pub(crate) fn cpu(&self) -> f64 {
        median(self.cpu_ms.iter().copied())
    }

    /// Milliseconds that passed meanwhile.
    pub(crate) fn wall(&self) -> f64 {
        median(self.wall_ms.iter().copied())
    }

    /// How many times as much as `others` together it took: the median of what it was in each round.
    pub(crate) fn ratio(&self, by: By, others: &[&Self]) -> f64 {
        let taken = |row: &Self, round: usize| match by {
            By::Ss | By::Floor => row.cpu_ms[round],
            By::SsWall => row.wall_ms[round],
        };
        let in_round = |round| {
            let theirs: f64 = others.iter().map(|other| taken(other, round)).sum();
            taken(self, round) / theirs
        };
        median((0..self.cpu_ms.len()).map(in_round))
    }
}
