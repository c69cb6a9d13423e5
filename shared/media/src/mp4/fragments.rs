//! Files in fragments: their index comes in pieces, each before what it is about (ISO/IEC 14496-12, 8.8).

use std::rc::Rc;
use std::time::Duration;

use super::boxes::{self, Box};
use super::track::units;
use super::window::Window;
use crate::libav::ReadAt;

/// What a fragmented file says of all its fragments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fragments {
    /// `None` if it leaves that open, as while it is recorded.
    pub(crate) length: Option<Duration>,
    /// Where the index ends, behind which they are.
    pub(crate) first: u64,
}

impl Fragments {
    /// `None` if the file is not in fragments.
    pub(crate) fn of(bytes: &Rc<dyn ReadAt>) -> Option<Self> {
        let mut window = Window::new(Rc::clone(bytes));
        let index = boxes::moov(&mut window)?;
        let moov = index.children(&mut window)?;
        let extends = boxes::only(&moov, b"mvex")?;
        Some(Self { length: length(&mut window, &moov, extends), first: index.end })
    }
}

/// By `mehd`, in the units of `mvhd`, whose own length is that of the first samples alone.
fn length(window: &mut Window, moov: &[Box], extends: Box) -> Option<Duration> {
    let (scale, _) = units(window, boxes::only(moov, b"mvhd")?)?;
    let header = boxes::only(&extends.children(window)?, b"mehd")?;
    let length = match window.array(header.body).ok()? {
        [1_u8] => window.u64(header.body + 4).ok()?,
        [_] => window.u32(header.body + 4).ok()?.into(),
    };
    let length = Duration::try_from_secs_f64(length as f64 / f64::from(scale)).ok();
    length.filter(|length| !length.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libav::InMemory;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes(), kind.as_slice(), content].concat()
    }

    /// Of a file with this in its `moov`, at 1000 units a second.
    fn of(extends: &[u8]) -> Option<Option<Duration>> {
        let header = [[0; 12].as_slice(), &1000_u32.to_be_bytes(), &[0; 84]].concat();
        let moov = boxed(b"moov", &[&boxed(b"mvhd", &header), extends].concat());
        let bytes: Rc<dyn ReadAt> = Rc::new(InMemory([boxed(b"ftyp", b"iso5"), moov].concat()));
        Fragments::of(&bytes).map(|fragments| fragments.length)
    }

    #[test]
    fn what_extends_the_movie_tells_and_may_say_how_long_it_is() {
        let length = |content: &[u8]| of(&boxed(b"mvex", &boxed(b"mehd", content)));
        let long = Some(Some(Duration::from_secs(90)));
        assert_eq!(length(&[0_u32.to_be_bytes(), 90_000_u32.to_be_bytes()].concat()), long);
        assert_eq!(length(&[&[1, 0, 0, 0][..], &90_000_u64.to_be_bytes()].concat()), long);
        let open = Some(None);
        assert_eq!((length(&[0; 8]), length(b"short"), of(&boxed(b"mvex", b""))), (open, open, open));
        assert_eq!(of(b""), None);
    }
}
