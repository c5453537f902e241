//! Which protocols a kernel has: /proc/net/protocols, `net/core/sock.c:proto_seq_printf`.
//!
//! ```text
//! protocol  size sockets  memory press maxhdr  slab module     cl co di …
//! SCTPv6    1616      0       0   no       0   yes  sctp        y  y  y …
//! ```

/// The number of sockets of the protocol `name` in this network namespace, if the kernel has it. Of some protocols the kernel does
/// not count them, and says 0.
#[must_use]
pub fn sockets_of(text: &[u8], name: &str) -> Option<u64> {
    text.split(|&b| b == b'\n').find_map(|line| {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let sockets = (words.next()? == name.as_bytes()).then(|| words.nth(1))??;
        // -1 where nothing is counted.
        Some(super::proc_net::decimal(sockets).unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_found_by_their_whole_name() {
        let text = b"protocol  size sockets  memory press maxhdr  slab module     cl\n\
            SCTPv6    1616      3       0   no       0   yes  sctp        y\n\
            AF_VSOCK  1240     -1      -1   NI       0   yes  kernel      y\n";
        assert_eq!(sockets_of(text, "SCTPv6"), Some(3));
        assert_eq!(sockets_of(text, "SCTP"), None);
        assert_eq!(sockets_of(text, "AF_VSOCK"), Some(0));
        for length in 0..text.len() {
            let _ = sockets_of(&text[..length], "AF_VSOCK");
        }
    }
}
