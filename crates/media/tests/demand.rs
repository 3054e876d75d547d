//! Publishers are told what anybody looks at, so that they stop sending the rest; a viewer who wants a layer that was off
//! sees the next lower one until the first key frame of the new one.

mod common;

use common::meeting::{CAMERA, Meeting};
use model::source::Source;
use std::time::Duration;
use werkraum_media::command::{Command, Event};

const FRAME: Duration = Duration::from_millis(33);

/// A publisher that does as it is told: sends the wanted layers, and a key frame when one comes on or is asked for.
struct Camera {
    who: usize,
    next: u32,
    on: Vec<String>,
    read: usize,
}

impl Camera {
    fn new(who: usize) -> Self {
        Self { who, next: 0, on: Vec::new(), read: 0 }
    }

    /// What it was told since the last call: wanted layers and height.
    fn told(&mut self, meeting: &Meeting) -> Vec<(Vec<String>, u16)> {
        let id = meeting.clients[self.who].id;
        let news = meeting.events[self.read..].iter().filter_map(|event| match event {
            Event::Wanted { participant, source: Source::Camera, rids, height_px, .. } if *participant == id => {
                Some((rids.clone(), *height_px))
            }
            _ => None,
        });
        let news = news.collect();
        self.read = meeting.events.len();
        news
    }

    fn frame(&mut self, meeting: &mut Meeting) -> Vec<(Vec<String>, u16)> {
        let told = self.told(meeting);
        let mut fresh = Vec::new();
        for (rids, _) in &told {
            fresh.extend(rids.iter().filter(|rid| !self.on.contains(rid)).cloned());
            self.on.clone_from(rids);
        }
        let asked = std::mem::take(&mut meeting.clients[self.who].key_frames_asked);
        for (layer, rid) in ["q", "h", "f"].into_iter().enumerate() {
            let layer = layer as u32;
            if self.on.iter().any(|on| on == rid) {
                let key = fresh.iter().any(|fresh| fresh == rid) || asked.contains(&(CAMERA + layer));
                meeting.picture(self.who, self.next, key, layer);
            }
        }
        self.next += 1;
        meeting.pass(FRAME);
        told
    }

    /// Sends for so many frames; gives what it was told meanwhile.
    fn send(&mut self, meeting: &mut Meeting, frames: u32) -> Vec<(Vec<String>, u16)> {
        (0..frames).flat_map(|_| self.frame(meeting)).collect()
    }
}

fn wanted(rids: &[&str], height_px: u16) -> (Vec<String>, u16) {
    (rids.iter().map(|rid| (*rid).to_owned()).collect(), height_px)
}

/// The layer of a received picture, by the height in its key frames.
fn heights(meeting: &Meeting, viewer: usize, from: usize) -> Vec<u16> {
    let pictures = meeting.stream(viewer, meeting.clients[viewer].slots[0].video);
    let keys = pictures[from..].iter().filter(|packet| packet.payload[0] == 0x90 && packet.payload[5] & 1 == 0);
    keys.map(|packet| u16::from_le_bytes([packet.payload[13], packet.payload[14]])).collect()
}

#[test]
fn a_publisher_stops_what_nobody_sees_and_begins_again_at_once() {
    let mut meeting = Meeting::new();
    let (a, b) = (meeting.join(1, true), meeting.join(1, false));
    let mut camera = Camera::new(a);
    let told = camera.send(&mut meeting, 60);
    assert_eq!(told, [wanted(&["q", "h", "f"], 2_160), wanted(&[], 0)], "nobody looks");

    meeting.wish(b, 0, Some(a), 150);
    assert_eq!(camera.send(&mut meeting, 60), [wanted(&["q"], 180)]);
    let seen = meeting.stream(b, meeting.clients[b].slots[0].video).len();
    assert!(seen > 60, "{seen}");

    meeting.wish(b, 0, Some(a), 700);
    let before = meeting.now;
    assert_eq!(camera.send(&mut meeting, 60), [wanted(&["q", "f"], 720)], "the smallest stays to fall back on");
    let heights = heights(&meeting, b, seen);
    assert!(
        !heights.is_empty() && heights.iter().all(|height| *height == 720),
        "straight to the large one: {heights:?}"
    );
    let pictures = meeting.stream(b, meeting.clients[b].slots[0].video);
    for pair in pictures[seen..].windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert!(pair[1].at - pair[0].at < Duration::from_millis(100), "never black: {:?}", pair[1].at - before);
    }

    meeting.wish(b, 0, Some(a), 100);
    assert_eq!(camera.send(&mut meeting, 60), [wanted(&["q"], 180)]);
    meeting.wish(b, 0, None, 0);
    assert_eq!(camera.send(&mut meeting, 60), [wanted(&[], 0)]);
}

#[test]
fn turning_a_page_and_back_switches_nothing_off() {
    let mut meeting = Meeting::new();
    let (a, b) = (meeting.join(1, true), meeting.join(1, false));
    let mut camera = Camera::new(a);
    meeting.wish(b, 0, Some(a), 700);
    camera.send(&mut meeting, 90);
    for _ in 0..4 {
        meeting.wish(b, 0, None, 0);
        assert!(camera.send(&mut meeting, 15).is_empty());
        meeting.wish(b, 0, Some(a), 700);
        assert!(camera.send(&mut meeting, 15).is_empty());
    }
}

#[test]
fn what_one_viewer_needs_stays_on_when_another_goes() {
    let mut meeting = Meeting::new();
    let (a, b, c) = (meeting.join(1, true), meeting.join(1, false), meeting.join(1, false));
    let mut camera = Camera::new(a);
    meeting.wish(b, 0, Some(a), 700);
    meeting.wish(c, 0, Some(a), 300);
    camera.send(&mut meeting, 90);
    let (room, participant) = (meeting.room, meeting.clients[b].id);
    meeting.command(Command::Leave { room, participant });
    assert_eq!(camera.send(&mut meeting, 60), [wanted(&["q", "h"], 360)]);
}

#[test]
fn a_camera_that_is_switched_on_again_begins_with_everything() {
    let mut meeting = Meeting::new();
    let a = meeting.join(1, true);
    let mut camera = Camera::new(a);
    camera.send(&mut meeting, 60);
    let (room, participant) = (meeting.room, meeting.clients[a].id);
    for on in [false, true] {
        meeting.command(Command::SetOn { room, participant, source: Source::Camera, on });
    }
    meeting.command(Command::SetOn { room, participant, source: Source::Camera, on: false });
    camera.send(&mut meeting, 5);
    meeting.command(Command::SetOn { room, participant, source: Source::Camera, on: true });
    assert_eq!(camera.send(&mut meeting, 60), [wanted(&["q", "h", "f"], 2_160), wanted(&[], 0)]);
}
