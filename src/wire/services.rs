//! `/etc/services` and `/etc/protocols`, services(5) and protocols(5): a name, a number, other names.

/// One line of /etc/services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceLine<'a> {
    /// Official name.
    pub name: &'a str,
    /// Port.
    pub port: u16,
    /// Protocol word, such as `tcp`.
    pub protocol: &'a str,
    /// Rest of the line: other names, separated by blanks.
    pub aliases: &'a str,
}

/// The entries of /etc/services. Lines that make no sense are passed over.
pub fn services(text: &str) -> impl Iterator<Item = ServiceLine<'_>> {
    lines(text).filter_map(|line| {
        let (name, rest) = word(line)?;
        let (number, aliases) = word(rest)?;
        let (port, protocol) = number.split_once('/')?;
        Some(ServiceLine {
            name,
            port: port.parse().ok()?,
            protocol,
            aliases: aliases.trim(),
        })
    })
}

/// The entries of /etc/protocols: number, name, and other names, separated by blanks.
pub fn protocols(text: &str) -> impl Iterator<Item = (u16, &str, &str)> {
    lines(text).filter_map(|line| {
        let (name, rest) = word(line)?;
        let (number, aliases) = word(rest)?;
        Some((number.parse().ok()?, name, aliases.trim()))
    })
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split_once('#').map_or(line, |(before, _)| before))
}

fn word(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    if line.is_empty() {
        return None;
    }
    Some(line.split_once(char::is_whitespace).unwrap_or((line, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let text = "# c\nssh 22/tcp\nhttp\t80/tcp\twww www-http # web\nbad\nx y/tcp\n";
        let all: Vec<_> = services(text).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[1].name, all[1].port, all[1].protocol),
            ("http", 80, "tcp")
        );
        assert_eq!(all[1].aliases, "www www-http");
        let protocols: Vec<_> = protocols("icmp 1 ICMP # x\n").collect();
        assert_eq!(protocols, [(1, "icmp", "ICMP")]);
    }
}
