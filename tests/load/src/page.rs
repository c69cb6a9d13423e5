//! The report as one HTML file that loads nothing.

use std::fmt::Write as _;

use crate::{
    Depth, Report, Sample,
    chart::{self, Line, Panel, escape},
    report::percentile,
};

const STYLE: &str = ":root{color-scheme:light dark;--soft:#666;--line:#ddd;--good:#15803d;--bad:#b91c1c}\
@media(prefers-color-scheme:dark){:root{--soft:#aaa;--line:#444;--good:#5fd38a;--bad:#ff8080}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}td,th{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left}\
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}.s{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}\
h2{margin:2rem 0 .5rem;font-size:1.15rem}div.w{overflow-x:auto}svg{min-width:640px;width:100%;height:auto}";

pub(crate) fn html(report: &Report) -> String {
    let plan = &report.plan;
    let class = if report.is_good() { "good" } else { "bad" };
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Load test: {videos} videos</title><style>{STYLE}</style>\n\
         <h1>Load test: {videos} videos {arrivals}</h1>\n\
         <p class=\"{class}\"><strong>{verdict}</strong></p>\n\
         <p>{world}, {at}. All had ended after {seconds:.1} s: {rate:.2} videos a second.{scaling}</p>\n",
        videos = plan.videos,
        arrivals = plan.arrivals,
        verdict = report.verdict(),
        world = escape(&plan.world),
        at = report.ended_at,
        seconds = report.seconds(),
        rate = report.accepted() as f64 / report.seconds().max(0.001),
        scaling = scaling(report),
    );
    out.push_str("<h2>Over time</h2>\n<div class=\"w\">");
    out.push_str(&timeline(report));
    out.push_str("</div>\n<h2>What became of the uploads</h2>\n<table>");
    for (name, count, what) in report.counts() {
        let _ = writeln!(out, "<tr><td>{name}<td class=\"n\">{count}<td class=\"s\">{}", escape(&what));
    }
    out.push_str("</table>\n<h2>How long it took</h2>\n");
    out.push_str(&latencies(report));
    out.push_str(&cost(report));
    out.push_str(&broken(report));
    out.push_str(&how(report));
    out
}

fn scaling(report: &Report) -> String {
    let Some((first, most, last)) = report.scaling() else { return String::new() };
    format!(" {}: {first} at first, {most} at the most, {last} at the end.", capital(&report.workers))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

fn timeline(report: &Report) -> String {
    let line = |name: &str, steps, value: &dyn Fn(&Sample) -> Option<f64>| {
        let points = report.samples.iter().filter_map(|sample| Some((sample.at, value(sample)?))).collect();
        Line { name: name.into(), points, steps }
    };
    let depth = line("depth", true, &|sample| sample.depth.map(|depth| depth as f64));
    let workers = line("workers", true, &|sample| sample.replicas.map(|count| count as f64));
    let accepted = line("accepted", false, &|sample| Some(sample.accepted as f64));
    let ended = line("ended", false, &|sample| Some(sample.ended as f64));
    let mut panels = vec![Panel { title: capital(&report.depth().to_string()), lines: vec![depth] }];
    if report.scaling().is_some() {
        panels.push(Panel { title: capital(&report.workers), lines: vec![workers] });
    }
    panels.push(Panel { title: "Uploads accepted, jobs ended".into(), lines: vec![accepted, ended] });
    chart::svg("Queue, workers and jobs over time", &panels)
}

fn latencies(report: &Report) -> String {
    let mut out =
        "<table><tr><th>stage<th class=\"n\">jobs<th class=\"n\">p50<th class=\"n\">p90<th class=\"n\">p95\
        <th class=\"n\">p99<th class=\"n\">most<th>what"
            .to_owned();
    for stage in report.stages() {
        let _ = write!(out, "<tr><td>{}<td class=\"n\">{}", stage.name, stage.seconds.len());
        for percent in [50, 90, 95, 99, 100] {
            let value = percentile(stage.seconds, percent);
            let text = value.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3} s"));
            let _ = write!(out, "<td class=\"n\">{text}");
        }
        let _ = writeln!(out, "<td class=\"s\">{}", stage.what);
    }
    out + "</table>\n"
}

fn cost(report: &Report) -> String {
    let judged = &report.judged;
    if judged.cost.is_empty() {
        return String::new();
    }
    let mut out =
        "<h2>What it cost</h2>\n<table><tr><th>as the jobs tell it<th class=\"n\">sum<th class=\"n\">a job"
            .to_owned();
    for (name, sum) in &judged.cost {
        let each = sum / judged.accepted.max(1) as f64;
        let _ = writeln!(out, "<tr><td>{}<td class=\"n\">{sum:.3}<td class=\"n\">{each:.3}", escape(name));
    }
    out + "</table>\n"
}

/// More are told in words.
const MOST: usize = 100;

fn broken(report: &Report) -> String {
    if report.is_good() {
        return String::new();
    }
    let lines: Vec<_> = report.broken().take(MOST).map(|line| format!("<li>{}", escape(line))).collect();
    let more = report.broken().count().saturating_sub(MOST);
    let more = if more > 0 { format!("<p>And {more} more.</p>") } else { String::new() };
    format!("<h2 class=\"bad\">Lost or doubled</h2>\n<ul>{}</ul>\n{more}", lines.join("\n"))
}

fn how(report: &Report) -> String {
    let files: Vec<_> = report
        .plan
        .files
        .iter()
        .map(|(name, bytes)| format!("{} ({} bytes)", escape(name), bytes.len()))
        .collect();
    let own = match report.depth() {
        Depth::Jobs => {
            "The queue itself was not asked: its line is jobs that were accepted and have not ended."
        }
        _ => "The length of the queue was asked of its server.",
    };
    format!(
        "<h2>How it was measured</h2>\n<p class=\"s\">{} videos were uploaded {} over {}: {}. Each has a title of its own, so that \
         none is answered from another one's audio. Their jobs were followed by server-sent events (GET /jobs/events); a job that is \
         converted within one look of the stream shows no wait and no conversion of its own. At the end each job was asked for \
         once more, with its audio and with what its owner was told. Stages but the upload are by the platform's own clock. {own}</p>\n",
        report.plan.videos,
        report.plan.arrivals,
        escape(&report.plan.home),
        files.join(", "),
    )
}
