//! Pads: scanning an update before yrs sees it, and one keystroke from its frame to the row of the log and the frames
//! for 50 editors.

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use pads::access::{Person, Right};
use pads::connection::{Attach, ConnectionId, Gauge};
use pads::frame;
use pads::pad::{Effect, Pad};
use pads::scan::{self, Limits};
use std::sync::Arc;
use std::time::{Duration, Instant};
use yrs::updates::encoder::Encode;
use yrs::{ClientID, Doc, OffsetKind, Options, ReadTxn, StateVector, Text, Transact};

const EDITORS: u64 = 50;
/// A pad of this many characters is replaced by a new one, so that what is measured does not grow with the bench.
const TYPED_MAX: u32 = 5_000;
/// Longer than the pad waits for more to send together.
const PAUSE: Duration = Duration::from_millis(200);

fn document(client: u64) -> Doc {
    let mut options = Options::with_guid_and_client_id("bench".into(), ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    Doc::with_options(options)
}

fn type_at(doc: &Doc, at: u32, what: &str) -> Vec<u8> {
    let text = doc.get_or_insert_text("t");
    let mut transaction = doc.transact_mut();
    text.insert(&mut transaction, at, what);
    transaction.commit();
    transaction.encode_update_v1()
}

struct Running {
    pad: Pad,
    gauges: Vec<Arc<Gauge>>,
    author: Doc,
    typed: u32,
    now: Duration,
}

impl Running {
    fn new() -> Self {
        let (mut pad, _) = Pad::open(None, &[]).expect("an empty pad");
        let now = Duration::from_secs(1);
        let mut gauges = Vec::new();
        for number in 0..EDITORS {
            let (connection, gauge) = (ConnectionId(number), Arc::<Gauge>::default());
            gauges.push(Arc::clone(&gauge));
            let person = Person([number as u8; 16]); // 50 of them
            let (right, most) = (Right::Write, Right::Write);
            let mut effects =
                pad.attach(now, Attach { connection, person, right, most, name: None, acks: true, gauge });
            let vector = StateVector::default().encode_v1();
            effects.extend(pad.handle(now, connection, &frame::step1(&vector)));
            effects.extend(pad.handle(now, connection, &frame::step2(&[0, 0])));
            perform(&mut pad, &gauges, effects);
        }
        Self { pad, gauges, author: document(1), typed: 0, now }
    }

    /// One character; how long the pad took.
    fn key(&mut self) -> Duration {
        if self.typed >= TYPED_MAX {
            *self = Self::new();
        }
        let update = frame::update(&type_at(&self.author, self.typed / 2, "x"));
        self.typed += 1;
        self.now += PAUSE;
        let start = Instant::now();
        let mut effects = self.pad.handle(self.now, ConnectionId(0), &update);
        effects.extend(self.pad.tick(self.now));
        let told = perform(&mut self.pad, &self.gauges, effects);
        let took = start.elapsed();
        assert!(told + 1 >= EDITORS as usize, "only {told} frames");
        took
    }
}

/// Does what the shell would: the row is on disk, the frames are written. Gives how many frames there were.
fn perform(pad: &mut Pad, gauges: &[Arc<Gauge>], effects: Vec<Effect>) -> usize {
    let mut frames = 0;
    for effect in effects {
        match effect {
            Effect::Append { sequence, .. } => {
                let more = pad.committed(sequence);
                perform(pad, gauges, more);
            }
            Effect::Send { connection, frame } => {
                frames += 1;
                let starved = gauges[connection.0 as usize].written(frame.len());
                assert!(!starved, "everything is written at once");
            }
            Effect::Close { why, .. } => panic!("closed: {why:?}"),
            Effect::Quarantined => panic!("quarantined"),
        }
    }
    frames
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let doc = document(1);
    let key = type_at(&doc, 0, "x");
    for at in 0..2_000 {
        type_at(&doc, at / 2, "Wort ");
    }
    let whole = Bytes::from(doc.transact().encode_state_as_update_v1(&StateVector::default()));

    let mut group = criterion.benchmark_group("pads");
    for (name, update, allowed) in [("scan_key", &key[..], Limits::LIVE), ("scan_document", &whole, Limits::SYNC)] {
        group.throughput(Throughput::Bytes(update.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || update,
                |update| scan::update(update, allowed).expect("accepted").structs.len(),
                BatchSize::SmallInput,
            );
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("key_to_50", |bencher| {
        let mut running = Running::new();
        bencher.iter_custom(|keys| (0..keys).map(|_| running.key()).sum());
    });
    group.finish();
}
