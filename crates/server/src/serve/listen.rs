//! Listeners: plain or TLS, bounded, drained at a stop.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use web::Proxies;

use super::ServeError;
use super::linger::Lingering;
use crate::config::{ServeSettings, TlsFiles};

/// How long nothing is accepted after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a client may take for its request head or for the TLS handshake.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Refuses to speak without TLS where others listen in.
pub(super) fn refuse_open_server(settings: &ServeSettings) -> Result<(), ServeError> {
    let is_open = |address: SocketAddr| !address.ip().is_loopback();
    if is_open(settings.listen) && settings.tls.is_none() && settings.behind_proxy.is_empty() {
        return Err(ServeError::Setting(format!(
            "{} can be reached from other machines, and tokens would cross the network in clear; give --tls-cert and --tls-key, or --behind-proxy with the network of the proxy that ends TLS",
            settings.listen
        )));
    }
    if is_open(settings.admin_listen) {
        return Err(ServeError::Setting(format!(
            "--admin-listen {} can be reached from other machines; health and metrics have no key, so let them listen on a loopback address",
            settings.admin_listen
        )));
    }
    Ok(())
}

/// Takes an address, on which nothing is answered yet.
pub(super) fn take(address: SocketAddr) -> Result<TcpSocket, ServeError> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    let taken = socket.and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    });
    taken.map_err(|error| ServeError::other(&format!("listen on {address}"), error))
}

/// Lets clients connect.
pub(super) fn listen(socket: TcpSocket) -> Result<TcpListener, ServeError> {
    const WAITING_CONNECTIONS_MAX: u32 = 1_024;
    socket
        .listen(WAITING_CONNECTIONS_MAX)
        .map_err(|error| ServeError::other("listen on the address", error))
}

/// Who may connect, and how.
#[derive(Clone)]
pub(super) struct Door {
    tls: Option<TlsAcceptor>,
    proxies: Arc<Proxies>,
}

impl Door {
    /// A door without TLS, for a loopback address.
    pub(super) fn plain() -> Self {
        Self {
            tls: None,
            proxies: Arc::default(),
        }
    }

    /// The door that the settings ask for.
    pub(super) fn new(settings: &ServeSettings) -> Result<Self, ServeError> {
        let proxies = settings.behind_proxy.iter().map(|text| {
            text.parse::<IpNet>().map_err(|_| {
                ServeError::Setting(format!("{text} is not a network; write it as 10.0.0.0/8"))
            })
        });
        let proxies = Arc::new(Proxies::new(proxies.collect::<Result<_, _>>()?));
        let tls = settings.tls.as_ref().map(acceptor).transpose()?;
        Ok(Self { tls, proxies })
    }
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let unreadable = |path: &std::path::Path, what: &str, error: &dyn std::fmt::Display| {
        ServeError::Setting(format!("{} holds no {what}: {error}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(&files.cert, "PEM certificate chain", &error))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unreadable(&files.key, "PEM private key", &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config
        .map_err(|error| ServeError::Setting(format!("the TLS files do not fit: {error}")))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Answers connections until `stopping`, then waits for the open ones, at
/// most `drain`.
pub(super) async fn accept(
    listener: TcpListener,
    connections: usize,
    door: Door,
    router: Router,
    stopping: CancellationToken,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(connections));
    loop {
        let slot = tokio::select! {
            () = stopping.cancelled() => break,
            slot = slots.clone().acquire_owned() => slot,
        };
        let Ok(slot) = slot else { break };
        let (stream, peer) = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) if door.proxies.admit(peer.ip()) => (stream, peer.ip()),
                Ok((_, peer)) => {
                    tracing::warn!(peer = %peer.ip(), "a connection that did not come from the proxy was closed");
                    continue;
                }
                // A connection that was gone before it was taken is no reason to stop.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let _ = stream.set_nodelay(true);
        let (door, router, watcher) = (door.clone(), router.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _slot = slot;
            match door.tls.clone() {
                None => answer(stream, (door, peer), router, watcher).await,
                Some(tls) => {
                    if let Some(stream) = shake_hands(tls, stream).await {
                        answer(stream, (door, peer), router, watcher).await;
                    }
                }
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(drain, graceful.shutdown()).await;
}

async fn shake_hands(
    tls: TlsAcceptor,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    tokio::time::timeout(HEAD_TIME, tls.accept(stream))
        .await
        .ok()?
        .ok()
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    (door, peer): (Door, IpAddr),
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIME);
    let has_asked = Arc::new(AtomicBool::new(false));
    let service = TowerToHyperService::new(router);
    let service = service_fn({
        let has_asked = has_asked.clone();
        move |mut request: hyper::Request<Incoming>| {
            has_asked.store(true, Ordering::Relaxed);
            let client = door.proxies.client(peer, request.headers());
            request.extensions_mut().insert(client);
            service.call(request.map(Lingering::new))
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(watcher.watch(connection.into_owned()));
    // The library's own limit begins when it knows the protocol, so whoever sends nothing, or
    // half of the preface of HTTP/2, would keep a slot for ever.
    let ended = tokio::time::timeout(HEAD_TIME, connection.as_mut()).await;
    if ended.is_err() && has_asked.load(Ordering::Relaxed) {
        // What goes wrong on one connection is its client's to see.
        let _ = connection.await;
    }
}
