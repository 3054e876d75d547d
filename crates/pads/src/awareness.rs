//! States of editors (cursor, name, colour): one per connection, merged and thinned before they go out.
//!
//! The pad hands it what a connection said; of a frame only the connection's own client id counts (S-03). Stock
//! clients need the clocks as their owner counts them, so these are passed on unchanged.

use crate::connection::ConnectionId;
use crate::frame;
use crate::read::{write_buffer, write_var};
use crate::scan::AwarenessEntry;
use bytes::Bytes;
use model::limits;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A state that nobody renews is taken away after this; clients renew every 15 s.
pub const STATE_TIMEOUT: Duration = Duration::from_secs(30);
/// Deepest nesting of a state.
const STATE_DEPTH_MAX: usize = 8;
/// The longest text that the server itself puts into a state.
const NAME_KEY: &str = "name";

#[derive(Clone, Debug)]
struct State {
    connection: ConnectionId,
    clock: u32,
    /// JSON as we wrote it.
    json: String,
    renewed: Duration,
}

/// All states of one pad.
#[derive(Debug, Default)]
pub struct States {
    states: BTreeMap<u64, State>,
    /// Changed since the last flush; a client that is not in `states` has gone with this clock.
    changed: BTreeSet<u64>,
    gone: BTreeMap<u64, u32>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new and will go out.
    Taken,
    /// Nothing new.
    Old,
    /// Not a JSON object, too large or too deep.
    Refused,
}

impl States {
    /// Takes the own entry of a connection; `name` replaces what the client calls itself.
    pub fn set(
        &mut self,
        now: Duration,
        connection: ConnectionId,
        entry: AwarenessEntry<'_>,
        name: Option<&str>,
    ) -> Verdict {
        if entry.state.len() > limits::PAD_AWARENESS_BYTES_MAX {
            return Verdict::Refused;
        }
        let known = self.states.get(&entry.client);
        // Another connection of the same person starts over; the same connection only counts up.
        if known.is_some_and(|known| known.connection == connection && known.clock >= entry.clock) {
            let removal = entry.state == "null" && known.is_some_and(|known| known.clock == entry.clock);
            if !removal {
                return Verdict::Old;
            }
        }
        match serde_json::from_str::<Value>(entry.state) {
            Ok(Value::Null) => {
                if self.states.remove(&entry.client).is_some() {
                    self.gone.insert(entry.client, entry.clock);
                    self.changed.insert(entry.client);
                    Verdict::Taken
                } else {
                    Verdict::Old
                }
            }
            Ok(mut state @ Value::Object(_)) if depth_within(&state, STATE_DEPTH_MAX) => {
                if let (Some(name), Some(Value::Object(user))) = (name, state.get_mut("user")) {
                    user.insert(NAME_KEY.to_owned(), Value::String(name.to_owned()));
                }
                let json = state.to_string();
                self.states.insert(entry.client, State { connection, clock: entry.clock, json, renewed: now });
                self.gone.remove(&entry.client);
                self.changed.insert(entry.client);
                Verdict::Taken
            }
            _ => Verdict::Refused,
        }
    }

    /// The connection has gone, or another one speaks for the client now.
    pub fn remove(&mut self, client: u64, connection: ConnectionId) {
        if self.states.get(&client).is_some_and(|state| state.connection == connection)
            && let Some(state) = self.states.remove(&client)
        {
            self.gone.insert(client, state.clock);
            self.changed.insert(client);
        }
    }

    /// Takes away what nobody renewed for [`STATE_TIMEOUT`].
    pub fn expire(&mut self, now: Duration) {
        let old = |state: &State| now.saturating_sub(state.renewed) >= STATE_TIMEOUT;
        let expired: Vec<_> = self.states.iter().filter(|(_, state)| old(state)).map(|(&client, _)| client).collect();
        for client in expired {
            if let Some(state) = self.states.remove(&client) {
                self.gone.insert(client, state.clock);
                self.changed.insert(client);
            }
        }
    }

    /// When the next state expires.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        self.states.values().map(|state| state.renewed + STATE_TIMEOUT).min()
    }

    /// Whether something waits to go out.
    #[must_use]
    pub fn dirty(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Frames with everything that changed since the last call, at most [`limits::PAD_SYNC_PIECE_BYTES`] each.
    pub fn flush(&mut self) -> Vec<Bytes> {
        let changed = std::mem::take(&mut self.changed);
        let gone = std::mem::take(&mut self.gone);
        let entries = changed.iter().filter_map(|client| match self.states.get(client) {
            Some(state) => Some((*client, state.clock, state.json.as_str())),
            None => gone.get(client).map(|clock| (*client, *clock, "null")),
        });
        encode(entries)
    }

    /// Frames with all states, for somebody who has just come.
    #[must_use]
    pub fn all(&self) -> Vec<Bytes> {
        encode(self.states.iter().map(|(client, state)| (*client, state.clock, state.json.as_str())))
    }

    /// How many editors are shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether nobody is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }
}

fn encode<'a>(entries: impl Iterator<Item = (u64, u32, &'a str)>) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let (mut body, mut count) = (Vec::new(), 0u64);
    let close = |body: &mut Vec<u8>, count: &mut u64, frames: &mut Vec<Bytes>| {
        if *count > 0 {
            let mut message = Vec::with_capacity(body.len() + 4);
            write_var(&mut message, *count);
            message.append(body);
            frames.push(frame::awareness(&message));
            *count = 0;
        }
    };
    for (client, clock, json) in entries {
        if body.len() + json.len() > limits::PAD_SYNC_PIECE_BYTES {
            close(&mut body, &mut count, &mut frames);
        }
        write_var(&mut body, client);
        write_var(&mut body, u64::from(clock));
        write_buffer(&mut body, json.as_bytes());
        count += 1;
    }
    close(&mut body, &mut count, &mut frames);
    frames
}

/// Whether a value is nested at most `max` deep. The text it came from was bounded, so this recursion is too.
fn depth_within(value: &Value, max: usize) -> bool {
    match value {
        Value::Array(values) => max > 0 && values.iter().all(|value| depth_within(value, max - 1)),
        Value::Object(values) => max > 0 && values.values().all(|value| depth_within(value, max - 1)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: ConnectionId = ConnectionId(1);
    const T0: Duration = Duration::ZERO;

    fn entry(clock: u32, state: &str) -> AwarenessEntry<'_> {
        AwarenessEntry { client: 5, clock, state }
    }

    #[test]
    fn clocks_only_count_up_and_null_removes() {
        let mut states = States::default();
        assert_eq!(states.set(T0, ME, entry(0, "{}"), None), Verdict::Taken);
        assert_eq!(states.set(T0, ME, entry(0, "{\"a\":1}"), None), Verdict::Old);
        assert_eq!(states.set(T0, ME, entry(2, "{\"a\":1}"), None), Verdict::Taken);
        assert_eq!(states.flush().len(), 1);
        assert!(!states.dirty());
        assert_eq!(states.set(T0, ME, entry(2, "null"), None), Verdict::Taken);
        assert!(states.is_empty());
        assert_eq!(states.flush(), [frame::awareness(b"\x01\x05\x02\x04null")]);
    }

    #[test]
    fn the_servers_name_wins() {
        let mut states = States::default();
        states.set(T0, ME, entry(1, r##"{"user":{"name":"Chief","color":"#123"}}"##), Some("Eva"));
        let frame = states.all().remove(0);
        let text = String::from_utf8_lossy(&frame);
        assert!(text.contains("Eva") && text.contains("#123") && !text.contains("Chief"));
    }

    #[test]
    fn states_are_bounded() {
        let mut states = States::default();
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(limits::PAD_AWARENESS_BYTES_MAX));
        assert_eq!(states.set(T0, ME, entry(1, &large), None), Verdict::Refused);
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(STATE_DEPTH_MAX), "]".repeat(STATE_DEPTH_MAX));
        assert_eq!(states.set(T0, ME, entry(1, &deep), None), Verdict::Refused);
        assert_eq!(states.set(T0, ME, entry(1, "7"), None), Verdict::Refused);
        assert_eq!(states.set(T0, ME, entry(1, "{"), None), Verdict::Refused);
        assert!(states.is_empty());
    }

    #[test]
    fn what_nobody_renews_goes() {
        let mut states = States::default();
        states.set(T0, ME, entry(1, "{}"), None);
        states.flush();
        states.expire(STATE_TIMEOUT.checked_sub(Duration::from_millis(1)).expect("positive"));
        assert!(!states.dirty());
        states.expire(STATE_TIMEOUT);
        assert!(states.dirty() && states.is_empty());
    }
}
