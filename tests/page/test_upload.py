"""Uploads: several files, folders, options, cancelling, and a reload in the middle."""

import base64
import http.server
import json
import threading

from playwright.sync_api import expect

from server import Server
from world import ENDINGS, PHONE, PageTest, long_video, video

# Drops files that the page makes itself, and a folder with one in it, as a mouse would: a list of names and contents.
DROP = """([entries, base]) => {
  const bytes = Uint8Array.from(atob(base), (letter) => letter.charCodeAt(0));
  const fileOf = (name) => new File([bytes], name, { type: name.endsWith(".mp4") ? "video/mp4" : "text/plain" });
  const entryOf = ([name, inside], path) => inside
    ? { isDirectory: true, isFile: false, fullPath: `${path}/${name}`, createReader() {
        let left = inside.map((one) => entryOf(one, `${path}/${name}`));
        return { readEntries(resolve) { const some = left; left = []; resolve(some); } };
      } }
    : { isDirectory: false, isFile: true, fullPath: `${path}/${name}`, file: (resolve) => resolve(fileOf(name)) };
  const transfer = {
    types: ["Files"], files: [],
    items: entries.map((entry) => ({ webkitGetAsEntry: () => entryOf(entry, "") })),
  };
  const event = new Event("drop", { bubbles: true, cancelable: true });
  Object.defineProperty(event, "dataTransfer", { value: transfer });
  document.querySelector("#drop").dispatchEvent(event);
}"""


class Host(http.server.BaseHTTPRequestHandler):
    """A host that has a video."""

    def do_GET(self):
        content = video("linked.mp4").read_bytes()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Upload(PageTest):
    def test_a_guest_has_a_video_fetched_from_a_link(self):
        host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
        threading.Thread(target=host.serve_forever, daemon=True).start()
        source = f"http://127.0.0.1:{host.server_port}"
        server = Server(AUTH_GUEST_HOURS="2", UPLOAD_URL="true", UPLOAD_URL_TRUSTED=source)
        ENDINGS.append(server.stop)
        ENDINGS.append(host.shutdown)
        page = self.open(server.home, size=PHONE)
        page.get_by_role("button", name="Try it without an account").click()
        expect(page.locator("#email")).to_have_text("Guest")
        self.check_access(page, "the field for a link")
        page.get_by_label("Or the link to a video").fill(f"{source}/linked.mp4")
        page.get_by_role("button", name="Fetch it").click()
        self.state(page, "linked.mp4", "done")
        expect(page.get_by_label("Or the link to a video")).to_have_value("")

    def test_neither_guests_nor_links_are_offered_where_there_are_none(self):
        page = self.open()
        expect(page.get_by_role("button", name="Sign up")).to_be_visible()
        expect(page.locator("#guest")).to_be_hidden()
        self.sign_up(page)
        expect(page.locator("#work")).to_be_visible()
        expect(page.locator("#link")).to_be_hidden()

    def slow(self, page, bytes_per_second):
        """A network that sends so much, or as much as it can for -1."""
        tools = page.context.new_cdp_session(page)
        tools.send("Network.enable")
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
        tools.send("Network.emulateNetworkConditions", limits)

    def choose(self, page, preset):
        # The button itself is unseen; what is clicked is its label.
        page.locator("label.chip", has_text=preset).click()
        expect(page.get_by_role("radio", name=preset)).to_be_checked()

    def test_two_videos_and_a_folder_are_dropped_and_what_is_no_video_is_told(self):
        page = self.open()
        self.sign_up(page)
        content = base64.b64encode(video("drop.mp4").read_bytes()).decode()
        entries = [["one.mp4", None], ["two.mp4", None], ["talks", [["three.mp4", None], ["notes.txt", None]]]]
        page.evaluate(DROP, [entries, content])
        expect(page.locator(".toast").last).to_contain_text("1")
        for name in ["one.mp4", "two.mp4", "three.mp4"]:
            self.state(page, name, "done")
        expect(page.locator("li.job")).to_have_count(3)
        expect(page.locator("#uploads li")).to_have_count(0)
        expect(self.card(page, "three.mp4")).to_contain_text("talks")

    def test_a_preset_and_options_are_sent_and_remembered(self):
        page = self.open(size=PHONE)
        self.sign_up(page)
        self.choose(page, "Lossless")
        self.upload(page, video("lossless.mp4"))
        expect(self.state(page, "lossless.mp4", "done")).to_contain_text("FLAC")
        self.choose(page, "Standard")
        page.click("#more summary")
        page.select_option("#option-format", "opus")
        page.fill("#option-start", "0:02")
        page.fill("#option-title", "A title")
        self.upload(page, video("titled.mp4"))
        card = self.state(page, "A title", "done")
        expect(card).to_contain_text("OPUS")
        expect(card).to_contain_text("0:08")
        self.visit(page)
        expect(page.locator("#option-format")).to_have_value("opus")
        expect(page.locator("#option-start")).to_have_value("")

    def test_an_end_before_the_start_is_told_before_anything_is_sent(self):
        page = self.open()
        self.sign_up(page)
        page.click("#more summary")
        page.fill("#option-start", "1:30")
        page.fill("#option-end", "0:05")
        page.locator("#option-end").blur()
        self.upload(page, video("part.mp4"))
        expect(page.locator("#waiting")).to_contain_text("1")
        said = page.locator("#option-end").evaluate("(field) => field.validationMessage")
        self.assertEqual(said, "The end must be later than the start.")
        page.fill("#option-start", "0:01")
        page.locator("#option-start").blur()
        expect(self.state(page, "part.mp4", "done")).to_contain_text("0:04")

    def test_who_was_logged_out_elsewhere_logs_in_again_and_the_upload_goes_on(self):
        self.allow("401")
        page = self.open()
        email = self.sign_up(page)
        self.slow(page, 2_000_000)
        page.context.clear_cookies()
        self.upload(page, video("later.mp4"))
        expect(page.locator("#entry")).to_be_visible()
        self.slow(page, -1)
        self.log_in(page, email)
        self.state(page, "later.mp4", "done")

    def test_an_option_that_is_not_valid_stops_the_upload_and_is_shown(self):
        page = self.open()
        self.sign_up(page)
        page.click("#more summary")
        page.fill("#option-start", "soon")
        page.click("#more summary")
        self.upload(page, video("never.mp4"))
        expect(page.locator("#option-start")).to_be_focused()
        expect(page.locator("#waiting")).to_contain_text("1")
        page.fill("#option-start", "1")
        page.locator("#option-start").blur()
        self.state(page, "never.mp4", "done")

    def test_what_would_be_refused_again_is_not_offered_to_go_on_but_says_what_to_change(self):
        self.allow("415", "422", "403")
        page = self.open()
        self.sign_up(page)
        page.set_input_files("#files", {"name": "text.mp4", "mimeType": "video/mp4", "buffer": b"no video" * 9999})
        line = page.locator("#uploads li")
        expect(line).to_contain_text("no video or audio file that we can read. Choose another file.")
        expect(line.get_by_role("button", name="Go on")).to_be_hidden()
        self.check_access(page, "an upload that can't succeed")
        line.get_by_role("button", name="Cancel").click()
        expect(line).to_have_count(0)
        refused = {"status": 422, "content_type": "application/problem+json", "body": json.dumps({"detail": "No."})}
        page.route("**/uploads", lambda route: route.fulfill(**refused))
        self.upload(page, video("refused.mp4"))
        expect(line).to_contain_text("No. Cancel it, change the options")
        expect(line.get_by_role("button", name="Go on")).to_be_hidden()
        # The network's return does not send it again, and neither does a reload.
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(line).to_contain_text("No. Cancel it")
        page.unroute("**/uploads")
        self.visit(page)
        expect(page.locator("#empty")).to_be_visible()
        expect(line).to_have_count(0)
        # What may pass can go on.
        away = {"status": 403, "content_type": "application/problem+json", "body": json.dumps({"detail": "Not yet."})}
        page.route("**/uploads", lambda route: route.fulfill(**away))
        self.upload(page, video("later.mp4"))
        expect(line).to_contain_text("Not yet.")
        page.unroute("**/uploads")
        line.get_by_role("button", name="Go on").click()
        self.state(page, "later.mp4", "done")

    def test_an_upload_shows_its_way_and_can_be_canceled(self):
        page = self.open()
        self.sign_up(page)
        self.slow(page, 2_000_000)
        self.upload(page, long_video())
        line = page.locator("#uploads li")
        expect(line).to_contain_text("/s")
        expect(line).to_contain_text("left")
        line.get_by_role("button", name="Cancel").click()
        expect(line).to_have_count(0)
        self.slow(page, -1)
        self.visit(page)
        expect(page.locator("#empty")).to_be_visible()

    def test_an_upload_is_paused_cut_off_reloaded_without_a_network_and_comes_to_its_end(self):
        page = self.open()
        self.allow("net::ERR", "Failed to fetch")
        self.sign_up(page)
        page.evaluate("navigator.serviceWorker.ready")
        # The worker keeps what is loaded from now on.
        self.visit(page)
        self.slow(page, 4_000_000)
        self.upload(page, long_video())
        line = page.locator("#uploads li")
        expect(line).to_contain_text("/s")
        line.get_by_role("button", name="Pause").click()
        expect(line).to_contain_text("Paused")
        line.get_by_role("button", name="Go on").click()
        expect(line).to_contain_text("/s")
        page.context.set_offline(True)
        self.visit(page)
        expect(page.locator("#uploads li")).to_have_count(1)
        sent = []
        page.on("request", lambda request: request.method in ("POST", "PATCH") and sent.append(request))
        page.context.set_offline(False)
        self.state(page, "long.mp4", "converting")
        uploads = [request for request in sent if "/uploads" in request.url]
        self.assertTrue(uploads and all(request.method == "PATCH" for request in uploads), "it began again")
        self.press(self.card(page, "long.mp4"), "Cancel")
