//! The open rooms: one task owns each room's workshop engine, its connections and its media events; others reach it
//! through bounded queues. `registry` finds or opens a room, `tickets` admits connections.

mod connections;
mod inbox;
mod media;
mod outbox;
mod pictures;
mod registry;
pub mod service;
mod task;
mod tickets;

pub use inbox::Offered;
pub use outbox::{Outbox, OutboxReader, Outgoing};
pub use registry::{Rooms, Seat};
pub use tickets::Grant;
