//! The processes that hold a load: several, because the number of descriptors of one is limited.

use super::{Role, again, loads::Load};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

/// What a process of the crowd is told: the load, its share of it, and its own number.
const TOLD: [&str; 3] = [
    "PORTCTL_BENCH_LOAD",
    "PORTCTL_BENCH_SHARE",
    "PORTCTL_BENCH_NUMBER",
];

/// A load, which lasts until it is dropped.
pub(crate) struct Crowd {
    processes: Vec<Child>,
    count: usize,
}

impl Crowd {
    /// Makes so much of a load, or a little less where it comes in pairs.
    pub(crate) fn gather(load: Load, count: usize) -> Self {
        let mut crowd = Self {
            processes: Vec::new(),
            count: 0,
        };
        load.prepare(count);
        crowd.grow(load, count);
        crowd
    }

    /// Makes so much more of it.
    pub(crate) fn grow(&mut self, load: Load, more: usize) {
        raise_descriptor_limit();
        let before = self.processes.len();
        for start in (0..more).step_by(load.share()) {
            let share = load.share().min(more - start);
            let number = self.processes.len();
            let told = [
                load.name().to_owned(),
                share.to_string(),
                number.to_string(),
            ];
            let mut process = again(Role::Crowd);
            process.envs(TOLD.into_iter().zip(told));
            process.stdin(Stdio::piped()).stdout(Stdio::piped());
            self.processes.push(process.spawn().unwrap());
        }
        for process in &mut self.processes[before..] {
            let mut line = String::new();
            let output = process.stdout.take().unwrap();
            BufReader::new(output).read_line(&mut line).unwrap();
            let made = line.trim_end().parse::<usize>();
            self.count += made.expect("a process of the crowd failed");
        }
    }

    /// How much there is, in what the load is counted in.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // They end when their standard input closes, all at the same time.
        for process in &mut self.processes {
            drop(process.stdin.take());
        }
        for process in &mut self.processes {
            let _ = process.wait();
        }
    }
}

/// One process of the crowd: makes its share, says how much that is and holds it.
pub(crate) fn hold() {
    let [load, share, number] = TOLD.map(|key| std::env::var(key).unwrap());
    raise_descriptor_limit();
    let made = Load::named(&load).make(share.parse().unwrap(), number.parse().unwrap());
    println!("{}", made.count);
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    drop(made.held);
}

fn raise_descriptor_limit() {
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
}
