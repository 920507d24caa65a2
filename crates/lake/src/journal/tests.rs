//! The promises of the journal, on a disk that misbehaves.

mod behaviour;
mod damage;
mod faulty;
mod machine;
mod power;
mod wiping;
