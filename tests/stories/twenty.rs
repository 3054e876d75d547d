//! Story: twenty people in one room, all with sound and picture on. Everybody hears everybody who speaks, three at a
//! time, and sees whom they asked for; what that costs the server is printed.

use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use model::role::Role;
use reqwest::Method;
use serde_json::json;
use testkit::figure;
use testkit::participant::{PAIRS, Participant};
use testkit::server::Server;
use wire::api::Room;

use crate::BINARY;

const PEOPLE: usize = 20;
/// As many as are carried at once.
const VOICES: usize = 3;
const LOUD: u8 = 20;
const SILENT: u8 = 127;
/// One second of sound, two of pictures.
const SOUND_PACKETS: u64 = 50;
const PICTURES: u64 = 30;

async fn full_room(server: &Server) -> Result<Vec<Participant>> {
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().context("printed")?).await?;
    let room = admin.create_room("Vollversammlung").await?;
    let mut settings = room.settings.clone();
    settings.lobby = false;
    let body = json!({ "version": room.version, "settings": settings });
    let _: Room = admin.call(Method::PATCH, &format!("/api/v1/rooms/{}", room.id), &body).await?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    let mut people = Vec::with_capacity(PEOPLE);
    for number in 0..PEOPLE {
        people.push(Participant::join(server, &secret, &format!("Teilnehmerin {number}")).await?);
    }
    for person in &mut people {
        person.publish_audio(SILENT).await?;
        person.publish_video().await?;
    }
    Ok(people)
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_people_hear_who_speaks_and_see_whom_they_asked_for() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let idle_bytes = server.resident_bytes()?;
    let people = full_room(&server).await?;
    let ids: Vec<_> = people.iter().map(Participant::participant).collect();
    // Everybody looks at the next four, so each camera has four viewers.
    let shown = |me: usize| (1..=usize::from(PAIRS)).map(move |step| (me + step) % PEOPLE);
    for (me, person) in people.iter().enumerate() {
        person.watch(&shown(me).map(|place| ids[place]).collect::<Vec<_>>()).await?;
    }

    let (begin, cpu) = (Instant::now(), server.cpu_time()?);
    for round in 0..PEOPLE.div_ceil(VOICES) {
        let speaking: Vec<usize> = (0..VOICES).map(|voice| (round * VOICES + voice) % PEOPLE).collect();
        let heard_before: Vec<_> = people.iter().map(Participant::stats).collect();
        for (place, person) in people.iter().enumerate() {
            person.call().speak(if speaking.contains(&place) { LOUD } else { SILENT });
        }
        try_join_all(people.iter().enumerate().map(|(me, person)| {
            let (before, ids, speaking) = (&heard_before[me], &ids, &speaking);
            let others = move || speaking.iter().filter(move |place| **place != me).map(|place| ids[*place]);
            async move {
                let all = person.receives(|now| {
                    others().all(|speaker| now.of(speaker).audio >= before.of(speaker).audio + SOUND_PACKETS)
                });
                all.await.with_context(|| format!("round {round}: {me} does not hear {speaking:?}"))
            }
        }))
        .await?;
    }
    for (me, person) in people.iter().enumerate() {
        let seen = person.receives(|now| {
            shown(me).all(|place| now.of(ids[place]).video >= PICTURES && now.of(ids[place]).key_frames > 1)
        });
        let stats = seen.await.with_context(|| format!("{me} does not see everybody"))?;
        assert_eq!(stats.foreign, 0, "{me} got packets that nobody sent");
        assert_eq!(stats.of(ids[me]).audio + stats.of(ids[me]).video, 0, "{me} gets their own sound or picture");
        let unseen = (0..PEOPLE).filter(|place| !shown(me).any(|shown| shown == *place));
        assert_eq!(unseen.map(|place| stats.of(ids[place]).video).sum::<u64>(), 0, "{me} gets what nobody asked for");
    }

    let (took, cpu) = (begin.elapsed(), server.cpu_time()?.saturating_sub(cpu));
    let packets: u64 =
        people.iter().map(|person| person.stats().received.values().map(|r| r.audio + r.video).sum::<u64>()).sum();
    let gaps: u64 = people.iter().map(|person| person.stats().gaps).sum();
    figure("twenty_idle_mb", format_args!("{:.1}", idle_bytes as f64 / 1e6));
    figure("twenty_meeting_mb", format_args!("{:.1}", server.resident_bytes()? as f64 / 1e6));
    figure("twenty_cores", format_args!("{:.3}", cpu.as_secs_f64() / took.as_secs_f64()));
    figure("twenty_received_packets", packets);
    figure("twenty_gaps", gaps);
    for person in people {
        person.leave().await?;
    }
    Ok(())
}
