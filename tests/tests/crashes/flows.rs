//! A job's way through each function that has a process of its own.

use tapedeck_tests::crash::{List, Point, Rig, Sent, Side, judge, pass_delivery_claims, pass_event_claims};

use crate::{Video, bounded, send, setup};

/// A job's way through one function.
struct Flow {
    list: &'static str,
    function: &'static str,
    queues: usize,
    video: Video,
    /// The end of each job.
    state: &'static str,
    /// How many mails tell of a job during which the function died there.
    mails: fn(&Point) -> usize,
}

impl Flow {
    /// Kills the function at each point of a job's way, one job for each. Nobody sweeps meanwhile, so that what one death
    /// leaves is not taken up at the next.
    #[expect(clippy::print_stdout, reason = "a test says what it has done")]
    async fn kill_at_each_step(self) {
        let mut rig = Rig::start(self.function, self.queues, setup()).await;
        let ann = rig.platform.new_user().await;
        let mut sent = Vec::new();
        if matches!(self.video, Video::Known) {
            sent.push(Sent { id: send(&ann, Video::Known, "").await, what: "the first".into(), mails: 1 });
        }
        rig.platform.settle().await;
        rig.revive().await;
        rig.record();
        let id = send(&ann, self.video, "recorded").await;
        sent.push(Sent { id, what: "nothing".into(), mails: 1 });
        rig.platform.settle().await;
        rig.calm().await;
        let (list, recorded) = (List::read(self.list), rig.recorded());
        list.hold(&recorded);
        rig.platform.kill_function("sweep");
        let points = list.points(&recorded, bounded(), 9);
        for point in &points {
            rig.arm(point);
            let id = send(&ann, self.video, &point.to_string()).await;
            sent.push(Sent { id, what: point.to_string(), mails: (self.mails)(point) });
            rig.died(point).await;
            rig.revive().await;
        }
        println!("{}: {} steps, {} crash points", self.list, recorded.len(), points.len());
        if bounded() {
            // The sender is dead or has nothing in hand.
            pass_event_claims(rig.platform.db()).await;
            pass_delivery_claims(rig.platform.db()).await;
        }
        rig.platform.start_function("sweep");
        judge(&rig.platform, &ann, &sent, self.state).await;
        rig.platform.finish().await;
    }
}

fn one_mail(_: &Point) -> usize {
    1
}

/// SMTP's window: the server has the mail, and that is not noted yet.
fn two_in_the_window(point: &Point) -> usize {
    let noted = point.step.starts_with("sql UPDATE deliveries SET outcome");
    match (point.step.as_str(), point.side) {
        ("smtp the mail", Side::After) | ("smtp QUIT", _) => 2,
        (_, Side::Before) if noted => 2,
        _ => 1,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_dies_at_any_step_leaves_a_job_that_ends_or_nothing() {
    let video = Video::New;
    let flow = Flow { list: "upload", function: "upload", queues: 0, video, state: "done", mails: one_mail };
    flow.kill_at_each_step().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upload_that_dies_at_any_step_leaves_nothing() {
    let video = Video::Refused;
    let flow = Flow { list: "refuse", function: "upload", queues: 0, video, state: "gone", mails: one_mail };
    flow.kill_at_each_step().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_converter_that_dies_at_any_step_loses_and_doubles_no_job() {
    for (list, video, state) in
        [("convert", Video::New, "done"), ("copy", Video::Known, "done"), ("fail", Video::Silent, "failed")]
    {
        let flow = Flow { list, function: "convert", queues: 1, video, state, mails: one_mail };
        flow.kill_at_each_step().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_dies_at_any_step_doubles_a_mail_only_in_the_window_of_smtp() {
    let (video, mails) = (Video::Known, two_in_the_window as fn(&Point) -> usize);
    let flow = Flow { list: "deliver", function: "notify", queues: 1, video, state: "done", mails };
    flow.kill_at_each_step().await;
}
