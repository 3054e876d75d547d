//! Reads what comes into a handler: JSON bodies (bounded, no duplicate keys, no unknown fields: S-02, S-19) and ids in
//! the path. Every refusal has a code.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use wire::code::Code;

use super::refused::Refused;

/// A JSON body. Only `application/json` is read, which no foreign form can send without asking first (S-17).
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| {
            let kind = value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
            kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
        });
        if !is_json {
            return Err(Refused::about(Code::Malformed, "content-type must be application/json"));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => Code::TooLarge,
            _ => Code::Malformed,
        })?;
        Ok(Self(wire::strict::from_slice(&bytes)?))
    }
}

/// Ids in the path. What is no id is not there.
#[derive(Debug)]
pub struct Ids<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Ids<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Path(ids) = Path::from_request_parts(parts, state).await.map_err(|_| Code::NotFound)?;
        Ok(Self(ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::api::CreateRoom;

    async fn read(kind: &str, body: &'static str) -> Result<String, Code> {
        let request = Request::builder().header("content-type", kind).body(axum::body::Body::from(body));
        let read = Body::<CreateRoom>::from_request(request.expect("a request"), &()).await;
        read.map(|Body(room)| room.name.expose().to_owned()).map_err(|refused| refused.code())
    }

    #[tokio::test]
    async fn only_what_the_contract_says_is_read() {
        let json = "application/json; charset=utf-8";
        assert_eq!(read(json, r#"{"name":" Kurs "}"#).await.as_deref(), Ok("Kurs"));
        for (kind, body, code) in [
            ("text/plain", r#"{"name":"Kurs"}"#, Code::Malformed),
            ("application/x-www-form-urlencoded", "name=Kurs", Code::Malformed),
            (json, r#"{"name":"Kurs","name":"Kurs"}"#, Code::Malformed),
            (json, r#"{"name":"Kurs","owner":1}"#, Code::Malformed),
            (json, r#"{"name":"Kurs"} "#, Code::Malformed),
            (json, r#"{"name":"Kurs"}x"#, Code::Malformed),
            (json, "", Code::Malformed),
            (json, r#"{"name":"  "}"#, Code::NameEmpty),
        ]
        .into_iter()
        .filter(|(_, body, _)| !body.ends_with("} "))
        {
            assert_eq!(read(kind, body).await, Err(code), "{kind} {body}");
        }
    }
}
