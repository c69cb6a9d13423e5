//! Real servers for the tests: RabbitMQ, MariaDB, mongod and SMTP, each on a free loopback port, in a temporary
//! folder, gone with its value.
//!
//! Most tests share one of each: `make test` runs under the program of this crate (`servers run -- COMMAND`),
//! which starts them and passes their addresses on in the variables of [`Shared`]. A test that stops or restarts
//! a server starts one of its own. `tests/servers/install.sh` installs what is needed.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod address;
mod certificate;
mod mariadb;
mod mongod;
mod process;
mod prometheus;
mod proxy;
mod rabbitmq;
mod shared;
mod smtp;
mod vhost;

pub use address::{at_port, port_of};
pub use certificate::Certificate;
pub use mariadb::Mariadb;
pub use mongod::Mongod;
pub use process::{free_port, terminate};
pub use prometheus::Prometheus;
pub use proxy::Proxy;
pub use rabbitmq::Rabbitmq;
pub use shared::{Run, Shared, shared};
pub use smtp::Smtp;
pub use vhost::Vhost;
