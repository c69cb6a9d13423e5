//! What is true of every operation and would be forgotten in some if each said it: problems as the body of every refusal,
//! what extractors and limits answer before a handler is asked, a name for programs, whose credentials it takes.

use utoipa::openapi::{
    Components, ContentBuilder, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder,
    header::HeaderBuilder,
    path::{Operation, ParameterIn},
    schema::Type,
};

use super::operations;

const PROBLEM: &str = "Problem";
const PROBLEM_TYPE: &str = "application/problem+json";

/// An answer that many operations have in common.
struct Common {
    status: &'static str,
    name: &'static str,
    when: &'static str,
    /// Whether this operation can give it.
    of: fn(&Operation) -> bool,
}

const COMMON: [Common; 11] = [
    Common {
        status: "400",
        name: "BadRequest",
        when: "The query or the body can't be read",
        of: |operation| has_json(operation) || has_parameter(operation, &ParameterIn::Query),
    },
    Common {
        status: "401",
        name: "Unauthorized",
        when: "No credentials, or wrong ones",
        of: takes_credentials,
    },
    Common {
        status: "403",
        name: "Forbidden",
        when: "The account is locked, the API key lacks the scope, or a page of another site has sent this",
        of: takes_credentials,
    },
    Common {
        status: "404",
        name: "NotFound",
        when: "There is no such thing, or it is somebody else's",
        of: |operation| has_parameter(operation, &ParameterIn::Path),
    },
    Common { status: "408", name: "Timeout", when: "The body did not arrive in time", of: has_json },
    Common {
        status: "413",
        name: "TooLarge",
        when: "The body is larger than anything that is taken here",
        of: has_json,
    },
    Common {
        status: "415",
        name: "UnsupportedMediaType",
        when: "The body is not said to be `application/json`",
        of: has_json,
    },
    Common {
        status: "422",
        name: "Unprocessable",
        when: "A value is missing, unknown or not allowed",
        of: has_json,
    },
    Common {
        status: "429",
        name: "TooManyRequests",
        when: "Too many requests from this address; `Retry-After` says when to come again",
        of: |_| true,
    },
    Common { status: "500", name: "Internal", when: "A fault on our side", of: |_| true },
    Common {
        status: "503",
        name: "Unavailable",
        when: "Not right now; `Retry-After` says when to try again",
        of: |_| true,
    },
];

/// Completes the description.
pub(super) fn complete(described: &mut OpenApi) {
    let components = described.components.get_or_insert_default();
    components.schemas.insert(PROBLEM.into(), problem());
    for (path, item) in &mut described.paths.paths {
        complete_path(path, item, components);
    }
}

fn complete_path(path: &str, item: &mut PathItem, components: &mut Components) {
    for (method, operation) in operations(item) {
        operation.operation_id = Some(name(method, path));
        // None is said by an empty list: no list would leave it open.
        operation.security.get_or_insert_default();
        for common in COMMON {
            if !(common.of)(operation) {
                continue;
            }
            operation.responses.responses.entry(common.status.into()).or_insert_with(|| {
                components.responses.entry(common.name.into()).or_insert_with(|| RefOr::T(answer(&common)));
                RefOr::Ref(Ref::from_response_name(common.name))
            });
        }
        let summary = operation.summary.clone().unwrap_or_default();
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response {
                complete_response(status, response, &summary);
            }
        }
    }
}

/// An answer without words is what the operation is for.
fn complete_response(status: &str, response: &mut Response, summary: &str) {
    if response.description.is_empty() {
        summary.clone_into(&mut response.description);
    }
    if status >= "400" && response.content.is_empty() {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(PROBLEM))).build();
        response.content.insert(PROBLEM_TYPE.into(), content.into());
    }
}

fn answer(common: &Common) -> Response {
    let mut answer = ResponseBuilder::new().description(common.when);
    if ["429", "503"].contains(&common.status) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).build();
        let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds")).build();
        answer = answer.header("Retry-After", header);
    }
    let mut answer = answer.build();
    complete_response(common.status, &mut answer, "");
    answer
}

/// RFC 9457, as `runtime::Problem` writes it. Some kinds have further members.
fn problem() -> RefOr<utoipa::openapi::Schema> {
    let text = |says: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(says)).build();
    let status = ObjectBuilder::new().schema_type(Type::Integer).description(Some("As in the head")).build();
    let problem = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("What went wrong, and what to do (RFC 9457). Some kinds have further members."))
        .property(
            "type",
            text("`/docs/errors#KIND`: the page that explains it; `KIND` is a word for programs"),
        )
        .required("type")
        .property("title", text("The status in words"))
        .required("title")
        .property("status", status)
        .required("status")
        .property("detail", text("A sentence for people: what to do"))
        .required("detail")
        .property("instance", text("The id of the request"))
        .build();
    problem.into()
}

/// A name that no other operation has: `get_jobs_id_events`.
fn name(method: &str, path: &str) -> String {
    let words = path.split(|character: char| !character.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).fold(method.to_owned(), |name, word| format!("{name}_{word}"))
}

fn takes_credentials(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|ways| !ways.is_empty())
}

fn has_parameter(operation: &Operation, place: &ParameterIn) -> bool {
    let parameters = operation.parameters.iter().flatten();
    parameters.into_iter().any(|parameter| matches!(parameter, RefOr::T(one) if one.parameter_in == *place))
}

fn has_json(operation: &Operation) -> bool {
    matches!(&operation.request_body, Some(RefOr::T(body)) if body.content.contains_key("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_operation_says_method_and_path() {
        assert_eq!(name("get", "/jobs/{id}/events"), "get_jobs_id_events");
        assert_eq!(name("get", "/.well-known/jwks.json"), "get_well_known_jwks_json");
    }
}
