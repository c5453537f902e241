//! Connections that never reach the listener whose port they were made to (26).

use super::{Options, ask, ask_as_nobody};
use crate::namespace;
use crate::scene::port;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

#[test]
#[ignore = "needs user and network namespaces, and nftables"]
fn what_is_redirected_is_told() {
    namespace::run("live_why::redirects::what_is_redirected_is_told", || {
        let [away, here] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [from, to] = [&away, &here].map(port);
        let before = ask(&format!("tcp/{from}"));
        assert_eq!(before.document["redirects_read"], Value::Bool(true));
        assert!(before.reasons().iter().all(|r| r["kind"] != "redirected"));

        namespace::redirect_own(from, to);
        let place = SocketAddr::from((Ipv4Addr::LOCALHOST, from));
        let client = TcpStream::connect_timeout(&place, Duration::from_secs(60)).unwrap();
        let (_, peer) = here.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap(), "the kernel does it");

        let answer = ask(&format!("tcp/{from}"));
        let reason = answer.reason("redirected");
        let rule = &reason["redirect"];
        assert_eq!(
            (&rule["to_port"], &rule["to_address"]),
            (&to.into(), &Value::Null)
        );
        assert_eq!(
            (&rule["outgoing"], &rule["incoming"]),
            (&true.into(), &false.into())
        );
        assert_eq!(
            (&rule["table"], &rule["chain"]),
            (&"nat".into(), &"out".into())
        );
        assert_eq!(
            (&rule["conditional"], &reason["blocking"]),
            (&false.into(), &false.into())
        );
        answer.holds();
        let answer = ask(&format!("tcp/{to}"));
        let words = answer.reason("redirected-here")["message"]
            .as_str()
            .unwrap();
        assert!(words.contains(&format!("port {from} ")), "{words}");
        // Neither IPv6 nor UDP nor another port is meant.
        for question in [
            format!("[::1]:{from}/tcp"),
            format!("udp/{from}"),
            "tcp/9".to_owned(),
        ] {
            let answer = ask(&question);
            assert!(
                answer.reasons().iter().all(|r| r["redirect"].is_null()),
                "{question}"
            );
        }
    });
}

/// Whoever may not read the rules is not told that there are none.
#[test]
#[ignore = "needs root with every user id, and nftables"]
fn who_may_not_read_rules_is_told_so() {
    let name = "live_why::redirects::who_may_not_read_rules_is_told_so";
    namespace::run_as_root(name, || {
        let listener = Options::TCP.listen("127.0.0.1");
        namespace::redirect_own(port(&listener), 9);
        let answer = ask_as_nobody(&format!("tcp/{}", port(&listener)));
        assert_eq!(answer.document["redirects_read"], Value::Bool(false));
        assert!(answer.reasons().iter().all(|r| r["redirect"].is_null()));
    });
}
