//! Cases from seeds, and the worlds in which each is asked.

mod analyses;
mod case;
mod correct;
pub(crate) mod dice;
pub(crate) mod filters;
mod funnels;
mod naive;
pub(crate) mod project;
mod proof;
pub(crate) mod records;
mod respond;
mod tables;
mod teeth;
pub(crate) mod values;
mod worlds;
