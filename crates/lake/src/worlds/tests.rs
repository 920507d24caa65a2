//! Cases from seeds, and the worlds in which each is asked.

mod case;
mod correct;
mod dice;
mod filters;
mod naive;
mod project;
mod proof;
mod records;
mod respond;
mod teeth;
mod values;
mod worlds;
