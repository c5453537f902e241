//! Settings of the kernel, sysctl(7), as their files below /proc/sys tell them.

use std::fs::File;
use std::io::{self, Read};

/// More than any setting is long: the longest is `ip_local_reserved_ports`, 196 kB if every second port is reserved.
const LONGEST: usize = 256 * 1024;

/// The text of a setting, such as `net/ipv4/ip_local_port_range`.
///
/// It is read at once: the kernel gives nothing to a second read, however much was left (`proc_do_large_bitmap()` and its like in
/// kernel/sysctl.c), and [`std::fs::read_to_string`] begins with a small one.
///
/// # Errors
/// If there is no such setting, it cannot be read, or it is no text.
pub fn read(name: &str) -> io::Result<String> {
    let mut text = vec![0; LONGEST];
    let length = File::open(format!("/proc/sys/{name}"))?.read(&mut text)?;
    text.truncate(length);
    String::from_utf8(text).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_there_and_one_that_is_not() {
        let kind = read("kernel/ostype").unwrap();
        assert_eq!(kind.trim(), "Linux");
        assert_eq!(
            read("kernel/no-such-setting").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
