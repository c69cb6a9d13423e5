//! The trace that an event or a request belongs to.

use std::collections::BTreeMap;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
/// Longest `tracestate`: what everybody must pass on (W3C Trace Context, 3.3.1.5).
const LONGEST_STATE: usize = 512;
/// Longest `traceparent` of a version that is still to come.
const LONGEST_PARENT: usize = 128;

/// The trace by W3C Trace Context, as CloudEvents' extension "Distributed Tracing" carries it. Empty if there is none.
///
/// Of all extensions these two alone go over from an event to those that it causes: any other is about that one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    parent: Option<String>,
    state: Option<String>,
}

impl Trace {
    /// From the two headers or attributes. One whose `traceparent` is not well formed is none at all, as the standard
    /// has it; a `tracestate` that can't be passed on is left out.
    #[must_use]
    pub fn new(parent: Option<&str>, state: Option<&str>) -> Self {
        let Some(parent) = parent.map(str::trim).filter(|parent| is_parent(parent)) else {
            return Self::default();
        };
        // Blanks around commas mean nothing, and every blank would have to be encoded in a header of CloudEvents.
        let state = state.map(|state| state.split(',').map(str::trim).collect::<Vec<_>>().join(","));
        Self { parent: Some(parent.to_owned()), state: state.filter(|state| is_state(state)) }
    }

    /// Of an event with these extensions.
    #[must_use]
    pub fn of(extensions: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| extensions.get(name).map(String::as_str);
        Self::new(text(PARENT), text(STATE))
    }

    /// `traceparent`, if there is a trace.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// The id of the trace itself, 32 digits: what all of its parts have in common.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.parent.as_deref()?.split('-').nth(1)
    }

    /// This where it is a part of the same trace as `other`, else `other`: what is done for somebody else belongs to their trace.
    #[must_use]
    pub fn within<'a>(&'a self, other: &'a Self) -> &'a Self {
        if self.id() == other.id() { self } else { other }
    }

    /// The extensions of an event that belongs to it.
    #[must_use]
    pub fn extensions(&self) -> BTreeMap<String, String> {
        let pairs = [(PARENT, &self.parent), (STATE, &self.state)];
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
    }
}

/// `00-<trace>-<parent>-<flags>`; later versions may append to it.
fn is_parent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length| {
        let part = parts.next().unwrap_or_default();
        let digits = part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (digits && part.len() == length).then_some(part)
    };
    let (Some(version), Some(trace), Some(parent), Some(_)) = (hex(2), hex(32), hex(16), hex(2)) else {
        return false;
    };
    let named = |id: &str| id.bytes().any(|digit| digit != b'0');
    let whole = version != "00" || parts.next().is_none();
    let plain = text.len() <= LONGEST_PARENT && text.bytes().all(|byte| byte.is_ascii_graphic());
    version != "ff" && named(trace) && named(parent) && whole && plain
}

fn is_state(text: &str) -> bool {
    let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    !text.is_empty() && text.len() <= LONGEST_STATE && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_is_what_its_extensions_say() {
        let trace = Trace::new(Some(PARENT), Some("congo=t61rcWkgMzE , rojo=00f067aa0ba902b7"));
        assert_eq!(trace.parent(), Some(PARENT));
        assert_eq!(trace.id(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(trace.extensions()["tracestate"], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
        assert_eq!(Trace::of(&trace.extensions()), trace);
        assert!(Trace::default().extensions().is_empty());
    }

    #[test]
    fn a_trace_that_is_not_well_formed_is_none() {
        for parent in [
            "",
            "00-1-2-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333\u{e9}-01",
        ] {
            assert_eq!(Trace::new(Some(parent), Some("a=b")), Trace::default(), "{parent}");
        }
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more";
        assert_eq!(Trace::new(Some(later), None).parent(), Some(later));
        assert_eq!(Trace::new(None, Some("a=b")), Trace::default());
    }

    #[test]
    fn a_state_that_can_not_be_passed_on_is_left_out() {
        for state in ["", "a=\u{e9}", "a=\nb", &"a".repeat(513)] {
            assert_eq!(Trace::new(Some(PARENT), Some(state)), Trace::new(Some(PARENT), None), "{state:?}");
        }
    }
}
