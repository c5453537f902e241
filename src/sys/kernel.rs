//! The running kernel, uname(2).

/// The first three numbers of its release; the third is 0 where there is none.
#[must_use]
pub fn release() -> Option<(u32, u32, u32)> {
    parse(rustix::system::uname().release().to_str().ok()?)
}

fn parse(release: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.parse().ok()?;
    let patch = numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Some((major, minor, patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_whatever_follows() {
        assert_eq!(parse("6.18.44-fc-v657"), Some((6, 18, 44)));
        assert_eq!(parse("6.8-rc1"), Some((6, 8, 0)));
        assert_eq!(parse("7.1.0+"), Some((7, 1, 0)));
        assert_eq!(parse("unknown"), None);
        assert!(release().is_some());
    }
}
