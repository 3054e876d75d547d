//! How people's connections do: into the figures without any name (P-04), and in a word to whom it concerns — everybody
//! hears of their own, those who lead of all that are not good. Part of the room task.

use super::task::Task;
use media::command::Health;
use metrics::{counter, describe_counter, describe_histogram, histogram};
use model::ids::ParticipantId;
use model::permission::{Action, may};
use model::quality::Quality;
use std::collections::BTreeMap;
use std::sync::Once;
use wire::server::{Event, PersonConnection};

/// Makes the figures known to whoever renders them.
fn describe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        describe_histogram!("media_loss_ratio", "Lost of the packets of two seconds, by way (up: to the server)");
        describe_histogram!("media_round_trip_seconds", "There and back over the media path");
        describe_histogram!("media_mbps", "Sound and pictures of one connection in Mbit/s, by way");
        describe_counter!("media_layer_switches_total", "Changes of a picture's layer");
        describe_counter!("media_quality_looks_total", "Looks at a connection, by the word for it");
    });
}

fn record(health: &Health) {
    let ratio = |permille: u16| f64::from(permille) / 1_000.0;
    for (way, loss, bps) in
        [("up", health.loss_up_permille, health.in_bps), ("down", health.loss_down_permille, health.out_bps)]
    {
        if let Some(loss) = loss {
            histogram!("media_loss_ratio", "way" => way).record(ratio(loss));
        }
        histogram!("media_mbps", "way" => way).record(bps as f64 / 1e6);
    }
    if let Some(ms) = health.round_trip_ms {
        histogram!("media_round_trip_seconds").record(ratio(ms));
    }
    counter!("media_layer_switches_total").increment(health.layer_switches.into());
    counter!("media_quality_looks_total", "quality" => health.quality.name()).increment(1);
}

impl Task {
    pub(super) fn health(&mut self, people: &[(ParticipantId, Health)]) {
        describe();
        people.iter().for_each(|(_, health)| record(health));
        let not_good: BTreeMap<ParticipantId, Quality> = people
            .iter()
            .map(|(id, health)| (*id, health.quality))
            .filter(|(_, quality)| *quality != Quality::Good)
            .collect();
        let object = self.room.object();
        let here: Vec<ParticipantId> =
            self.seats.keys().copied().filter(|&id| self.room.person(id).is_some()).collect();
        self.connections.retain(|id, _| here.contains(id));
        for who in here {
            let all = may(&self.room.actor(who), Action::ModerateRoom, &object);
            let theirs = not_good.iter().filter(|(whose, _)| all || **whose == who);
            let theirs: BTreeMap<_, _> = theirs.map(|(whose, quality)| (*whose, *quality)).collect();
            let told = self.connections.entry(who).or_default();
            if *told == theirs {
                continue;
            }
            told.clone_from(&theirs);
            let people = theirs.into_iter().map(|(participant, quality)| PersonConnection { participant, quality });
            self.send(vec![who], Event::Connections { people: people.collect() });
        }
    }
}
