"""Coming in: the first view, signing up, logging in and out, mails."""

import quopri
import re

from playwright.sync_api import expect

from world import PASSWORD, PHONE, PageTest, server, video


class Entry(PageTest):
    def test_a_video_that_is_dropped_first_is_converted_once_somebody_has_signed_up(self):
        page = self.open()
        expect(page.locator("#drop")).to_be_visible()
        self.upload(page, video("before.mp4"))
        expect(page.locator("#waiting")).to_contain_text("1")
        self.sign_up(page)
        self.state(page, "before.mp4", "done")

    def test_a_reload_and_a_new_tab_keep_the_session_and_logging_out_ends_it_in_all(self):
        page = self.open(size=PHONE, scheme="dark")
        email = self.sign_up(page)
        self.visit(page)
        expect(page.locator("#work")).to_be_visible()
        expect(page.locator("#email")).to_have_text(email)
        other = page.context.new_page()
        other.home = page.home
        self.visit(other)
        expect(other.locator("#work")).to_be_visible()
        page.click("#logout")
        expect(page.locator("#entry")).to_be_visible()
        expect(other.locator("#entry")).to_be_visible()
        self.visit(page)
        expect(page.locator("#entry")).to_be_visible()
        self.log_in(page, email)

    def test_a_wrong_password_is_told_beside_the_form(self):
        self.allow("401")
        page = self.open()
        page.fill("#email-field", "nobody@example.org")
        page.fill("#password-field", "not the password")
        page.click("button[value=login]")
        expect(page.locator("#entry-error")).not_to_be_empty()
        expect(page.locator("#email-field")).to_be_enabled()

    def test_the_links_of_mails_confirm_the_address_and_set_a_new_password(self):
        page = self.open()
        email = self.sign_up(page)
        expect(page.locator("#verify-hint")).to_be_visible()
        self.visit(page, "#" + self.mailed(page, email, "verify"))
        expect(page.locator("#verify-hint")).to_be_hidden()
        self.assertEqual(page.evaluate("location.hash"), "")
        page.click("#logout")
        page.fill("#email-field", email)
        page.click("#forgot")
        expect(page.locator(".toast").last).to_be_visible()
        self.visit(page, "#" + self.mailed(page, email, "reset"))
        page.fill("#renew-password", PASSWORD + " staple")
        page.click("#renew button")
        expect(page.locator("#entry")).to_be_visible()
        page.fill("#email-field", email)
        page.fill("#password-field", PASSWORD + " staple")
        page.click("button[value=login]")
        expect(page.locator("#work")).to_be_visible()

    def mailed(self, page, email, purpose):
        """What follows the # in the link of the mail."""
        for _ in range(600):
            for mail in server().mails():
                text = quopri.decodestring(mail).decode(errors="replace")
                found = re.search(rf"#({purpose}=[^\s\"<]+)", text)
                if found and email in text:
                    return found[1]
            page.wait_for_timeout(100)
        raise AssertionError(f"no mail to {email} has a link to {purpose}")

    def test_the_language_is_the_browsers_and_can_be_switched(self):
        page = self.open(locale="de-DE")
        self.assertEqual(page.evaluate("document.documentElement.lang"), "de")
        expect(page.get_by_role("button", name="Anmelden", exact=True)).to_be_visible()
        page.select_option("#language", "en")
        expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
        self.visit(page)
        expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()

    def test_dark_and_light_are_the_systems_until_somebody_chooses(self):
        page = self.open(scheme="dark")
        shade = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(shade)
        page.click("#theme")
        self.assertNotEqual(page.evaluate(shade), dark)
        self.visit(page)
        self.assertNotEqual(page.evaluate(shade), dark)
        page.click("#theme")
        self.assertEqual(page.evaluate(shade), dark)
        page.emulate_media(color_scheme="light")
        self.until(page, f"{shade} != '{dark}'")
