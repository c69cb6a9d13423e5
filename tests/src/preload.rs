//! A library of C that stands before a program's calls of the system (LD_PRELOAD).

use std::{path::Path, process::Command};

/// Compiles `source`, below `tests/src`, to `library`.
///
/// # Panics
/// If there is no C compiler: what built the product needs one too.
pub(crate) fn compile(source: &str, library: &Path) {
    #[expect(clippy::disallowed_methods, reason = "the compiler")]
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(library);
    compiler.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(source));
    assert!(compiler.status().unwrap().success());
}
