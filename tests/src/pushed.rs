//! Pushed metrics, as the samples of a scrape: what both show can be compared.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{
        AggregationTemporality, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, metric::Data,
        number_data_point,
    },
};

/// Samples by their names with sorted labels, as `jobs_total{channel="mail",outcome="sent"}`.
pub type Samples = BTreeMap<String, f64>;

/// What a process has pushed at one time.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// `service.name` of who sent it.
    pub service: String,
    /// `service.instance.id`: the process.
    pub instance: String,
    /// When it began to count.
    pub begun: u64,
    /// Counters and histograms; gauges.
    pub samples: Samples,
}

impl Pushed {
    /// # Panics
    /// If it is nothing that we push.
    #[must_use]
    pub(crate) fn read(resource: ResourceMetrics) -> Self {
        let attributes = resource.resource.unwrap_or_default().attributes;
        let mut pushed = Self {
            service: attribute(&attributes, "service.name"),
            instance: attribute(&attributes, "service.instance.id"),
            begun: 0,
            samples: Samples::new(),
        };
        resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics).for_each(|one| pushed.add(one));
        pushed
    }

    fn add(&mut self, metric: Metric) {
        let name = metric.name;
        let cumulative = AggregationTemporality::Cumulative;
        match metric.data {
            Some(Data::Gauge(gauge)) => {
                gauge.data_points.into_iter().for_each(|point| self.number(&name, point))
            }
            Some(Data::Sum(sum)) => {
                assert!(sum.is_monotonic && sum.aggregation_temporality() == cumulative, "{name}");
                sum.data_points.into_iter().for_each(|point| self.number(&name, point));
            }
            Some(Data::Histogram(histogram)) => {
                assert_eq!(histogram.aggregation_temporality(), cumulative, "{name}");
                histogram.data_points.into_iter().for_each(|point| self.histogram(&name, point));
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    fn number(&mut self, name: &str, point: NumberDataPoint) {
        let Some(number_data_point::Value::AsDouble(value)) = point.value else { panic!("{point:?}") };
        self.begun = self.begun.max(point.start_time_unix_nano);
        self.samples.insert(sample_name(name, labels(&point.attributes)), value);
    }

    #[expect(clippy::cast_precision_loss, reason = "as a scrape has it")]
    fn histogram(&mut self, name: &str, point: HistogramDataPoint) {
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1, "{name}");
        let bounds = point.explicit_bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut up_to = 0;
        for (bound, count) in bounds.zip(&point.bucket_counts) {
            up_to += count;
            let mut labels = labels(&point.attributes);
            labels.push(("le".into(), bound));
            self.samples.insert(sample_name(&format!("{name}_bucket"), labels), up_to as f64);
        }
        let labels = labels(&point.attributes);
        self.samples.insert(sample_name(&format!("{name}_sum"), labels.clone()), point.sum.unwrap());
        self.samples.insert(sample_name(&format!("{name}_count"), labels), point.count as f64);
    }

    /// The sum of the samples of this name with all of these labels, as `outcome="done"`.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let is = |sample: &str| {
            sample.split('{').next() == Some(name) && labels.iter().all(|label| sample.contains(label))
        };
        self.samples.iter().filter(|(sample, _)| is(sample)).map(|(_, value)| value).sum()
    }
}

/// The samples of a scrape.
///
/// # Panics
/// If it is no scrape of ours.
#[must_use]
pub fn scraped(page: &str) -> Samples {
    let lines = page.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let (name, said) = name.split_once('{').unwrap_or((name, "}"));
        // None of our values has a comma or a quote.
        let labels = said.trim_end_matches('}').split_terminator(',');
        let label = |label: &str| {
            let (name, value) = label.split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('"').to_owned())
        };
        (sample_name(name, labels.map(label).collect()), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

fn sample_name(name: &str, mut labels: Vec<(String, String)>) -> String {
    labels.sort();
    let labels: Vec<_> = labels.into_iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{name}{{{}}}", labels.join(","))
}

fn labels(attributes: &[KeyValue]) -> Vec<(String, String)> {
    attributes.iter().map(|one| (one.key.clone(), attribute(attributes, &one.key))).collect()
}

/// The text of one of a process's or a point's attributes.
///
/// # Panics
/// If it has none of that name.
pub(crate) fn attribute(attributes: &[KeyValue], name: &str) -> String {
    let one = attributes.iter().find(|attribute| attribute.key == name);
    match one.and_then(|one| one.value.clone()).and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}
