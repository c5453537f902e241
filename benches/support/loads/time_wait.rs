//! Connections in TIME_WAIT. They last 60 seconds, whatever the settings.

use super::{Made, connections::Listeners};

/// Lets the namespace keep so many, if it may be changed; otherwise the kernel's own limits hold.
pub(super) fn prepare(count: usize) {
    // A new connection must not take the place of a waiting one.
    let _ = std::fs::write("/proc/sys/net/ipv4/tcp_tw_reuse", "0");
    let most = (count + 1000).to_string();
    let _ = std::fs::write("/proc/sys/net/ipv4/tcp_max_tw_buckets", most);
}

/// Makes so many.
pub(super) fn make(count: usize, number: usize) -> Made {
    let listeners = Listeners::new(number);
    for connection in 0..count {
        let (client, accepted) = listeners.connect(connection);
        // The end that closes first is the one that waits.
        drop(client);
        drop(accepted);
    }
    Made {
        count,
        held: Vec::new(),
    }
}
