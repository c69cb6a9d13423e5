//! Charts over time as SVG that needs nothing else: panels below each other with one axis of time, light or dark as the
//! reader's system is.

use std::fmt::Write as _;

/// A quantity over time.
#[derive(Clone, Debug)]
pub struct Line {
    /// As the legend calls it.
    pub name: String,
    /// Seconds and value, in the order of time.
    pub points: Vec<(f64, f64)>,
    /// Whether a value stays until the next point.
    pub steps: bool,
}

/// Lines with one scale.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// At most three.
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 860.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
/// Of a panel: its title, its plot, the space below.
const TOP: f64 = 26.0;
const HEIGHT: f64 = 110.0;
const GAP: f64 = 14.0;
const BELOW: f64 = 34.0;
/// Light and dark.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.t{font-weight:600}.g{stroke:#ddd}.l{fill:none;stroke-width:1.8}\
.c0{stroke:#0a66c2}.c1{stroke:#c2410c}.c2{stroke:#15803d}.k0{fill:#0a66c2}.k1{fill:#c2410c}.k2{fill:#15803d}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#444}.c0{stroke:#6db3ff}.c1{stroke:#ff9a62}.c2{stroke:#5fd38a}\
.k0{fill:#6db3ff}.k1{fill:#ff9a62}.k2{fill:#5fd38a}}";

/// The chart, `label` in words for who can't see it.
#[must_use]
pub fn svg(label: &str, panels: &[Panel]) -> String {
    let last = |line: &Line| line.points.last().map_or(0.0, |point| point.0);
    let end = panels.iter().flat_map(|panel| &panel.lines).map(last).fold(1.0, f64::max);
    let height = panels.len() as f64 * (TOP + HEIGHT + GAP) + BELOW;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">\
         <style>{STYLE}</style>\n",
        escape(label)
    );
    for (number, panel) in panels.iter().enumerate() {
        let top = number as f64 * (TOP + HEIGHT + GAP) + TOP;
        draw(&mut out, panel, top, end);
    }
    time_axis(&mut out, end, height - BELOW - GAP + 16.0);
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, panel: &Panel, top: f64, end: f64) {
    let values = panel.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let most = values.fold(1.0, f64::max);
    let bottom = top + HEIGHT;
    let _ = write!(out, "<text class=\"t\" x=\"{LEFT}\" y=\"{}\">{}</text>", top - 9.0, escape(&panel.title));
    for tick in ticks(most) {
        let y = bottom - tick / most * HEIGHT;
        let _ = write!(
            out,
            "<line class=\"g\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            short(tick)
        );
    }
    for (number, line) in panel.lines.iter().enumerate() {
        let x = |at: f64| LEFT + at / end * (WIDTH - LEFT - RIGHT);
        let path = path(line, x, |value| bottom - value / most * HEIGHT);
        let _ = write!(out, "<path class=\"l c{number}\" d=\"{path}\"/>");
        if panel.lines.len() > 1 {
            let x = WIDTH - RIGHT - 150.0 * (panel.lines.len() - number) as f64;
            let _ = write!(
                out,
                "<rect class=\"k{number}\" x=\"{x}\" y=\"{}\" width=\"10\" height=\"10\"/><text x=\"{}\" y=\"{}\">{}</text>",
                top - 18.0,
                x + 15.0,
                top - 9.0,
                escape(&line.name)
            );
        }
    }
    out.push('\n');
}

/// Not more than a point a pixel, and of steps only those that go up or down.
fn path(line: &Line, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut before: Option<(i64, i64)> = None;
    for (number, (at, value)) in line.points.iter().enumerate() {
        let (x, y) = (x(*at).round() as i64, y(*value).round() as i64);
        let is_last = number + 1 == line.points.len();
        if !is_last && before.is_some_and(|(column, level)| column == x || (line.steps && level == y)) {
            continue;
        }
        let _ = match before {
            None => write!(path, "M{x} {y}"),
            Some(_) if line.steps => write!(path, "H{x}V{y}"),
            Some(_) => write!(path, "L{x} {y}"),
        };
        before = Some((x, y));
    }
    path
}

fn time_axis(out: &mut String, end: f64, y: f64) {
    let (unit, name) = match end {
        ..=300.0 => (1.0, "s"),
        ..=14_400.0 => (60.0, "min"),
        _ => (3600.0, "h"),
    };
    for tick in ticks(end / unit) {
        let x = LEFT + tick * unit / end * (WIDTH - LEFT - RIGHT);
        let _ = write!(
            out,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{} {name}</text>",
            short(tick)
        );
    }
}

/// Round numbers from 0 to at most `most`: about five.
fn ticks(most: f64) -> Vec<f64> {
    let rough = most / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    (0_u32..).map(|number| f64::from(number) * step).take_while(|tick| *tick <= most * 1.0001).collect()
}

fn short(value: f64) -> String {
    if value >= 10_000.0 {
        return format!("{}k", value / 1000.0);
    }
    format!("{}", (value * 100.0).round() / 100.0)
}

/// For text in HTML and SVG.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_not_many() {
        assert_eq!(ticks(10.0), [0.0, 2.5, 5.0, 7.5, 10.0]);
        assert_eq!(ticks(1.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(ticks(203.0), [0.0, 100.0, 200.0]);
    }

    #[test]
    fn names_can_not_break_out_and_many_points_make_no_long_path() {
        let points = (0..100_000).map(|n| (f64::from(n), f64::from(n % 100))).collect();
        let line = |name: &str| Line { name: name.into(), points, steps: true };
        let panel = Panel { title: "<b>".into(), lines: vec![line("a")] };
        let svg = svg("a \"chart\"", &[panel]);
        assert!(svg.contains("&lt;b&gt;") && svg.contains("a &quot;chart&quot;"), "{svg}");
        assert!(svg.len() < 20_000, "{}", svg.len());
    }
}
