//! What is measured: who is in which room, who publishes what, who sees it, and the packets of each stream with their
//! sizes and times. Deterministic, so that every server and the floor meet the same packets.

use std::time::Duration;

/// The largest payload of a packet in the workshop profiles, as browsers cut them.
const PAYLOAD_MAX: usize = 1_150;
/// Payload that makes a 1,200-byte packet with twelve bytes of header and twelve of extensions.
pub(crate) const BURST_PAYLOAD: usize = 1_176;
/// Between two packets of a frame: a publisher's uplink of about 20 Mbit/s.
const SPACING: Duration = Duration::from_micros(400);
/// Pictures that our web client asks for on a wide screen, and places for voices without picture.
pub(crate) const PICTURES: usize = 9;
pub(crate) const VOICES: usize = 3;
/// People in a breakout room.
pub(crate) const ROOM_PEOPLE: usize = 8;

/// What a publication is to the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Voice,
    Camera,
    Screen,
}

/// How its packets look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 20 frames a second of six 1,200-byte packets, at once.
    Burst,
    /// 20 frames a second of 2.4 packets.
    Camera360,
    /// 20 frames a second of 1.25 packets.
    Camera180,
    /// 15 frames a second: half of each second 15 packets a frame (something moves), else one.
    Screen1080,
    /// Opus, 50 packets a second of 60 to 110 bytes.
    Voice,
}

/// A stream that somebody publishes.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) owner: usize,
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
}

/// Somebody.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) room: usize,
    /// Publications whose pictures they see, and how high each is drawn.
    pub(crate) pictures: Vec<(usize, u16)>,
    /// Publications that they hear.
    pub(crate) voices: Vec<usize>,
}

/// A profile.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// First part of the figures' names.
    pub(crate) name: String,
    pub(crate) rooms: usize,
    pub(crate) people: Vec<Person>,
    pub(crate) publications: Vec<Publication>,
}

impl Profile {
    fn new(name: &str, rooms: usize, people: usize) -> Self {
        let person = |number| Person { room: number * rooms / people, pictures: Vec::new(), voices: Vec::new() };
        let people = (0..people).map(person).collect();
        Self { name: name.to_owned(), rooms, people, publications: Vec::new() }
    }

    fn publish(&mut self, owner: usize, kind: Kind, shape: Shape) -> usize {
        self.publications.push(Publication { owner, kind, shape });
        self.publications.len() - 1
    }

    /// Everybody else in the room sees or hears it.
    fn show(&mut self, publication: usize, height_px: u16) {
        let (owner, kind) = (self.publications[publication].owner, self.publications[publication].kind);
        let room = self.people[owner].room;
        let others = self.people.iter_mut().enumerate().filter(|(place, one)| *place != owner && one.room == room);
        for (_, person) in others {
            match kind {
                Kind::Voice => person.voices.push(publication),
                _ => person.pictures.push((publication, height_px)),
            }
        }
    }

    /// (a) One camera to so many viewers.
    pub(crate) fn video(viewers: usize) -> Self {
        let mut profile = Self::new(&format!("video_n{viewers}"), 1, viewers + 1);
        let camera = profile.publish(0, Kind::Camera, Shape::Burst);
        profile.show(camera, 720);
        profile
    }

    /// (b) The default workshop, 100 people: a speaker, six tiles, a shared screen, three voices.
    pub(crate) fn workshop(people: usize) -> Self {
        let mut profile = Self::new("workshop", 1, people);
        for owner in 0..7 {
            let (shape, height_px) = if owner == 0 { (Shape::Camera360, 360) } else { (Shape::Camera180, 180) };
            let camera = profile.publish(owner, Kind::Camera, shape);
            profile.show(camera, height_px);
        }
        let screen = profile.publish(0, Kind::Screen, Shape::Screen1080);
        profile.show(screen, 1_080);
        profile.speak(&[0, 1, 2]);
        profile
    }

    /// (c) 100 people, of whom three speak.
    pub(crate) fn audio(people: usize) -> Self {
        let mut profile = Self::new("audio", 1, people);
        profile.speak(&[0, 1, 2]);
        profile
    }

    /// (d) 12 rooms of eight people, each with everybody's camera (one of them large) and three voices.
    pub(crate) fn breakouts(rooms: usize) -> Self {
        let mut profile = Self::new("breakouts", rooms, rooms * ROOM_PEOPLE);
        for room in 0..rooms {
            let first = room * ROOM_PEOPLE;
            for member in 0..ROOM_PEOPLE {
                let (shape, height_px) = if member == 0 { (Shape::Camera360, 360) } else { (Shape::Camera180, 180) };
                let camera = profile.publish(first + member, Kind::Camera, shape);
                profile.show(camera, height_px);
            }
            profile.speak(&[first, first + 1, first + 2]);
        }
        profile
    }

    fn speak(&mut self, owners: &[usize]) {
        for owner in owners {
            let voice = self.publish(*owner, Kind::Voice, Shape::Voice);
            self.show(voice, 0);
        }
    }

    /// Who gets each publication.
    pub(crate) fn viewers(&self) -> Vec<Vec<usize>> {
        let gets = |person: &Person, publication: usize| {
            person.voices.contains(&publication) || person.pictures.iter().any(|(one, _)| *one == publication)
        };
        (0..self.publications.len())
            .map(|one| (0..self.people.len()).filter(|place| gets(&self.people[*place], one)).collect())
            .collect()
    }

    /// What somebody publishes.
    pub(crate) fn published_by(&self, owner: usize) -> impl Iterator<Item = (usize, &Publication)> {
        self.publications.iter().enumerate().filter(move |(_, publication)| publication.owner == owner)
    }

    /// The packets of a publication.
    pub(crate) fn packets(&self, publication: usize) -> Packets {
        Packets::new(self.publications[publication].shape, publication)
    }
}

/// One packet of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// When it is sent, from the beginning.
    pub(crate) at: Duration,
    pub(crate) payload_bytes: usize,
    pub(crate) frame: u32,
    pub(crate) first: bool,
    pub(crate) last: bool,
}

/// The endless packets of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Packets {
    shape: Shape,
    phase: Duration,
    seed: u64,
    frame: u32,
    part: usize,
    parts: usize,
    /// Payload of the frame's packets, and how many of them, the last ones, are one byte longer.
    bytes: (usize, usize),
}

impl Packets {
    fn new(shape: Shape, number: usize) -> Self {
        // Publishers are not in step.
        let interval_us = Self::interval(shape).as_micros() as u64;
        let phase = Duration::from_micros(7_300 * number as u64 % interval_us);
        let seed = number as u64 + 1;
        let mut packets = Self { shape, phase, seed, frame: 0, part: 0, parts: 1, bytes: (0, 0) };
        packets.begin();
        packets
    }

    fn interval(shape: Shape) -> Duration {
        match shape {
            Shape::Burst | Shape::Camera360 | Shape::Camera180 => Duration::from_millis(50),
            Shape::Screen1080 => Duration::from_nanos(1_000_000_000 / 15),
            Shape::Voice => Duration::from_millis(20),
        }
    }

    fn random(&mut self, low: usize, high: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (self.seed >> 33) as usize % (high - low + 1)
    }

    fn begin(&mut self) {
        let place = self.frame as usize;
        self.part = 0;
        self.parts = match self.shape {
            Shape::Burst => 6,
            Shape::Camera360 => [2, 3, 2, 3, 2][place % 5],
            Shape::Camera180 => [1, 1, 2, 1][place % 4],
            Shape::Screen1080 => {
                if place % 15 < 8 {
                    15
                } else {
                    1
                }
            }
            Shape::Voice => 1,
        };
        self.bytes = match (self.shape, self.parts) {
            (Shape::Burst, _) => (BURST_PAYLOAD, 0),
            (Shape::Voice, _) => (self.random(60, 110), 0),
            (Shape::Screen1080, 1) => (self.random(100, 300), 0),
            (_, 1) => (self.random(400, PAYLOAD_MAX), 0),
            // Browsers cut a frame into equal parts; where that leaves a rest, the last ones are a byte longer.
            (_, parts) => (self.random(700, PAYLOAD_MAX - 1), self.random(0, parts - 1)),
        };
    }
}

impl Iterator for Packets {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        if self.part == self.parts {
            self.frame += 1;
            self.begin();
        }
        let spacing = if self.shape == Shape::Burst { Duration::ZERO } else { SPACING };
        let longer = usize::from(self.part + self.bytes.1 >= self.parts);
        let packet = Packet {
            at: self.phase + Self::interval(self.shape) * self.frame + spacing * self.part as u32,
            payload_bytes: self.bytes.0 + longer,
            frame: self.frame,
            first: self.part == 0,
            last: self.part + 1 == self.parts,
        };
        self.part += 1;
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_seconds(profile: &Profile, publication: usize, seconds: u64) -> Vec<Packet> {
        profile.packets(publication).take_while(|packet| packet.at < Duration::from_secs(seconds)).collect()
    }

    #[test]
    fn the_workshop_is_what_it_is_said_to_be() {
        let profile = Profile::workshop(100);
        let per_frame = |publication: usize| {
            let packets = in_seconds(&profile, publication, 20);
            packets.len() as f64 / packets.iter().filter(|packet| packet.last).count() as f64
        };
        assert!((per_frame(0) - 2.4).abs() < 0.05 && (per_frame(1) - 1.25).abs() < 0.05);
        let viewers = profile.viewers();
        assert!(viewers.iter().all(|viewers| viewers.len() == 99));
        assert_eq!(profile.people[50].pictures.len(), 8);
        assert_eq!(profile.people[50].voices.len(), 3);
        assert!((0..profile.publications.len()).all(|one| in_seconds(&profile, one, 5).is_sorted_by_key(|p| p.at)));
        assert!(in_seconds(&profile, 0, 5).iter().all(|packet| packet.payload_bytes <= PAYLOAD_MAX));
    }

    #[test]
    fn breakouts_keep_to_themselves() {
        let profile = Profile::breakouts(12);
        assert_eq!(profile.people.iter().map(|one| one.pictures.len()).collect::<Vec<_>>(), vec![7; 96]);
        for (publication, viewers) in profile.viewers().iter().enumerate() {
            let room = profile.people[profile.publications[publication].owner].room;
            assert!(viewers.len() == 7 && viewers.iter().all(|viewer| profile.people[*viewer].room == room));
        }
    }

    #[test]
    fn a_burst_is_six_packets_at_once() {
        let profile = Profile::video(50);
        let packets = in_seconds(&profile, 0, 1);
        assert_eq!(packets.len(), 120);
        assert!(packets[..6].iter().all(|packet| packet.at == packets[0].at));
        assert!(packets[0].first && packets[5].last);
    }
}
