//! The page of all operations.

use std::fmt::Write as _;

use contracts::Preset;
use serde_json::Value;

use super::{
    html::{self, escaped, line, paragraphs},
    schema,
};

/// In the order in which somebody needs them; what is not named comes after.
const ORDER: [&str; 5] = ["upload", "jobs", "download", "accounts", "admin"];
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// From nothing to an MP3. `FID` is the audio id that the mail names, or the id of the job.
const FIRST_STEPS: &str = include_str!("first-steps.sh");

/// An operation of the description.
struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    says: &'a Value,
}

impl Operation<'_> {
    /// Where it stands on the page.
    fn anchor(&self) -> String {
        let path: String =
            self.path.chars().map(|part| if part.is_ascii_alphanumeric() { part } else { '-' }).collect();
        format!("{}{}", self.method, path.trim_end_matches('-'))
    }

    fn tag(&self) -> &str {
        self.says["tags"][0].as_str().unwrap_or("other")
    }
}

pub(super) fn page(description: &Value) -> String {
    let operations = operations(description);
    let mut tags: Vec<&str> = ORDER.to_vec();
    for operation in &operations {
        if !tags.contains(&operation.tag()) {
            tags.push(operation.tag());
        }
    }
    let mut menu = String::from(
        "<p><a href=\"/\">Tapedeck</a> API</p>\n<ul>\n<li><a href=\"#first-steps\">First steps</a></li>\n\
         <li><a href=\"#presets\">Presets</a></li>\n<li><a href=\"/docs/errors\">Errors</a></li>\n<li><a href=\"/openapi.json\">OpenAPI</a></li>\n\
         <li><a href=\"/asyncapi.json\">Events</a></li>\n</ul>\n",
    );
    let mut main = beginning(&description["info"]);
    for tag in tags {
        let mut of_tag = operations.iter().filter(|operation| operation.tag() == tag).peekable();
        if of_tag.peek().is_none() {
            continue;
        }
        let tag = escaped(tag);
        let _ = write!(menu, "<p>{tag}</p>\n<ul>\n");
        let _ = writeln!(main, "<h2 id=\"{tag}\">{tag}</h2>");
        for operation in of_tag {
            let (anchor, path) = (operation.anchor(), escaped(operation.path));
            let _ = writeln!(menu, "<li><a href=\"#{anchor}\"><b>{}</b> {path}</a></li>", operation.method);
            section(&mut main, operation);
        }
        menu.push_str("</ul>\n");
    }
    common(&mut main, &description["components"]["responses"]);
    presets(&mut main);
    schemas(&mut main, &description["components"]["schemas"]);
    html::page("Tapedeck API", &menu, &main)
}

fn operations(description: &Value) -> Vec<Operation<'_>> {
    let paths = description["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, methods)| {
            let known = METHODS.iter().filter_map(move |method| Some((*method, methods.get(*method)?)));
            known.map(move |(method, says)| Operation { path, method, says })
        })
        .collect()
}

fn beginning(info: &Value) -> String {
    let text = |name: &str| info[name].as_str().unwrap_or_default();
    format!(
        "<h1>{} API <small>{}</small></h1>\n{}\
         <h2 id=\"first-steps\">First steps</h2>\n\
         <p><code>$TAPEDECK</code> is the address of this page without <code>/docs</code>.</p>\n\
         <pre><code>{}</code></pre>\n",
        escaped(text("title")),
        escaped(text("version")),
        paragraphs(text("description")),
        escaped(FIRST_STEPS.trim_end()),
    )
}

fn section(main: &mut String, operation: &Operation<'_>) {
    let Operation { path, method, says } = operation;
    let text = |name: &str| says[name].as_str().unwrap_or_default();
    let _ = write!(
        main,
        "<section id=\"{}\">\n<h3><b class=\"{method}\">{method}</b> <code>{}</code></h3>\n<p>{}</p>\n{}<p>{}</p>\n",
        operation.anchor(),
        escaped(path),
        line(text("summary")),
        paragraphs(text("description")),
        credentials(says),
    );
    parameters(main, &says["parameters"]);
    if let Some(contents) = says["requestBody"]["content"].as_object() {
        for (media_type, content) in contents {
            let _ = writeln!(main, "<p>Body: <code>{}</code> {}</p>", escaped(media_type), shape(content));
        }
    }
    responses(main, &says["responses"]);
    main.push_str("</section>\n");
}

/// Who may call.
fn credentials(says: &Value) -> String {
    let ways: Vec<&str> = says["security"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|way| match way.as_object().and_then(|way| way.keys().next()).map(String::as_str) {
            Some("basic") => "mail address and password (HTTP Basic)",
            Some("bearer") => "a token or an API key (Bearer)",
            Some(_) => "other credentials",
            None => "nothing, with a signed link",
        })
        .collect();
    match ways.is_empty() {
        true => "Needs no credentials.".into(),
        false => format!("Needs {}.", ways.join(", or ")),
    }
}

/// The schema of a body, if it is described.
fn shape(content: &Value) -> String {
    content.get("schema").map(schema::kind).unwrap_or_default()
}

fn parameters(main: &mut String, parameters: &Value) {
    let Some(parameters) = parameters.as_array() else { return };
    main.push_str("<table>\n<tr><th>parameter</th><th>type</th><th>what it says</th></tr>\n");
    for parameter in parameters {
        let need = if parameter["required"] == true { "" } else { ", optional" };
        let (name, place) = (schema::text(&parameter["name"]), schema::text(&parameter["in"]));
        let _ = writeln!(
            main,
            "<tr><td><code>{}</code> <small>{}{need}</small></td><td>{}</td><td>{} {}</td></tr>",
            escaped(&name),
            escaped(&place),
            schema::kind(&parameter["schema"]),
            line(parameter["description"].as_str().unwrap_or_default()),
            schema::said(&parameter["schema"]),
        );
    }
    main.push_str("</table>\n");
}

fn responses(main: &mut String, responses: &Value) {
    let Some(responses) = responses.as_object() else { return };
    // What many have in common is said once: `common`.
    let own = responses.iter().filter(|(_, response)| response.get("$ref").is_none());
    main.push_str("<table>\n<tr><th>answer</th><th>body</th><th>when</th></tr>\n");
    for (status, response) in own {
        let contents = response["content"].as_object().into_iter().flatten();
        let bodies: Vec<String> = contents
            .map(|(media_type, content)| format!("<code>{}</code> {}", escaped(media_type), shape(content)))
            .collect();
        let when = line(response["description"].as_str().unwrap_or_default());
        let (status, bodies) = (escaped(status), bodies.join("<br>"));
        let _ = writeln!(main, "<tr><td>{status}</td><td>{bodies}</td><td>{when}</td></tr>");
    }
    main.push_str("</table>\n");
}

/// Answers that do not stand in each operation.
fn common(main: &mut String, responses: &Value) {
    main.push_str("<h2 id=\"common\">Answers that many calls have</h2>\n<table>\n<tr><th>answer</th><th>when</th></tr>\n");
    for (name, response) in responses.as_object().into_iter().flatten() {
        let when = line(response["description"].as_str().unwrap_or_default());
        let _ = writeln!(main, "<tr><td>{}</td><td>{when}</td></tr>", escaped(name));
    }
    main.push_str("</table>\n");
}

/// What each preset sets, as it does it.
fn presets(main: &mut String) {
    main.push_str(
        "<h2 id=\"presets\">Presets</h2>\n<p>What the option <code>preset</code> sets where it is not given itself.</p>\n\
         <table>\n<tr><th>preset</th><th>sets</th></tr>\n",
    );
    for preset in Preset::ALL {
        let sets = preset.sets().into_iter().map(|(option, value)| format!("<code>{option}={value}</code>"));
        let sets = sets.collect::<Vec<_>>().join(" ");
        let _ = writeln!(main, "<tr><td><code>{}</code></td><td>{sets}</td></tr>", preset.as_str());
    }
    main.push_str("</table>\n");
}

fn schemas(main: &mut String, schemas: &Value) {
    main.push_str("<h2 id=\"schemas\">Shapes</h2>\n");
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        let (name, table) = (escaped(name), schema::table(schema));
        let _ = writeln!(main, "<section id=\"schema-{name}\">\n<h3><code>{name}</code></h3>");
        // A table says what the type would.
        let kind = if table.is_empty() { format!("{}. ", schema::kind(schema)) } else { String::new() };
        let _ = write!(main, "<p>{kind}{}</p>\n{table}</section>\n", schema::said(schema));
    }
}
