//! /proc/PID/cgroup, cgroups(7), and what is customary in such paths.
//!
//! ```text
//!  0::/system.slice/nginx.service                                 systemd unit
//!  0::/system.slice/docker-<64 hex digits>.scope                  docker, systemd driver
//!  0::/docker/<64 hex digits>                                     docker, cgroupfs driver
//!  0::/machine.slice/libpod-<64 hex digits>.scope/container       podman
//!  0::/kubepods.slice/…/cri-containerd-<64 hex digits>.scope      kubernetes
//!  0::/lxc.payload.NAME/…   0::/lxc/NAME/…                        LXC, Incus
//!  1:name=systemd:/…                                              the first hierarchy of systemd, on cgroup v1
//! ```

/// What the words of a path say it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum ContainerKind {
    Docker,
    Podman,
    Kubernetes,
    Lxc,
    Machine,
    Unknown,
}

/// One membership, read as far as custom goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership<'a> {
    /// The path. The kernel allows no newline in it.
    pub path: &'a [u8],
    /// The innermost systemd unit that holds processes: a service, socket or scope.
    pub unit: Option<&'a [u8]>,
    /// Whether a user's own service manager is above that unit.
    pub user_unit: bool,
    /// The innermost container, by id or name.
    pub container: Option<(ContainerKind, &'a [u8])>,
}

/// The membership that tells most: in the unified hierarchy, in systemd's own, in any other.
#[must_use]
pub fn membership(text: &[u8]) -> Option<Membership<'_>> {
    let lines = || {
        text.split(|&b| b == b'\n').filter_map(|line| {
            let mut parts = line.splitn(3, |&b| b == b':');
            let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            Some((number, controllers, path))
        })
    };
    let unified = lines().filter(|l| l.0 == b"0" && l.1.is_empty());
    let systemd = lines().filter(|l| l.1 == b"name=systemd");
    let mut all = unified.chain(systemd).chain(lines()).map(|l| read(l.2));
    let first = all.next()?;
    if first.tells() {
        return Some(first);
    }
    Some(all.find(Membership::tells).unwrap_or(first))
}

/// The innermost systemd unit in the path of a control group, such as that of a socket.
#[must_use]
pub fn unit_of(path: &[u8]) -> Option<&[u8]> {
    read(path).unit
}

impl Membership<'_> {
    fn tells(&self) -> bool {
        self.unit.is_some() || self.container.is_some()
    }
}

fn read(path: &[u8]) -> Membership<'_> {
    // A group that was removed while processes were in it.
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    let mut found = Membership {
        path,
        ..Membership::default()
    };
    let is_kubernetes = path.windows(8).any(|w| w == b"kubepods");
    let (mut before, mut manager) = (&b""[..], false);
    for part in path.split(|&b| b == b'/') {
        if [&b".service"[..], b".socket", b".scope"]
            .iter()
            .any(|suffix| part.len() > suffix.len() && part.ends_with(suffix))
        {
            found.unit = Some(part);
            found.user_unit = manager;
            manager |= part.starts_with(b"user@");
        }
        if let Some((kind, id)) = container(part, before) {
            let kind = match kind {
                ContainerKind::Docker | ContainerKind::Unknown if is_kubernetes => {
                    ContainerKind::Kubernetes
                }
                kind => kind,
            };
            found.container = Some((kind, id));
        }
        before = part;
    }
    found
}

fn container<'a>(part: &'a [u8], before: &[u8]) -> Option<(ContainerKind, &'a [u8])> {
    let name = part.strip_suffix(b".scope").unwrap_or(part);
    let is_scope = name.len() < part.len();
    for (prefix, kind) in [
        (&b"docker-"[..], ContainerKind::Docker),
        (b"cri-containerd-", ContainerKind::Kubernetes),
        (b"crio-", ContainerKind::Kubernetes),
        (b"libpod-", ContainerKind::Podman),
    ] {
        if let Some(id) = name.strip_prefix(prefix).filter(|id| is_id(id)) {
            return Some((kind, id));
        }
    }
    if let Some(name) = name.strip_prefix(b"lxc.payload.").filter(|n| !n.is_empty()) {
        return Some((ContainerKind::Lxc, name));
    }
    let nspawn = part
        .strip_prefix(b"systemd-nspawn@")
        .and_then(|rest| rest.strip_suffix(b".service"));
    let machine = is_scope.then(|| name.strip_prefix(b"machine-")).flatten();
    if let Some(name) = nspawn.or(machine) {
        return Some((ContainerKind::Machine, name));
    }
    if before == b"lxc" && !part.is_empty() {
        return Some((ContainerKind::Lxc, part));
    }
    // `slice:cri-containerd:id`, or the id alone.
    let id = part.rsplit(|&b| b == b':').next()?;
    if !is_id(id) {
        return None;
    }
    let kind = if before == b"docker" {
        ContainerKind::Docker
    } else if id.len() < part.len() {
        ContainerKind::Kubernetes
    } else {
        ContainerKind::Unknown
    };
    Some((kind, id))
}

/// Whether these are the 64 hexadecimal digits that engines name containers by.
fn is_id(text: &[u8]) -> bool {
    text.len() == 64 && text.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn of(path: &str) -> (Option<String>, bool, Option<(ContainerKind, String)>) {
        let text = format!("0::{}\n", path.replace("ID", ID));
        let found = membership(text.as_bytes()).unwrap();
        let word = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(ID, "ID");
        (
            found.unit.map(word),
            found.user_unit,
            found.container.map(|(kind, id)| (kind, word(id))),
        )
    }

    #[test]
    fn units_are_the_innermost() {
        let unit = |path| of(path).0;
        assert_eq!(
            unit("/system.slice/nginx.service").as_deref(),
            Some("nginx.service")
        );
        assert_eq!(
            unit("/system.slice/ssh.service/sub").as_deref(),
            Some("ssh.service")
        );
        assert_eq!(unit("/init.scope").as_deref(), Some("init.scope"));
        assert_eq!(unit("/"), None);
        assert_eq!(unit("/.service"), None);
        let own = "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service";
        assert_eq!(of(own), (Some("app-x.service".into()), true, None));
        let manager = "/user.slice/user-1000.slice/user@1000.service";
        assert!(!of(manager).1);
        assert!(!of("/user.slice/user-0.slice/session-1.scope").1);
    }

    #[test]
    fn sockets_are_in_the_group_of_their_unit() {
        assert_eq!(
            unit_of(b"/system.slice/ssh.socket"),
            Some(&b"ssh.socket"[..])
        );
        assert_eq!(unit_of(b"/"), None);
    }

    #[test]
    fn containers_are_known_by_custom() {
        use ContainerKind::{Docker, Kubernetes, Lxc, Machine, Podman, Unknown};
        for (path, kind, id) in [
            ("/system.slice/docker-ID.scope", Docker, "ID"),
            ("/docker/ID", Docker, "ID"),
            ("/docker/ID/init", Docker, "ID"),
            ("/machine.slice/libpod-ID.scope/container", Podman, "ID"),
            (
                "/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope",
                Kubernetes,
                "ID",
            ),
            ("/kubepods/burstable/pod7/ID", Kubernetes, "ID"),
            (
                "/kubepods.slice/kubepods-pod1.slice/docker-ID.scope",
                Kubernetes,
                "ID",
            ),
            ("/system.slice:cri-containerd:ID", Kubernetes, "ID"),
            ("/lxc/web/init.scope", Lxc, "web"),
            ("/lxc.payload.web/system.slice/x.service", Lxc, "web"),
            (
                "/machine.slice/systemd-nspawn@web.service/payload",
                Machine,
                "web",
            ),
            (
                "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope",
                Machine,
                "qemu\\x2d1\\x2dweb",
            ),
            ("/mine/ID", Unknown, "ID"),
        ] {
            assert_eq!(of(path).2, Some((kind, id.to_owned())), "{path}");
        }
        assert_eq!(of("/docker/0123").2, None);
        assert_eq!(of("/libpod-conmon-ID.scope").2, None);
    }

    #[test]
    fn the_hierarchy_that_tells_most_is_read() {
        let text = format!("12:pids:/docker/{ID}\n1:name=systemd:/\n0::/\n");
        let found = membership(text.as_bytes()).unwrap();
        assert_eq!(
            found.container,
            Some((ContainerKind::Docker, ID.as_bytes()))
        );
        let text = b"1:name=systemd:/system.slice/x.service\n0::/\n";
        assert_eq!(membership(text).unwrap().unit, Some(&b"x.service"[..]));
        let text = b"0::/a.service (deleted)\n";
        assert_eq!(membership(text).unwrap().path, b"/a.service");
        assert_eq!(membership(b"nonsense"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (membership(&bytes), unit_of(&bytes));
            let _ = membership(&[b"0::/", &bytes[..]].concat());
        }
    }
}
