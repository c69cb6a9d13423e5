//! `image-check FOLDER`: starts every container of the manifests from the content of the image, which is FOLDER, with
//! the variables and files of its manifest, as a user without rights on a root that can't be written, until its readiness
//! probe says yes; then ends it by SIGTERM. Prints sizes and times. Needs root, for the mounts.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

use std::{
    error::Error,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    thread::sleep,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use manifests::{Container, Resource, containers, parse, plain_files, run};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Starts of each; the median counts.
const STARTS: usize = 5;
/// Until a container must be ready.
const PATIENCE: Duration = Duration::from_secs(20);
/// What every container runtime does. The time is said last, just before the program is executed.
const RUN: &str = r#"root=$1; shift
mount --make-rprivate / && mount --bind "$root" "$root" && mount -o remount,bind,ro,nosuid "$root" &&
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && date +%s%N &&
exec setpriv --no-new-privs /usr/sbin/chroot --userspec=65532:65532 --groups= "$root" /tapedeck "$@""#;

fn main() -> ExitCode {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/images/tapedeck".into());
    match check_all(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("image-check: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check_all(image: &Path) -> Result<()> {
    let image = image.canonicalize()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut resources = Vec::new();
    for (file, text) in plain_files(&root)? {
        resources.extend(parse(&file, &text)?);
    }
    resources.extend(secrets(&root, &image)?);
    let (unpacked, packed) = sizes(&image)?;
    println!("The image: {unpacked:.1} MB, compressed {packed:.1} MB\n");
    println!("| container | ready after ms (median of {STARTS}) | MiB then |\n|---|---|---|");
    for container in &containers(&resources)? {
        let row = check(&image, container).map_err(|error| format!("{}: {error}", container.name()))?;
        println!("| {} | {row} |", container.name());
    }
    Ok(())
}

/// Those that `make secrets` would apply, with real keys.
fn secrets(root: &Path, image: &Path) -> Result<Vec<Resource>> {
    let script = root.join("knative/secrets.sh").display().to_string();
    let tapedeck = image.join("tapedeck").display().to_string();
    let mut secrets = Vec::new();
    for what in ["keys", "stores"] {
        let yaml = run("bash", &[&script, what], &[("TAPEDECK", &tapedeck)])?.ok_or("bash is not here")?;
        secrets.extend(parse("knative/secrets.sh", &yaml)?);
    }
    Ok(secrets)
}

fn megabytes(command: &str, folder: &Path) -> Result<f64> {
    let folder = folder.display().to_string();
    let bytes = run("sh", &["-c", command, "sh", &folder], &[])?.ok_or("sh is not here")?;
    Ok(bytes.trim().parse::<f64>()? / 1e6)
}

fn sizes(folder: &Path) -> Result<(f64, f64)> {
    Ok((
        megabytes("tar -C \"$1\" -c . | wc -c", folder)?,
        megabytes("tar -C \"$1\" -c . | gzip | wc -c", folder)?,
    ))
}

fn check(image: &Path, container: &Container) -> Result<String> {
    let copy = tempfile::tempdir()?;
    let root = copy.path().join("root");
    let [from, to] = [image, root.as_path()].map(|path| path.display().to_string());
    run("cp", &["-a", &from, &to], &[])?;
    for (path, content) in &container.files {
        let path = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(&root))?;
        fs::write(path, content)?;
    }
    // The folder is made for its owner's eyes only.
    run("chmod", &["755", &copy.path().display().to_string()], &[])?;
    if !container.probed {
        let output = start(&root, &["--version"], container, 0)?.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return if output.status.success() { Ok("no server | -".into()) } else { Err(said.into()) };
    }
    let mut times = (0..STARTS).map(|_| start_and_end(&root, container)).collect::<Result<Vec<_>>>()?;
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ready, memory) = times[STARTS / 2];
    Ok(format!("{ready:.1} | {memory:.1}"))
}

fn start(root: &Path, arguments: &[&str], container: &Container, port: u16) -> Result<Child> {
    #[expect(clippy::disallowed_methods, reason = "the images are what is tested")]
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", RUN, "sh"]).arg(root);
    command
        .args(arguments)
        .env_clear()
        .env("PORT", port.to_string())
        .envs(container.variables.iter().cloned());
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// Milliseconds from exec to the first yes, and the MiB that are its own then: what it shares are pages of the image.
fn start_and_end(root: &Path, container: &Container) -> Result<(f64, f64)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let arguments: Vec<_> = container.arguments.iter().map(String::as_str).collect();
    let mut child = start(root, &arguments, container, port)?;
    let ready = until_ready(&mut child, port, &container.readiness);
    let orderly = ready.and_then(|ready| {
        let began = first_line(&mut child)?.trim().parse::<u128>()?;
        let program = as_promised(child.id())?;
        let memory = own_memory(&program)?;
        run("kill", &["-TERM", &program], &[])?;
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("SIGTERM ended it with {status}").into());
        }
        Ok((ready.saturating_sub(began) as f64 / 1e6, memory))
    });
    orderly.or_else(|error| {
        child.kill()?;
        let mut said = String::new();
        child.stderr.take().ok_or("no stderr")?.read_to_string(&mut said)?;
        Err(format!("{error}\n{said}").into())
    })
}

fn first_line(child: &mut Child) -> Result<String> {
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
    Ok(line)
}

/// The time of the first yes, in nanoseconds.
fn until_ready(child: &mut Child, port: u16, path: &str) -> Result<u128> {
    let patience = Instant::now() + PATIENCE;
    while Instant::now() < patience {
        if says_yes(port, path).is_ok_and(|yes| yes) {
            return Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos());
        }
        if let Some(status) = child.try_wait()? {
            return Err(format!("it ended with {status}").into());
        }
        sleep(Duration::from_micros(500));
    }
    Err("it did not become ready".into())
}

fn says_yes(port: u16, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}

/// MiB that no file holds.
fn own_memory(process: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// The program's process, if it has no rights and can't write to its root.
fn as_promised(parent: u32) -> Result<String> {
    let program = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?.trim().to_owned();
    let status = fs::read_to_string(format!("/proc/{program}/status"))?;
    for line in ["Uid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"] {
        if !status.contains(line) {
            return Err(format!("it runs without {line:?}:\n{status}").into());
        }
    }
    let mounts = fs::read_to_string(format!("/proc/{program}/mountinfo"))?;
    // In the program's eyes its root is `/`.
    let fixed = mounts.lines().any(|line| line.contains(" / ro,"));
    if fixed { Ok(program) } else { Err(format!("its root can be written:\n{mounts}").into()) }
}
