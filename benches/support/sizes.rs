//! How large the loads are, and how much time a measurement may take.

use super::loads::Load;
use std::time::Duration;

/// Below this many TCP sockets a run is only a trial of the benchmark.
const SERIOUS: usize = 10_000;

/// Every load and its size, in the order in which they are measured.
pub(crate) fn loads() -> Vec<(Load, usize)> {
    let sockets = sockets();
    let largest = largest(&sockets);
    let mut loads = vec![(Load::Few, 20)];
    loads.extend(sockets.into_iter().map(|n| (Load::Connections, n)));
    loads.extend([
        (Load::TimeWait, largest),
        (Load::Unix, largest / 5),
        (Load::Descriptors, largest * 2),
    ]);
    if std::env::var_os("PORTCTL_BENCH_MILLION").is_some() {
        loads.push((Load::Connections, 1_000_000));
    }
    loads
}

/// How long a command is repeated within a round.
pub(crate) fn enough() -> Duration {
    if largest(&sockets()) < SERIOUS {
        Duration::from_millis(30)
    } else {
        Duration::from_millis(300)
    }
}

fn sockets() -> Vec<usize> {
    let wanted = std::env::var("PORTCTL_BENCH_SOCKETS");
    let wanted = wanted.as_deref().unwrap_or("10000,100000");
    let number = |word: &str| match word.trim().replace('_', "").parse() {
        Ok(n) if n >= 100 => n,
        _ => panic!("PORTCTL_BENCH_SOCKETS: '{word}' is not a number of at least 100"),
    };
    wanted.split(',').map(number).collect()
}

fn largest(sockets: &[usize]) -> usize {
    *sockets.iter().max().unwrap()
}
