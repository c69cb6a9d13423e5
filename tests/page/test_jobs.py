"""Job cards: live, canceled, tried again, deleted, searched, paged, shared, downloaded."""

import urllib.request
import zipfile

from playwright.sync_api import expect

from world import DESKTOP, PHONE, PageTest, long_video, video


class Jobs(PageTest):
    def test_a_conversion_is_watched_live_canceled_and_tried_again(self):
        page = self.open()
        asked = []
        page.on("request", lambda request: asked.append(request.url.removeprefix(page.home)))
        self.sign_up(page)
        self.upload(page, long_video())
        card = self.state(page, "long.mp4", "converting")
        bar = card.locator("progress")
        expect(bar).to_be_visible()
        self.until(page, "document.querySelector('li.job progress').value > 0.05")
        expect(card.locator(".state")).to_contain_text("%")
        expect(card.locator(".state")).to_contain_text("left")
        self.assertIn("jobs/events", asked)
        self.press(card, "Cancel")
        self.state(page, "long.mp4", "canceled")
        self.press(card, "Try again")
        self.until(page, "document.querySelector('li.job').dataset.state == 'converting'")
        self.press(card, "Cancel")
        self.state(page, "long.mp4", "canceled")
        self.press(card, "Delete")
        page.locator("dialog").get_by_role("button", name="Delete").click()
        expect(card).to_have_count(0)
        expect(page.locator("#empty")).to_be_visible()

    def test_a_video_without_sound_says_what_to_do_and_offers_nothing_that_would_fail_again(self):
        page = self.open(size=PHONE)
        self.sign_up(page)
        self.upload(page, video("mute.mp4", "silent-movie.mp4"))
        card = self.state(page, "mute.mp4", "failed")
        expect(card.locator(".note")).to_contain_text("no sound")
        expect(card.get_by_role("button", name="Try again")).to_be_hidden()
        self.press(card, "Delete")
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        expect(card).to_have_count(1)

    def test_the_audio_is_downloaded_and_a_link_lets_somebody_else_have_it(self):
        for size in (DESKTOP, PHONE):
            page = self.open(size=size)
            self.sign_up(page)
            self.upload(page, video("talk.mp4"))
            card = self.state(page, "talk.mp4", "done")
            with page.expect_download() as download:
                self.press(card, "Download")
            self.assertEqual(download.value.suggested_filename, "talk.mp3")
            content = open(download.value.path(), "rb").read()
            self.assertEqual(content[:3], b"ID3")
            self.press(card, "Share")
            dialog = page.locator("dialog")
            expect(dialog.locator("canvas.qr")).to_be_visible()
            url = dialog.locator("#share-url").input_value()
            with urllib.request.urlopen(url) as answer:
                self.assertEqual(answer.read(), content)
            until = dialog.get_by_role("status").inner_text()
            dialog.locator("#share-time").select_option("86400")
            expect(dialog.get_by_role("status")).not_to_have_text(until)
            self.assertNotEqual(dialog.locator("#share-url").input_value(), url)
            dialog.get_by_role("button", name="Close").click()
            expect(card.get_by_role("button", name="Share")).to_be_focused()

    def test_a_job_is_renamed_and_tagged_in_place_and_found_by_its_tag(self):
        page = self.open(size=PHONE)
        self.sign_up(page)
        self.upload(page, video("a.mp4"), video("b.mp4"))
        self.state(page, "b.mp4", "done")
        card = self.state(page, "a.mp4", "done")
        self.press(card, "Rename")
        page.get_by_label("Name", exact=True).fill("Überblick")
        page.get_by_label("Tags", exact=True).fill("Jazz, live at home,")
        self.check_access(page, "renaming a job")
        page.keyboard.press("Enter")
        card = self.state(page, "Überblick", "done")
        expect(page.get_by_label("Name", exact=True)).to_have_count(0)
        expect(card.locator(".tag")).to_have_text(["Jazz", "live at home"])
        self.visit(page)
        expect(page.locator("li.job")).to_have_count(2)
        card.get_by_role("button", name="Show all with the tag Jazz").click()
        expect(page.locator("li.job")).to_have_count(1)
        expect(page.locator("#search")).to_have_value("#Jazz")
        with page.expect_download() as download:
            self.press(card, "Download")
        self.assertEqual(download.value.suggested_filename, "Überblick.mp3")
        self.press(card, "Rename")
        page.keyboard.press("Escape")
        expect(card.locator(".title")).to_have_text("Überblick")
        self.press(card, "Rename")
        page.get_by_label("Tags", exact=True).fill("")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#none")).to_be_visible()

    def test_what_is_chosen_is_downloaded_as_one_zip(self):
        page = self.open()
        self.sign_up(page)
        self.upload(page, *[video(name) for name in ("a.mp4", "b.mp4", "c.mp4")])
        for name in ("a.mp4", "b.mp4", "c.mp4"):
            self.state(page, name, "done")
        expect(page.locator("#zip")).to_be_hidden()
        for name in ("a.mp4", "c.mp4"):
            page.get_by_label(f"Choose {name} for a zip").check()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as zip: 2").click()
        self.assertEqual(download.value.suggested_filename, "tapedeck.zip")
        with zipfile.ZipFile(download.value.path()) as file:
            self.assertIsNone(file.testzip())
            self.assertEqual(sorted(file.namelist()), ["a.mp3", "c.mp3"])

    def test_what_was_told_about_a_job_is_listed(self):
        page = self.open()
        self.sign_up(page)
        self.upload(page, video("told.mp4"))
        card = self.state(page, "told.mp4", "done")
        self.press(card, "Messages")
        expect(page.locator("dialog")).to_contain_text("Mail")

    def test_many_jobs_are_paged_and_searched(self):
        page = self.open()
        self.sign_up(page)
        self.upload(page, *[video(f"tape-{number:02}.mp4") for number in range(24)])
        expect(page.locator("li.job")).to_have_count(24)
        expect(page.locator("li.job[data-state=done]")).to_have_count(24)
        self.visit(page)
        expect(page.locator("li.job")).to_have_count(20)
        page.click("#older")
        expect(page.locator("li.job")).to_have_count(24)
        page.fill("#search", "tape-07")
        expect(page.locator("li.job")).to_have_count(1)
        page.fill("#search", "nothing like it")
        expect(page.locator("#none")).to_be_visible()
