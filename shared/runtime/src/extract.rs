//! axum's extractors, with problems instead of plain-text rejections, and a time for bodies.

use std::{convert::Infallible, fmt, marker::PhantomData, time::Duration};

use axum::{
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};

use contracts::Trace;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::Problem;

/// How long a body that is read whole may take to arrive: at most 64 KiB, over any line that can carry a video.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(30);

/// A JSON object as the body. (Without a look at that, a list of values would do: serde takes a struct's fields in their
/// order.) One that does not come within 30 seconds is 408: a client that sends a byte now and then would hold
/// its connection for days.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = axum::Json::<Object<T>>::from_request(request, state);
        match tokio::time::timeout(BODY_TIME, read).await {
            Ok(Ok(axum::Json(Object(value)))) => Ok(Self(value)),
            Ok(Err(rejection)) => Err(rejection.into()),
            Err(_) => Err(late_body()),
        }
    }
}

/// What only an object is read as.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AsObject(PhantomData)).map(Self)
    }
}

struct AsObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AsObject<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

pub(crate) fn late_body() -> Problem {
    let detail = "The body did not arrive in time. Send it again.";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "stalled", detail)
}

/// A query string.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

/// Parameters in the path. What can't be parsed names nothing: 404.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

/// The trace that a request belongs to, by its headers. What a handler writes because of the request belongs to it too:
/// see `db::Db::caused_by`.
pub struct Cause(pub Trace);

impl<S: Sync> FromRequestParts<S> for Cause {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(cause(&parts.headers)))
    }
}

/// The trace that a request belongs to; an event in binary mode, that the sender of the request has no trace for, its own.
pub(crate) fn cause(headers: &HeaderMap) -> Trace {
    let text = |name: &str| all(headers, name);
    let of_request = Trace::new(text("traceparent").as_deref(), text("tracestate").as_deref());
    if of_request.parent().is_some() {
        return of_request;
    }
    Trace::new(text("ce-traceparent").as_deref(), text("ce-tracestate").as_deref())
}

/// A header that stands there twice is a list (RFC 9110, 5.3): so a second `traceparent` makes none of both.
fn all(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<&str> =
        headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("\0")).collect();
    (!values.is_empty()).then(|| values.join(","))
}

impl<T: serde::Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// What serde says, without axum's words before it.
fn without_prefix(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(_, cause)| cause)
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::UNPROCESSABLE_ENTITY => Self::unprocessable(format!(
                "The body does not fit: {}. `/docs` says what it holds.",
                without_prefix(&rejection.body_text())
            )),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too large for a JSON request.",
            ),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Send JSON with Content-Type: application/json.",
            ),
            _ => Self::bad_request(format!(
                "The body can't be read: {}.",
                without_prefix(&rejection.body_text())
            )),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::not_found("There is nothing under this address.")
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::header};
    use futures_util::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_json_body_that_trickles_in_is_given_up() {
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Some((Ok::<_, std::io::Error>("["), ()))
        });
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from_stream(trickle))
            .unwrap();
        let Err(problem) = Json::<serde_json::Value>::from_request(request, &()).await else {
            panic!("it was taken")
        };
        assert_eq!(problem.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_list_of_values_is_not_taken_for_an_object() {
        #[derive(Deserialize)]
        struct Named {
            name: Option<String>,
        }
        let read = |body: &'static str| async move {
            let request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
            let read = Json::<Named>::from_request(request.body(Body::from(body)).unwrap(), &()).await;
            read.map(|Json(named)| named.name).map_err(|problem| problem.into_response().status())
        };
        assert_eq!(read(r#" {"name": "a"}"#).await, Ok(Some("a".into())));
        assert_eq!(read("{}").await, Ok(None));
        for body in [r#"["a"]"#, "[null]", "null", "1", r#""a""#] {
            assert_eq!(read(body).await, Err(StatusCode::UNPROCESSABLE_ENTITY), "{body}");
        }
        assert_eq!(read(r#"{"name": "a"} x"#).await, Err(StatusCode::BAD_REQUEST));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_body_is_said_without_words_about_our_types() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "it is not read")]
        struct Named {
            name: String,
        }
        for (body, said) in [
            (
                "{}",
                "The body does not fit: missing field `name` at line 1 column 2. `/docs` says what it holds.",
            ),
            ("{", "The body can't be read: EOF while parsing an object at line 1 column 1."),
        ] {
            let request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
            let Err(problem) =
                Json::<Named>::from_request(request.body(Body::from(body)).unwrap(), &()).await
            else {
                panic!("it was taken")
            };
            let answer = axum::body::to_bytes(problem.into_response().into_body(), 4096).await.unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["detail"], said);
        }
    }

    #[tokio::test]
    async fn a_request_belongs_to_the_trace_of_its_headers() {
        const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let cause = |headers: &[(&'static str, &'static str)]| {
            let request = headers
                .iter()
                .fold(Request::get("/"), |request, (name, value)| request.header(*name, *value));
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            async move { Cause::from_request_parts(&mut parts, &()).await.unwrap().0 }
        };
        let traced = cause(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]).await;
        assert_eq!(traced, Trace::new(Some(PARENT), Some("a=1,b=2")));
        assert_eq!(cause(&[("tracestate", "a=1")]).await, Trace::default());
        assert_eq!(cause(&[("traceparent", PARENT), ("traceparent", PARENT)]).await, Trace::default());
    }
}
