//! Cases from seeds, and the worlds in which each is asked.

mod case;
mod correct;
pub(crate) mod dice;
pub(crate) mod filters;
mod naive;
mod project;
mod proof;
mod records;
mod respond;
mod teeth;
pub(crate) mod values;
mod worlds;
