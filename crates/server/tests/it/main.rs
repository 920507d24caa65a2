//! The released binary, from outside: a real server on real files, asked over
//! HTTP as a client would.

mod durability;
mod secrets;
mod support;
mod tls;
mod two_worlds;
