//! Remedies in words, and as commands where their words can be trusted.

use super::words::quoted;
use crate::analysis::why::Remedy;
use crate::model::{Barrier, Engine, Names};
use crate::render::escape::escape;
use crate::render::text::duration;

/// A remedy for a reader.
pub(in crate::render) struct Told {
    /// The word of the JSON contract.
    pub(in crate::render) action: &'static str,
    /// What to type, if there is something that is safe to type.
    pub(in crate::render) command: Option<String>,
    /// What to do, a sentence without a full stop, escaped.
    pub(in crate::render) text: String,
}

fn told(action: &'static str, text: impl Into<String>) -> Told {
    Told {
        action,
        command: None,
        text: text.into(),
    }
}

impl Told {
    fn with(mut self, command: Option<String>) -> Self {
        self.command = command;
        self
    }
}

/// `remedy` for a port, or for a unix path if there is `path`.
pub(in crate::render) fn tell(remedy: &Remedy, names: &dyn Names, path: Option<&[u8]>) -> Told {
    match remedy {
        Remedy::StopUnit { unit, user } => {
            let manager = if *user { "systemctl --user" } else { "systemctl" };
            told(
                "stop-unit",
                format!(
                    "stop the systemd unit {}; if its process is only killed, systemd starts it again where Restart= says so",
                    quoted(unit)
                ),
            )
            .with(word(unit).map(|unit| format!("{manager} stop {unit}")))
        }
        Remedy::StopSocketUnit { unit: Some(unit), user } => {
            let manager = if *user { "systemctl --user" } else { "systemctl" };
            told(
                "stop-socket-unit",
                format!(
                    "systemd itself holds it for the socket unit {}, and starts a service when somebody connects: stop that unit",
                    quoted(unit)
                ),
            )
            .with(word(unit).map(|unit| format!("{manager} stop {unit}")))
        }
        Remedy::StopSocketUnit { unit: None, user } => {
            let manager = if *user { "systemctl --user" } else { "systemctl" };
            told(
                "stop-socket-unit",
                "systemd itself holds it for a socket unit, and starts a service when somebody connects: find the unit, stop it",
            )
            .with(Some(format!("{manager} list-sockets")))
        }
        Remedy::StopContainer { engine, id } => container(*engine, id),
        Remedy::StopProxied { target } => told(
            "stop-container",
            format!(
                "docker-proxy forwards it to {target}: stop that container, or publish another port; dockerd starts the proxy again with it"
            ),
        )
        .with(Some("docker ps".to_owned())),
        Remedy::StopProcesses { pids } => {
            let list: Vec<_> = pids.iter().map(|pid| pid.0.to_string()).collect();
            let list = list.join(" ");
            told("stop-process", format!("stop process {list}")).with(Some(format!("kill {list}")))
        }
        Remedy::AskSupervisor { pid, name } => told(
            "ask-supervisor",
            format!(
                "{}[{}] started it and would start it again: stop it there",
                quoted(name),
                pid.0
            ),
        ),
        Remedy::MindParent { pid, name } => told(
            "mind-parent",
            format!(
                "its parent {}[{}] may start it again: if it does, end that one first",
                quoted(name),
                pid.0
            ),
        ),
        Remedy::StopTunnel { device: Some(device) } => told(
            "stop-tunnel",
            format!("the kernel holds it for {} device {}: delete that, or give it another port", device.kind, quoted(&device.name)),
        )
        .with(word(&device.name).map(|name| format!("ip link del {name}"))),
        Remedy::StopTunnel { device: None } => told(
            "stop-tunnel",
            "the kernel holds it for itself, a tunnel device (vxlan, geneve, bareudp, wireguard), the NFS server or a storage target (iSCSI, NVMe): take that down",
        )
        .with(Some("ip -details link show".to_owned())),
        Remedy::Look(barrier) => told(
            match barrier {
                Barrier::Users => "look-as-root",
                Barrier::Capability => "look-with-capability",
                Barrier::UserNamespace | Barrier::PidNamespace => "look-outside",
                Barrier::Policy => "find-policy",
                Barrier::Failure => "ask-again",
            },
            look(*barrier),
        ),
        Remedy::RunOutside => told(
            "run-outside",
            "run the program outside this user namespace: its rights do not count for this network namespace, which is another's",
        ),
        Remedy::Wait { ms } => told("wait", format!("wait {} until the last of them is gone", in_words(*ms))),
        Remedy::WaitUnknown => told("wait", "wait until the last of them is gone; nobody can tell how long"),
        Remedy::SetReuseAddr => told(
            "set-reuseaddr",
            "set SO_REUSEADDR: it helps if the other socket had it set too, which cannot be read",
        ),
        Remedy::SetReusePort { uid } => {
            let user = names.user(*uid);
            let user = user.map_or_else(|| uid.0.to_string(), |name| escape(&name));
            told(
                "set-reuseport",
                format!("or set SO_REUSEPORT in both programs, both running as {user}"),
            )
        }
        Remedy::ShareAsUser { uid } => {
            let user = names.user(*uid);
            let user = user.map_or_else(|| uid.0.to_string(), |name| escape(&name));
            told(
                "share-as-user",
                format!("or run the program as {user} with SO_REUSEPORT: only sockets of one user share a port"),
            )
        }
        Remedy::OtherAddress => told("other-address", "or bind one of the other addresses"),
        Remedy::OtherDevice => told("other-device", "or bind to another interface (SO_BINDTODEVICE)"),
        Remedy::SetV6only => told("set-v6only", "or set IPV6_V6ONLY, which leaves IPv4 to the other"),
        Remedy::RunAsRoot => told("run-as-root", "run the program as root"),
        Remedy::AddCapability => told(
            "add-capability",
            "give it CAP_NET_BIND_SERVICE: AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit, or setcap on its file",
        )
        .with(Some("setcap cap_net_bind_service=+ep PROGRAM".to_owned())),
        Remedy::LowerPrivileged => told("lower-privileged", "or let everybody have such ports")
            .with(Some("sysctl net.ipv4.ip_unprivileged_port_start=PORT".to_owned())),
        Remedy::AddAddress => told("add-address", "add the address to an interface, or bind one that is there")
            .with(Some("ip address show".to_owned())),
        Remedy::AllowNonlocal { .. } => told(
            "allow-nonlocal",
            "or set IP_FREEBIND in the program, or net.ipv4.ip_nonlocal_bind (net.ipv6.ip_nonlocal_bind)",
        ),
        Remedy::WaitForAddress => told("wait-for-address", "wait a second or two and try again"),
        Remedy::ChangeAddress => told("change-address", "give this host, or the other, another address"),
        Remedy::NameScope => told("name-scope", "name the interface, as in [fe80::1%eth0]:80"),
        Remedy::EnableIpv6 => told("enable-ipv6", "switch IPv6 on (net.ipv6.conf.*.disable_ipv6, ipv6.disable)"),
        Remedy::OtherPath => told("other-path", "it is a directory: bind a path in it, or another one"),
        Remedy::RemoveFile => told("remove-file", "remove the file")
            .with(path.and_then(word).map(|path| format!("rm {path}"))),
        Remedy::OpenDirectory => told("open-directory", "make the directory, or let this user write there"),
        Remedy::ReservePort => told("reserve-port", "to keep it for a server, reserve it")
            .with(Some("sysctl net.ipv4.ip_local_reserved_ports=PORTS".to_owned())),
        Remedy::ChangeRule => told("change-rule", "change that rule where it comes from (a firewall, a container engine)")
            .with(Some("nft list ruleset".to_owned())),
        Remedy::Try => told("try", "--try binds it for an instant, which tells"),
        Remedy::AskAgain => told("ask-again", "ask again"),
        Remedy::FindPolicy => told(
            "find-policy",
            "look for a cgroup program (SocketBindDeny=), a sandbox (Landlock, seccomp) or a security module around this program",
        ),
    }
}

/// What shows who holds a socket, in words.
pub(in crate::render) const fn look(barrier: Barrier) -> &'static str {
    match barrier {
        Barrier::Users => "run this as root to see what this user cannot",
        Barrier::PidNamespace => {
            "run this in the PID namespace of the host: who holds it is outside this one"
        }
        other => other.remedy(),
    }
}

fn container(engine: Engine, id: &[u8]) -> Told {
    let name = quoted(id);
    let text = format!("stop the container {name}");
    let stop = |tool: &str| word(id).map(|id| format!("{tool} stop {id}"));
    let again =
        |who: &str| format!("{text}; if its process is only killed, {who} may start it again");
    match engine {
        Engine::Docker => told("stop-container", again("dockerd")).with(stop("docker")),
        Engine::Podman => told("stop-container", again("podman or systemd")).with(stop("podman")),
        Engine::Kubernetes => told(
            "stop-container",
            format!(
                "delete the pod of container {name}, or scale what owns it down; kubelet starts the container again"
            ),
        ),
        Engine::Machine => told("stop-container", again("machined"))
            .with(word(id).map(|id| format!("machinectl poweroff {id}"))),
        Engine::Lxc => told("stop-container", again("its manager")),
        Engine::Unknown => told("stop-container", again("its engine")),
    }
}

/// A word for a shell, if it needs no trust: no option, and no character that could mean anything.
fn word(name: &[u8]) -> Option<String> {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:@/+".contains(b);
    if name.is_empty() || name.starts_with(b"-") {
        return None;
    }
    let text = std::str::from_utf8(name).ok()?;
    if name.iter().all(plain) {
        return Some(text.to_owned());
    }
    // systemd writes some characters of names as \xNN.
    (name.iter().all(|b| plain(b) || *b == b'\\')).then(|| format!("'{text}'"))
}

/// Milliseconds as a person reads them.
pub(super) fn in_words(ms: u32) -> String {
    let mut out = Vec::new();
    duration(&mut out, ms);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NoNames;

    #[test]
    fn no_name_becomes_a_command() {
        for name in [
            &b"a b"[..],
            b"$(x)",
            b"-x",
            b"",
            b"a;b",
            b"a\nb",
            b"\xff",
            b"a'b",
            b"*",
            b"~",
        ] {
            assert_eq!(word(name), None);
        }
        assert_eq!(word(b"a@1.service").as_deref(), Some("a@1.service"));
        assert_eq!(
            word(b"a\\x2db.service").as_deref(),
            Some("'a\\x2db.service'")
        );
        let hostile = Remedy::StopUnit {
            unit: b"\x1b[31m;rm -rf /.service".to_vec(),
            user: false,
        };
        let told = tell(&hostile, &NoNames, None);
        assert_eq!(told.command, None);
        assert!(!told.text.contains('\x1b'));
    }
}
