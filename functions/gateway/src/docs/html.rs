//! Text that is safe in HTML.

use std::fmt::Write as _;

/// With the characters escaped that mean something in HTML, in content and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

/// What stands between backticks is code; the rest is text.
pub(super) fn line(text: &str) -> String {
    let mut html = String::new();
    for (place, part) in text.split('`').enumerate() {
        let part = escaped(part);
        if place % 2 == 1 {
            html.push_str("<code>");
            html.push_str(&part);
            html.push_str("</code>");
        } else {
            html.push_str(&part);
        }
    }
    html
}

/// Paragraphs, which are apart by empty lines.
pub(super) fn paragraphs(text: &str) -> String {
    text.split("\n\n").filter(|part| !part.trim().is_empty()).fold(String::new(), |mut html, part| {
        html.push_str("<p>");
        html.push_str(&line(part.trim()));
        html.push_str("</p>\n");
        html
    })
}

/// A whole page. `menu` and `main` are HTML.
pub(super) fn page(title: &str, menu: &str, main: &str) -> String {
    let mut html = String::new();
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/docs/docs.css\">\n<link rel=\"icon\" href=\"/icon.svg\">\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip the list</a>\n<nav aria-label=\"Contents\">\n{menu}</nav>\n\
         <main id=\"main\">\n{main}</main>\n</body>\n</html>\n"
    );
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_text_says_is_markup() {
        assert_eq!(line("a <b> & `<c \"d\">`"), "a &lt;b&gt; &amp; <code>&lt;c &quot;d&quot;&gt;</code>");
        assert_eq!(paragraphs("one\ntwo\n\nthree\n\n"), "<p>one\ntwo</p>\n<p>three</p>\n");
    }
}
