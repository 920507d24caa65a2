//! A disk that forgets, and the loop that proves that nothing acknowledged is forgotten with it.
//!
//! [`SimulatedDisk`] behaves as badly as a disk may at a power cut, decided by a seed alone.
//! [`workload`] drives a store through power cuts and checks what it finds afterwards.

mod camera;
mod disk;
mod late;
mod random;
pub mod workload;
mod world;

#[cfg(test)]
mod tests;

pub use camera::Photograph;
pub use disk::{Fault, SimulatedDisk};
pub use random::Random;
