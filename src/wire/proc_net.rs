//! The text tables under /proc/net, proc_pid_net(5).
//!
//! `tcp`, `tcp6` (`net/ipv4/tcp_ipv4.c:get_tcp4_sock`), `udp`, `udp6`, `udplite`, `udplite6`, `raw`, `raw6` share their first columns:
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//!    0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 411 …
//! ```
//!
//! Behind the inode come a count and a pointer, and then what only some have: `drops` of `udp` and `raw`
//! (`net/ipv4/udp.c:udp4_format_sock`), five numbers of a TCP socket that has not shrunk to a few words (see [`TcpColumns`]).
//!
//! Addresses are the words of the address in memory, each printed as a host-order number; times are ticks of 1/100 s.
//! `unix` (`net/unix/af_unix.c:unix_seq_show`):
//!
//! ```text
//! Num       RefCount Protocol Flags    Type St Inode Path
//! 0000000000000000: 00000002 00000000 00010000 0001 01   900 /run/x.sock
//! ```
//!
//! The name is printed raw except that a NUL becomes `@`, so a name with a newline spills into the
//! next line: see [`unix_rows`].

/// A line of one of the IP tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InetLine {
    /// Local address; IPv4 uses the first 4 bytes.
    pub src: [u8; 16],
    /// Peer address.
    pub dst: [u8; 16],
    /// Local port.
    pub sport: u16,
    /// Peer port.
    pub dport: u16,
    /// Kernel state number.
    pub state: u8,
    /// Send queue.
    pub tx_queue: u32,
    /// Receive queue; for TCP listeners the accept queue's length.
    pub rx_queue: u32,
    /// Timer number, 0 for none.
    pub timer: u8,
    /// Ticks of 1/100 s until it expires.
    pub expires_ticks: u32,
    /// Retransmissions.
    pub retransmits: u32,
    /// Owner; 0 also for sockets without a file.
    pub uid: u32,
    /// Probes without an answer (the column is headed `timeout`).
    pub probes: u32,
    /// Inode, 0 for none.
    pub inode: u64,
    /// What comes behind the pointer, which nothing in the line names: [`InetLine::drops`], [`InetLine::tcp`].
    rest: [Option<i64>; 5],
}

/// The last columns of a TCP socket; half-open connections and those in TIME-WAIT have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpColumns {
    /// Retransmission timeout in ticks of 1/100 s.
    pub rto_ticks: u32,
    /// Delay of acknowledgements in ticks of 1/100 s.
    pub ato_ticks: u32,
    /// Congestion window in segments.
    pub cwnd: u32,
    /// Where slow start ends, in segments; `None` in the first slow start, which nothing limits. Listeners have the length of their
    /// Fast Open queue there.
    pub ssthresh: Option<u32>,
}

impl InetLine {
    /// Packets dropped at a socket of a protocol that has no connections; older kernels do not tell.
    #[must_use]
    pub fn drops(&self) -> Option<u32> {
        match self.rest {
            [Some(drops), None, ..] => drops.try_into().ok(),
            _ => None,
        }
    }

    /// The columns that only TCP has.
    #[must_use]
    pub fn tcp(&self) -> Option<TcpColumns> {
        // The third says whether acknowledgements are quick or wait for data.
        let [Some(rto), Some(ato), Some(_), Some(cwnd), Some(ssthresh)] = self.rest else {
            return None;
        };
        Some(TcpColumns {
            rto_ticks: rto.try_into().ok()?,
            ato_ticks: ato.try_into().ok()?,
            cwnd: cwnd.try_into().ok()?,
            // -1 while there is none.
            ssthresh: ssthresh.try_into().ok(),
        })
    }
}

/// Reads one line of an IP table; `None` if it does not look like one.
///
/// The heading is no such line.
#[must_use]
pub fn inet_line(line: &[u8]) -> Option<InetLine> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty());
    words.next()?.strip_suffix(b":")?;
    let (src, sport) = address_and_port(words.next()?)?;
    let (dst, dport) = address_and_port(words.next()?)?;
    let state = hex(words.next()?)?.try_into().ok()?;
    let (tx_queue, rx_queue) = hex_pair(words.next()?)?;
    let (timer, expires) = hex_pair(words.next()?)?;
    let retransmits = hex(words.next()?)?;
    let uid = decimal(words.next()?)?;
    let probes = decimal(words.next()?)?;
    let inode = decimal(words.next()?)?;
    let (_references, _pointer) = (words.next(), words.next());
    let rest = std::array::from_fn(|_| words.next().and_then(signed));
    Some(InetLine {
        src,
        dst,
        sport,
        dport,
        state,
        tx_queue: saturate(tx_queue),
        rx_queue: saturate(rx_queue),
        timer: timer.try_into().ok()?,
        expires_ticks: saturate(expires),
        retransmits: saturate(retransmits),
        uid: uid.try_into().ok()?,
        probes: saturate(probes),
        inode,
        rest,
    })
}

/// A row of the unix table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnixRow {
    /// Whether it listens (`__SO_ACCEPTCON`).
    pub listening: bool,
    /// Socket type, socket(2).
    pub kind: u8,
    /// `SS_` number of `linux/net.h`: 1 unconnected, 2 connecting, 3 connected, 4 disconnecting.
    pub state: u8,
    /// Inode, 0 for a connection that was not accepted yet.
    pub inode: u64,
    /// Its name with `@` for every NUL; empty when unnamed.
    pub name: Vec<u8>,
}

const FLAG_ACCEPTCON: u64 = 1 << 16;

/// Reads the whole unix table.
///
/// Lines that do not start like a row continue the name of the row before, which then contains newlines. A name can also spill into
/// something that does start like a row; nothing in this text tells such a forgery from a socket, so prefer unix_diag.
/// Returns the rows and how many lines belonged to none.
#[must_use]
pub fn unix_rows(text: &[u8]) -> (Vec<UnixRow>, u64) {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut rows: Vec<UnixRow> = Vec::new();
    let mut strays = 0;
    for (number, line) in text.split(|&b| b == b'\n').enumerate() {
        if let Some(row) = unix_row(line) {
            rows.push(row);
        } else if number == 0 {
            // The heading.
        } else if let Some(row) = rows.last_mut().filter(|row| !row.name.is_empty()) {
            row.name.push(b'\n');
            row.name.extend_from_slice(line);
        } else {
            strays += 1;
        }
    }
    (rows, strays)
}

fn unix_row(line: &[u8]) -> Option<UnixRow> {
    let mut rest = line;
    let mut word = || {
        let start = rest.iter().position(|&b| b != b' ')?;
        let tail = rest.get(start..)?;
        let end = tail.iter().position(|&b| b == b' ').unwrap_or(tail.len());
        let (word, after) = tail.split_at_checked(end)?;
        rest = after;
        Some(word)
    };
    let address = word()?.strip_suffix(b":")?;
    // An address of 8 or 16 digits at the very start: what no continued name should look like.
    if !matches!(address.len(), 8 | 16) || !line.starts_with(address) {
        return None;
    }
    hex(address)?;
    let (_references, _protocol) = (hex(word()?)?, hex(word()?)?);
    let flags = hex(word()?)?;
    let kind = hex(word()?)?.try_into().ok()?;
    let state = hex(word()?)?.try_into().ok()?;
    let inode = decimal(word()?)?;
    Some(UnixRow {
        listening: flags & FLAG_ACCEPTCON != 0,
        kind,
        state,
        inode,
        name: rest.strip_prefix(b" ").unwrap_or(rest).to_vec(),
    })
}

fn address_and_port(word: &[u8]) -> Option<([u8; 16], u16)> {
    let colon = word.iter().position(|&b| b == b':')?;
    let (digits, port) = word.split_at_checked(colon)?;
    let port = hex(port.get(1..)?)?.try_into().ok()?;
    if !matches!(digits.len(), 8 | 32) {
        return None;
    }
    let mut address = [0; 16];
    for (bytes, digits) in address.chunks_exact_mut(4).zip(digits.chunks_exact(8)) {
        let value = u32::try_from(hex(digits)?).ok()?;
        bytes.copy_from_slice(&value.to_ne_bytes());
    }
    Some((address, port))
}

fn hex_pair(word: &[u8]) -> Option<(u64, u64)> {
    let colon = word.iter().position(|&b| b == b':')?;
    let (first, second) = word.split_at_checked(colon)?;
    Some((hex(first)?, hex(second.get(1..)?)?))
}

pub(super) fn hex(word: &[u8]) -> Option<u64> {
    number(word, 16)
}

pub(super) fn decimal(word: &[u8]) -> Option<u64> {
    number(word, 10)
}

/// A number that can be negative.
fn signed(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(digits) => i64::try_from(decimal(digits)?).ok().map(|n| -n),
        None => decimal(word)?.try_into().ok(),
    }
}

fn number(word: &[u8], base: u32) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0u64, |value, &b| {
        let digit = char::from(b).to_digit(base)?;
        value.checked_mul(base.into())?.checked_add(digit.into())
    })
}

pub(super) fn saturate(value: u64) -> u32 {
    value.try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TCP: &[u8] = b"   1: 0100007F:9C40 0200000A:01BB 01 00000010:00000020 02:000005DC 00000001  1000        3 12345 2 0000000000000000 20 4 30 10 -1";
    const UDP: &[u8] = b"  81: 0100007F:2329 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 12346 2 0000000000000000 17";
    const TCP6: &[u8] = b"   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 411 1 0000000000000000 100 0 0 10 0";

    #[test]
    fn an_ipv4_line() {
        let line = inet_line(TCP).unwrap();
        assert_eq!(line.src[..4], [127, 0, 0, 1]);
        assert_eq!(line.dst[..4], [10, 0, 0, 2]);
        assert_eq!((line.sport, line.dport), (40000, 443));
        assert_eq!((line.tx_queue, line.rx_queue), (16, 32));
        assert_eq!((line.timer, line.expires_ticks), (2, 1500));
        assert_eq!((line.retransmits, line.probes), (1, 3));
        assert_eq!((line.uid, line.inode), (1000, 12345));
    }

    #[test]
    fn the_last_columns_are_of_the_protocol() {
        let line = inet_line(TCP).unwrap();
        let columns = TcpColumns {
            rto_ticks: 20,
            ato_ticks: 4,
            cwnd: 10,
            ssthresh: None,
        };
        assert_eq!((line.tcp(), line.drops()), (Some(columns), None));
        let udp = inet_line(UDP).unwrap();
        assert_eq!((udp.tcp(), udp.drops()), (None, Some(17)));
        // Of a connection that is half open, and of a kernel that does not tell.
        let short = TCP.strip_suffix(b" 20 4 30 10 -1").unwrap();
        let short = inet_line(short).unwrap();
        assert_eq!((short.tcp(), short.drops()), (None, None));
    }

    #[test]
    fn an_ipv6_line() {
        let line = inet_line(TCP6).unwrap();
        assert_eq!(line.src[15], 1);
        assert_eq!((line.state, line.rx_queue), (10, 3));
        assert!(inet_line(b"  sl  local_address rem_address   st").is_none());
    }

    #[test]
    fn a_name_with_a_newline_stays_one_name() {
        let text = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01   900 /run/a b\n\nc\n\
            0000000000000000: 00000003 00000000 00000000 0002 01   901\n\
            0000000000000000: 00000003 00000000 00000000 0005 03   902 @x@y\n";
        let (rows, strays) = unix_rows(text);
        assert_eq!(strays, 0);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].name, b"/run/a b\n\nc");
        assert!(rows[0].listening);
        assert_eq!((rows[1].kind, rows[1].name.len()), (2, 0));
        assert_eq!((rows[2].state, &rows[2].name[..]), (3, &b"@x@y"[..]));
    }

    #[test]
    fn cuts_and_flips_never_panic() {
        let unix = b"0000000000000000: 00000002 00000000 00010000 0001 01   900 /run/a\n";
        for fixture in [TCP, TCP6, UDP, unix] {
            for length in 0..fixture.len() {
                let _ = inet_line(&fixture[..length]);
                let _ = unix_rows(&fixture[..length]);
            }
            for position in 0..fixture.len() {
                for bit in 0..8 {
                    let mut flipped = fixture.to_vec();
                    flipped[position] ^= 1 << bit;
                    let _ = inet_line(&flipped);
                    let _ = unix_rows(&flipped);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = inet_line(&text);
            let _ = unix_rows(&text);
        }
    }
}
