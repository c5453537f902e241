//! TCP while connections end: every state between the first FIN and the last acknowledgement.

use crate::namespace;
use crate::portctl::list;
use crate::scene::tcp::{Pair, finish, number, read_to_end, time_wait};
use crate::scene::{describe, tcp};

#[test]
#[ignore = "needs user and network namespaces"]
fn closed_by_one_side() {
    namespace::run("live_states::tcp_closing::closed_by_one_side", || {
        let pairs = [Pair::on("127.0.0.1"), Pair::on("::1")];
        for pair in &pairs {
            finish(&pair.client);
            pair.client_is(number::FIN_WAIT_2);
            pair.server_is(number::CLOSE_WAIT);
        }
        let document = list("ls -tnp");
        for pair in &pairs {
            document.must_have(&describe(&pair.client).state("fin-wait-2").shutdown("send"));
            // The peer's FIN waits to be read and counts as one byte.
            document.must_have(
                &describe(&pair.server)
                    .state("close-wait")
                    .recv(1)
                    .shutdown("recv"),
            );
        }
        assert_eq!(document.sockets.len(), 4);

        // Read, it counts no more.
        read_to_end(&pairs[0].server);
        let document = list("ls -tnp state close-wait");
        let server = describe(&pairs[0].server).state("close-wait");
        document.must_have(&server.shutdown("recv"));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn closed_by_both_sides() {
    namespace::run("live_states::tcp_closing::closed_by_both_sides", || {
        let gone = [time_wait("127.0.0.1"), time_wait("::1")];
        let document = list("ls -tanp");
        for expected in &gone {
            document.must_have(expected);
        }
        assert_eq!(document.sockets.len(), 2);
        assert!(list("ls -tnp").sockets.is_empty(), "not by default");
        assert_eq!(list("ls -tnp state time-wait").sockets.len(), 2);
        assert_eq!(list("ls -tn6 state bucket").sockets.len(), 1);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn closed_while_acknowledgements_are_lost() {
    namespace::run(
        "live_states::tcp_closing::closed_while_acknowledgements_are_lost",
        || {
            let (one, two, three) = tcp::with_elsewhere(|| {
                let pairs = (
                    Pair::from_elsewhere(),
                    Pair::from_elsewhere(),
                    Pair::from_elsewhere(),
                );
                finish(&pairs.1.client);
                pairs.1.client_is(number::FIN_WAIT_2);
                pairs.1.server_is(number::CLOSE_WAIT);
                pairs
            });
            finish(&one.server);
            finish(&two.server);
            finish(&three.server);
            finish(&three.client);
            one.server_is(number::FIN_WAIT_1);
            two.server_is(number::LAST_ACK);
            three.server_is(number::CLOSING);

            let document = list("ls -tnp");
            // A segment that could not even leave is tried again by the probe timer.
            let waiting = |pair: &Pair| describe(&pair.server).send(1).backing_off("persist");
            document.must_have(&waiting(&one).state("fin-wait-1").shutdown("send"));
            document.must_have(&describe(&one.client));
            document.must_have(&waiting(&two).state("last-ack").recv(1).shutdown("both"));
            let finished = describe(&two.client).state("fin-wait-2");
            document.must_have(&finished.shutdown("send"));
            document.must_have(&waiting(&three).state("closing").recv(1).shutdown("both"));
            let client = describe(&three.client).state("fin-wait-1").send(1);
            document.must_have(&client.shutdown("send").backing_off("retransmit"));
            assert_eq!(document.sockets.len(), 6);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn closed_and_left_to_the_kernel() {
    namespace::run(
        "live_states::tcp_closing::closed_and_left_to_the_kernel",
        || {
            // Unsent data, nobody reads: the kernel goes on trying after close.
            let stuck = Pair::on("127.0.0.1");
            let sent = tcp::fill(&stuck.client);
            let expected_stuck = describe(&stuck.client).state("fin-wait-1").shutdown("both");
            // Nothing left to send, the peer has not closed.
            let half = Pair::on("::1");
            let expected_half = describe(&half.client).state("fin-wait-2");
            // The peer closed first, and the last FIN is lost.
            let last = tcp::with_elsewhere(|| {
                let pair = Pair::from_elsewhere();
                finish(&pair.client);
                pair.server_is(number::CLOSE_WAIT);
                pair
            });
            let expected_last = describe(&last.server).state("last-ack").shutdown("both");

            let (addresses, peers): (Vec<_>, Vec<_>) = [
                (&stuck.client, &stuck.server),
                (&half.client, &half.server),
                (&last.server, &last.client),
            ]
            .map(|(a, b)| (crate::scene::address(a), crate::scene::address(b)))
            .into_iter()
            .unzip();
            // Unread data at close, the peer's FIN included, would be answered with a reset.
            read_to_end(&last.server);
            drop((stuck.client, half.client, last.server));
            for (n, state) in [number::FIN_WAIT_1, number::FIN_WAIT_2, number::LAST_ACK]
                .into_iter()
                .enumerate()
            {
                tcp::await_state(addresses[n], peers[n], state);
            }

            let document = list("ls -tnp");
            let row = document.by_cookie(expected_stuck.socket.cookie.as_ref().unwrap());
            let unsent = row.unwrap().send_queue.unwrap();
            // The FIN counts as one.
            assert!(unsent > 1 && unsent <= sent + 1, "{unsent} of {sent}");
            let stuck_row = expected_stuck.send(unsent).backing_off("persist");
            document.must_have(&stuck_row.without_file("orphan"));
            // FIN-WAIT-2 without a process is kept as a small object, with the timer that ends it.
            let half_row = expected_half.mini("orphan");
            document.must_have(&half_row.timer("time-wait", 50_000..=60_000));
            let last_row = expected_last.send(1).backing_off("persist");
            document.must_have(&last_row.without_file("orphan"));
            assert!(document.complete && document.notices.is_empty());
        },
    );
}
