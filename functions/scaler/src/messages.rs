//! The messages of KEDA's `externalscaler.proto`, field by field.

use std::collections::HashMap;

/// Who is to be scaled, and what its trigger's metadata say.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ScaledObjectRef {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) namespace: String,
    #[prost(map = "string, string", tag = "3")]
    pub(crate) scaler_metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IsActiveResponse {
    #[prost(bool, tag = "1")]
    pub(crate) result: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetMetricSpecResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) metric_specs: Vec<MetricSpec>,
}

/// How many of what one replica is for. `target_size` is for a KEDA that does not know the other one.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetricSpec {
    #[prost(string, tag = "1")]
    pub(crate) metric_name: String,
    #[prost(int64, tag = "2")]
    pub(crate) target_size: i64,
    #[prost(double, tag = "3")]
    pub(crate) target_size_float: f64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetMetricsRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) scaled_object_ref: Option<ScaledObjectRef>,
    #[prost(string, tag = "2")]
    pub(crate) metric_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetMetricsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) metric_values: Vec<MetricValue>,
}

/// How many there are. `metric_value` is for a KEDA that does not know the other one.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetricValue {
    #[prost(string, tag = "1")]
    pub(crate) metric_name: String,
    #[prost(int64, tag = "2")]
    pub(crate) metric_value: i64,
    #[prost(double, tag = "3")]
    pub(crate) metric_value_float: f64,
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    /// Written by hand after the encoding's description: (field << 3 | type), length or value.
    #[test]
    fn the_bytes_are_those_of_the_protocol() {
        let one = b"\x0a\x01w\x12\x01t\x1a\x0a\x0a\x05value\x12\x011".as_slice();
        let scaled = ScaledObjectRef::decode(one).unwrap();
        assert_eq!((scaled.name.as_str(), scaled.namespace.as_str()), ("w", "t"));
        assert_eq!(scaled.scaler_metadata["value"], "1");
        let asked = [b"\x0a\x12".as_slice(), one, b"\x12\x04jobs".as_slice()].concat();
        let asked = GetMetricsRequest::decode(asked.as_slice()).unwrap();
        assert_eq!((asked.scaled_object_ref, asked.metric_name.as_str()), (Some(scaled), "jobs"));

        assert_eq!(IsActiveResponse { result: true }.encode_to_vec(), b"\x08\x01");
        assert_eq!(IsActiveResponse { result: false }.encode_to_vec(), b"", "the default is left out");
        let number = b"\x0a\x0e\x0a\x01j\x10\x02\x19\x00\x00\x00\x00\x00\x00\x00\x40";
        let spec = MetricSpec { metric_name: "j".into(), target_size: 2, target_size_float: 2.0 };
        assert_eq!(GetMetricSpecResponse { metric_specs: vec![spec] }.encode_to_vec(), number);
        let value = MetricValue { metric_name: "j".into(), metric_value: 2, metric_value_float: 2.0 };
        assert_eq!(GetMetricsResponse { metric_values: vec![value] }.encode_to_vec(), number);
    }
}
