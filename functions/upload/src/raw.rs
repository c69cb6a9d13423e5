//! The video itself as the body, its name and the options in the query.

use axum::extract::{FromRequestParts as _, Request};
use contracts::Options;
use runtime::{Problem, Query, drain};

use crate::{
    pace::PacedBody,
    receive::{ReceivedVideo, Receiver},
    refusal::Refusal,
};

pub(crate) async fn receive(receiver: Receiver, request: Request) -> Result<ReceivedVideo, Problem> {
    let (mut parts, body) = request.into_parts();
    let parsed = match Query::<Vec<(String, String)>>::from_request_parts(&mut parts, &()).await {
        Ok(Query(fields)) => named(&fields).map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    let (name, options) = match parsed {
        Ok(parsed) => parsed,
        Err(problem) => {
            drain(body.into_data_stream()).await;
            return Err(problem);
        }
    };
    let mut body = PacedBody::new(body.into_data_stream(), receiver.deps.config.pace());
    match receiver.store(name, &mut body).await {
        Ok(stored) => Ok(ReceivedVideo { stored, options }),
        Err(refusal) => {
            drain(body).await;
            Err(refusal.into())
        }
    }
}

fn named(fields: &[(String, String)]) -> Result<(String, Options), Refusal> {
    let name = fields.iter().find(|(name, _)| name == "filename").map(|(_, value)| value.clone());
    let options = fields.iter().filter(|(name, _)| name != "filename");
    let options = Options::from_fields(options.map(|(name, value)| (name.as_str(), value.as_str())))?;
    Ok((name.unwrap_or_default(), options))
}
