//! `/api/v1`: one file for each resource, each with its `router()` and handlers. Bodies are `wire::api`; who may call what
//! is decided by `model::permission`, never here.

pub mod about;
pub mod accounts;
pub mod invitations;
pub mod join;
pub mod organisation;
pub mod pads;
pub mod people;
pub mod rooms;
pub mod session;
pub mod setup;
