//! Plain values of the domain: ids, roles, the one permission table, room settings, limits, parsed names.
//!
//! Everything else in the workspace may depend on this crate; it depends on none of ours, does no I/O and cannot fail
//! at run time. A value that came from outside becomes one of these types by parsing it once, at the door.

pub mod ids;
pub mod limits;
pub mod name;
pub mod permission;
pub mod quality;
pub mod role;
pub mod room;
pub mod source;
