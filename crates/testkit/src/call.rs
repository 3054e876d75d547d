//! The media half of a headless participant: a peer connection of the `webrtc` crate that publishes one microphone and
//! one camera and receives slots. Used by `participant`; knows nothing of rooms or websockets.
//!
//! It sends recorded Opus and VP8 ([`crate::samples`]) that carries the sender's id: so a receiver knows whose packet
//! came, whatever the server says.

use crate::samples::{is_key_frame, opus, sender_of, vp8};
use anyhow::{Context, Result, bail};
use model::ids::ParticipantId;
use model::source::Source;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::{configure_nack, configure_rtcp_reports};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8, MediaEngine};
use rtc::rtp;
use rtc::rtp::extension::HeaderExtension;
use rtc::rtp::extension::audio_level_extension::AudioLevelExtension;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionState, RTCSessionDescription,
    Registry, SettingEngineBuilder,
};
use webrtc::runtime::TokioRuntime;
use wire::client::{PublishedSection, SlotSections};

/// Payload types, as Chromium numbers them.
const OPUS: u8 = 111;
const VP8: u8 = 96;
const FRAME: Duration = Duration::from_millis(66);
const AUDIO_PACKET: Duration = Duration::from_millis(20);
/// How long to wait for ICE and DTLS.
const CONNECT: Duration = Duration::from_secs(20);

/// What came in one slot from one sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Audio packets.
    pub audio: u64,
    /// Video packets.
    pub video: u64,
    /// Video frames that are whole in themselves.
    pub key_frames: u64,
}

/// What came so far.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// By slot and by whose packet it was.
    pub received: HashMap<(u8, ParticipantId), Received>,
    /// Packets whose sequence number did not follow the one before, over all slots.
    pub gaps: u64,
    /// Packets that did not come, by the sequence numbers of those that did.
    pub missing: u64,
    /// All packets.
    pub packets: u64,
    /// Packets that no participant of ours has made.
    pub foreign: u64,
}

impl Stats {
    /// What came from this sender, over all slots.
    #[must_use]
    pub fn of(&self, sender: ParticipantId) -> Received {
        let from_sender = self.received.iter().filter(|((_, from), _)| *from == sender);
        from_sender.fold(Received::default(), |sum, (_, one)| Received {
            audio: sum.audio + one.audio,
            video: sum.video + one.video,
            key_frames: sum.key_frames + one.key_frames,
        })
    }
}

/// An offer with the names of its sections.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The session description.
    pub sdp: String,
    /// What the sending sections carry.
    pub publish: Vec<PublishedSection>,
    /// Which receiving sections form which slot.
    pub slots: Vec<SlotSections>,
}

struct Handler {
    connection: watch::Sender<RTCPeerConnectionState>,
    stats: Arc<watch::Sender<Stats>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.connection.send_replace(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        tokio::spawn(receive(track, Arc::clone(&self.stats)));
    }
}

async fn receive(track: Arc<dyn TrackRemote>, stats: Arc<watch::Sender<Stats>>) {
    let stream = track.stream_id().await;
    let Some(slot) = stream.strip_prefix("slot").and_then(|number| number.parse::<u8>().ok()) else { return };
    let is_audio = track.kind().await == RtpCodecKind::Audio;
    let mut last: Option<u16> = None;
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        let sequence = packet.header.sequence_number;
        // Ahead of the newest by so much; what comes late was counted as missing before.
        let ahead = last.map_or(1, |last| sequence.wrapping_sub(last).cast_signed());
        if ahead > 0 {
            last = Some(sequence);
        }
        let sender = sender_of(&packet.payload);
        stats.send_modify(|stats| {
            stats.packets += 1;
            stats.gaps += u64::from(ahead != 1);
            match u64::try_from(ahead) {
                Ok(ahead) => stats.missing += ahead.saturating_sub(1),
                Err(_) => stats.missing = stats.missing.saturating_sub(1),
            }
            let Some(sender) = sender else {
                stats.foreign += 1;
                return;
            };
            let received = stats.received.entry((slot, sender)).or_default();
            if is_audio {
                received.audio += 1;
            } else {
                received.video += 1;
                received.key_frames += u64::from(is_key_frame(&packet.payload));
            }
        });
    }
}

/// A peer connection.
pub struct Call {
    me: ParticipantId,
    connection: Arc<dyn PeerConnection>,
    state: watch::Receiver<RTCPeerConnectionState>,
    stats: watch::Receiver<Stats>,
    microphone: Arc<TrackLocalStaticRTP>,
    camera: Arc<TrackLocalStaticRTP>,
    ssrcs: [u32; 2],
    pairs: u8,
    speakers: u8,
    /// How loud the voice is.
    level: Arc<AtomicU8>,
    /// The next packet of microphone and camera: numbers go on after a pause.
    next: [Arc<AtomicU32>; 2],
    sending: Mutex<HashMap<Source, JoinHandle<()>>>,
}

impl Call {
    /// A connection with so many slots for sound and picture, and so many for sound alone.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn new(me: ParticipantId, pairs: u8, speakers: u8) -> Result<Self> {
        let mut engine = media_engine()?;
        let registry = configure_rtcp_reports(configure_nack(Registry::new(), &mut engine));
        let (connection, state) = watch::channel(RTCPeerConnectionState::New);
        let (sender, stats) = watch::channel(Stats::default());
        // Rooms are small and ids random: the first bytes of one's own id make SSRCs that differ.
        let bytes = me.as_bytes();
        let audio = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) | 1;
        let ssrcs = [audio, audio ^ 0x5a5a_5a5a];
        let microphone = track(RtpCodecKind::Audio, ssrcs[0]);
        let camera = track(RtpCodecKind::Video, ssrcs[1]);
        // Boxed: the future of another crate is 20 kB.
        let built = Box::pin(
            PeerConnectionBuilder::new()
                .with_media_engine(engine)
                .with_interceptor_registry(registry)
                .with_setting_engine(SettingEngineBuilder::new().with_include_loopback_candidate(true).build())
                .with_runtime(Arc::new(TokioRuntime))
                .with_handler(Arc::new(Handler { connection, stats: Arc::new(sender) }))
                .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
                .build(),
        )
        .await?;
        let connection: Arc<dyn PeerConnection> = Arc::new(built);
        for track in [&microphone, &camera] {
            let init = direction(RTCRtpTransceiverDirection::Sendonly);
            connection.add_transceiver_from_track(Arc::clone(track) as Arc<dyn TrackLocal>, init).await?;
        }
        for _ in 0..pairs {
            for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
                connection.add_transceiver_from_kind(kind, direction(RTCRtpTransceiverDirection::Recvonly)).await?;
            }
        }
        for _ in 0..speakers {
            let init = direction(RTCRtpTransceiverDirection::Recvonly);
            connection.add_transceiver_from_kind(RtpCodecKind::Audio, init).await?;
        }
        Ok(Self {
            me,
            connection,
            state,
            stats,
            microphone,
            camera,
            ssrcs,
            pairs,
            speakers,
            level: Arc::default(),
            next: Default::default(),
            sending: Mutex::default(),
        })
    }

    /// Makes the offer; the answer goes to [`Self::answered`].
    ///
    /// # Errors
    /// When the library cannot.
    pub async fn offer(&self) -> Result<Offer> {
        let offer = self.connection.create_offer(None).await?;
        self.connection.set_local_description(offer.clone()).await?;
        let mids: Vec<String> =
            offer.sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(|mid| mid.trim().to_owned()).collect();
        let expected = 2 + 2 * usize::from(self.pairs) + usize::from(self.speakers);
        if mids.len() != expected {
            bail!("{} sections instead of {expected}", mids.len());
        }
        let (sending, receiving) = mids.split_at(2);
        let publish = sending.iter().cloned().zip([Source::Microphone, Source::Camera]);
        let (pairs, speakers) = receiving.split_at(2 * usize::from(self.pairs));
        let with_picture = pairs.chunks(2).map(|pair| (pair[0].clone(), Some(pair[1].clone())));
        let sections = with_picture.chain(speakers.iter().map(|mid| (mid.clone(), None)));
        Ok(Offer {
            publish: publish.map(|(mid, source)| PublishedSection { mid, source }).collect(),
            slots: (0..).zip(sections).map(|(slot, (audio, video))| SlotSections { slot, audio, video }).collect(),
            sdp: offer.sdp,
        })
    }

    /// Takes the answer and waits until media can flow.
    ///
    /// # Errors
    /// When the answer is refused or the connection does not come about.
    pub async fn answered(&self, sdp: String) -> Result<()> {
        self.connection.set_remote_description(RTCSessionDescription::answer(sdp)?).await?;
        let mut state = self.state.clone();
        let connected = state.wait_for(|state| *state == RTCPeerConnectionState::Connected);
        tokio::time::timeout(CONNECT, connected).await.context("no media connection")??;
        Ok(())
    }

    /// Sends audio packets of this loudness (0 loudest, 127 silence; RFC 6464) until [`Self::stop`]; said again, only
    /// the loudness changes.
    pub fn speak(&self, level: u8) {
        self.level.store(level, Ordering::Relaxed);
        let (track, ssrc, me) = (Arc::clone(&self.microphone), self.ssrcs[0], self.me);
        let (loudness, next) = (Arc::clone(&self.level), Arc::clone(&self.next[0]));
        self.start(Source::Microphone, async move {
            let mut ticks = tokio::time::interval(AUDIO_PACKET);
            loop {
                ticks.tick().await;
                let number = next.fetch_add(1, Ordering::Relaxed);
                let header = header(ssrc, OPUS, number, number.wrapping_mul(960), number == 0);
                let level = loudness.load(Ordering::Relaxed);
                let voice = HeaderExtension::AudioLevel(AudioLevelExtension { level, voice: level < 127 });
                let packet = rtp::Packet { header, payload: opus(me, number) };
                if track.write_rtp_with_extensions(packet, &[voice]).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Sends pictures until [`Self::stop`].
    pub fn show(&self) {
        let (track, ssrc, me) = (Arc::clone(&self.camera), self.ssrcs[1], self.me);
        let next = Arc::clone(&self.next[1]);
        self.start(Source::Camera, async move {
            let mut ticks = tokio::time::interval(FRAME);
            loop {
                ticks.tick().await;
                let number = next.fetch_add(1, Ordering::Relaxed);
                let header = header(ssrc, VP8, number, number.wrapping_mul(5_940), true);
                if track.write_rtp(rtp::Packet { header, payload: vp8(me, number) }).await.is_err() {
                    return;
                }
            }
        });
    }

    fn start(&self, source: Source, send: impl Future<Output = ()> + Send + 'static) {
        if let Ok(mut sending) = self.sending.lock() {
            let runs = sending.get(&source).is_some_and(|task| !task.is_finished());
            if !runs {
                sending.insert(source, tokio::spawn(send));
            }
        }
    }

    /// Stops sending.
    pub fn stop(&self, source: Source) {
        if let Ok(mut sending) = self.sending.lock()
            && let Some(task) = sending.remove(&source)
        {
            task.abort();
        }
    }

    /// What came so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats.borrow().clone()
    }

    /// Waits until what came is enough.
    ///
    /// # Errors
    /// When it is not within `patience`; the error holds what came.
    pub async fn wait_for(&self, patience: Duration, enough: impl FnMut(&Stats) -> bool) -> Result<Stats> {
        let mut stats = self.stats.clone();
        let waited = tokio::time::timeout(patience, stats.wait_for(enough)).await;
        match waited {
            Ok(stats) => Ok(stats?.clone()),
            Err(_) => bail!("not enough media came: {:?}", self.stats()),
        }
    }

    /// Ends the connection.
    ///
    /// # Errors
    /// When the library cannot.
    pub async fn close(&self) -> Result<()> {
        for source in [Source::Microphone, Source::Camera] {
            self.stop(source);
        }
        Ok(self.connection.close().await?)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        for source in [Source::Microphone, Source::Camera] {
            self.stop(source);
        }
    }
}

fn direction(direction: RTCRtpTransceiverDirection) -> Option<RTCRtpTransceiverInit> {
    Some(RTCRtpTransceiverInit { direction, ..RTCRtpTransceiverInit::default() })
}

fn header(ssrc: u32, payload_type: u8, number: u32, timestamp: u32, marker: bool) -> rtp::Header {
    // The low bits only: sequence numbers start at 0 and wrap.
    let sequence_number = number as u16;
    rtp::Header { version: 2, marker, payload_type, sequence_number, timestamp, ssrc, ..rtp::Header::default() }
}

fn codec(kind: RtpCodecKind) -> RTCRtpCodec {
    let (mime_type, clock_rate, channels, sdp_fmtp_line) = match kind {
        RtpCodecKind::Audio => (MIME_TYPE_OPUS, 48_000, 2, "minptime=10;useinbandfec=1"),
        _ => (MIME_TYPE_VP8, 90_000, 0, ""),
    };
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line: sdp_fmtp_line.to_owned(),
        rtcp_feedback: vec![],
    }
}

fn track(kind: RtpCodecKind, ssrc: u32) -> Arc<TrackLocalStaticRTP> {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..RTCRtpCodingParameters::default() },
        codec: codec(kind),
        ..RTCRtpEncodingParameters::default()
    };
    let name = if kind == RtpCodecKind::Audio { "microphone" } else { "camera" }.to_owned();
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new("me".to_owned(), name.clone(), name, kind, vec![coding])))
}

fn media_engine() -> Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    for (kind, payload_type) in [(RtpCodecKind::Audio, OPUS), (RtpCodecKind::Video, VP8)] {
        engine.register_codec(RTCRtpCodecParameters { rtp_codec: codec(kind), payload_type }, kind)?;
        let mid = RTCRtpHeaderExtensionCapability { uri: "urn:ietf:params:rtp-hdrext:sdes:mid".to_owned() };
        engine.register_header_extension(mid, kind, None)?;
    }
    let level = RTCRtpHeaderExtensionCapability { uri: "urn:ietf:params:rtp-hdrext:ssrc-audio-level".to_owned() };
    engine.register_header_extension(level, RtpCodecKind::Audio, None)?;
    Ok(engine)
}
