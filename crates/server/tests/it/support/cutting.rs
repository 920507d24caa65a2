//! A network between clients and a server that loses replies: the server has
//! answered, and its client never hears of it, or hears half.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use model::random::SeededRandom;

use super::Address;

/// One reply in so many is lost.
const LOST: u64 = 4;
/// Of a lost reply, at most so many bytes arrive; often none.
const ARRIVE_MAX: u64 = 400;

/// A proxy on an address of its own, over any number of servers one after the
/// other. It ends with the process.
#[derive(Debug)]
pub(crate) struct Cutting {
    pub(crate) address: Address,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Where the server is, as an address of TCP.
    server: Mutex<String>,
    /// Whether there is none there any more.
    is_gone: AtomicBool,
    lost: AtomicU64,
    random: Mutex<SeededRandom>,
}

impl Cutting {
    pub(crate) fn before(server: &Address, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            server: Mutex::default(),
            is_gone: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            random: Mutex::new(SeededRandom::new(seed)),
        });
        let proxy = Self {
            address: Address(format!("http://{address}")),
            shared: Arc::clone(&shared),
        };
        proxy.leads_to(server);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.carry(&client));
            }
        });
        proxy
    }

    /// From now on this server is behind it.
    pub(crate) fn leads_to(&self, server: &Address) {
        let address = server.0.trim_start_matches("http://").to_owned();
        *self.shared.server.lock().expect("an address") = address;
        self.shared.is_gone.store(false, Ordering::SeqCst);
    }

    /// Whether no server was there for a client just now.
    pub(crate) fn is_gone(&self) -> bool {
        self.shared.is_gone.load(Ordering::SeqCst)
    }

    /// Replies that a server made and that did not arrive as a whole.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Carries one connection until either side ends it.
    fn carry(&self, client: &TcpStream) {
        let server = self.server.lock().expect("an address").clone();
        let Ok(server) = TcpStream::connect(server) else {
            self.is_gone.store(true, Ordering::SeqCst);
            return;
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = std::io::copy(&mut &*client, &mut &server);
                let _ = server.shutdown(Shutdown::Write);
            });
            self.answer(&server, client);
            // The other direction ends by it.
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }

    /// Carries what the server says, or loses it once the server has answered.
    fn answer(&self, mut server: &TcpStream, mut client: &TcpStream) {
        let (is_lost, arrive) = {
            let random = self.random.lock().expect("chance");
            let is_lost = random.next_u64().is_multiple_of(LOST);
            (is_lost, random.next_u64() % (2 * ARRIVE_MAX))
        };
        let mut piece = [0; 16 << 10];
        while let Ok(read @ 1..) = server.read(&mut piece) {
            let heard = &piece[..read];
            if is_lost {
                let arrive = usize::try_from(arrive.saturating_sub(ARRIVE_MAX)).expect("small");
                let _ = client.write_all(&heard[..arrive.min(read.saturating_sub(1))]);
                self.lost.fetch_add(1, Ordering::SeqCst);
                return;
            }
            if client.write_all(heard).is_err() {
                return;
            }
        }
    }
}
