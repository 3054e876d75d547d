//! What several tests of the engine share.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, missing_docs, reason = "test code")]
#![allow(clippy::disallowed_methods, reason = "virtual time needs a first instant")]

pub mod meeting;
pub mod peer;
pub mod scalable;
pub mod sim;
