"""What all tests share: one server, one browser, videos, and what must be true of every page at all times."""

import functools
import itertools
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import axe_playwright_python
from playwright.sync_api import expect, sync_playwright

from server import Server

ROOT = pathlib.Path(__file__).parents[2]
FIXTURES = ROOT / "shared/media/fixtures"
PICTURES = ROOT / "target/page"
AXE = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
PASSWORD = "correct horse battery"
DESKTOP = {"width": 1100, "height": 850}
PHONE = {"width": 390, "height": 844}
# Waiting for what a busy machine takes long for; nothing here is asserted to be fast.
PATIENCE = 60_000

# What is to be ended after the last test, the latest first.
ENDINGS = []

numbers = itertools.count(1)
expect.set_options(timeout=PATIENCE)


@functools.cache
def server():
    """The server of all tests that need no other. Its first account is the administrator's."""
    started = Server()
    ENDINGS.append(started.stop)
    return started


@functools.cache
def browser():
    """Chromium, as it is installed."""
    names = ["chromium", "google-chrome", "google-chrome-stable"]
    program = next(filter(None, map(shutil.which, names)), None)
    if not program:
        raise AssertionError(f"no browser: none of {names} is there. tests/page/install.sh installs it.")
    driver = sync_playwright().start()
    ENDINGS.append(driver.stop)
    # Its sandbox can't be had by root and in many containers; only our own page is opened.
    started = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
    ENDINGS.append(started.close)
    return started


@functools.cache
def folder():
    made = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-videos-"))
    ENDINGS.append(lambda: shutil.rmtree(made))
    return made


def end():
    """Ends the server and the browser."""
    while ENDINGS:
        ENDINGS.pop()()


@functools.cache
def long_video():
    """An hour and a half of noise: it takes long enough to be watched, paused and canceled."""
    minute, video = folder() / "minute.mp4", folder() / "long.mp4"
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    noise = ["-f", "lavfi", "-i", "anoisesrc=d=60:c=pink:r=44100", "-ac", "2", "-c:a", "aac", "-b:a", "96k"]
    subprocess.run([*ffmpeg, *noise, minute], check=True)
    subprocess.run([*ffmpeg, "-stream_loop", "89", "-i", minute, "-c", "copy", video], check=True)
    return video


def video(name, source="sample.mp4"):
    """A short video under a name of its own."""
    made = folder() / name
    made.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(FIXTURES / source, made)
    return made


class PageTest(unittest.TestCase):
    """A test with pages, none of which may log an error or break the policy."""

    def setUp(self):
        self.faults, self.allowed = [], []

    def open(self, home=None, size=DESKTOP, scheme="light", locale="en-US"):
        phone = {"is_mobile": True, "has_touch": True} if size == PHONE else {}
        context = browser().new_context(viewport=size, color_scheme=scheme, locale=locale, **phone)
        context.set_default_timeout(PATIENCE)
        self.addCleanup(context.close)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.home = home or server().home
        self.visit(page)
        return page

    def visit(self, page, place=""):
        page.goto(page.home + place)
        page.wait_for_selector("body.ready")

    def allow(self, *parts):
        """Errors of the console that a test brings about, as the browser words them."""
        self.allowed += parts

    def tearDown(self):
        faults = [text for text in self.faults if not any(part in text for part in self.allowed)]
        self.assertEqual(faults, [], "the console has errors")

    def sign_up(self, page, name="user"):
        """Makes an account by the form; its address."""
        email = f"{name}{next(numbers)}@example.org"
        page.fill("#email-field", email)
        page.fill("#password-field", PASSWORD)
        page.click("button[value=register]")
        expect(page.locator("#work")).to_be_visible()
        return email

    def log_in(self, page, email):
        page.fill("#email-field", email)
        page.fill("#password-field", PASSWORD)
        page.click("button[value=login]")
        expect(page.locator("#work")).to_be_visible()

    def card(self, page, name):
        return page.locator("li.job", has_text=name)

    def state(self, page, name, state):
        expect(self.card(page, name)).to_have_attribute("data-state", state)
        return self.card(page, name)

    def press(self, card, name):
        card.locator(".actions").get_by_role("button", name=name).click()

    def until(self, page, expression):
        """Waits for a truth in the page. The driver's own way evaluates text in it, which the page's policy forbids."""
        for _ in range(PATIENCE // 50):
            if page.evaluate(f"Boolean({expression})"):
                return
            page.wait_for_timeout(50)
        self.fail(f"never came true: {expression}")

    def upload(self, page, *files):
        page.set_input_files("#files", files)

    def check_access(self, page, what):
        """No finding of axe-core that is serious."""
        page.evaluate(AXE)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        bad = [
            (rule["id"], [node["html"][:200] for node in rule["nodes"]], rule["nodes"][0].get("failureSummary"))
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]
        self.assertEqual(bad, [], f"{what}: {json.dumps(bad, indent=1)}")

    def picture(self, page, name):
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
