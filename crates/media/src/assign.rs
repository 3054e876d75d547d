//! What each stream of each slot carries: sounds of who is heard, pictures of who is wished for, in the layer that fits
//! tile and path. Part of a room; decided anew whenever something changed that it depends on.

use crate::command::{SlotContent, SlotWish};
use crate::connection::Connection;
use crate::demand;
use crate::layers::{self, Wanted};
use crate::outbox::Outbox;
use crate::publication::{Publication, Viewer};
use crate::rewrite::Origin;
use crate::room::Room;
use crate::slab::{Key, Slab};
use crate::slot::Slot;
use model::ids::ParticipantId;
use model::source::Source;
use std::time::{Duration, Instant};

impl Room {
    /// Decides what each stream of each slot carries. Idempotent; called when anything changed that it depends on.
    pub(crate) fn assign(&mut self, now: Instant, out: &mut Outbox) {
        (self.stale, self.slots_changed) = (false, true);
        for (_, publication) in self.publications.iter_mut() {
            publication.viewers.clear();
            publication.demand.gather();
        }
        let mut waiting: Vec<Origin> = Vec::new();
        for (viewer, peer) in self.peers.iter_mut() {
            if let Some(connection) = &mut peer.connection {
                assign_sounds(viewer, connection, &mut self.publications, self.speakers.audible());
                assign_pictures(now, viewer, connection, &mut self.publications, &mut waiting);
                connection.slots.iter_mut().for_each(|slot| slot.changed = true);
            }
        }
        for origin in waiting {
            self.ask_key_frame(now, origin, Duration::ZERO, out);
        }
        self.tell_demand(now, out);
    }

    /// What the slots of a peer carry now, as far as that is news.
    pub(crate) fn slot_news(&mut self, key: Key) -> Vec<SlotContent> {
        let (peers, publications) = (&mut self.peers, &self.publications);
        let owner = |origin: Origin| Some(publications.get(origin.publication)?.owner);
        let Some(connection) = peers.get(key).and_then(|peer| peer.connection.as_ref()) else { return Vec::new() };
        let heard: Vec<Option<ParticipantId>> = connection
            .slots
            .iter()
            .map(|slot| slot.audio.wanted.and_then(owner).and_then(|owner| Some(peers.get(owner)?.participant)))
            .collect();
        let Some(connection) = peers.get_mut(key).and_then(|peer| peer.connection.as_mut()) else { return Vec::new() };
        connection.slots.iter_mut().zip(heard).filter_map(|(slot, heard)| slot.news(heard)).collect()
    }
}

/// The live publication of a participant.
fn published(publications: &Slab<Publication>, participant: ParticipantId, source: Source) -> Option<Key> {
    publications
        .iter()
        .find(|(_, publication)| {
            publication.live && publication.source == source && publication.participant == participant
        })
        .map(|(key, _)| key)
}

/// Each audible voice goes into the slot that shows its owner, else into a slot without picture where it stays as long
/// as it is audible. A slot with a screen carries the screen's sound.
fn assign_sounds(viewer: Key, connection: &mut Connection, publications: &mut Slab<Publication>, audible: &[Key]) {
    let mut places: Vec<Option<Key>> = vec![None; connection.slots.len()];
    let mut placed: Vec<Key> = Vec::new();
    for (place, slot) in connection.slots.iter().enumerate() {
        let Some((wish, participant)) = slot.wish.and_then(|wish| Some((wish, wish.participant?))) else { continue };
        let sound = match wish.source {
            Source::Screen | Source::ScreenSound => published(publications, participant, Source::ScreenSound),
            Source::Camera | Source::Microphone => {
                published(publications, participant, Source::Microphone).filter(|key| audible.contains(key))
            }
        };
        let own = |key: &Key| publications.get(*key).is_some_and(|publication| publication.owner == viewer);
        if let Some(sound) = sound.filter(|key| !placed.contains(key) && !own(key)) {
            placed.push(sound);
            places[place] = Some(sound);
        }
    }
    let others = audible.iter().filter(|key| !placed.contains(key));
    let mut others: Vec<Key> =
        others.filter(|key| publications.get(**key).is_some_and(|p| p.owner != viewer)).copied().collect();
    let extra = |connection: &Connection, place: usize| connection.slots[place].video.is_none();
    for place in (0..places.len()).filter(|place| extra(connection, *place)) {
        let kept = connection.slots[place].audio.wanted.map(|origin| origin.publication);
        if let Some(stays) = kept.and_then(|kept| others.iter().position(|key| *key == kept)) {
            places[place] = Some(others.remove(stays));
        }
    }
    for place in (0..places.len()).filter(|place| extra(connection, *place)) {
        if places[place].is_none() {
            places[place] = others.pop();
        }
    }
    for (place, sound) in places.into_iter().enumerate() {
        connection.slots[place].audio.want(sound.map(|publication| Origin { publication, layer: 0 }));
        if let Some(publication) = sound.and_then(|key| publications.get_mut(key)) {
            publication.viewers.push(Viewer { peer: viewer, slot: place as u8 });
        }
    }
}

/// Each wished picture in the layer that fits tile and path.
fn assign_pictures(
    now: Instant,
    viewer: Key,
    connection: &mut Connection,
    publications: &mut Slab<Publication>,
    waiting: &mut Vec<Origin>,
) {
    let shown = |wish: &SlotWish| -> Option<Key> {
        let source = match wish.source {
            Source::Screen | Source::ScreenSound => Source::Screen,
            Source::Camera | Source::Microphone => Source::Camera,
        };
        published(publications, wish.participant?, source).filter(|_| wish.height_px > 0)
    };
    let keys: Vec<Option<Key>> = connection.slots.iter().map(|slot| slot.wish.as_ref().and_then(shown)).collect();
    let wanted: Vec<Wanted> = connection
        .slots
        .iter()
        .zip(&keys)
        .map(|(slot, key)| {
            let publication = key.and_then(|key| publications.get(key));
            let layers = publication.map(Publication::choices);
            Wanted { layers: layers.unwrap_or_default(), height_px: slot.wish.map_or(0, |wish| wish.height_px) }
        })
        .collect();
    let is_current = |slot: &Slot, key: &Option<Key>| {
        let stream = slot.video.as_ref()?;
        let origin = stream.wanted.filter(|origin| Some(origin.publication) == *key)?;
        publications.get(origin.publication)?.choice_of(origin.layer, stream.wanted_layer())
    };
    let current: Vec<Option<u8>> =
        connection.slots.iter().zip(&keys).map(|(slot, key)| is_current(slot, key)).collect();
    let limit = connection.limit(now);
    connection.allowance.observe(now, limit);
    let all = demand::note(connection, &keys, &wanted, publications);
    let chosen = layers::keep_or_choose(&wanted, &current, connection.allowance.now(), connection.allowance.steady());
    connection.wanted_bps = layers::need(&all, &layers::choose(&all, None));
    for (place, (key, layer)) in keys.into_iter().zip(chosen).enumerate() {
        let Some(stream) = connection.slots[place].video.as_mut() else { continue };
        let comes = wanted[place].layers.iter().any(|layer| layer.active);
        let (Some(publication), true) = (key, layer.is_some() || !comes) else {
            // Nobody is to be seen there, or the path does not carry it; what waits of it must not be in the way.
            stream.want(None);
            connection.train.drop_pictures(stream.ssrc).into_iter().for_each(|first| stream.cut(first));
            continue;
        };
        // Nothing came yet: wait for the first layer that does.
        let step = layer.zip(publications.get(publication)).and_then(|(choice, from)| from.step(choice));
        let Some((layer, target)) = step else { continue };
        let origin = Origin { publication, layer };
        stream.want(Some(origin));
        stream.want_target(target, publications.get(publication).and_then(|from| from.layers(layer)));
        if stream.waits(publications) {
            waiting.push(origin);
        }
        if let Some(publication) = publications.get_mut(publication) {
            publication.viewers.push(Viewer { peer: viewer, slot: place as u8 });
        }
    }
}
