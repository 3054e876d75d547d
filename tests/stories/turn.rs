//! Story (S-33): TURN on the public port, seen from outside: who may have an allocation, and that nothing but our own
//! media addresses is ever reached through it.

use crate::BINARY;
use anyhow::{Context, Result, bail};
use model::limits;
use model::role::Role;
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME,
    ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, AttrType,
};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, METHOD_ALLOCATE, METHOD_CHANNEL_BIND,
    METHOD_CREATE_PERMISSION, METHOD_REFRESH, METHOD_SEND, Message, MessageType, Method, Setter, TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use testkit::http::Client;
use testkit::server::Server;
use testkit::socket::RoomSocket;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wire::server::{IceServer, ServerMessage};

/// Forty addresses that a relay of ours must never reach: each range of RFC 6890 and its like, our own address by other
/// names, and other ports of our own address (0 stands for a listening one, filled in by the story).
const FORBIDDEN: [&str; 40] = [
    "127.0.0.1:0",
    "127.0.0.1:22",
    "127.0.0.1:3478",
    "127.0.0.2:PORT",
    "127.255.255.254:80",
    "0.0.0.0:PORT",
    "0.0.0.1:80",
    "255.255.255.255:PORT",
    "10.0.0.1:80",
    "10.255.255.255:80",
    "100.64.0.1:80",
    "100.127.255.254:80",
    "169.254.0.1:80",
    "169.254.169.254:80",
    "172.16.0.1:80",
    "172.31.255.254:443",
    "192.0.0.1:80",
    "192.0.2.1:80",
    "192.88.99.1:80",
    "192.168.0.1:80",
    "192.168.255.255:53",
    "198.18.0.1:80",
    "198.51.100.1:80",
    "203.0.113.1:80",
    "224.0.0.1:5353",
    "239.255.255.250:1900",
    "240.0.0.1:80",
    "8.8.8.8:53",
    "[::]:PORT",
    "[::1]:PORT",
    "[::1]:22",
    "[::ffff:127.0.0.1]:PORT",
    "[::ffff:169.254.169.254]:80",
    "[64:ff9b::7f00:1]:PORT",
    "[2002:7f00:1::]:PORT",
    "[fe80::1]:PORT",
    "[fc00::1]:80",
    "[fd00:ec2::254]:80",
    "[ff02::1]:PORT",
    "[2001:db8::1]:80",
];

/// A TURN client over TLS.
struct Turn {
    stream: TlsStream<TcpStream>,
    username: String,
    key: Vec<u8>,
    nonce: Vec<u8>,
    transaction: u8,
}

/// A connection over TLS to the public port.
pub(crate) async fn tls(server: &Server, alpn: &[&[u8]]) -> Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&server.ca_pem()?) {
        roots.add(certificate?)?;
    }
    let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let tcp = TcpStream::connect(server.origin().replace("https://localhost", "127.0.0.1")).await?;
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, tcp).await?)
}

impl Turn {
    async fn connect(server: &Server, as_told: &IceServer) -> Result<Self> {
        let stream = tls(server, &[]).await?;
        let key = key(&as_told.username, &as_told.credential)?;
        Ok(Self { stream, username: as_told.username.clone(), key, nonce: Vec::new(), transaction: 0 })
    }

    fn message(&mut self, method: Method, class: rtc_stun::message::MessageClass) -> Message {
        self.transaction += 1;
        let mut message = Message::new();
        message.typ = MessageType::new(method, class);
        message.transaction_id = TransactionId([self.transaction; 12]);
        message.write_header();
        message
    }

    async fn read(&mut self) -> Result<Message> {
        let mut bytes = vec![0; 20];
        let all = async {
            self.stream.read_exact(&mut bytes).await?;
            bytes.resize(20 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 0);
            self.stream.read_exact(&mut bytes[20..]).await
        };
        tokio::time::timeout(testkit::socket::PATIENCE, all).await.context("no answer")??;
        let mut message = Message::new();
        message.unmarshal_binary(&bytes)?;
        Ok(message)
    }

    /// Sends a request with these attributes and gives the answer's error code, 0 for success.
    async fn ask(&mut self, method: Method, attributes: &[(AttrType, Vec<u8>)]) -> Result<(u16, Message)> {
        let mut message = self.message(method, CLASS_REQUEST);
        for (kind, value) in attributes {
            message.add(*kind, value);
        }
        if !self.nonce.is_empty() {
            message.add(ATTR_USERNAME, self.username.as_bytes());
            message.add(ATTR_REALM, media::turn::REALM.as_bytes());
            message.add(ATTR_NONCE, &self.nonce);
            let provider = rtc_dtls::crypto_provider::providers::AwsLcRsProvider::new();
            let crypto = rtc_dtls::crypto_provider::RTCCryptoProvider::crypto(&provider);
            MessageIntegrity::new_raw_integrity_with_provider(self.key.clone(), crypto).add_to(&mut message)?;
        }
        self.stream.write_all(&message.raw).await?;
        let answer = self.read().await?;
        assert_eq!(answer.transaction_id, message.transaction_id);
        let code = match answer.get(ATTR_ERROR_CODE) {
            Ok(value) => u16::from(value[2]) * 100 + u16::from(value[3]),
            Err(_) => 0,
        };
        assert_eq!(code != 0, answer.typ.class == CLASS_ERROR_RESPONSE);
        Ok((code, answer))
    }

    async fn allocate(&mut self) -> Result<(u16, Message)> {
        let udp = (ATTR_REQUESTED_TRANSPORT, vec![17, 0, 0, 0]);
        let (code, challenge) = self.ask(METHOD_ALLOCATE, std::slice::from_ref(&udp)).await?;
        assert_eq!(code, 401);
        // S-33: 28 bytes came, without credentials.
        assert!(challenge.raw.len() <= 56, "{}", challenge.raw.len());
        assert_eq!(challenge.get(ATTR_REALM)?, media::turn::REALM.as_bytes());
        self.nonce = challenge.get(ATTR_NONCE)?;
        self.ask(METHOD_ALLOCATE, &[udp]).await
    }

    fn peer(&self, address: SocketAddr) -> Result<(AttrType, Vec<u8>)> {
        let mut scratch = Message::new();
        // The transaction of the message that comes next: IPv6 addresses are mixed with it.
        scratch.transaction_id = TransactionId([self.transaction + 1; 12]);
        XorMappedAddress { ip: address.ip(), port: address.port() }.add_to_as(&mut scratch, ATTR_XOR_PEER_ADDRESS)?;
        Ok((ATTR_XOR_PEER_ADDRESS, scratch.get(ATTR_XOR_PEER_ADDRESS)?))
    }

    async fn permit(&mut self, address: SocketAddr) -> Result<u16> {
        let peer = self.peer(address)?;
        Ok(self.ask(METHOD_CREATE_PERMISSION, &[peer]).await?.0)
    }

    async fn bind(&mut self, address: SocketAddr, channel: u16) -> Result<u16> {
        let [high, low] = channel.to_be_bytes();
        let attributes = [(ATTR_CHANNEL_NUMBER, vec![high, low, 0, 0]), self.peer(address)?];
        Ok(self.ask(METHOD_CHANNEL_BIND, &attributes).await?.0)
    }

    async fn indicate(&mut self, address: SocketAddr, data: &[u8]) -> Result<()> {
        let (kind, peer) = self.peer(address)?;
        let mut message = self.message(METHOD_SEND, CLASS_INDICATION);
        message.add(kind, &peer);
        message.add(ATTR_DATA, data);
        Ok(self.stream.write_all(&message.raw).await?)
    }

    async fn channel_data(&mut self, channel: u16, data: &[u8]) -> Result<()> {
        let mut frame = channel.to_be_bytes().to_vec();
        frame.extend(u16::try_from(data.len())?.to_be_bytes());
        frame.extend_from_slice(data);
        frame.resize(frame.len().next_multiple_of(4), 0);
        Ok(self.stream.write_all(&frame).await?)
    }
}

fn key(username: &str, credential: &str) -> Result<Vec<u8>> {
    let provider = rtc_dtls::crypto_provider::providers::AwsLcRsProvider::new();
    let crypto = rtc_dtls::crypto_provider::RTCCryptoProvider::crypto(&provider);
    let (username, password) = (username.to_owned(), credential.to_owned());
    Ok(MessageIntegrity::long_term_integrity_key(username, media::turn::REALM.to_owned(), password, crypto)?)
}

struct Meeting {
    server: Server,
    guest: Client,
    socket: RoomSocket,
    turn: IceServer,
}

async fn meeting() -> Result<Meeting> {
    let server = Server::start(BINARY).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().context("printed")?).await?;
    let room = admin.create_room("Raum").await?;
    let room = admin.change_room(&room, |settings| settings.lobby = false).await?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    let guest = server.client()?;
    let joined = guest.join(&secret, "Miriam").await?;
    let mut socket = guest.socket(&joined.ticket).await?;
    let turn = socket.welcome().await?.ice_servers.into_iter().next().context("a TURN server")?;
    Ok(Meeting { server, guest, socket, turn })
}

fn media_address(server: &Server) -> Result<SocketAddr> {
    Ok(server.origin().replace("https://localhost", "127.0.0.1").parse()?)
}

const REFUSED: &str = "turn_refused_total{why=\"peer\"}";
/// What came through to the media engine and belongs to nobody: the proof that something was relayed.
const ARRIVED: &str = "media_datagrams_refused_total{why=\"other\"}";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_our_media_address_is_reached() -> Result<()> {
    let m = meeting().await?;
    let own = media_address(&m.server)?;
    // Whoever listens elsewhere on this machine must never hear of it.
    let ears = ["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"].map(|at| UdpSocket::bind(at).ok());
    let mut client = Turn::connect(&m.server, &m.turn).await?;
    let (code, answer) = client.allocate().await?;
    assert_eq!(code, 0);
    let mut relayed = XorMappedAddress::default();
    relayed.get_from_as(&answer, ATTR_XOR_RELAYED_ADDRESS)?;
    assert_eq!(relayed.ip, IpAddr::V4(Ipv4Addr::LOCALHOST));

    let mut forbidden: Vec<SocketAddr> = Vec::new();
    for (at, text) in FORBIDDEN.iter().enumerate() {
        let ear = ears.iter().flatten().nth(at % 3).map(|ear| ear.local_addr().map(|address| address.port()));
        let address: SocketAddr = text.replace("PORT", &own.port().to_string()).parse()?;
        let port = if address.port() == 0 { ear.context("an ear")?? } else { address.port() };
        forbidden.push(SocketAddr::new(address.ip(), port));
    }
    // Each of the listeners, too, under its own address.
    for ear in ears.iter().flatten() {
        forbidden.push(ear.local_addr()?);
    }
    forbidden.retain(|address| *address != own);
    assert!(forbidden.len() >= 40);

    let before = (m.server.metric(REFUSED).await?, m.server.metric(ARRIVED).await?);
    for (at, address) in forbidden.iter().enumerate() {
        assert_eq!(client.permit(*address).await?, 403, "CreatePermission {address}");
        let channel = 0x4000 + u16::try_from(at)?;
        assert_eq!(client.bind(*address, channel).await?, 403, "ChannelBind {address}");
        client.indicate(*address, b"Wer da?").await?;
        client.channel_data(channel, b"Wer da?").await?;
    }
    // A permission for our own address opens it and nothing beside it.
    assert_eq!(client.permit(own).await?, 0);
    for address in &forbidden {
        client.indicate(*address, b"Wer da?").await?;
    }
    // What came before an answer was looked at before it.
    assert_eq!(client.ask(METHOD_REFRESH, &[]).await?.0, 0);
    let after = (m.server.metric(REFUSED).await?, m.server.metric(ARRIVED).await?);
    assert_eq!(after.0 - before.0, forbidden.len() as f64 * 4.0, "each was counted");
    assert_eq!(after.1 - before.1, 0.0, "none reached media");
    for ear in ears.iter().flatten() {
        ear.set_nonblocking(true)?;
        assert!(ear.recv(&mut [0; 64]).is_err(), "something was relayed to {:?}", ear.local_addr());
    }

    // The same words to our own address do arrive, by indication and by channel.
    client.indicate(own, b"\x50Wer da?").await?;
    assert_eq!(client.bind(own, 0x4000).await?, 0);
    client.channel_data(0x4000, b"\x50Wer da?").await?;
    assert_eq!(client.ask(METHOD_REFRESH, &[]).await?.0, 0);
    arrived(&m.server, after.1 + 2.0).await?;
    drop((m.guest, m.socket));
    Ok(())
}

/// Waits until so many have arrived: media tells its figures after each turn.
async fn arrived(server: &Server, wanted: f64) -> Result<()> {
    let all = async {
        while server.metric(ARRIVED).await? < wanted {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(testkit::socket::PATIENCE, all).await.context("not arrived")??;
    assert_eq!(server.metric(ARRIVED).await?, wanted);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_in_gets_an_allocation_and_not_too_many() -> Result<()> {
    let m = meeting().await?;
    let with = |change: &dyn Fn(&mut IceServer)| {
        let mut changed = m.turn.clone();
        change(&mut changed);
        changed
    };
    let later = m.turn.username.replacen(char::is_numeric, "9", 1);
    let wrong = [
        with(&|server| server.credential.push('x')),
        with(&|server| server.username = later.clone()),
        with(&|server| server.username = format!("{}x", server.username)),
        with(&|server| server.username = "99999:a:b".into()),
        with(&|server| server.username.clear()),
    ];
    for server in &wrong {
        assert_eq!(Turn::connect(&m.server, server).await?.allocate().await?.0, 401, "{}", server.username);
    }
    let mut held = Vec::new();
    for _ in 0..limits::TURN_ALLOCATIONS_PER_PARTICIPANT_MAX {
        let mut client = Turn::connect(&m.server, &m.turn).await?;
        assert_eq!(client.allocate().await?.0, 0);
        held.push(client);
    }
    assert_eq!(Turn::connect(&m.server, &m.turn).await?.allocate().await?.0, 486);
    // Given back, there is room again.
    let mut last = held.pop().context("one")?;
    assert_eq!(last.ask(METHOD_REFRESH, &[(rtc_stun::attributes::ATTR_LIFETIME, vec![0; 4])]).await?.0, 0);
    assert_eq!(last.stream.read(&mut [0; 8]).await.unwrap_or(0), 0, "closed");
    assert_eq!(Turn::connect(&m.server, &m.turn).await?.allocate().await?.0, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_closed_and_web_pages_still_come() -> Result<()> {
    let m = meeting().await?;
    for first in
        [&b"\x00\x01\x00\x00\x21\x12\xa4\x42stranger0000"[..], b"\x00\x03\xff\xff", &[0x40, 0, 0, 1, 9, 0, 0, 0]]
    {
        let mut stream = tls(&m.server, &[b"stun.turn"]).await?;
        stream.write_all(first).await?;
        let mut answer = Vec::new();
        // A reset is an end as well.
        let _ = tokio::time::timeout(testkit::socket::PATIENCE, stream.read_to_end(&mut answer)).await?;
        if first.starts_with(&[0x40]) {
            assert!(answer.starts_with(b"HTTP/1.1 400") || answer.is_empty());
        } else {
            assert!(answer.is_empty(), "{answer:?}");
        }
    }
    // Nobody tries passwords for long.
    let mut client = Turn::connect(&m.server, &m.turn).await?;
    client.key = vec![0; 16];
    client.allocate().await?;
    let udp = (ATTR_REQUESTED_TRANSPORT, vec![17, 0, 0, 0]);
    let mut tries = 2;
    while let Ok((code, _)) = client.ask(METHOD_ALLOCATE, std::slice::from_ref(&udp)).await {
        assert_eq!(code, 401);
        tries += 1;
        if tries > limits::TURN_ATTEMPTS_MAX {
            bail!("no end");
        }
    }
    // Without ALPN, as TURN clients come, a page is a page.
    let mut stream = tls(&m.server, &[]).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut text = String::new();
    // The server may end without a goodbye of TLS.
    let _ = stream.read_to_string(&mut text).await;
    assert!(text.starts_with("HTTP/1.1 "), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_get_no_credentials() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().context("printed")?).await?;
    let room = admin.create_room("Raum").await?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    let guest = server.client()?;
    let mut socket = guest.socket(&guest.join(&secret, "Miriam").await?.ticket).await?;
    socket.wait_for(|message| matches!(message, ServerMessage::Waiting { .. }).then_some(())).await?;
    assert!(socket.recorded.iter().all(|frame| !frame.contains("turns:")));
    Ok(())
}
