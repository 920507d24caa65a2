use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

/// Sends on what is written to it.
struct Sent(Sender<Vec<u8>>);

impl Write for Sent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines() -> (Lines<Sent>, Receiver<Vec<u8>>) {
    let (sender, receiver) = channel();
    (Lines::to(Sent(sender)), receiver)
}

fn logged(lines: &Lines<Sent>, log: impl FnOnce()) {
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .with_writer(lines.clone());
    tracing::subscriber::with_default(subscriber.finish(), log);
}

fn text(receiver: &Receiver<Vec<u8>>) -> String {
    let parts: Vec<u8> = receiver.try_iter().flatten().collect();
    String::from_utf8(parts).expect("text")
}

#[test]
fn a_requests_line_waits_and_others_are_written_behind_it_at_once() {
    let (lines, receiver) = lines();
    logged(&lines, || {
        tracing::info!(target: ACCESS, "one");
        tracing::info!(target: ACCESS, "two");
    });
    assert_eq!(text(&receiver), "");
    logged(&lines, || tracing::warn!(target: "house", "three"));
    let written = text(&receiver);
    let expected = " INFO access: one\n INFO access: two\n WARN house: three\n";
    assert_eq!(written, expected);
}

#[test]
fn what_waits_is_written_by_the_thread_and_the_rest_at_the_end() {
    let (lines, receiver) = lines();
    let gathering = Gathering::start(lines.clone()).expect("a thread");
    logged(&lines, || tracing::info!(target: ACCESS, "one"));
    let first = receiver
        .recv()
        .expect("it is written though nothing follows");
    assert_eq!(first, b" INFO access: one\n");
    logged(&lines, || tracing::info!(target: ACCESS, "two"));
    drop(gathering);
    assert_eq!(text(&receiver), " INFO access: two\n");
}

#[test]
fn a_log_that_is_read_slowly_holds_up_requests_rather_than_memory() {
    let (lines, receiver) = lines();
    let line = vec![b'x'; GATHERED_MAX / 2];
    lines.gather(&line).expect("gathered");
    assert_eq!(receiver.try_iter().count(), 0);
    lines.gather(&line).expect("written");
    assert_eq!(receiver.try_iter().flatten().count(), GATHERED_MAX);
}
