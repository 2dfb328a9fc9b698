//! What the port says to plain HTTP.

use crate::{CORES, assert_nothing_left, prompt, setups};

/// The whole answer to one request, after which the server ends the connection.
fn ask(cluster: &mut crate::cluster::Cluster, request: &str) -> String {
    let link = cluster.connect(0);
    cluster.send(link, request.as_bytes());
    cluster.settle();
    assert!(cluster.server_has_ended(link), "{request}");
    cluster.end(link);
    cluster.settle();
    String::from_utf8(cluster.links[link].to_client.clone()).expect("text")
}

// K-13, P-10
#[test]
fn health_and_everything_else() {
    for cores in CORES {
        let mut cluster = prompt(&setups::open(cores), cores);
        for (request, status, body) in [
            ("GET /healthz", "200 OK", "ok\n"),
            ("GET /healthz?verbose=1", "200 OK", "ok\n"),
            ("HEAD /healthz", "200 OK", ""),
            ("GET /readyz", "200 OK", "ready\n"),
            ("POST /readyz", "405 Method Not Allowed", "only GET and HEAD\n"),
            ("GET /", "426 Upgrade Required", "426 Upgrade Required"),
            ("GET /nowhere", "404 Not Found", "404 Not Found"),
        ] {
            let answer = ask(&mut cluster, &format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {head}");
            assert!(head.contains("Connection: close"), "{request}: {head}");
            assert_eq!(text, body, "{request}");
        }
        assert_nothing_left(&cluster);
    }
}

// K-13: a server that stops is alive, and not ready.
#[test]
fn a_draining_server_is_not_ready() {
    let mut cluster = prompt(&setups::open(1), 1);
    let waiting = cluster.connect(0);
    let client = crate::client::Client::welcomed(&mut cluster, 0);
    cluster.shutdown(60_000);
    cluster.send(waiting, b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    cluster.settle();
    let answer = String::from_utf8_lossy(&cluster.links[waiting].to_client).into_owned();
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.ends_with("draining\n"), "{answer}");
    cluster.end(waiting);
    cluster.end(client.link);
    cluster.settle();
    assert_nothing_left(&cluster);
}
