//! What a viewer gets of layered streams, over random rows of wishes, losses and reorderings: numbers without gaps, no
//! frame without those that it depends on, and the wished layers in the end. Seeded; a failing seed is printed.

use super::*;
use crate::cache::{Cache, Kept};
use crate::descriptor::scalable::{Encoder, Frame as Encoded, MODES, Mode};
use crate::payload::{Number, Picture, inspect};
use crate::rewrite::{Origin, Rewriter};
use crate::scalability::Seen;
use crate::sdp::CodecKind;
use crate::slab::Slab;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Av1,
    Vp9 { flexible: bool },
    Vp8,
}

/// A packet on its way.
#[derive(Clone)]
struct Packet {
    sequence: u64,
    frame: Encoded,
    start: bool,
    end: bool,
    marker: bool,
}

/// A forwarded packet.
struct Forwarded {
    packet: Packet,
    marker: bool,
    picture: u16,
}

struct World {
    form: Form,
    seed: u64,
    now: Instant,
    layers: Scalability,
    cache: Cache,
    rewriter: Rewriter,
    selector: Selector,
    origin: Origin,
    started: bool,
    arrived: HashSet<u64>,
    /// By outgoing number, unwrapped.
    out: BTreeMap<u64, Forwarded>,
    fillers: HashSet<u64>,
    newest_out: u64,
    /// Frames of which a packet was lost, at least at first.
    damaged: HashSet<u64>,
}

impl World {
    fn new(form: Form, seed: u64) -> Self {
        Self {
            form,
            seed,
            now: Instant::now(),
            layers: Scalability::default(),
            cache: Cache::new(1 << 20, 1 << 20),
            rewriter: Rewriter::new(65_400, 9),
            selector: Selector::new(),
            origin: Origin { publication: Slab::default().insert(()), layer: 0 },
            started: false,
            arrived: HashSet::new(),
            out: BTreeMap::new(),
            fillers: HashSet::new(),
            newest_out: 65_400 + 65_536,
            damaged: HashSet::new(),
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn unwrapped(&mut self, sequence: u16) -> u64 {
        let ahead = i64::from(sequence.wrapping_sub(self.newest_out as u16) as i16);
        let number = self.newest_out.checked_add_signed(ahead).expect("not below the start");
        self.newest_out = self.newest_out.max(number);
        number
    }

    /// Takes a packet as a publication does.
    fn keep(&mut self, packet: &Packet) -> Kept {
        let Packet { frame, start, end, .. } = packet;
        let timestamp = frame.picture as u32 * 3_000;
        let (codec, payload, descriptor) = match self.form {
            Form::Av1 => (CodecKind::Av1, vec![0], frame.descriptor(*start, *end, frame.picture % 3 == 1, None)),
            Form::Vp9 { flexible } => (CodecKind::Vp9, frame.vp9(*start, *end, flexible), Vec::new()),
            Form::Vp8 => (CodecKind::Vp8, frame.vp8(*start), Vec::new()),
        };
        let (mut picture, place): (Picture, _) = inspect(codec, &payload);
        let described = (!descriptor.is_empty()).then_some(&descriptor[..]);
        let seen = Seen { sequence: packet.sequence, timestamp, bytes: 1_000, descriptor: described, place };
        self.layers.take(self.now, &seen, &mut picture);
        if described.is_some() {
            picture.id = Some(Number { at: 1, value: frame.number as u16, long: true });
        }
        let parts = [&payload[..], &descriptor[..]];
        self.cache.keep(self.now, packet.sequence, timestamp, packet.marker, picture, parts).expect("fits")
    }

    /// Takes a packet to the viewer as a slot does.
    fn arrive(&mut self, packet: Packet) {
        let kept = self.keep(&packet);
        self.arrived.insert(packet.sequence);
        let Some(frame) = self.layers.frame(kept.picture.frame).copied() else {
            // Its structure was lost; a key picture is asked for.
            self.damaged.insert(packet.frame.number);
            if self.started
                && let Some(numbers) = self.rewriter.omit(&kept)
            {
                let number = self.unwrapped(numbers.sequence);
                self.fillers.insert(number);
            }
            return;
        };
        if !self.started {
            if !kept.picture.key {
                return;
            }
            self.rewriter.begin(self.origin, &kept, 1);
            self.selector.start(&self.layers, &frame);
            self.started = true;
        }
        match self.selector.decide(&self.layers, &frame) {
            Verdict::Omit => {
                if let Some(numbers) = self.rewriter.omit(&kept) {
                    let number = self.unwrapped(numbers.sequence);
                    assert!(self.fillers.insert(number) && !self.out.contains_key(&number));
                }
            }
            Verdict::Forward { omitted, last } => {
                let omitted = if self.layers.closes_ids() { omitted } else { 0 };
                let Some(numbers) = self.rewriter.rewrite(&kept, omitted) else { return };
                assert_eq!(self.rewriter.find(numbers.sequence), Some((self.origin, packet.sequence)));
                let again = self.rewriter.again(self.origin, numbers.sequence, &kept, omitted);
                assert_eq!(again, Some(numbers));
                let number = self.unwrapped(numbers.sequence);
                let marker = kept.marker || kept.picture.end && last;
                let forwarded = Forwarded { packet, marker, picture: numbers.picture };
                assert!(self.out.insert(number, forwarded).is_none(), "number {number} given twice");
                assert!(!self.fillers.contains(&number));
            }
        }
    }

    /// What must hold of all that was forwarded.
    fn check(&self, mode: Mode, lossless: bool) {
        let what = format!("{} {:?}", mode.name, self.form);
        let (Some(first), Some(last)) = (self.out.keys().next(), self.out.keys().last()) else {
            panic!("{what}: nothing was forwarded");
        };
        for number in *first..*last {
            if !self.out.contains_key(&number) && !self.fillers.contains(&number) {
                let missing = self.rewriter.find(number as u16).map(|(_, packet)| packet);
                let known = self.newest_out - number < 400;
                assert!(!lossless, "{what}: gap at {number}");
                assert!(!known || missing.is_some_and(|packet| !self.arrived.contains(&packet)), "{what}: {missing:?}");
            }
        }
        let forwarded: HashMap<u64, &Encoded> =
            self.out.values().map(|one| (one.packet.frame.number, &one.packet.frame)).collect();
        let first = forwarded.keys().min().expect("some");
        for frame in forwarded.values() {
            for on in &frame.on {
                assert!(on >= first, "{what}: {} depends on {on}, before the start", frame.number);
                let is_there = forwarded.contains_key(on) || self.damaged.contains(on);
                assert!(is_there, "{what}: {} without {on}", frame.number);
            }
        }
        if lossless {
            let mut pictures: BTreeMap<u64, Vec<&Forwarded>> = BTreeMap::new();
            for one in self.out.values() {
                pictures.entry(one.packet.frame.picture).or_default().push(one);
            }
            for packets in pictures.values() {
                let (last, others) = packets.split_last().expect("some");
                assert!(last.marker && others.iter().all(|one| !one.marker), "{what}: marker");
            }
            if self.form == Form::Vp8 {
                let ids: Vec<u16> = pictures.values().map(|packets| packets[0].picture & 0x7fff).collect();
                assert!(ids.windows(2).all(|pair| pair[1] == (pair[0] + 1) & 0x7fff), "{what}: {ids:?}");
            }
        }
    }
}

fn run(mode: Mode, form: Form, seed: u64, loss_permille: u64) {
    let mut world = World::new(form, seed);
    let first = world.draw(60_000);
    let mut encoder = Encoder::new(mode, first, first);
    let (mut sequence, mut later): (u64, Vec<(u64, Packet)>) = (100_000, Vec::new());
    let targets = mode.targets();
    let (mut wished, mut wished_at, mut asked) = (targets.len() - 1, 0, true);
    for picture in 0..220_u64 {
        if picture - wished_at > 24 && world.draw(20) == 0 {
            (wished, wished_at) = (world.draw(targets.len() as u64) as usize, picture);
        }
        let settled = picture - wished_at > 24;
        if world.started {
            let layer = targets[wished];
            let number = world.layers.nearest(layer.0, layer.1).expect("a target");
            world.selector.want(number, layer);
            asked |= world.selector.waits(&world.layers) && world.draw(3) == 0;
        } else if let Some(number) = world.layers.nearest(9, 9) {
            world.selector.want(number, (9, 9));
        }
        let frames = encoder.picture(std::mem::take(&mut asked));
        let top = frames.len() - 1;
        for (place, frame) in frames.into_iter().enumerate() {
            if loss_permille == 0 && settled && picture > 60 && world.started {
                let belongs = frame.indications[wished] > 0;
                let got = |world: &World| world.out.values().any(|one| one.packet.frame.number == frame.number);
                let parts = 1 + world.draw(3);
                let all = packets(&frame, parts, place == top, &mut sequence);
                all.into_iter().for_each(|packet| world.arrive(packet));
                assert_eq!(got(&world), belongs, "{} {form:?} {picture}: {:?} of {wished}", mode.name, frame);
                continue;
            }
            let parts = 1 + world.draw(3);
            for packet in packets(&frame, parts, place == top, &mut sequence) {
                if world.draw(1_000) < loss_permille {
                    world.damaged.insert(frame.number);
                    if world.draw(4) > 0 {
                        let delay = 1 + world.draw(12);
                        later.push((packet.sequence + delay, packet));
                    }
                    continue;
                }
                let now = packet.sequence;
                world.arrive(packet);
                let due: Vec<Packet> = later.extract_if(.., |(at, _)| *at <= now).map(|(_, packet)| packet).collect();
                due.into_iter().for_each(|packet| world.arrive(packet));
            }
        }
        world.now += Duration::from_millis(33);
        world.layers.tick(world.now);
        // The publisher mends what was lost of a key picture by another one.
        asked |= world.layers.take_broken() || !world.started;
    }
    world.check(mode, loss_permille == 0);
}

fn packets(frame: &Encoded, parts: u64, top: bool, sequence: &mut u64) -> Vec<Packet> {
    (0..parts)
        .map(|part| {
            *sequence += 1;
            let end = part + 1 == parts;
            Packet { sequence: *sequence, frame: frame.clone(), start: part == 0, end, marker: end && top }
        })
        .collect()
}

fn forms(mode: Mode) -> Vec<Form> {
    let mut forms = vec![Form::Av1, Form::Vp9 { flexible: true }, Form::Vp9 { flexible: false }];
    if mode.spatial == 1 {
        forms.push(Form::Vp8);
    }
    forms
}

#[test]
fn every_mode_without_loss() {
    for mode in MODES {
        for form in forms(mode) {
            for seed in 0..40 {
                run(mode, form, seed, 0);
            }
        }
    }
}

#[test]
fn every_mode_with_loss_and_reordering() {
    for mode in MODES {
        for form in forms(mode) {
            for seed in 0..40 {
                run(mode, form, 1_000 + seed, 40);
            }
        }
    }
}
