//! Only a worker: what tests start, and what `Engine::at` can name where the service's own program won't do.

fn main() {
    media::worker::run_if_asked();
}
