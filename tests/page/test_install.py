"""The page as an app: installed, opened without a network, shared with, and below a path."""

import base64
import json

from playwright.sync_api import expect

from server import Below, Server
from world import ENDINGS, PageTest, video


class Install(PageTest):
    def test_the_manifest_is_one_that_the_browser_installs(self):
        page = self.open()
        page.evaluate("navigator.serviceWorker.ready")
        tools = page.context.new_cdp_session(page)
        manifest = tools.send("Page.getAppManifest")
        self.assertEqual(manifest["errors"], [])
        for icon in json.loads(manifest["data"])["icons"]:
            self.assertEqual(page.request.get(page.home + icon["src"]).status, 200, icon)
        wrong = [error["errorId"] for error in tools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
        # A browser of tests is always one that keeps nothing.
        self.assertEqual([error for error in wrong if error != "in-incognito"], [])

    def test_what_another_app_shares_is_uploaded(self):
        page = self.open()
        self.sign_up(page)
        page.evaluate("navigator.serviceWorker.ready")
        self.until(page, "navigator.serviceWorker.controller")
        content = base64.b64encode(video("shared.mp4").read_bytes()).decode()
        target = json.loads(page.request.get(page.home + "manifest.webmanifest").text())["share_target"]
        share = """async ([content, action]) => {
          const form = new FormData();
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          form.append("files", new File([bytes], "shared.mp4", { type: "video/mp4" }));
          await fetch(new URL(action, location.href), { method: "POST", body: form });
        }"""
        page.evaluate(share, [content, target["action"]])
        self.visit(page)
        self.state(page, "shared.mp4", "done")

    def test_without_a_network_the_page_opens_and_says_so(self):
        self.allow("net::ERR", "Failed to fetch")
        page = self.open()
        self.sign_up(page)
        page.evaluate("navigator.serviceWorker.ready")
        self.visit(page)
        self.until(page, "document.querySelector('#empty').checkVisibility()")
        page.context.set_offline(True)
        self.visit(page)
        expect(page.locator("#offline")).to_contain_text("can't be reached")
        page.context.set_offline(False)
        expect(page.locator("#offline")).to_be_empty()

    def test_it_works_below_a_path(self):
        below = Below("/deck")
        server = Server(PUBLIC_URL=below.home.rstrip("/"))
        below.backend = server.home.removeprefix("http://").rstrip("/")
        ENDINGS.extend([server.stop, below.shutdown])
        page = self.open(below.home)
        outside = []
        page.on("request", lambda request: request.url.startswith(below.home) or outside.append(request.url))
        self.sign_up(page)
        self.upload(page, video("below.mp4"))
        card = self.state(page, "below.mp4", "done")
        self.press(card, "Play")
        self.until(page, "document.querySelector('audio')?.currentTime > 0.2")
        with page.expect_download() as download:
            self.press(card, "Download")
        self.assertEqual(download.value.suggested_filename, "below.mp3")
        page.get_by_role("link", name="Account").click()
        expect(page.locator("#account .card").first).to_be_visible()
        self.visit(page)
        self.assertEqual(outside, [])
