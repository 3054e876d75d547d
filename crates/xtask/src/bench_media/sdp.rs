//! Session descriptions: those that the generator sends, and what it reads from a server's. As browsers write them,
//! with VP8 and Opus only.

use super::client::Client;
use super::connection::Credentials;
use std::fmt::Write as _;
use std::net::SocketAddr;

const LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const TRANSPORT: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// Ids of the header extensions that the generator understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExtensionIds {
    pub(crate) level: Option<u8>,
    pub(crate) transport: Option<u8>,
    pub(crate) mid: Option<u8>,
}

/// Which way media flows, as the describing side sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Direction {
    #[default]
    Both,
    Send,
    Receive,
    None,
}

impl Direction {
    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::Both | Self::Send)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Both => "sendrecv",
            Self::Send => "sendonly",
            Self::Receive => "recvonly",
            Self::None => "inactive",
        }
    }
}

/// `a=rtpmap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Codec {
    pub(crate) payload_type: u8,
    pub(crate) name: String,
}

/// A media section that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Media {
    pub(crate) kind: String,
    pub(crate) mid: String,
    pub(crate) rejected: bool,
    pub(crate) direction: Direction,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) ids: ExtensionIds,
    /// Lines of a section of which an answer needs a copy: first line, codecs, extensions.
    lines: Vec<String>,
}

/// A description that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    pub(crate) credentials: Credentials,
    /// UDP candidates over IPv4, best first as written.
    pub(crate) candidates: Vec<SocketAddr>,
    pub(crate) media: Vec<Media>,
}

impl Description {
    /// Reads what is needed; unknown lines are passed over.
    pub(crate) fn read(text: &str) -> Self {
        let mut all = Self::default();
        for line in text.lines().map(str::trim_end) {
            if let Some(first) = line.strip_prefix("m=") {
                let mut words = first.split(' ');
                let kind = words.next().unwrap_or_default().to_owned();
                let rejected = words.next() == Some("0");
                all.media.push(Media { kind, rejected, lines: vec![line.to_owned()], ..Media::default() });
                continue;
            }
            let Some(attribute) = line.strip_prefix("a=") else { continue };
            let (key, value) = attribute.split_once(':').unwrap_or((attribute, ""));
            match key {
                "ice-ufrag" => value.clone_into(&mut all.credentials.ufrag),
                "ice-pwd" => value.clone_into(&mut all.credentials.pwd),
                "candidate" => all.candidates.extend(candidate(value)),
                _ => {}
            }
            if let Some(media) = all.media.last_mut() {
                media.attribute(line, key, value);
            }
        }
        all.candidates.dedup();
        all
    }

    /// The section with this `a=mid`.
    pub(crate) fn section(&self, mid: &str) -> Option<&Media> {
        self.media.iter().find(|media| media.mid == mid)
    }
}

/// `foundation component transport priority address port typ …` (RFC 8839, clause 5.1).
pub(crate) fn candidate(value: &str) -> Option<SocketAddr> {
    let words: Vec<&str> = value.split(' ').collect();
    let [_, "1", transport, _, address, port, ..] = words[..] else { return None };
    let address = SocketAddr::new(address.parse().ok()?, port.parse().ok()?);
    (transport.eq_ignore_ascii_case("udp") && address.is_ipv4()).then_some(address)
}

impl Media {
    fn attribute(&mut self, line: &str, key: &str, value: &str) {
        match key {
            "mid" => value.clone_into(&mut self.mid),
            "sendrecv" => self.direction = Direction::Both,
            "sendonly" => self.direction = Direction::Send,
            "recvonly" => self.direction = Direction::Receive,
            "inactive" => self.direction = Direction::None,
            "rtpmap" => {
                self.lines.push(line.to_owned());
                if let Some((number, name)) = value.split_once(' ')
                    && let Ok(payload_type) = number.parse()
                {
                    let name = name.split('/').next().unwrap_or_default().to_owned();
                    self.codecs.push(Codec { payload_type, name });
                }
            }
            "extmap" => {
                let Some((id, uri)) = value.split_once(' ') else { return };
                let id: Option<u8> = id.split('/').next().and_then(|id| id.parse().ok()).filter(|id| *id < 15);
                let place = match uri {
                    LEVEL => &mut self.ids.level,
                    TRANSPORT => &mut self.ids.transport,
                    MID => &mut self.ids.mid,
                    SEND_TIME => return self.lines.push(line.to_owned()),
                    _ => return,
                };
                *place = id;
                self.lines.push(line.to_owned());
            }
            "fmtp" | "rtcp-fb" => self.lines.push(line.to_owned()),
            _ => {}
        }
    }

    /// The payload type of a codec.
    pub(crate) fn payload_type(&self, name: &str) -> Option<u8> {
        self.codecs.iter().find(|codec| codec.name == name).map(|codec| codec.payload_type)
    }
}

/// A section of an offer of ours.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) video: bool,
    pub(crate) direction: Direction,
    /// Of what is sent.
    pub(crate) ssrc: Option<u32>,
    /// `a=msid`, stream and track, for servers that go by it.
    pub(crate) msid: Option<(String, String)>,
}

impl Section {
    pub(crate) fn send(video: bool, ssrc: u32) -> Self {
        Self { video, direction: Direction::Send, ssrc: Some(ssrc), msid: None }
    }

    pub(crate) fn receive(video: bool) -> Self {
        Self { video, direction: Direction::Receive, ssrc: None, msid: None }
    }
}

fn head(mids: &[&str]) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=extmap-allow-mixed\r\n\
         a=msid-semantic: WMS *\r\n",
        mids.join(" ")
    )
}

fn transport(out: &mut String, client: &Client, setup: &str) {
    let (ip, port) = (client.address.ip(), client.address.port());
    let Credentials { ufrag, pwd } = &client.connection.local;
    let fingerprint = client.connection.fingerprint();
    let _ = write!(
        out,
        "c=IN IP4 {ip}\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\n\
         a=end-of-candidates\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=ice-options:trickle\r\n\
         a=fingerprint:{fingerprint}\r\na=setup:{setup}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
    );
}

/// An offer; sections are named by their place.
pub(crate) fn offer(client: &Client, sections: &[Section]) -> String {
    let mids: Vec<String> = (0..sections.len()).map(|place| place.to_string()).collect();
    let mut out = head(&mids.iter().map(String::as_str).collect::<Vec<_>>());
    for (mid, section) in mids.iter().zip(sections) {
        let (kind, formats) = if section.video { ("video", "96 97") } else { ("audio", "111") };
        let _ = write!(out, "m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\n");
        // Active, where browsers leave it to the server and become it with most: all servers then do the same part.
        transport(&mut out, client, "active");
        let _ = write!(out, "a=mid:{mid}\r\na={}\r\n", section.direction.name());
        if !section.video {
            let _ = write!(out, "a=extmap:1 {LEVEL}\r\n");
        }
        let _ = write!(out, "a=extmap:2 {SEND_TIME}\r\na=extmap:3 {TRANSPORT}\r\na=extmap:4 {MID}\r\n");
        out += if section.video {
            "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\n\
             a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
        } else {
            "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 transport-cc\r\n"
        };
        if let Some((stream, track)) = &section.msid {
            let _ = write!(out, "a=msid:{stream} {track}\r\n");
        }
        if let Some(ssrc) = section.ssrc {
            let _ = write!(out, "a=ssrc:{ssrc} cname:bench{ssrc}\r\n");
        }
    }
    out
}

/// The answer to a server's offer: all that it sends is received.
pub(crate) fn answer(client: &Client, offered: &Description) -> String {
    let live: Vec<&str> =
        offered.media.iter().filter(|media| !media.rejected).map(|media| media.mid.as_str()).collect();
    let mut out = head(&live);
    for media in &offered.media {
        let Some(first) = media.lines.first().map(|line| line.trim_end()) else { continue };
        let wanted: Vec<u8> = media
            .codecs
            .iter()
            .filter(|codec| matches!(codec.name.as_str(), "opus" | "VP8"))
            .map(|codec| codec.payload_type)
            .collect();
        if media.rejected {
            let rest = first.splitn(3, ' ').nth(2).unwrap_or_default();
            let _ =
                write!(out, "m={} 0 {rest}\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=inactive\r\n", media.kind, media.mid);
            continue;
        }
        if media.kind == "application" {
            // Data channels are accepted, since the bundle's transport may be theirs, and never used.
            let _ = write!(out, "{first}\r\n");
            transport(&mut out, client, "active");
            let _ = write!(out, "a=mid:{}\r\na=sctp-port:5000\r\n", media.mid);
            continue;
        }
        // RTX belongs to the codec that it names.
        let apt = |payload_type: u8| {
            media.lines.iter().any(|line| {
                line.strip_prefix(&format!("a=fmtp:{payload_type} apt="))
                    .is_some_and(|apt| wanted.iter().any(|wanted| apt.parse() == Ok(*wanted)))
            })
        };
        let rtx = media.codecs.iter().map(|codec| codec.payload_type).filter(|number| apt(*number));
        let formats: Vec<u8> = wanted.iter().copied().chain(rtx).collect();
        let names: Vec<String> = formats.iter().map(u8::to_string).collect();
        let _ = write!(out, "m={} 9 UDP/TLS/RTP/SAVPF {}\r\n", media.kind, names.join(" "));
        transport(&mut out, client, "active");
        let direction = if media.direction.sends() { Direction::Receive } else { Direction::None };
        let _ = write!(out, "a=mid:{}\r\na={}\r\n", media.mid, direction.name());
        for line in &media.lines[1..] {
            let number = line.split_once(':').and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
            if line.starts_with("a=extmap") || number.is_some_and(|number| formats.contains(&number)) {
                let _ = write!(out, "{line}\r\n");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_media::generator::Generator;
    use crate::bench_media::wire::LOOPBACK;

    const OFFERED: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE d 0 1\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=ice-ufrag:uf\r\na=ice-pwd:pw\r\n\
        a=candidate:1 1 udp 100 192.0.2.1 5000 typ host\r\na=candidate:2 1 tcp 90 192.0.2.1 5001 typ host\r\n\
        a=candidate:3 1 udp 80 2001:db8::1 5000 typ host\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n\
        a=extmap:1/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r\na=mid:1\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 H264/90000\r\n\
        a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";

    #[test]
    fn a_description_is_read() {
        let read = Description::read(OFFERED);
        assert_eq!(read.candidates, ["192.0.2.1:5000".parse::<SocketAddr>().expect("address")]);
        assert_eq!((read.credentials.ufrag.as_str(), read.credentials.pwd.as_str()), ("uf", "pw"));
        let video = read.section("1").expect("there");
        assert!(video.direction.sends() && video.ids.transport == Some(5) && video.payload_type("VP8") == Some(96));
        assert_eq!(read.section("0").expect("there").ids.level, Some(1));
    }

    #[test]
    fn an_answer_takes_vp8_opus_and_their_rtx() {
        let mut generator = Generator::new(LOOPBACK, true).expect("sockets");
        let client = generator.add().expect("client");
        let text = answer(&generator.clients[client], &Description::read(OFFERED));
        assert!(text.contains("a=group:BUNDLE d 0 1\r\n"));
        assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
        assert!(text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"));
        assert!(text.contains("a=fmtp:97 apt=96\r\n") && !text.contains("H264") && !text.contains("PCMU"));
        assert_eq!(text.matches("a=setup:active").count(), 3);
        let back = Description::read(&text);
        assert_eq!(back.candidates, [generator.clients[client].address]);
        assert_eq!(back.section("1").expect("there").direction, Direction::Receive);
    }

    #[test]
    fn an_offer_is_read_back() {
        let mut generator = Generator::new(LOOPBACK, true).expect("sockets");
        let client = generator.add().expect("client");
        let text = offer(&generator.clients[client], &[Section::send(true, 7), Section::receive(false)]);
        let read = Description::read(&text);
        assert_eq!(
            read.media.iter().map(|media| media.direction).collect::<Vec<_>>(),
            [Direction::Send, Direction::Receive]
        );
        assert_eq!(read.media[0].ids, ExtensionIds { level: None, transport: Some(3), mid: Some(4) });
        assert!(text.contains("a=ssrc:7 cname:"));
    }
}
