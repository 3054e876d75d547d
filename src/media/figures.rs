//! What the media engine has counted, for `/metrics`. The worker hands it over between two batches of datagrams; the
//! handles are made once, so that telling costs an atomic store each and neither a lock nor memory.

use media::engine::Counters;
use metrics::{Counter, counter, describe_counter};

/// The exported figures.
pub struct Figures {
    told: Option<(Counters, u64)>,
    stun_unknown: Counter,
    address_unknown: Counter,
    other: Counter,
    trains: Counter,
    packets: Counter,
    unsent: Counter,
    room_faults: Counter,
    certificates_refused: Counter,
}

impl Figures {
    /// Makes them known to whoever renders metrics; `telemetry` has to be started.
    #[must_use]
    pub fn new() -> Self {
        describe_counter!("media_datagrams_refused_total", "Datagrams that belong to nobody (S-30)");
        describe_counter!("media_trains_total", "Trains of packets sent, each by one system call where possible");
        describe_counter!("media_packets_total", "Packets in those trains");
        describe_counter!("media_unsent_total", "Datagrams that the system did not take");
        describe_counter!("media_room_faults_total", "Rooms closed because of a fault; must stay 0");
        describe_counter!(
            "media_certificates_refused_total",
            "Connections with another certificate than signalled (S-31)"
        );
        Self {
            told: None,
            stun_unknown: counter!("media_datagrams_refused_total", "why" => "stun_unknown"),
            address_unknown: counter!("media_datagrams_refused_total", "why" => "address_unknown"),
            other: counter!("media_datagrams_refused_total", "why" => "other"),
            trains: counter!("media_trains_total"),
            packets: counter!("media_packets_total"),
            unsent: counter!("media_unsent_total"),
            room_faults: counter!("media_room_faults_total"),
            certificates_refused: counter!("media_certificates_refused_total"),
        }
    }

    /// Tells what was counted so far.
    pub fn tell(&mut self, counters: Counters, unsent: u64) {
        if self.told.replace((counters, unsent)) == Some((counters, unsent)) {
            return;
        }
        self.stun_unknown.absolute(counters.demux.stun_unknown);
        self.address_unknown.absolute(counters.demux.address_unknown);
        self.other.absolute(counters.demux.other);
        self.trains.absolute(counters.trains);
        self.packets.absolute(counters.packets);
        self.unsent.absolute(unsent);
        self.room_faults.absolute(counters.panics);
        self.certificates_refused.absolute(counters.certificates_refused);
    }
}
