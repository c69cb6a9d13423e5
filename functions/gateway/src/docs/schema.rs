//! The shapes of JSON, in words.

use std::fmt::Write as _;

use serde_json::Value;

use super::html::{escaped, line};

/// What a schema is, in a few words of HTML, with links to the schemas that it names.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for (key, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[key].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(between);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().map(|value| format!("<code>{}</code>", escaped(&text(value))));
        return values.collect::<Vec<_>>().join(", ");
    }
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(|kind| escaped(&text(kind))).collect::<Vec<_>>().join(" or "),
        Value::String(kind) if kind == "array" => format!("list of {}", self::kind(&schema["items"])),
        Value::String(kind) => escaped(kind),
        _ => "any".into(),
    }
}

/// What is said about a schema: its description, where it ends, its default.
pub(super) fn said(schema: &Value) -> String {
    let parts = schema["oneOf"].as_array().into_iter().flatten();
    let described = parts.filter_map(|part| part["description"].as_str()).next();
    let mut html = line(schema["description"].as_str().or(described).unwrap_or_default());
    for (key, words) in [("minimum", "at least"), ("maximum", "at most"), ("maxLength", "at most")] {
        // That nothing is less than nothing goes without saying.
        if let Some(bound) = schema.get(key).filter(|bound| key != "minimum" || **bound != 0) {
            let unit = if key == "maxLength" { " characters" } else { "" };
            let _ = write!(html, " ({words} {}{unit})", escaped(&text(bound)));
        }
    }
    if let Some(default) = schema.get("default").filter(|default| !default.is_object()) {
        let _ = write!(html, " Default: <code>{}</code>.", escaped(&text(default)));
    }
    html
}

/// A table of what an object holds; nothing if it is none.
pub(super) fn table(schema: &Value) -> String {
    let parts = schema["allOf"].as_array();
    let own: String = parts.into_iter().flatten().map(table).collect();
    let Some(fields) = schema["properties"].as_object() else { return own };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rows = fields.iter().fold(String::new(), |mut rows, (name, field)| {
        let need = if required.contains(&name.as_str()) { "" } else { " <small>optional</small>" };
        let (name, kind, said) = (escaped(name), kind(field), said(field));
        let _ = writeln!(rows, "<tr><td><code>{name}</code>{need}</td><td>{kind}</td><td>{said}</td></tr>");
        rows
    });
    format!("{own}<table>\n<tr><th>field</th><th>type</th><th>what it says</th></tr>\n{rows}</table>\n")
}

/// A value without the quotes of a text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shape_is_told_in_words() {
        for (schema, words) in [
            (json!({"$ref": "#/components/schemas/Id"}), "<a href=\"#schema-Id\">Id</a>"),
            (json!({"type": "array", "items": {"type": "integer"}}), "list of integer"),
            (json!({"type": ["string", "null"]}), "string or null"),
            (json!({"enum": ["a", 1]}), "<code>a</code>, <code>1</code>"),
            (json!({"oneOf": [{"$ref": "/X"}, {"type": "null"}]}), "<a href=\"#schema-X\">X</a> or null"),
            (json!({}), "any"),
        ] {
            assert_eq!(kind(&schema), words);
        }
        let bounded =
            json!({"type": "integer", "minimum": 1, "maximum": 9, "default": 2, "description": "So many."});
        assert_eq!(said(&bounded), "So many. (at least 1) (at most 9) Default: <code>2</code>.");
    }
}
