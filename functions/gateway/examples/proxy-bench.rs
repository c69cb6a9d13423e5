//! What the gateway costs: uploads and downloads of 1 GiB to a function that only counts, direct and through it, in
//! turns: `proxy-bench [MIB] [ROUNDS]`. Function, gateway and client are processes of their own. Prints medians and the
//! gateway's largest memory.

use std::{
    error::Error,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Instant,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    routing::{get, post},
};
use futures_util::{StreamExt as _, stream};
use gateway::GatewayConfig;
use runtime::CancellationToken;
use tokio::net::TcpListener;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PIECE: Bytes = Bytes::from_static(&[7; 64 * 1024]);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["function", mib] => serve(function(mib.parse()?)).await,
        ["gateway", url] => serve(gateway(url)?).await,
        _ => {
            let mib = arguments.first().map_or(Ok(1024), |text| text.parse())?;
            let rounds = arguments.get(1).map_or(Ok(5), |text| text.parse())?;
            compare(mib, rounds).await
        }
    }
}

async fn compare(mib: usize, rounds: usize) -> Result<()> {
    let function = Process::start(&["function", &mib.to_string()])?;
    let gateway = Process::start(&["gateway", &function.url])?;
    for (name, transfer) in [("upload", true), ("download", false)] {
        let (mut direct, mut through) = (Vec::new(), Vec::new());
        // The first round warms up and is not counted.
        for round in 0..=rounds {
            let seconds =
                [seconds(&function.url, transfer, mib).await?, seconds(&gateway.url, transfer, mib).await?];
            if round > 0 {
                direct.push(seconds[0]);
                through.push(seconds[1]);
            }
        }
        let [direct, through] = [direct, through].map(|all| mib as f64 * 1.048_576 / median(all));
        say(&format!(
            "{name:8} of {mib} MiB: direct {direct:5.0} MB/s, through the gateway {through:5.0} MB/s, ratio {:.2}",
            through / direct
        ))?;
    }
    say(&format!("the gateway's largest memory: {}", gateway.memory()?))
}

async fn seconds(url: &str, up: bool, mib: usize) -> Result<f64> {
    let client = reqwest::Client::new();
    let start = Instant::now();
    let request = if up {
        let pieces = stream::iter((0..mib * 16).map(|_| Ok::<_, std::io::Error>(PIECE)));
        client.post(format!("{url}/upload")).body(reqwest::Body::wrap_stream(pieces))
    } else {
        client.get(format!("{url}/download"))
    };
    let mut answer = request.send().await?.error_for_status()?;
    while answer.chunk().await?.is_some() {}
    Ok(start.elapsed().as_secs_f64())
}

/// Drops what comes up, sends as much down.
fn function(mib: usize) -> Router {
    let take = async |request: Request| {
        let mut body = request.into_body().into_data_stream();
        while let Some(Ok(_)) = body.next().await {}
    };
    let give = move || async move {
        Body::from_stream(stream::iter((0..mib * 16).map(|_| Ok::<_, std::io::Error>(PIECE))))
    };
    Router::new().route("/upload", post(take)).route("/download", get(give))
}

fn gateway(url: &str) -> Result<Router> {
    let [upload_url, download_url] = [url.to_owned(), url.to_owned()];
    let config = GatewayConfig { upload_url, download_url, ..Default::default() };
    Ok(runtime::http_router(gateway::proxy(&config)?.into_parts().0, CancellationToken::new()))
}

/// Says its address and serves until it is killed.
async fn serve(router: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&format!("http://{}", listener.local_addr()?))?;
    Ok(axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

/// This program again in another part; it ends with the value.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    #[expect(clippy::disallowed_methods, reason = "a measurement, not a part of the service")]
    fn start(arguments: &[&str]) -> Result<Self> {
        let mut child =
            Command::new(std::env::current_exe()?).args(arguments).stdout(Stdio::piped()).spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut url)?;
        Ok(Self { child, url: url.trim().to_owned() })
    }

    fn memory(&self) -> Result<String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
