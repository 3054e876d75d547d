//! Who speaks, from the levels that browsers send with each packet (RFC 6464), and whose sound is forwarded: the last
//! three who spoke. While at most three microphones are on, all are forwarded, so nobody's first word is cut off.
//! Owned by a room; told the time.

use crate::slab::Key;
use std::time::{Duration, Instant};

/// Sounds that are forwarded at a time.
pub(crate) const AUDIBLE_MAX: usize = 3;
/// Loudness (127 minus the level in -dBov) from which on somebody speaks, and below which they have stopped.
const SPEAKS: f32 = 77.0;
const STOPPED: f32 = 70.0;
/// A pause in speech.
const PAUSE: Duration = Duration::from_millis(400);
/// How much louder somebody must be to take the place of somebody who speaks too.
const LOUDER: f32 = 9.0;
/// A place that was just taken is not taken again before this (only among people who all speak).
const PLACE_KEPT: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Voice {
    publication: Key,
    loudness: f32,
    loud_at: Option<Instant>,
    placed_at: Option<Instant>,
    speaking: bool,
}

/// The voices of a room: its live microphones.
#[derive(Debug, Default)]
pub(crate) struct Speakers {
    voices: Vec<Voice>,
    audible: Vec<Key>,
    told: Vec<Key>,
}

impl Speakers {
    /// A microphone came on. True: who is audible has changed.
    pub(crate) fn add(&mut self, publication: Key) -> bool {
        if self.voices.iter().any(|voice| voice.publication == publication) {
            return false;
        }
        self.voices.push(Voice { publication, loudness: 0.0, loud_at: None, placed_at: None, speaking: false });
        self.fill()
    }

    /// A microphone went off. True: who is audible has changed.
    pub(crate) fn remove(&mut self, publication: Key) -> bool {
        self.voices.retain(|voice| voice.publication != publication);
        let before = self.audible.len();
        self.audible.retain(|key| *key != publication);
        let changed = before != self.audible.len();
        self.fill() || changed
    }

    /// Gives free places to those who spoke last.
    fn fill(&mut self) -> bool {
        let mut changed = false;
        while self.audible.len() < AUDIBLE_MAX {
            let free = self.voices.iter().filter(|voice| !self.audible.contains(&voice.publication));
            let Some(next) = free.max_by_key(|voice| voice.loud_at).map(|voice| voice.publication) else { break };
            self.audible.push(next);
            changed = true;
        }
        changed
    }

    /// Whose sound is forwarded.
    pub(crate) fn audible(&self) -> &[Key] {
        &self.audible
    }

    /// A packet with its level in -dBov (0 loudest, 127 silent). True: who is audible has changed.
    pub(crate) fn heard(&mut self, now: Instant, publication: Key, level: u8) -> bool {
        let Some(place) = self.voices.iter().position(|voice| voice.publication == publication) else { return false };
        let voice = &mut self.voices[place];
        let loudness = 127.0 - f32::from(level.min(127));
        let share = if loudness > voice.loudness { 0.25 } else { 0.06 };
        voice.loudness += (loudness - voice.loudness) * share;
        if voice.loudness >= SPEAKS || (voice.speaking && voice.loudness >= STOPPED) {
            voice.speaking = true;
            voice.loud_at = Some(now);
        }
        let (speaking, loudness) = (voice.speaking, voice.loudness);
        if !speaking || self.audible.contains(&publication) {
            return false;
        }
        let find = |key: &Key| self.voices.iter().find(|voice| voice.publication == *key);
        let silent = self.audible.iter().filter_map(find).filter(|voice| !voice.speaking);
        let victim = silent.min_by_key(|voice| voice.loud_at).or_else(|| {
            let settled = |voice: &&Voice| voice.placed_at.is_none_or(|at| now.duration_since(at) >= PLACE_KEPT);
            let quietest = self.audible.iter().filter_map(find).min_by(|a, b| a.loudness.total_cmp(&b.loudness))?;
            Some(quietest).filter(settled).filter(|quietest| quietest.loudness + LOUDER < loudness)
        });
        let Some(victim) = victim.map(|voice| voice.publication) else { return false };
        for key in &mut self.audible {
            if *key == victim {
                *key = publication;
            }
        }
        self.voices[place].placed_at = Some(now);
        true
    }

    /// Ends pauses; tells who speaks, loudest first, when that has changed.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Vec<Key>> {
        for voice in &mut self.voices {
            // Only whoever spoke: a voice that is just getting loud must not be held down here.
            if voice.speaking && voice.loud_at.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE) {
                voice.speaking = false;
                voice.loudness = voice.loudness.min(STOPPED - 1.0); // sound that stopped coming is silence
            }
        }
        let speaking: Vec<&Voice> = self.voices.iter().filter(|voice| voice.speaking).collect();
        let same =
            speaking.len() == self.told.len() && speaking.iter().all(|voice| self.told.contains(&voice.publication));
        if same {
            return None;
        }
        let mut loudest = speaking;
        loudest.sort_by(|a, b| b.loudness.total_cmp(&a.loudness));
        self.told = loudest.iter().map(|voice| voice.publication).collect();
        Some(self.told.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    const QUIET: u8 = 90;
    const LOUD: u8 = 25;

    struct Room {
        speakers: Speakers,
        keys: Vec<Key>,
        now: Instant,
    }

    impl Room {
        fn of(people: usize) -> Self {
            let mut slab = Slab::default();
            let mut speakers = Speakers::default();
            let keys: Vec<Key> = (0..people).map(|_| slab.insert(())).collect();
            for key in &keys {
                speakers.add(*key);
            }
            Self { speakers, keys, now: Instant::now() }
        }

        /// All send packets of 20 ms; those in `loud` speak. Tells who was told to speak.
        fn for_ms(&mut self, ms: u64, loud: &[usize]) -> Option<Vec<usize>> {
            let mut told = None;
            for step in 0..ms / 20 {
                self.now += Duration::from_millis(20);
                for (place, key) in self.keys.iter().enumerate() {
                    self.speakers.heard(self.now, *key, if loud.contains(&place) { LOUD } else { QUIET });
                }
                if step % 5 == 4 {
                    told = self.speakers.tick(self.now).or(told);
                }
            }
            told.map(|keys| keys.iter().filter_map(|key| self.keys.iter().position(|known| known == key)).collect())
        }

        fn audible(&self, place: usize) -> bool {
            self.speakers.audible().contains(&self.keys[place])
        }
    }

    #[test]
    fn three_microphones_are_always_audible() {
        let room = Room::of(3);
        assert!((0..3).all(|place| room.audible(place)));
    }

    /// told within 300 ms.
    #[test]
    fn a_speaker_is_known_soon_and_kept_over_a_breath() {
        let mut room = Room::of(5);
        assert_eq!(room.for_ms(300, &[4]), Some(vec![4]));
        assert!(room.audible(4));
        assert_eq!(room.for_ms(200, &[]), None, "a breath");
        assert_eq!(room.for_ms(1_500, &[]), Some(vec![]));
        assert!(room.audible(4), "the last speakers stay audible");
    }

    #[test]
    fn a_quiet_speaker_is_known_too() {
        let mut speakers = Speakers::default();
        let key = Slab::default().insert(());
        speakers.add(key);
        let start = Instant::now();
        let mut told = None;
        for step in 1..=30 {
            let now = start + Duration::from_millis(20) * step;
            speakers.heard(now, key, 42);
            told = speakers.tick(now).or(told);
        }
        assert_eq!(told, Some(vec![key]));
    }

    #[test]
    fn whoever_speaks_takes_the_place_of_who_was_silent_longest() {
        let mut room = Room::of(6);
        for place in [0, 1, 2, 3] {
            room.for_ms(400, &[place]);
            room.for_ms(1_500, &[]);
        }
        assert!(!room.audible(0) && room.audible(1) && room.audible(2) && room.audible(3));
        room.for_ms(400, &[1, 2, 3]);
        room.for_ms(400, &[1, 2, 3, 4]);
        assert!(!room.audible(4), "three speak already, as loud");
        room.for_ms(1_000, &[1, 2, 4]);
        assert!(room.audible(4) && !room.audible(3));
    }

    #[test]
    fn whoever_switches_off_leaves_their_place() {
        let mut room = Room::of(4);
        assert!(!room.audible(3));
        assert!(room.speakers.remove(room.keys[0]));
        assert!(room.audible(3) && !room.audible(0));
        assert!(!room.speakers.heard(room.now, room.keys[0], LOUD));
    }
}
