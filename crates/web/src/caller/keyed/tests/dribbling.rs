//! Senders whose bodies never come, over real connections: nobody else waits
//! for them, and no answer says whether there is the key that they name.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::middleware::{Next, from_fn};
use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;
use crate::proxies::Proxies;

/// Answers at an address of its own, as a listener that says who connects.
async fn served(world: &World) -> SocketAddr {
    let seen = from_fn(
        |ConnectInfo(peer): ConnectInfo<SocketAddr>,
         mut request: axum::extract::Request,
         next: Next| async move {
            let client = Proxies::default().client(peer.ip(), &HeaderMap::new());
            request.extensions_mut().insert(client);
            next.run(request).await
        },
    );
    let router = world.router.clone().layer(seen);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).into_future());
    address
}

/// A connection from a network of its own.
async fn connect(address: SocketAddr, network: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let own = SocketAddr::from(([127, 0, network, 1], 0));
    socket.bind(own).expect("an address of the machine");
    socket.connect(address).await.expect("connects")
}

/// Sends the head of a call and a part of its body.
async fn begun(address: SocketAddr, network: u8, call: &Keyed) -> TcpStream {
    let mut connection = connect(address, network).await;
    let mut head = format!("{} {} HTTP/1.1\r\n", call.method, call.path);
    for (name, value) in call.headers() {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!(
        "content-length: {}\r\nconnection: close\r\n\r\n",
        call.body.len()
    );
    head += &call.body[..1];
    let sent = connection.write_all(head.as_bytes()).await;
    sent.expect("sends");
    connection
}

/// Sends the rest and takes the answer: its status and all of it but what is of
/// each answer alone.
async fn ended(mut connection: TcpStream, call: &Keyed) -> (u16, String) {
    let rest = connection.write_all(&call.body.as_bytes()[1..]).await;
    // Who is refused is not listened to any more.
    drop(rest);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("text");
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let of_its_own = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !(line.contains("request-id") || line.contains("request_id") || line.starts_with("date:"))
    };
    let lines: Vec<_> = answer.lines().filter(of_its_own).collect();
    (
        status.unwrap_or_else(|| panic!("{answer}")),
        lines.join("\n"),
    )
}

/// Lets so many networks wait with a call each of which this says what it names,
/// four connections of each.
async fn dribble(
    address: SocketAddr,
    networks: std::ops::Range<u8>,
    mut call: impl FnMut(usize) -> Keyed,
) -> Vec<TcpStream> {
    let mut connections = Vec::new();
    for network in networks {
        for _ in 0..4 {
            let call = call(connections.len());
            connections.push(begun(address, network, &call).await);
        }
    }
    connections
}

/// Until a call of another key is as well off as it can be.
async fn served_beside(world: &World, address: SocketAddr, secret: &str) {
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(1));
        let call = record(world, secret);
        let (status, answer) = ended(begun(address, 200, &call).await, &call).await;
        assert_eq!(status, 200, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k12_whoever_names_nobody_keeps_nobody_waiting() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let address = served(&world).await;
    let call = record(&world, &secret);
    let nobody = |number: usize| Keyed {
        credential: format!("{number:012}"),
        ..call.clone()
    };
    let waiting = dribble(address, 1..41, nobody).await;
    served_beside(&world, address, &secret).await;
    assert_eq!(waiting.len(), 160);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k12_whoever_names_a_key_keeps_no_other_key_waiting() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let (_, _, other) = writer(&world).await;
    let address = served(&world).await;
    // Somebody who knows what the other key is called, and not its secret.
    let named = Keyed {
        secret: "tg_hs_guessed".to_owned(),
        ..record(&world, &other)
    };
    let waiting = dribble(address, 1..41, |_| named.clone()).await;
    served_beside(&world, address, &secret).await;
    let full = record(&world, &other);
    let (status, _) = ended(begun(address, 201, &full).await, &full).await;
    assert_eq!(status, 503, "the key that is named has its share alone");
    drop(waiting);
    loop {
        world.clock.advance(Duration::from_secs(1));
        let call = record(&world, &other);
        match ended(begun(address, 201, &call).await, &call).await.0 {
            200 => return,
            status => assert_eq!(status, 503, "until it is noticed that they have gone"),
        }
        tokio::task::yield_now().await;
    }
}

/// A key that is not there, one that is disabled, one that has ended, one of
/// another network and one that is there are answered alike, and as late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k12_no_answer_tells_whether_there_is_the_key_that_is_named() {
    let world = World::with_sales().await;
    let address = served(&world).await;
    let (_, _, there) = writer(&world).await;
    let (disabled_id, _, disabled) = writer(&world).await;
    let (ended_id, _, over) = writer(&world).await;
    let (held_id, _, held) = writer(&world).await;
    world
        .post(&format!("/v1/keys/{disabled_id}/disable"), &Json::Null)
        .await
        .expect(200);
    let soon = world.state.clock.now().checked_add(Duration::from_secs(1));
    for (id, restrictions) in [
        (
            ended_id,
            json!({ "expires_at": soon.expect("a time").to_string() }),
        ),
        (held_id, json!({ "ip_ranges": ["192.0.2.0/24"] })),
    ] {
        let patch = json!({ "restrictions": restrictions });
        let call = format!("PATCH /v1/keys/{id}");
        world.call(&world.admin, &call, &patch).await.expect(200);
    }
    world.clock.advance(Duration::from_secs(2));
    let nobody = format!("tg_hs_{}_", "0".repeat(12));
    let mut answers = Vec::new();
    for (network, secret) in (1..).zip([&there, &disabled, &over, &held, &nobody]) {
        let call = Keyed {
            secret: "tg_hs_guessed".to_owned(),
            ..record(&world, secret)
        };
        let mut connection = begun(address, network, &call).await;
        let early = connection.read_u8();
        let early = tokio::time::timeout(Duration::from_millis(200), early).await;
        assert!(
            early.is_err(),
            "nothing is answered before the body is there"
        );
        answers.push(ended(connection, &call).await);
    }
    assert_eq!(answers[0].0, 401);
    for answer in &answers[1..] {
        assert_eq!(answer, &answers[0]);
    }
}
