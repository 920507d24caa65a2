//! The released binary, from outside: a real server on real files, asked over
//! HTTP as a client would.

mod addresses;
mod allocator;
mod analyses;
mod bad_input;
mod cli;
mod deletion;
mod demo;
mod disk_full;
mod durability;
mod faults;
mod growth;
mod injections;
mod keen;
mod killed;
mod limits;
mod missing_parts;
mod neighbours;
mod offline;
mod open_files;
mod outbound;
mod revoked;
mod secrets;
mod support;
mod tls;
mod two_worlds;
mod upserts;
mod visible;
mod wire;
