//! tapedeck-tests
