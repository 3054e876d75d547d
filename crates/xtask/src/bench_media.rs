//! `cargo xtask bench media`: CPU per forwarded packet, beside the floor measured in the same run. The real engine and
//! worker thread on a UDP socket; one publisher and 50 subscribers (ICE, DTLS and SRTP by the webrtc family) on others.
//! Exits with success only when the run was valid (at least 99.5 % delivered).

use crate::common::meeting::{OPUS, VP8, offer, picture_body, slot_ssrcs};
use crate::common::peer::{Options, Peer};
use crate::server_media::handle::MediaHandle;
use crate::server_media::{udp::Udp, worker};
use anyhow::{Context, bail};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use media::command::{SlotWish, Sources};
use media::engine::{Config, Engine};
use media::transport::{Credentials, Identity};
use model::ids::{ParticipantId, RoomId};
use model::source::Source;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SUBSCRIBERS: usize = 50;
const PACKETS: usize = 6;
const PACKET_BYTES: usize = 1_200;
const FRAME: Duration = Duration::from_millis(50);
const WINDOW: Duration = Duration::from_secs(5);
const WINDOWS: usize = 3;
const DELIVERED_MIN: f64 = 0.995;

struct Client {
    socket: UdpSocket,
    peer: Peer,
    participant: ParticipantId,
    video: u32,
    got: u64,
}

/// Runs the measurement and prints it.
pub(crate) fn run(json: Option<&Path>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let socket = Udp::bind("127.0.0.1:0".parse()?)?;
    let server = socket.address();
    let identity = Identity::generate().context("certificate")?;
    let engine = Engine::new(Instant::now(), Config { addresses: vec![server.into()], identity }, [1; 32]);
    let (worker, thread) = worker::spawn(socket, engine, Box::new(|_, _| ()))?;
    let handle = MediaHandle::new(vec![worker]);
    let room = RoomId::from_random([1; 16]);

    let before = resident_bytes()?;
    let mut clients = Vec::new();
    for number in 0..=SUBSCRIBERS {
        clients.push(join(&runtime, &handle, room, server, number)?);
    }
    let publisher = clients.remove(0);
    for client in &clients {
        let wish =
            SlotWish { slot: 0, participant: Some(publisher.participant), source: Source::Camera, height_px: 720 };
        runtime.block_on(handle.subscribe(room, client.participant, vec![wish]))?;
    }

    let mut meeting = Running { publisher, clients, server, frame: 0, transport_number: 0 };
    meeting.window(WINDOW / 2)?; // caches, socket buffers and clocks find their place
    let mb = (resident_bytes()?.saturating_sub(before)) as f64 / 1e6 / (SUBSCRIBERS + 1) as f64;
    let (mut forward, mut floor, mut delivered) = (Vec::new(), Vec::new(), 1.0_f64);
    for _ in 0..WINDOWS {
        let cpu = thread_cpu_ns("media-0")?;
        let (sent, got) = meeting.window(WINDOW)?;
        let used = thread_cpu_ns("media-0")? - cpu;
        forward.push(used as f64 / got.max(1) as f64);
        delivered = delivered.min(got as f64 / (sent * SUBSCRIBERS as u64) as f64);
        floor.push(meeting.floor(WINDOW / 2)?);
    }
    handle.shutdown();
    if thread.join().is_err() {
        bail!("the worker panicked");
    }

    let (forward, floor) = (median(forward), median(floor));
    let figures = [
        ("video_n50_ns", forward),
        ("video_n50_floor_ns", floor),
        ("video_n50_ratio", forward / floor),
        ("mb_per_participant", mb),
        ("delivered", delivered),
    ];
    for (name, value) in figures {
        println!("{name}={value:.3}");
    }
    if let Some(path) = json {
        let object: serde_json::Map<String, serde_json::Value> =
            figures.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        std::fs::write(path, serde_json::to_vec_pretty(&object)?)?;
    }
    if delivered < DELIVERED_MIN {
        eprintln!("not valid: {:.2} % delivered", delivered * 100.0);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn join(
    runtime: &tokio::runtime::Runtime,
    handle: &MediaHandle,
    room: RoomId,
    server: SocketAddr,
    number: usize,
) -> anyhow::Result<Client> {
    let participant = ParticipantId::from_random([number as u8 + 1; 16]);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    let mut peer = Peer::new(Credentials::from_random([0; 30]), Options::default());
    peer.address = socket.local_addr()?;
    let answer = runtime.block_on(async {
        handle.join(room, participant, Sources::ALL).await?;
        handle.set_on(room, participant, Source::Camera, number == 0).await?;
        handle.offer(room, participant, offer(&peer, 1, false)).await
    })?;
    let value = |key: &str| answer.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
    let (ufrag, pwd) = value("a=ice-ufrag:").zip(value("a=ice-pwd:")).context("no credentials")?;
    peer.server = Credentials { ufrag, pwd };
    peer.check();
    peer.connect(Instant::now());
    let until = Instant::now() + Duration::from_secs(10);
    let mut buffer = [0; 2_048];
    while peer.inbound.is_none() {
        let now = Instant::now();
        if now > until {
            bail!("client {number} does not connect");
        }
        while let Some(datagram) = peer.sending.pop_front() {
            socket.send_to(&datagram, server)?;
        }
        match socket.recv(&mut buffer) {
            Ok(length) => peer.handle(now, &buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
        if peer.next_timeout().is_some_and(|at| at <= now) {
            peer.handle_timeout(now);
        }
    }
    let video = slot_ssrcs(&answer, 3)[0].video;
    Ok(Client { socket, peer, participant, video, got: 0 })
}

struct Running {
    publisher: Client,
    clients: Vec<Client>,
    server: SocketAddr,
    frame: u32,
    transport_number: u16,
}

impl Running {
    /// Publishes for a while: packets sent, packets that all subscribers got.
    fn window(&mut self, time: Duration) -> anyhow::Result<(u64, u64)> {
        let before: u64 = self.clients.iter().map(|client| client.got).sum();
        let start = Instant::now();
        let mut sent = 0;
        for turn in 0_u32.. {
            let at = FRAME * turn;
            if at >= time {
                break;
            }
            while start.elapsed() < at {
                self.drain()?;
            }
            if turn.is_multiple_of(20) {
                self.every_second()?;
            }
            self.publish()?;
            sent += PACKETS as u64;
        }
        let end = Instant::now() + FRAME * 2;
        while Instant::now() < end {
            self.drain()?;
        }
        let after: u64 = self.clients.iter().map(|client| client.got).sum();
        Ok((sent, after - before))
    }

    fn publish(&mut self) -> anyhow::Result<()> {
        for part in 0..PACKETS as u32 {
            self.transport_number = self.transport_number.wrapping_add(1);
            let mut packet = vec![0x90, VP8 | if part + 1 == PACKETS as u32 { 0x80 } else { 0 }];
            packet.extend(((self.frame * PACKETS as u32 + part) as u16).to_be_bytes());
            packet.extend((self.frame * 4_500).to_be_bytes());
            packet.extend(2_000_u32.to_be_bytes());
            packet.extend([0xbe, 0xde, 0, 2, 3 << 4 | 1]);
            packet.extend(self.transport_number.to_be_bytes());
            packet.extend([4 << 4, b'1', 0, 0, 0]);
            // A key frame whenever one may have been asked for.
            packet.extend(picture_body(self.frame, self.frame.is_multiple_of(20), 0, part.min(1)));
            packet.resize(PACKET_BYTES, 0x77);
            let sealed = self.publisher.peer.outbound.as_mut().context("keys")?.encrypt_rtp(&packet)?;
            self.publisher.socket.send_to(&sealed, self.server)?;
        }
        self.frame += 1;
        Ok(())
    }

    /// Consent and receiver reports.
    fn every_second(&mut self) -> anyhow::Result<()> {
        for client in self.clients.iter_mut().chain([&mut self.publisher]) {
            client.peer.check();
            while let Some(datagram) = client.peer.sending.pop_front() {
                client.socket.send_to(&datagram, self.server)?;
            }
            let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
            report.extend(client.video.to_be_bytes());
            report.resize(32, 0);
            let sealed = client.peer.outbound.as_mut().context("keys")?.encrypt_rtcp(&report)?;
            client.socket.send_to(&sealed, self.server)?;
        }
        Ok(())
    }

    /// Takes what came; receivers do not sleep, because on loopback the kernel bills waking them to the sender.
    fn drain(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 2_048];
        for client in self.clients.iter_mut().chain([&mut self.publisher]) {
            loop {
                match client.socket.recv(&mut buffer) {
                    Ok(length) => {
                        let video = client.video.to_be_bytes();
                        client.got += u64::from(length > PACKET_BYTES / 2 && buffer[8..12] == video);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// The floor: for each frame and subscriber copy, seal and one send; ns of CPU per packet.
    fn floor(&mut self, time: Duration) -> anyhow::Result<f64> {
        let targets: Vec<SocketAddr> =
            self.clients.iter().map(|client| client.socket.local_addr()).collect::<Result<_, _>>()?;
        let thread = std::thread::Builder::new().name("floor".to_owned()).spawn(move || floor(&targets, time))?;
        while !thread.is_finished() {
            self.drain()?;
        }
        thread.join().map_err(|_| anyhow::anyhow!("the floor panicked"))?
    }
}

fn floor(targets: &[SocketAddr], time: Duration) -> anyhow::Result<f64> {
    let mut udp = Udp::bind("127.0.0.1:0".parse()?)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16])?);
    let payload = [OPUS; PACKET_BYTES];
    let mut out = Vec::with_capacity(64 * 1024);
    let (start, cpu) = (Instant::now(), own_cpu_ns()?);
    let (mut packets, mut nonce) = (0_u64, 0_u64);
    for turn in 0_u32.. {
        let at = FRAME * turn;
        if at >= time {
            break;
        }
        if let Some(wait) = at.checked_sub(start.elapsed()) {
            std::thread::sleep(wait); // the pace of the frames, as the worker sleeps between them
        }
        for target in targets {
            out.clear();
            for _ in 0..PACKETS {
                let begin = out.len();
                out.extend_from_slice(&payload);
                nonce += 1;
                let mut bytes = [0; 12];
                bytes[4..].copy_from_slice(&nonce.to_be_bytes());
                let (header, body) = out[begin..].split_at_mut(20);
                let nonce = Nonce::assume_unique_for_key(bytes);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), body)?;
                out.extend_from_slice(tag.as_ref());
                packets += 1;
            }
            udp.send(*target, Some(PACKET_BYTES + 16), &out);
        }
    }
    Ok((own_cpu_ns()? - cpu) as f64 / packets as f64)
}

fn schedstat(text: &str) -> anyhow::Result<u64> {
    Ok(text.split(' ').next().context("schedstat")?.parse()?)
}

fn own_cpu_ns() -> anyhow::Result<u64> {
    schedstat(&std::fs::read_to_string("/proc/thread-self/schedstat")?)
}

/// Run time of the threads of this process with that name.
fn thread_cpu_ns(name: &str) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim() == name {
            sum += schedstat(&std::fs::read_to_string(task.join("schedstat"))?)?;
        }
    }
    Ok(sum)
}

fn resident_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
