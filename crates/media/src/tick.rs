//! What a room does regularly, about every 20 ms: time-outs, NACKs, key frames that are waited for, reports and
//! congestion feedback, who speaks, what slots carry. Called by the engine.

use crate::command::Event;
use crate::connection::Connection;
use crate::health::LOOK_TICKS;
use crate::nack::Figures;
use crate::outbox::Outbox;
use crate::rewrite::Origin;
use crate::room::Room;
use crate::rtcp::{self, Block};
use crate::slab::Key;
use std::time::{Duration, Instant};

/// Between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(20);
/// What is no hurry is done in every fifth: bitrates, consent, clocks of viewers.
const CALM: u32 = 5;
/// New bitrates are looked at together, in every twenty-fifth (half a second).
const FIGURES: u32 = 25;
/// Between two transport-wide feedbacks.
const FEEDBACK_EVERY: Duration = Duration::from_millis(80);
/// Between two receiver reports.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Between two requests for a key frame that has not come.
const KEY_FRAME_AGAIN: Duration = Duration::from_millis(500);

impl Room {
    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant, out: &mut Outbox) {
        let calm = self.ticks.is_multiple_of(CALM);
        let figures = self.ticks.is_multiple_of(FIGURES);
        let looks = self.ticks.is_multiple_of(LOOK_TICKS);
        self.ticks = self.ticks.wrapping_add(1);
        let mut keys = std::mem::take(&mut self.lively);
        if calm {
            self.watch_layers(now);
            if figures {
                self.stale |= std::mem::take(&mut self.figures);
            }
            keys.clear();
            keys.extend(self.peers.iter().filter(|(_, peer)| peer.connection.is_some()).map(|(key, _)| key));
        }
        for key in &keys {
            self.stale |= self.keep_time(now, *key, calm);
        }
        self.settle(now, out);
        if calm {
            self.tell_demand(now, out);
        }
        if looks {
            self.look_at_health(out);
        }
        for key in &keys {
            self.wake_handshake(*key, out);
            self.watch_state(*key, out);
            self.upstream(now, *key, out);
            if calm {
                self.downstream(now, *key, out);
            }
            if self.peers.get(*key).and_then(|peer| peer.connection.as_ref()).is_some_and(Connection::probes) {
                out.ready(self.key, *key);
            }
        }
        if calm {
            // Whoever only looks on has nothing to be told before the next calm tick.
            keys.retain(|key| {
                let connection = self.peers.get(*key).and_then(|peer| peer.connection.as_ref());
                connection.is_some_and(Connection::lively)
            });
        }
        // Kept for its capacity, with who came while we were at it.
        keys.append(&mut self.lively);
        self.lively = keys;
        self.tell_all_slots(out);
        if let Some(speaking) = self.speakers.tick(now) {
            let name = |key: &Key| self.publications.get(*key).map(|publication| publication.participant);
            let participants = speaking.iter().filter_map(name).collect();
            out.event(Event::Speaking { room: self.id, participants });
        }
    }

    /// Time-outs, path and bitrates of a connection. True: layers are to be chosen again.
    fn keep_time(&mut self, now: Instant, key: Key, calm: bool) -> bool {
        let Some(connection) = self.peers.get_mut(key).and_then(|peer| peer.connection.as_mut()) else { return false };
        let stale = connection.watch_path(now);
        if connection.connected && !calm {
            return stale;
        }
        connection.transport.handle_timeout(now);
        connection.sent.tick(now);
        connection.sound.tick(now);
        let sent = connection.sent.bps();
        connection.budget.tick(now, sent) || stale
    }

    /// A time-out of the handshake may have made something to send again.
    fn wake_handshake(&self, key: Key, out: &mut Outbox) {
        let connection = self.peers.get(key).and_then(|peer| peer.connection.as_ref());
        if connection.is_some_and(|connection| !connection.connected) {
            out.ready(self.key, key);
        }
    }

    /// Brings all slots up to date when something has changed.
    pub(crate) fn settle(&mut self, now: Instant, out: &mut Outbox) {
        if self.stale {
            self.assign(now, out);
        }
    }

    /// Layers that fell silent and new bitrates change the choice of layers.
    fn watch_layers(&mut self, now: Instant) {
        for (_, publication) in self.publications.iter_mut() {
            let simulcast = publication.layers.len() > 1;
            for layer in &mut publication.layers {
                let new_figure = layer.meter.tick(now) && simulcast;
                let inside = layer.scalability.as_mut().is_some_and(|layers| layers.tick(now));
                self.figures |= new_figure || inside;
                self.stale |= layer.falls_silent(now);
            }
        }
    }

    /// What a publisher has to be told: missing packets, needed key frames, reports, congestion feedback.
    fn upstream(&mut self, now: Instant, key: Key, out: &mut Outbox) {
        let Some(connection) = self.peers.get_mut(key).and_then(|peer| peer.connection.as_mut()) else { return };
        let sender = connection.ssrc;
        let mut lost_for_good: Vec<Origin> = Vec::new();
        let reporting = connection.connected
            && connection.reported_at.is_none_or(|at| now.saturating_duration_since(at) >= REPORT_EVERY);
        let mut blocks = Vec::new();
        for place in 0..connection.publications.len() {
            let publication_key = connection.publications[place];
            let Some(publication) = self.publications.get_mut(publication_key) else { continue };
            let nack = publication.section.codecs.iter().any(|codec| codec.feedback.nack);
            for (number, layer) in (0..).zip(&mut publication.layers) {
                let Some(ssrc) = layer.ssrc else { continue };
                if layer.arrivals.incomplete() {
                    self.scratch.clear();
                    if layer.arrivals.ask(now, &mut self.scratch) {
                        lost_for_good.push(Origin { publication: publication_key, layer: number });
                    }
                    if nack && !self.scratch.is_empty() {
                        connection.rtcp(|out| rtcp::nack(out, sender, ssrc, &self.scratch));
                    }
                }
                if reporting && let Some(figures) = layer.arrivals.figures() {
                    blocks.push(block(now, ssrc, figures, layer.report.as_ref()));
                }
            }
        }
        if reporting {
            connection.reported_at = Some(now);
            connection.rtcp(|out| rtcp::receiver_reports(out, sender, &blocks));
        }
        let feeding = connection.feedback_at.is_none_or(|at| now.saturating_duration_since(at) >= FEEDBACK_EVERY);
        if feeding && let Some((ssrc, _)) = connection.streams.first().copied() {
            connection.feedback_at = Some(now);
            let mut message = Vec::new();
            if connection.recorder.write(&mut message, sender, ssrc) {
                connection.rtcp(|out| out.append(&mut message));
            }
        }
        if connection.has_rtcp() {
            out.ready(self.key, key);
        }
        for origin in lost_for_good {
            self.ask_key_frame(now, origin, Duration::ZERO, out);
        }
    }

    /// What a viewer has to be told: clocks of its streams; and what it waits for.
    fn downstream(&mut self, now: Instant, key: Key, out: &mut Outbox) {
        let mut waiting = Vec::new();
        let Some(connection) = self.peers.get_mut(key).and_then(|peer| peer.connection.as_mut()) else { return };
        let mut reports = Vec::new();
        for slot in &mut connection.slots {
            for stream in slot.streams_mut() {
                stream.report(now, &self.clock, &self.publications, &mut reports);
                waiting.extend(stream.wanted.filter(|_| stream.waits(&self.publications)));
            }
        }
        for report in reports.chunks(rtcp::SENDER_REPORT_BYTES) {
            connection.rtcp(|out| out.extend_from_slice(report));
        }
        if connection.has_rtcp() {
            out.ready(self.key, key);
        }
        for origin in waiting {
            self.ask_key_frame(now, origin, KEY_FRAME_AGAIN, out);
        }
    }

    /// Tells the shell what has changed in slots.
    fn tell_all_slots(&mut self, out: &mut Outbox) {
        if !std::mem::take(&mut self.slots_changed) {
            return;
        }
        let keys: Vec<Key> = self.peers.iter().map(|(key, _)| key).collect();
        for key in keys {
            let connection = self.peers.get_mut(key).and_then(|peer| peer.connection.as_mut());
            if connection.is_some_and(Connection::slots_changed) {
                self.tell_slots(key, out);
            }
        }
    }

    fn tell_slots(&mut self, key: Key, out: &mut Outbox) {
        let slots = self.slot_news(key);
        if slots.is_empty() {
            return;
        }
        if let Some(peer) = self.peers.get(key) {
            out.event(Event::Slots { room: self.id, participant: peer.participant, slots });
        }
    }
}

fn block(now: Instant, ssrc: u32, figures: Figures, report: Option<&crate::reports::Report>) -> Block {
    let (last_report, delay) = report.map_or((0, 0), |report| (report.ntp_middle, report.delay(now)));
    Block { ssrc, figures, last_report, delay }
}
