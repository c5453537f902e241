//! Unix sockets by path and by abstract name (25).

use super::{NOBODY, ask, ask_as_nobody};
use crate::namespace;
use crate::portctl::Run;
use crate::scene::unix::{abstract_name, listener};
use rustix::net::SocketType;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

#[test]
#[ignore = "needs user and network namespaces"]
fn paths() {
    namespace::run("live_why::unix::paths", || {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let question = path.to_str().unwrap();
        assert_eq!(ask(question).told(), ("free", "", None));
        let server = UnixListener::bind(&path).unwrap();
        let client = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let accepted = server.accept().unwrap();
        let answer = ask(question);
        assert_eq!(answer.told(), ("blocked", "unix-socket", Some(true)));
        assert_eq!(
            answer.reason("unix-socket")["owners"][0]["pid"],
            std::process::id()
        );
        assert_eq!(answer.document["holders"].as_array().unwrap().len(), 1);
        assert_eq!(
            answer.document["clients"].as_array().unwrap().len(),
            1,
            "the accepted end"
        );
        assert!(UnixListener::bind(&path).is_err());
        // Moved: the name it was bound to is free, the new one is taken.
        let moved = directory.path().join("moved");
        std::fs::rename(&path, &moved).unwrap();
        let answer = ask(moved.to_str().unwrap());
        assert_eq!(answer.told(), ("blocked", "unix-socket", Some(true)));
        assert_eq!(
            answer.reason("unix-socket")["owners"][0]["pid"],
            std::process::id()
        );
        assert_eq!(ask(question).told(), ("free", "", None));
        drop((server, client, accepted));
        let answer = ask(moved.to_str().unwrap());
        assert_eq!(answer.told(), ("blocked", "unix-stale-file", Some(true)));
        let remedy = &answer.reason("unix-stale-file")["remedies"][0];
        assert_eq!(remedy["command"], format!("rm {}", moved.display()));
        assert!(UnixListener::bind(&moved).is_err());
        std::fs::write(&path, "").unwrap();
        assert_eq!(
            ask(question).told(),
            ("blocked", "unix-other-file", Some(true))
        );
        assert!(UnixListener::bind(&path).is_err());
        // No command that would remove a directory.
        let answer = ask(directory.path().to_str().unwrap());
        assert_eq!(answer.told(), ("blocked", "unix-other-file", Some(true)));
        let remedies = answer.reason("unix-other-file")["remedies"].as_array();
        let [remedy] = &remedies.unwrap()[..] else {
            panic!("{remedies:?}")
        };
        assert_eq!(remedy["action"], "other-path");
        assert!(remedy["command"].is_null(), "{remedy}");
        let none = directory.path().join("no/s");
        let text = Run::with([OsStr::new("why"), none.as_os_str()])
            .go()
            .exits(1);
        assert!(
            text.text().contains("the directory does not exist"),
            "{text}"
        );
        assert!(text.text().contains("ENOENT"), "{text}");
        assert_eq!(
            ask(none.to_str().unwrap()).told(),
            ("blocked", "unix-directory", Some(true))
        );
        assert!(UnixListener::bind(&none).is_err());
    });
}

#[test]
#[ignore = "needs root, for several users"]
fn directories_of_others() {
    namespace::run_as_root("live_why::unix::directories_of_others", || {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
        let answer = ask_as_nobody(path.to_str().unwrap());
        assert_eq!(answer.told(), ("blocked", "unix-directory", Some(true)));
        assert_eq!(answer.document["verdict_root"], "free");
        assert_eq!(answer.document["parts"][0]["error"], "EACCES");
        let refused = super::as_user(Some(NOBODY), || UnixListener::bind(&path).map(|_| ()));
        assert_eq!(
            refused.unwrap_err().kind(),
            std::io::ErrorKind::PermissionDenied
        );
        assert_eq!(ask(path.to_str().unwrap()).verdict(), "free");
    });
}

/// Abstract names may hold anything.
#[test]
#[ignore = "needs user and network namespaces"]
fn abstract_names() {
    namespace::run("live_why::unix::abstract_names", || {
        let hostile = b"a b\n\x1b[31m* 12345 users:((\"sshd\"))";
        let server = listener(SocketType::STREAM, &abstract_name(hostile), 1);
        let mut typed = b"@".to_vec();
        typed.extend(hostile);
        let typed = std::str::from_utf8(&typed).unwrap();
        let answer = super::read(Run::with(["why", typed, "--json"]));
        assert_eq!(answer.told(), ("blocked", "unix-socket", Some(true)));
        assert!(
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(hostile).unwrap()).is_err()
        );
        let text = Run::with(["why", typed]).go().exits(1);
        assert!(!text.text().contains('\x1b'), "{text}");
        assert!(
            text.lines().iter().skip(1).all(|l| l.starts_with(' ')),
            "{text}"
        );
        drop(server);
        let answer = super::read(Run::with(["why", "--try", typed, "--json"]));
        assert_eq!(answer.told(), ("free", "", None));
    });
}
