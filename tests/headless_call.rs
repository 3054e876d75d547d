//! The headless participant's media half against our transport and negotiation over real loopback UDP: the `webrtc`
//! crate takes our answer, connects, its packets are opened, and what we send into a slot is counted by whose it is.

#![allow(clippy::disallowed_methods, reason = "the shell's part of the test: it owns socket and clock")]

use anyhow::{Context, Result};
use media::demux::Demux;
use media::sdp::{CodecKind, Direction, Extension, Offer, Purpose, ServerSide, SlotStream, plan};
use media::transport::{Credentials, Identity, Input, State, Transport};
use model::ids::ParticipantId;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use testkit::call::Call;
use tokio::net::UdpSocket;

/// Slot 0's sections and SSRCs in the offers below.
const AUDIO: (usize, u32) = (2, 1_002);
const VIDEO: (usize, u32) = (3, 1_003);

/// Answers an offer and sends everything that the client publishes back into slot 0, until the test is over.
async fn echo(socket: UdpSocket, offer: String, answer: tokio::sync::oneshot::Sender<String>) -> Result<()> {
    let address = socket.local_addr()?;
    let offer = Offer::parse(&offer)?;
    let mut at = 0;
    let planned = plan(&offer, |section| {
        at += 1;
        match section.direction {
            Direction::SendOnly => Purpose::Publication,
            _ => Purpose::Slot(SlotStream {
                slot: (at - 3) / 2,
                ssrc: 999 + u32::from(at),
                rtx_ssrc: 1_999 + u32::from(at),
            }),
        }
    });
    assert!(planned.sections[0].extension(Extension::AudioLevel).is_some(), "levels are negotiated");
    let identity = Identity::generate()?;
    let local = Credentials::from_random([4; 30]);
    let sdp = planned.to_sdp(&ServerSide {
        credentials: &local,
        fingerprint: identity.fingerprint(),
        addresses: &[address.into()],
        session_id: 1,
        session_version: 1,
    });
    answer.send(sdp).ok().context("nobody waits for the answer")?;
    let mut demux = Demux::new();
    demux.add_ufrag(&local.ufrag, ());
    let mut transport = Transport::new(Instant::now(), identity, local, offer.remote);
    let mut buffer = [0; 2_048];
    let mut numbers: HashMap<u32, u16> = HashMap::new();
    loop {
        let due = transport.poll_timeout().context("closed")?;
        let received = tokio::time::timeout_at(due.into(), socket.recv_from(&mut buffer)).await;
        let now = Instant::now();
        let Ok(received) = received else {
            transport.handle_timeout(now);
            continue;
        };
        let (length, from) = received?;
        if demux.route(from, &buffer[..length]).is_none() {
            continue;
        }
        match transport.handle_datagram(now, from, &mut buffer[..length]) {
            Input::Validated => demux.bind(from, ()),
            Input::Rtp(length) => {
                let packet = &buffer[..length];
                let opus = planned.sections[0].codec_of(CodecKind::Opus).context("opus")?.payload_type;
                let (section, ssrc) = if packet[1] & 0x7f == opus { AUDIO } else { VIDEO };
                let words =
                    if packet[0] & 16 != 0 { 1 + usize::from(u16::from_be_bytes([packet[14], packet[15]])) } else { 0 };
                let number = numbers.entry(ssrc).or_default();
                *number = number.wrapping_add(1);
                let mut out = packet[..12].to_vec();
                out[0] &= !16;
                out[1] = packet[1] & 0x80 | planned.sections[section].codecs[0].payload_type;
                out[2..4].copy_from_slice(&number.to_be_bytes());
                out[8..12].copy_from_slice(&ssrc.to_be_bytes());
                out.extend_from_slice(&packet[12 + 4 * words..]);
                transport.seal_rtp(&mut out, 0)?;
                assert_eq!(transport.state(), State::Connected);
                socket.send_to(&out, transport.remote().context("a path")?.address).await?;
            }
            Input::Rtcp(_) | Input::Nothing => {}
        }
        while let Some(transmit) = transport.poll_transmit() {
            socket.send_to(&transmit.contents, transmit.to.address).await?;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_connects_and_counts_by_sender() -> Result<()> {
    let me = ParticipantId::from_random([7; 16]);
    let call = Call::new(me, 2, 1).await?;
    let offer = call.offer().await?;
    assert_eq!(offer.publish.len(), 2);
    assert_eq!(
        offer.slots.iter().map(|slot| (slot.slot, slot.video.is_some())).collect::<Vec<_>>(),
        [(0, true), (1, true), (2, false)]
    );
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let (sender, answer) = tokio::sync::oneshot::channel();
    let server = tokio::spawn(echo(socket, offer.sdp, sender));
    call.answered(answer.await?).await?;
    call.speak(20);
    call.show();
    let stats = call
        .wait_for(Duration::from_secs(20), |stats| {
            let mine = stats.of(me);
            mine.audio >= 25 && mine.video >= 15 && mine.key_frames >= 1
        })
        .await?;
    assert_eq!(stats.foreign, 0);
    assert!(stats.received.keys().all(|(slot, _)| *slot == 0));
    call.close().await?;
    server.abort();
    Ok(())
}
