//! `make simulate`: prints what `keda/README.md` says of the scaler's numbers, and writes it and its plots there if it is
//! called with `write`.

#![expect(clippy::print_stdout, reason = "a program to read")]

fn main() {
    if std::env::args().nth(1).as_deref() == Some("write") {
        knative_world::simulate::write();
    }
    print!("{}", knative_world::simulate::page());
}
