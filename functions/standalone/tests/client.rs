//! `tapedeck login`, `upload`, `jobs`, `get`, `watch --upload`: the program against a server, which is the same program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the programs under test are child processes")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/media/fixtures").join(name)
}

/// A server in a folder, and somebody at a terminal of theirs. It ends with its value.
struct World {
    server: Child,
    home: String,
    folder: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl World {
    fn start(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapedeck"));
        command.args(["serve", "--port", "0", "--data"]).arg(folder.path().join("data"));
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(log);
        let mut server = command.spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
        let home = lines.find_map(|line| Some(line.strip_prefix("Tapedeck is ready at ")?.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        let world = Self { server, home: home.unwrap(), folder };
        let account = json!({ "email": "ann@example.org", "password": PASSWORD }).to_string();
        world.curl(&[
            "-H",
            "Content-Type: application/json",
            "-d",
            &account,
            &format!("{}/register", world.home),
        ]);
        world
    }

    /// With somebody logged in.
    fn logged_in() -> Self {
        let world = Self::start(&[]);
        let (code, said) = world.log_in(PASSWORD);
        assert_eq!(code, 0, "{said}");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn curl(&self, arguments: &[&str]) -> String {
        let output = Command::new("curl").args(["-sS", "--fail-with-body"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapedeck"));
        command.args(arguments).current_dir(&self.folder).env_remove("HOME");
        command.env("XDG_CONFIG_HOME", self.path("config"));
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        outcome(&self.command(arguments).output().unwrap())
    }

    /// What it prints, of a call that goes well.
    fn good(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        out
    }

    fn log_in(&self, password: &str) -> (i32, String) {
        let arguments = ["login", &self.home, "--email", "ann@example.org", "--password-stdin"];
        let mut command = self.command(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        let (code, out, err) = outcome(&child.wait_with_output().unwrap());
        (code, out + &err)
    }

    fn session(&self) -> PathBuf {
        self.path("config/tapedeck/session.json")
    }

    /// Changes what is kept of the log-in.
    fn tamper(&self, change: impl Fn(&mut Value)) {
        let mut session: Value = serde_json::from_slice(&fs::read(self.session()).unwrap()).unwrap();
        change(&mut session["tokens"][&self.home]);
        fs::write(self.session(), session.to_string()).unwrap();
    }
}

fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_video_goes_up_and_its_audio_comes_down() {
    let world = World::logged_in();
    fs::copy(fixture("sample.mp4"), world.path("a talk.mp4")).unwrap();
    let out = world.good(&["upload", "a talk.mp4", "--to", "audio", "--format", "opus", "--quality", "5"]);
    assert_eq!(out.trim(), "a talk.mp4: audio/a talk.opus");
    assert!(fs::read(world.path("audio/a talk.opus")).unwrap().starts_with(b"OggS"));
    // For scripts.
    let out = world.good(&["jobs", "--json"]);
    let job: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&job["state"], &job["options"]["format"]), (&json!("done"), &json!("opus")));
    assert!(world.good(&["jobs"]).contains("a talk.mp4"));
    let id = job["id"].as_str().unwrap();
    // What is there is not downloaded again, and nothing that is another file is overwritten.
    assert_eq!(world.good(&["get", "--all", "--to", "audio"]).trim(), "audio/a talk.opus");
    fs::write(world.path("audio/a talk.opus"), "mine").unwrap();
    assert_eq!(world.run(&["get", id, "--to", "audio"]).0, 2);
    let out = world.good(&["get", id, "--to", "audio", "--force", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap(),
        json!({"job": id, "saved": "audio/a talk.opus"})
    );
    // A download that was cut off goes on.
    let whole = fs::read(world.path("audio/a talk.opus")).unwrap();
    let etag = world.curl(&["-I", "-H", &world.bearer(), &format!("{}/jobs/{id}/audio", world.home)]);
    let etag =
        etag.lines().find_map(|line| line.to_lowercase().strip_prefix("etag:").map(str::to_owned)).unwrap();
    let version: String = etag.chars().filter(char::is_ascii_alphanumeric).collect();
    fs::create_dir(world.path("more")).unwrap();
    fs::write(world.path(&format!("more/.tapedeck-{id}-{version}.part")), &whole[..5000]).unwrap();
    world.good(&["get", id, "--to", "more"]);
    assert_eq!(fs::read(world.path("more/a talk.opus")).unwrap(), whole);
    assert_eq!(fs::read_dir(world.path("more")).unwrap().count(), 2, "the audio, and which job's it is");
}

#[test]
fn two_videos_of_one_name_become_two_audios_and_never_pass_for_each_other() {
    let world = World::logged_in();
    for (name, of) in [("mon", "sample.mp4"), ("tue", "moov-end.mp4")] {
        fs::create_dir_all(world.path(name)).unwrap();
        fs::copy(fixture(of), world.path(name).join("standup.mp4")).unwrap();
    }
    // Two seconds each: as long as the other, to the byte.
    let options = "--format wav --end 2 --sample-rate 44100 --channels 1 --tags none";
    let up = format!("upload mon/standup.mp4 tue/standup.mp4 --to out --json {options}");
    let up: Vec<&str> = up.split(' ').collect();
    let lines = |out: String| {
        let lines = out.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    let saved = lines(world.good(&up));
    let tuesday = saved[1]["job"]["id"].as_str().unwrap();
    let other = format!("out/standup-{tuesday}.wav");
    assert_eq!((&saved[0]["saved"], &saved[1]["saved"]), (&json!("out/standup.wav"), &json!(other)));
    let sounds = || [world.path("out/standup.wav"), world.path(&other)].map(|path| fs::read(path).unwrap());
    let [one, two] = sounds();
    assert!(one.len() == two.len() && one != two);
    // Whoever asks again finds them, whatever the order; by force too, no one takes the other's place.
    for force in [&[][..], &["--force"]] {
        let out = world.good(&[&["get", "--all", "--to", "out", "--json"], force].concat());
        assert_eq!(lines(out)[0], json!({"job": tuesday, "saved": other}));
        assert_eq!(sounds(), [one.clone(), two.clone()]);
    }
    // The same video is another job, with the same audio: there already.
    assert_eq!(lines(world.good(&up))[0]["saved"], "out/standup.wav");
    assert_eq!(fs::read(world.path("out/standup.wav")).unwrap(), one);
    // Nothing is known of a file that somebody has put there; it is as long.
    fs::create_dir(world.path("mine")).unwrap();
    fs::write(world.path("mine/standup.wav"), &one).unwrap();
    let (code, _, err) = world.run(&["get", tuesday, "--to", "mine"]);
    assert!(code == 2 && err.contains(&format!("job {tuesday}: mine/standup.wav exists")), "{code} {err}");
    assert_eq!(fs::read_dir(world.path("mine")).unwrap().count(), 1);
}

#[test]
fn a_job_without_audio_says_why_and_an_error_names_its_file() {
    let world = World::logged_in();
    fs::copy(fixture("silent-movie.mp4"), world.path("silent.mp4")).unwrap();
    fs::copy(fixture("text.mp4"), world.path("text.mp4")).unwrap();
    let (code, out, err) =
        world.run(&["upload", "silent.mp4", "--wait", "--json", "--folder", "Talks", "--notify", "none"]);
    assert_eq!(code, 6, "{err}");
    let job = serde_json::from_str::<Value>(&out).unwrap()["job"].take();
    assert_eq!((&job["options"]["folder"], &job["options"]["notify"]), (&json!("Talks"), &json!("none")));
    let id = job["id"].as_str().unwrap();
    let (code, _, err) = world.run(&["get", id]);
    assert_eq!(code, 6, "{err}");
    assert!(err.starts_with(&format!("tapedeck: job {id}: The video has no sound.")), "{err}");
    let (code, _, err) = world.run(&["get", "01arz3ndektsv4rrffq69g5fav"]);
    assert!(
        code == 3 && err.starts_with("tapedeck: job 01arz3ndektsv4rrffq69g5fav: ") && !err.contains("404"),
        "{err}"
    );
    let (code, _, err) = world.run(&["upload", "text.mp4", "nowhere.mp4"]);
    assert_eq!(code, 3);
    assert!(err.contains("tapedeck: text.mp4: ") && err.contains("tapedeck: nowhere.mp4: "), "{err}");
    let (code, _, err) = world.run(&["upload", "silent.mp4", "--webhook", "http://example.org"]);
    assert!(code == 2 && err.contains("https"), "{code} {err}");
}

impl World {
    /// What is kept of the log-in.
    fn kept(&self, token: &str) -> String {
        let session: Value = serde_json::from_slice(&fs::read(self.session()).unwrap()).unwrap();
        session["tokens"][&self.home][token].as_str().unwrap().to_owned()
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.kept("access_token"))
    }

    fn refresh_token(&self) -> String {
        self.kept("refresh_token")
    }
}

#[test]
fn what_went_wrong_is_told_by_words_and_exit_codes() {
    let world = World::start(&[]);
    let (code, _, err) = world.run(&["jobs"]);
    assert!(code == 4 && err.contains("tapedeck login"), "{code} {err}");
    let (code, said) = world.log_in("wrong password");
    assert!(code == 3 && said.contains("is wrong"), "{code} {said}");
    assert_eq!(world.run(&["login", &world.home, "--email", "x"]).0, 2, "no terminal to ask on");
    assert_eq!(world.log_in(PASSWORD).0, 0);
    fs::copy(fixture("text.mp4"), world.path("text.mp4")).unwrap();
    fs::copy(fixture("silent-movie.mp4"), world.path("silent.mp4")).unwrap();
    fs::copy(fixture("moov-end.mp4"), world.path("good.mp4")).unwrap();
    let code = |arguments: &[&str]| world.run(arguments).0;
    assert_eq!(code(&["upload", "nowhere.mp4"]), 1);
    assert_eq!(code(&["upload", "good.mp4", "--bitrate", "lots"]), 2);
    assert_eq!(code(&["get", "../x"]), 2);
    assert_eq!(code(&["get", "01arz3ndektsv4rrffq69g5fav"]), 3);
    // The others go on, and the first that failed is the code.
    let (code, out, err) = world.run(&["upload", "text.mp4", "good.mp4", "silent.mp4", "--wait", "--json"]);
    assert_eq!((code, out.lines().count()), (3, 2), "{out}{err}");
    let ended: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&ended[0]["job"]["state"], &ended[1]["job"]["error"]["code"]),
        (&json!("done"), &json!("no_audio"))
    );
    assert_eq!(world.run(&["upload", "silent.mp4", "--wait"]).0, 6);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = world.command(&["jobs"]).env("TAPEDECK_SERVER", format!("http://{free}")).output().unwrap();
    assert_eq!(outcome(&away).0, 4, "nobody is logged in there");
    let mut away = world.command(&["jobs"]);
    away.env("TAPEDECK_SERVER", format!("http://{free}")).env("TAPEDECK_KEY", "td_x");
    assert_eq!(outcome(&away.output().unwrap()).0, 5);
}

#[test]
fn a_log_in_renews_itself_for_many_processes_at_once_and_ends_when_it_is_told() {
    let world = World::logged_in();
    assert_eq!(fs::metadata(world.session()).unwrap().permissions().mode() & 0o777, 0o600);
    let old = world.refresh_token();
    // Its time is over: of several processes one renews it, since a refresh token is good once.
    world.tamper(|tokens| tokens["expires_at"] = json!(0));
    let many: Vec<Child> = (0..4).map(|_| world.command(&["jobs"]).spawn().unwrap()).collect();
    assert!(many.into_iter().all(|mut one| one.wait().unwrap().success()));
    assert_ne!(world.refresh_token(), old);
    // The server does not take it any more, whatever the clock says.
    world.tamper(|tokens| tokens["access_token"] = json!("x.y.z"));
    world.good(&["jobs"]);
    world.good(&["logout"]);
    assert_eq!(world.run(&["jobs"]).0, 4);
}

#[test]
fn a_watched_folder_is_sent_to_the_server_and_each_video_once() {
    let world = World::logged_in();
    fs::create_dir_all(world.path("in/sub")).unwrap();
    fs::copy(fixture("moov-end.mp4"), world.path("in/sub/a.mp4")).unwrap();
    fs::copy(fixture("text.mp4"), world.path("in/no.mp4")).unwrap();
    let watch = ["watch", "in", "--upload", "--settle", "0", "--every", "1", "--once", "--done", "sent"];
    assert_eq!(world.run(&watch).0, 6);
    assert_eq!(world.run(&watch).0, 6);
    assert!(world.path("sent/sub/a.mp4").exists() && world.path("in/no.mp4").exists());
    assert_eq!(world.good(&["jobs"]).lines().count(), 1);
}

#[test]
fn a_link_becomes_a_job_where_links_are_switched_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let video = fs::read(fixture("moov-end.mp4")).unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", video.len());
            stream.write_all(&[head.as_bytes(), &video].concat()).unwrap();
        }
    });
    let world = World::start(&[("UPLOAD_URL", "true"), ("UPLOAD_URL_TRUSTED", &source)]);
    assert_eq!(world.log_in(PASSWORD).0, 0);
    let link = json!({ "url": format!("{source}/talk.mp4"), "quality": 7 }).to_string();
    let bearer = world.bearer();
    let url = format!("{}/upload/url", world.home);
    let answer = world.curl(&["-H", &bearer, "-H", "Content-Type: application/json", "-d", &link, &url]);
    let id = serde_json::from_str::<Value>(&answer).unwrap()["id"].as_str().unwrap().to_owned();
    let job = world.curl(&["-H", &bearer, &format!("{}/jobs/{id}?wait=50", world.home)]);
    let job: Value = serde_json::from_str(&job).unwrap();
    assert_eq!((&job["state"], &job["source"]["name"]), (&json!("done"), &json!("talk.mp4")), "{job}");
    let link = format!("{source}/more.mp4");
    let told = world.good(&["upload", &link, "--wait", "--json", "--quality", "9", "--quiet"]);
    let told: Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!((&told["file"], &told["job"]["state"]), (&json!(link), &json!("done")), "{told}");
    assert_eq!(
        (&told["job"]["source"]["name"], &told["job"]["options"]["quality"]),
        (&json!("more.mp4"), &json!(9))
    );
    let (code, _, why) = world.run(&["upload", &format!("{source}:1/x.mp4"), "--quiet"]);
    assert!(code != 0 && !why.is_empty());
}

#[test]
fn the_first_steps_of_the_documentation_work_as_they_are_written() {
    let world = World::start(&[]);
    let docs = world.curl(&[&format!("{}/docs", world.home)]);
    let steps = docs.split("<pre><code>").nth(1).unwrap().split("</code>").next().unwrap();
    let steps = steps.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    // The account is there.
    let steps = steps.replace("ann@example.org", "ben@example.org");
    fs::copy(fixture("sample.mp4"), world.path("video.mp4")).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-euc", &steps]).current_dir(&world.folder).env("TAPEDECK", &world.home);
    let (code, out, err) = outcome(&shell.output().unwrap());
    assert_eq!(code, 0, "{out}{err}");
    assert!(fs::read(world.path("audio.mp3")).unwrap().starts_with(b"ID3"), "{out}{err}");
}

#[test]
fn the_command_line_tells_of_itself_to_shells_and_readers() {
    let world = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tapedeck")).args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let man = world(&["man"]);
    for told in ["upload", "watch", "password\\-stdin", "serve", "completions", "failed\\-since", "man \\-l"]
    {
        assert!(man.contains(told), "{told}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(world(&["completions", shell]).contains("upload"), "{shell}");
    }
    assert!(world(&["help", "convert"]).contains("--bitrate-mode"));
    let completions = world(&["completions", "bash"]);
    assert!(completions.contains("podcast") && completions.contains("flac"), "values, not files");
    let mut bash = Command::new("bash").args(["-n"]).stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(completions.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}
