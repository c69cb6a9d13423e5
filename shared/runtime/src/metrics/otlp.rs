//! A scrape as OTLP's messages: what is pushed is what a scrape shows at that time, name by name.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
    },
};
use opentelemetry_sdk::Resource;

/// Everything that has been counted since `begun`, out of a page of Prometheus' text format.
pub(super) fn request(page: &str, resource: &Resource, begun: SystemTime) -> ExportMetricsServiceRequest {
    let times = (nanos(begun), nanos(SystemTime::now()));
    let scope = InstrumentationScope { name: "tapedeck".into(), ..InstrumentationScope::default() };
    let metrics =
        ScopeMetrics { scope: Some(scope), metrics: metrics(page, times), ..ScopeMetrics::default() };
    let of_process = ResourceMetrics {
        resource: Some(resource.into()),
        scope_metrics: vec![metrics],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![of_process] }
}

/// Begin and now.
type Times = (u64, u64);

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn metrics(page: &str, times: Times) -> Vec<Metric> {
    let (mut metrics, mut help) = (Vec::<Metric>::new(), ("", ""));
    for line in page.lines() {
        if let Some(said) = line.strip_prefix("# HELP ") {
            help = said.split_once(' ').unwrap_or_default();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|said| said.split_once(' '))
        {
            let description = if help.0 == name { help.1.to_owned() } else { String::new() };
            metrics.push(Metric {
                name: name.to_owned(),
                description,
                unit: unit(name).into(),
                data: data(kind),
                ..Metric::default()
            });
        } else if let (Some(metric), Some(sample)) = (metrics.last_mut(), Sample::read(line)) {
            add(metric, sample, times);
        }
    }
    metrics
}

/// By the names' convention: base units.
fn unit(name: &str) -> &'static str {
    match name.trim_end_matches("_total") {
        name if name.ends_with("_seconds") => "s",
        name if name.ends_with("_bytes") => "By",
        _ => "",
    }
}

/// There are no summaries: every histogram has buckets.
fn data(kind: &str) -> Option<Data> {
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    match kind {
        "counter" => {
            Some(Data::Sum(Sum { aggregation_temporality, is_monotonic: true, data_points: Vec::new() }))
        }
        "gauge" => Some(Data::Gauge(Gauge::default())),
        "histogram" => Some(Data::Histogram(Histogram { aggregation_temporality, data_points: Vec::new() })),
        _ => None,
    }
}

fn add(metric: &mut Metric, sample: Sample<'_>, (begun, now): Times) {
    let number = |attributes| NumberDataPoint {
        attributes,
        start_time_unix_nano: begun,
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    };
    match &mut metric.data {
        Some(Data::Sum(sum)) => sum.data_points.push(number(attributes(sample.labels))),
        // It is what it is now, since whenever.
        Some(Data::Gauge(gauge)) => {
            gauge
                .data_points
                .push(NumberDataPoint { start_time_unix_nano: 0, ..number(attributes(sample.labels)) });
        }
        Some(Data::Histogram(histogram)) => {
            let part = sample.name.strip_prefix(metric.name.as_str()).unwrap_or_default();
            let (bound, labels) = split_bound(sample.labels);
            let point = point_of(histogram, attributes(labels), (begun, now));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let count = sample.value as u64;
            match (part, bound) {
                ("_bucket", Some(bound)) => add_bucket(point, bound, count),
                ("_sum", _) => point.sum = Some(sample.value),
                ("_count", _) => point.count = count,
                _ => {}
            }
        }
        _ => {}
    }
}

/// The lines of a point follow each other.
fn point_of(
    histogram: &mut Histogram,
    attributes: Vec<KeyValue>,
    (begun, now): Times,
) -> &mut HistogramDataPoint {
    let points = &mut histogram.data_points;
    if points.last().is_none_or(|last| last.attributes != attributes) {
        points.push(HistogramDataPoint {
            attributes,
            start_time_unix_nano: begun,
            time_unix_nano: now,
            ..HistogramDataPoint::default()
        });
    }
    let last = points.len() - 1;
    &mut points[last]
}

/// Prometheus counts all up to the bound, OTLP those of the bucket. The last bucket has no bound.
fn add_bucket(point: &mut HistogramDataPoint, bound: f64, up_to: u64) {
    let below: u64 = point.bucket_counts.iter().sum();
    point.bucket_counts.push(up_to.saturating_sub(below));
    if bound.is_finite() {
        point.explicit_bounds.push(bound);
    }
}

type Labels<'a> = Vec<(&'a str, String)>;

fn split_bound(mut labels: Labels<'_>) -> (Option<f64>, Labels<'_>) {
    let place = labels.iter().position(|(name, _)| *name == "le");
    let bound = place.and_then(|place| labels.remove(place).1.parse().ok());
    (bound, labels)
}

fn attributes(labels: Labels<'_>) -> Vec<KeyValue> {
    let attribute = |(name, value): (&str, String)| KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value)) }),
        ..KeyValue::default()
    };
    labels.into_iter().map(attribute).collect()
}

/// `name{label="value",...} number`
struct Sample<'a> {
    name: &'a str,
    labels: Labels<'a>,
    value: f64,
}

impl<'a> Sample<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (name, mut rest) = line.split_at(line.find(['{', ' '])?);
        let mut labels = Vec::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            while !rest.starts_with('}') {
                let (label, after) = rest.split_once("=\"")?;
                let (value, after) = quoted(after)?;
                labels.push((label, value));
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &rest[1..];
        }
        Some(Self { name, labels, value: rest.trim().parse().ok()? })
    }
}

/// The text before the closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{outcome="done"} 7
jobs_total{outcome="a \"b\"\\\n, c}"} 2

# TYPE read_bytes gauge
read_bytes 1.5

# HELP wait_seconds How long.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.5"} 1
wait_seconds_bucket{le="1"} 1
wait_seconds_bucket{le="+Inf"} 4
wait_seconds_sum 9.25
wait_seconds_count 4
wait_seconds_bucket{type="x",le="0.5"} 0
wait_seconds_bucket{type="x",le="1"} 0
wait_seconds_bucket{type="x",le="+Inf"} 0
wait_seconds_sum{type="x"} 0
wait_seconds_count{type="x"} 0
"#;

    fn text(attributes: &[KeyValue]) -> Vec<(String, String)> {
        let text = |one: &KeyValue| match one.value.clone().unwrap().value.unwrap() {
            any_value::Value::StringValue(value) => (one.key.clone(), value),
            other => panic!("{other:?}"),
        };
        attributes.iter().map(text).collect()
    }

    #[test]
    fn counters_gauges_and_histograms_keep_names_labels_units_and_numbers() {
        let metrics = metrics(PAGE, (1, 2));
        let named: Vec<_> = metrics
            .iter()
            .map(|one| (one.name.as_str(), one.unit.as_str(), one.description.as_str()))
            .collect();
        assert_eq!(
            named,
            [("jobs_total", "", "Jobs."), ("read_bytes", "By", ""), ("wait_seconds", "s", "How long.")]
        );

        let Some(Data::Sum(sum)) = &metrics[0].data else { panic!("{metrics:?}") };
        assert!(sum.is_monotonic && sum.aggregation_temporality() == AggregationTemporality::Cumulative);
        let points: Vec<_> =
            sum.data_points.iter().map(|point| (text(&point.attributes), point.value)).collect();
        let is = |number| Some(number_data_point::Value::AsDouble(number));
        assert_eq!(points[0], (vec![("outcome".into(), "done".into())], is(7.0)));
        assert_eq!(points[1], (vec![("outcome".into(), "a \"b\"\\\n, c}".into())], is(2.0)));
        assert_eq!((sum.data_points[0].start_time_unix_nano, sum.data_points[0].time_unix_nano), (1, 2));

        let Some(Data::Gauge(gauge)) = &metrics[1].data else { panic!("{metrics:?}") };
        assert_eq!((gauge.data_points[0].value, gauge.data_points[0].start_time_unix_nano), (is(1.5), 0));

        let Some(Data::Histogram(histogram)) = &metrics[2].data else { panic!("{metrics:?}") };
        assert_eq!(histogram.aggregation_temporality(), AggregationTemporality::Cumulative);
        let [waited, none] = histogram.data_points.as_slice() else { panic!("{histogram:?}") };
        assert_eq!((&waited.explicit_bounds, &waited.bucket_counts), (&vec![0.5, 1.0], &vec![1, 0, 3]));
        assert_eq!((waited.sum, waited.count), (Some(9.25), 4));
        assert_eq!((text(&none.attributes), none.count), (vec![("type".into(), "x".into())], 0));
    }

    #[test]
    fn a_line_that_is_no_sample_is_none() {
        for line in ["", "#", "a", "a{", "a{b=\"", "a{b=\"c", "a{b=\"c\"", "a{b=\"c\"} x", "a{b} 1", "{} "] {
            assert!(Sample::read(line).is_none(), "{line}");
        }
    }
}
