//! Counters and gauges of the network stack, as text under /proc/net: `netstat`, `sockstat` and `stat/nf_conntrack`.
//!
//! ```text
//!  netstat         TcpExt: SyncookiesSent … ListenOverflows ListenDrops …      a line of names, a line of values
//!                  TcpExt: 0 … 12 12 …
//!  sockstat        TCP: inuse 5 orphan 0 tw 3 alloc 9 mem 1                    names and values in turn
//!  nf_conntrack    entries … drop early_drop …                                 a line of names, a line of hexadecimal values a CPU
//! ```

/// The value of `name` in the lines that begin with `group` of /proc/net/netstat or /proc/net/snmp.
#[must_use]
pub fn netstat(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(group)?;
        rest.strip_prefix(':')
    });
    let names = lines.next()?.split_ascii_whitespace();
    let values = lines.next()?.split_ascii_whitespace();
    let (_, value) = names.zip(values).find(|(n, _)| *n == name)?;
    value.parse().ok()
}

/// The value of `name` in the line that begins with `group` of /proc/net/sockstat.
#[must_use]
pub fn sockstat(text: &str, group: &str, name: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(group)?.strip_prefix(':'))?;
    let mut words = line.split_ascii_whitespace();
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

/// The sum over all CPUs of the column `name` of /proc/net/stat/nf_conntrack.
#[must_use]
pub fn conntrack(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let place = lines
        .next()?
        .split_ascii_whitespace()
        .position(|n| n == name)?;
    lines
        .map(|line| {
            let word = line.split_ascii_whitespace().nth(place)?;
            u64::from_str_radix(word, 16).ok()
        })
        .try_fold(0u64, |sum, value| sum.checked_add(value?))
}

/// All numbers of a text, such as those of `tcp_mem` and `fs.file-nr`.
#[must_use]
pub fn numbers(text: &str) -> Option<Vec<u64>> {
    let words = text.split_ascii_whitespace();
    words.map(|word| word.parse().ok()).collect()
}

/// The soft limit of descriptors in /proc/PID/limits; [`u64::MAX`] for "unlimited".
#[must_use]
pub fn open_files_limit(limits: &[u8]) -> Option<u64> {
    let line = limits
        .split(|&b| b == b'\n')
        .find_map(|line| line.strip_prefix(b"Max open files"))?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    match words.next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// The size of the table of descriptors in /proc/PID/status, which only grows: `FDSize`.
#[must_use]
pub fn descriptor_table_size(status: &[u8]) -> Option<u64> {
    let line = status
        .split(|&b| b == b'\n')
        .find_map(|line| line.strip_prefix(b"FDSize:"))?;
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_found_by_their_names() {
        let text =
            "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 0 12\nIpExt: InNoRoutes\nIpExt: 3\n";
        assert_eq!(netstat(text, "TcpExt", "ListenOverflows"), Some(12));
        assert_eq!(netstat(text, "IpExt", "InNoRoutes"), Some(3));
        assert_eq!(netstat(text, "TcpExt", "InNoRoutes"), None);
        let text = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 3 alloc 9 mem 1\nTCP6: inuse 7\n";
        assert_eq!(sockstat(text, "TCP", "tw"), Some(3));
        assert_eq!(sockstat(text, "TCP6", "tw"), None);
        let text =
            "entries drop early_drop\n00000010 0000000a 00000001\n00000010 00000002 00000000\n";
        assert_eq!(conntrack(text, "drop"), Some(12));
        assert_eq!(conntrack(text, "x"), None);
        assert_eq!(conntrack("a\nxyz\n", "a"), None);
        assert_eq!(numbers("1\t2 3\n"), Some(vec![1, 2, 3]));
        let text = b"Limit  Soft  Hard\nMax open files            1024                 524288               files\n";
        assert_eq!(open_files_limit(text), Some(1024));
        assert_eq!(
            open_files_limit(b"Max open files  unlimited unlimited files\n"),
            Some(u64::MAX)
        );
        assert_eq!(open_files_limit(b""), None);
        assert_eq!(
            descriptor_table_size(b"Name:\tx\nFDSize:\t256\n"),
            Some(256)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(TcpExt|TCP|a|:| |[0-9a-f]{1,20}|\n){0,40}") {
            let _ = (netstat(&text, "TcpExt", "a"), sockstat(&text, "TCP", "a"), conntrack(&text, "a"), numbers(&text));
            let _ = open_files_limit(text.as_bytes());
        }
    }
}
