//! The wire of Tidegate: routes, callers, the native API and the one table
//! from errors to statuses. It reaches the data through one port,
//! [`plane::DataPlane`], and knows nothing of how rows are stored.

mod analyses;
mod answers;
mod api;
mod bodies;
mod caller;
mod cells;
mod charts;
mod console;
mod cors;
mod cursors;
mod datasets;
mod digits;
mod dropping;
mod error;
pub mod inference;
mod input;
mod keen;
mod kept;
mod layers;
mod metering;
mod metrics;
mod openapi;
mod operations;
pub mod plane;
mod proxies;
mod revoked;
mod routes;
mod saved;
mod session;
mod state;
mod step_up;
mod storage;
#[cfg(test)]
mod testing;
mod usage;

pub use dropping::drop_left_over;
pub use error::Code;
pub use keen::{NoPlaces, Places};
pub use kept::refresh;
pub use operations::operations_router;
pub use proxies::{ClientAddress, Proxies};
pub use routes::router;
pub use state::{AppState, BODIES_BYTES_MAX, BODY_IDLE_MAX};
pub use usage::publish as publish_usage;
