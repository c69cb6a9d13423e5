//! Templates: text with `{{name}}` in it. A line whose name has an empty value is left out.

use std::borrow::Cow;

/// What stands for a name. What is not listed is empty.
pub(crate) type Values<'a> = [(&'static str, Cow<'a, str>)];

/// The plain text of a mail.
pub(crate) fn text(template: &str, values: &Values<'_>) -> String {
    render(template, values, str::to_owned)
}

/// The HTML of a mail; values are escaped, for text and for attributes in quotes.
pub(crate) fn html(template: &str, values: &Values<'_>) -> String {
    render(template, values, escaped)
}

fn render(template: &str, values: &Values<'_>, write: fn(&str) -> String) -> String {
    template.lines().filter_map(|line| rendered_line(line, values, write)).collect()
}

/// One pass over the template: a value that looks like a placeholder stays as it is.
fn rendered_line(line: &str, values: &Values<'_>, write: fn(&str) -> String) -> Option<String> {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, name, after)) = placeholder(rest) {
        let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref());
        out.push_str(before);
        out.push_str(&write(value.filter(|value| !value.is_empty())?));
        rest = after;
    }
    Some(out + rest + "\n")
}

fn placeholder(line: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = line.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name, after))
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_in_html_and_never_taken_for_placeholders() {
        let values: &Values<'_> = &[("a", "<b>\"{{b}}'&".into()), ("b", "secret".into())];
        assert_eq!(html("<p>{{a}}</p>", values), "<p>&lt;b&gt;&quot;{{b}}&#39;&amp;</p>\n");
        assert_eq!(text("{{a}} {{b}}", values), "<b>\"{{b}}'& secret\n");
    }

    #[test]
    fn a_line_without_a_value_is_left_out() {
        let values: &Values<'_> = &[("a", "1".into()), ("empty", "".into())];
        assert_eq!(text("x\nnote: {{empty}}\n{{unknown}}\n\n{{a}}", values), "x\n\n1\n");
    }
}
