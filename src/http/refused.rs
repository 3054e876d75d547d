//! How a handler says no: a code of the closed list, as `{ "code": … }` with the code's HTTP status.
//!
//! Used by every file in `api` and by the guard. What went wrong inside the server is logged here once, without content.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::permission::Denied;
use store::StoreError;
use wire::api::ErrorBody;
use wire::code::Code;

use crate::rooms::service::ServiceError;

/// The answer "no".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    code: Code,
    detail: Option<&'static str>,
}

impl Refused {
    /// Names the field that is meant, for programmers.
    #[must_use]
    pub fn about(code: Code, detail: &'static str) -> Self {
        Self { code, detail: Some(detail) }
    }

    /// Why.
    #[cfg(test)]
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self { code, detail: None }
    }
}

impl From<Denied> for Refused {
    fn from(_: Denied) -> Self {
        Code::NotFound.into()
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Code::NotFound.into(),
            // A room whose key is destroyed is being deleted at this moment.
            StoreError::KeyDestroyed => Code::RoomDeleted.into(),
            StoreError::Conflict => Code::Conflict.into(),
            StoreError::Limit(_) => Code::Overloaded.into(),
            other => {
                tracing::error!(error = %other, "the store failed");
                Code::Internal.into()
            }
        }
    }
}

impl From<ServiceError> for Refused {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound => Code::NotFound.into(),
            ServiceError::Conflict => Code::Conflict.into(),
            ServiceError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(ErrorBody { code: self.code, detail: self.detail.map(str::to_owned) })).into_response()
    }
}
