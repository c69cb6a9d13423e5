//! Clocks of pods that differ, by libfaketime (Debian's package `faketime`).

use std::path::Path;

use crate::Platform;

/// Where Debian puts it, by architecture.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// Starts `function` anew, with a clock that is so many seconds ahead of this machine's.
///
/// # Panics
/// If the library is not installed.
pub fn set_clock(platform: &mut Platform, function: &'static str, ahead: i32) {
    let library = LIBRARIES.into_iter().find(|path| Path::new(path).exists());
    let library = library.expect("`make test` installs faketime (tests/servers/install.sh)");
    let variables = [
        ("LD_PRELOAD", library.to_owned()),
        ("FAKETIME", format!("{ahead:+}s")),
        // How long something takes is measured by another clock, which no administrator sets.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    platform.kill_function(function);
    platform.start_function_with(function, &variables, |_| {});
}
