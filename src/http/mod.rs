//! HTTP: what surrounds every request (`outer`), the pages (`assets`), what watches the server (`watching`), and the API
//! (`router`, behind `guard`, which reads the table `doors`).
//!
//! `serve` calls [`outer::wrap`] once around all routes. What rooms do when something changes is not decided here.

pub mod api;
pub mod assets;
pub mod body;
pub mod client_ip;
pub mod doors;
pub mod guard;
pub mod hosts;
pub mod outer;
pub mod passwords;
pub mod refused;
pub mod request_log;
pub mod router;
pub mod security_headers;
pub mod session;
pub mod state;
pub mod tokens;
pub mod unproven;
pub mod watching;
pub mod wrong_secrets;
