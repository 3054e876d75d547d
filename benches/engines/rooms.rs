//! The workshop: one command in a room of 100 people, from the command to its effects; and saving the room, which each
//! durable command does.

use crate::people::{Scene, chat, id};
use criterion::Criterion;
use model::role::Role;
use workshop::Command;

const PEOPLE: u8 = 100;

fn room() -> Scene {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    for number in 2..=PEOPLE {
        scene.come(number, Role::Participant);
    }
    scene
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("workshop");
    group.bench_function("hand", |bencher| {
        let (mut scene, mut raised) = (room(), false);
        bencher.iter(|| {
            scene.ms += 1_000; // slower than the limits on rate
            raised = !raised;
            scene.room.handle(scene.now(), id(2), Command::Hand { raised }).expect("carried out").len()
        });
    });
    group.bench_function("chat", |bencher| {
        let (mut scene, mut number) = (room(), 0);
        bencher.iter(|| {
            scene.ms += 1_000;
            number += 1;
            scene.room.handle(scene.now(), id(2), chat(number, "Guten Tag")).expect("carried out").len()
        });
    });
    group.bench_function("save", |bencher| {
        let scene = room();
        bencher.iter(|| scene.room.save().expect("saved").len());
    });
    group.finish();
}
