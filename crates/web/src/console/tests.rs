//! K10 and K23 for every address of the console, and strings that would be
//! markup if a page let them.

mod doors;
mod flows;
mod handing;
mod honest;
mod hostile;
mod kept;
mod keys;
mod people;
mod pools;
mod roles;
mod told;
mod views;
mod world;
