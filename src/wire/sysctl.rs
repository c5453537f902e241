//! Settings under /proc/sys/net, Documentation/networking/ip-sysctl.rst.

use std::ops::RangeInclusive;

/// `ip_local_port_range`: two numbers.
#[must_use]
pub fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut words = text.split_ascii_whitespace();
    Some(words.next()?.parse().ok()?..=words.next()?.parse().ok()?)
}

/// `ip_local_reserved_ports`: numbers and ranges separated by commas, or nothing.
#[must_use]
pub fn port_list(text: &str) -> Option<Vec<RangeInclusive<u16>>> {
    text.trim()
        .split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            Some(low.parse().ok()?..=high.parse().ok()?)
        })
        .collect()
}

/// A setting that is one number.
#[must_use]
pub fn number(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists() {
        assert_eq!(port_range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(port_range("1"), None);
        assert_eq!(port_list("\n"), Some(vec![]));
        assert_eq!(port_list("80,90-99\n"), Some(vec![80..=80, 90..=99]));
        assert_eq!(port_list("x"), None);
        assert_eq!((number("2\n"), number("")), (Some(2), None));
    }
}
