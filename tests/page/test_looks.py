"""How the main states look on a desktop and a phone, dark and light: pictures to look at, and what axe-core finds."""

from playwright.sync_api import expect

from server import Server
from world import DESKTOP, ENDINGS, PHONE, PageTest, long_video, video

KINDS = [("desktop", DESKTOP, "light"), ("desktop", DESKTOP, "dark"), ("phone", PHONE, "light"), ("phone", PHONE, "dark")]


class Looks(PageTest):
    def look(self, page, name):
        self.picture(page, name)
        self.check_access(page, name)

    def test_every_state_is_accessible_in_every_size_and_colour(self):
        server = Server()
        ENDINGS.append(server.stop)
        email = None
        for kind, size, scheme in KINDS:
            page = self.open(server.home, size, scheme)
            name = f"{kind}-{scheme}"
            self.look(page, f"{name}-1-first")
            if email:
                self.log_in(page, email)
            else:
                email = self.sign_up(page, "boss")
                self.upload(page, video("Interview.mp4", "chapters.mp4"), video("Holiday.mp4", "silent-movie.mp4"))
                self.state(page, "Interview.mp4", "done")
                self.state(page, "Holiday.mp4", "failed")
            self.states(page, name)

    def states(self, page, name):
        self.upload(page, long_video())
        card = self.state(page, "long.mp4", "converting")
        self.until(page, "document.querySelector('li.job progress').value > 0.02")
        self.look(page, f"{name}-2-converting")
        self.press(card, "Cancel")
        self.state(page, "long.mp4", "canceled")
        self.press(card, "Delete")
        self.look(page, f"{name}-3-delete")
        page.locator("dialog").get_by_role("button", name="Delete").click()
        expect(card).to_have_count(0)
        card = self.card(page, "Interview.mp4")
        self.press(card, "Play")
        expect(card.get_by_role("list", name="Chapters")).to_be_visible()
        card.locator(".trim summary").click()
        self.look(page, f"{name}-4-player")
        self.press(card, "Close")
        self.press(card, "Share")
        expect(page.locator("canvas.qr")).to_be_visible()
        self.look(page, f"{name}-5-share")
        page.keyboard.press("Escape")
        page.click("#more summary")
        self.look(page, f"{name}-6-options")
        page.get_by_role("link", name="Account").click()
        expect(page.locator("#account .card").first).to_be_visible()
        self.look(page, f"{name}-7-account")
        page.get_by_role("link", name="Administration").click()
        expect(page.locator("li.user")).to_have_count(1)
        self.look(page, f"{name}-8-admin")

    def test_nothing_is_wider_than_a_small_phone(self):
        page = self.open(size={"width": 320, "height": 640}, locale="de-DE")
        self.assert_fits(page)
        self.sign_up(page)
        self.upload(page, video("a-name-that-is-much-longer-than-any-phone-is-wide-and-has-no-blank-in-it.mp4"))
        self.state(page, "a-name", "done")
        page.click("#more summary")
        self.assert_fits(page)
        page.get_by_role("link", name="Konto").click()
        expect(page.locator("#account .card").first).to_be_visible()
        self.assert_fits(page)

    def assert_fits(self, page):
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 320)

    def test_everything_on_the_first_view_is_reached_by_the_keyboard(self):
        page = self.open()
        reached = set()
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.name"))
        self.assertLessEqual({"files", "preset", "email-field", "password-field", "forgot", "theme", "language"}, reached)
