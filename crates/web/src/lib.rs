//! The wire of Tidegate: routes, callers, the native API and the one table
//! from errors to statuses. It reaches the data through one port,
//! [`plane::DataPlane`], and knows nothing of how rows are stored.

pub mod plane;
