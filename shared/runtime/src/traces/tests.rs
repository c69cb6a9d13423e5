use super::*;
use crate::Config as _;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn without_a_receiver_a_span_is_its_cause() {
    let cause = Trace::new(Some(PARENT), Some("a=1"));
    let mut traced = Traced::begin(SpanKind::Server, "GET", "/jobs", &cause);
    traced.set("http.response.status_code", 200);
    assert_eq!(traced.trace(), &cause);
    assert!(!traced.is_on());
}

#[test]
fn a_span_is_of_its_causes_trace_and_has_an_id_of_its_own() {
    let provider = SdkTracerProvider::builder().build();
    let started = Started { tracer: provider.tracer("test"), provider };
    let begin = |cause: &Trace| Traced::of(&started, SpanBuilder::from_name("x"), cause);
    let cause = Trace::new(Some(PARENT), Some("a=1"));
    let caused = begin(&cause);
    assert_eq!(caused.trace().id(), cause.id());
    assert_ne!(caused.trace().parent(), cause.parent());
    assert_eq!(caused.trace().extensions()["tracestate"], "a=1");
    let new = begin(&Trace::default());
    assert!(new.trace().id().is_some_and(|id| Some(id) != cause.id()));
    let mut headers = HeaderMap::new();
    caused.carry(&mut headers);
    assert_eq!(headers["traceparent"].to_str().ok(), caused.trace().parent());
}

#[test]
fn what_is_no_sampler_or_no_receiver_is_told() {
    let refused = |name: &str, value: &str| {
        let set = [(name.to_owned(), value.to_owned())];
        TracesConfig::from_variables(set.into_iter()).unwrap_err().to_string()
    };
    assert!(refused("OTEL_TRACES_SAMPLER", "often").contains("OTEL_TRACES_SAMPLER: `often`"));
    assert!(refused("OTEL_TRACES_SAMPLER_ARG", "2").contains("OTEL_TRACES_SAMPLER_ARG: 2 is not between"));
    assert!(refused("OTEL_EXPORTER_OTLP_ENDPOINT", "https://x").contains("expected http://"));
}

#[test]
fn without_parentbased_a_caller_decides_nothing() {
    let config = |sampler: &str| TracesConfig { traces_sampler: sampler.into(), ..TracesConfig::default() };
    for (sampler, recorded) in [("always_off", false), ("parentbased_always_off", true), ("always_on", true)]
    {
        let provider = SdkTracerProvider::builder().with_sampler(config(sampler).sampler()).build();
        let started = Started { tracer: provider.tracer("test"), provider };
        let caused = Traced::of(&started, SpanBuilder::from_name("x"), &Trace::new(Some(PARENT), None));
        let span = caused.span.as_ref().unwrap();
        assert_eq!(span.is_recording(), recorded, "{sampler}");
    }
}
