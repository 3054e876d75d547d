//! The browser's room websocket: `upgrade` (door, origin, hello), `connection` (one browser's loop), `dispatch` (text to
//! typed messages). It knows no room rule; everything is passed to the room task.

mod connection;
mod dispatch;
mod upgrade;

pub use upgrade::router;
