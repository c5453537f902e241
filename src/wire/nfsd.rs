//! `/proc/fs/nfsd/portlist`: where the NFS server of the kernel listens, nfsd(7). One transport a line, such as `tcp 2049`.

/// A port of the server: whether it is TCP's, else UDP's.
pub type ServerPort = (bool, u16);

/// The ports over TCP and UDP; other transports (`rdma`) have none that sockets take, and are passed over, as is what makes no sense.
pub fn ports(text: &[u8]) -> impl Iterator<Item = ServerPort> + '_ {
    text.split(|&b| b == b'\n').filter_map(|line| {
        let (transport, port) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let is_tcp = match transport {
            "tcp" | "tcp6" => true,
            "udp" | "udp6" => false,
            _ => return None,
        };
        Some((is_tcp, port.trim().parse().ok().filter(|port| *port != 0)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn transports_are_read() {
        let text = b"rdma 20049\nudp 2049\ntcp 2049\ntcp 2049\ntcp x\ntcp 0\ntcp 70000\n";
        let all: Vec<_> = ports(text).collect();
        assert_eq!(all, [(false, 2049), (true, 2049), (true, 2049)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_passed_over(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = ports(&bytes).count();
        }
    }
}
