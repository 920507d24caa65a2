//! Teeth.
