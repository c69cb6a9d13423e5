//! What a job is called, for people: in a mail's subject, as the name of the downloaded file.

use crate::Job;

/// Longest title, in characters.
const CHARACTERS: usize = 120;

impl Job {
    /// What its owner calls it, else the title that was asked for, or the source's name without folder and extension. One
    /// line, without characters that control a terminal, a header or the direction of text. `None` if nothing is left.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        let asked = [&self.name, &self.options.title].into_iter().flatten();
        let asked = asked.map(|title| clean(title)).find(|title| !title.is_empty());
        asked.or_else(|| Some(clean(stem(&self.source.name))).filter(|title| !title.is_empty()))
    }
}

fn stem(name: &str) -> &str {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

fn clean(text: &str) -> String {
    // Paragraph and line separators, and what turns the direction of text around (an old trick to hide an extension).
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let plain: String = text.chars().map(|c| if odd(c) { ' ' } else { c }).collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(CHARACTERS).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_clean_line_whatever_the_file_was_called() {
        for (name, title) in [
            ("holiday.mp4", "holiday"),
            ("C:\\fakepath\\my film.tar.mkv", "my film.tar"),
            ("../../etc/passwd", "passwd"),
            ("a\r\nBcc: eve@example.org\r\n\r\nhi.mp4", "a Bcc: eve@example.org hi"),
            ("🎸 Solo \"live\".mov", "🎸 Solo \"live\""),
            ("\u{202e}4pm.exe", "4pm"),
            (".mp4", ".mp4"),
            ("", ""),
        ] {
            assert_eq!(clean(stem(name)), title, "{name:?}");
        }
        assert_eq!(clean(&"ä".repeat(500)).chars().count(), CHARACTERS);
    }
}
