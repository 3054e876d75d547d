//! The browser's line to its room: `upgrade` (the websocket's door, origin, hello) or `events` (where websockets are
//! blocked), `connection` (one browser's loop over a `line`), `dispatch` (text to typed messages). It knows no room rule;
//! everything is passed to the room task.

mod connection;
mod dispatch;
mod events;
mod line;
mod upgrade;

pub use upgrade::router;
