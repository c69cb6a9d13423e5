"""The player: hearing, seeking by pointer, key and chapter, and a part that is converted again."""

import re

from playwright.sync_api import expect

from world import DESKTOP, PHONE, PageTest, video

NOW = "document.querySelector('audio')?.currentTime"


class Player(PageTest):
    def play(self, size, source="sample.mp4"):
        page = self.open(size=size)
        self.sign_up(page)
        self.upload(page, video("tape.mp4", source))
        card = self.state(page, "tape.mp4", "done")
        with page.expect_response(lambda response: response.url.endswith("/peaks")) as peaks:
            self.press(card, "Play")
        self.assertEqual(peaks.value.status, 200)
        expect(card.locator(".wave")).to_be_visible()
        self.until(page, f"{NOW} > 0.2")
        return page, card

    def test_it_plays_and_seeks_by_pointer_and_by_key(self):
        for size in (DESKTOP, PHONE):
            page, card = self.play(size)
            card.get_by_role("button", name="Pause").click()
            self.until(page, "document.querySelector('audio').paused")
            line = card.get_by_role("slider", name="Position")
            box = line.bounding_box()
            line.click(position={"x": box["width"] * 0.5, "y": box["height"] / 2})
            self.until(page, f"Math.abs({NOW} - 5) < 0.3")
            line.press("ArrowLeft")
            self.until(page, f"{NOW} < 0.3")
            line.press("End")
            self.until(page, f"{NOW} > 9.5")
            line.press("Home")
            self.until(page, f"{NOW} < 0.1")
            line.press(" ")
            self.until(page, "!document.querySelector('audio').paused")
            self.press(card, "Close")
            expect(card.locator(".wave")).to_have_count(0)

    def test_a_chapter_is_a_place_to_go_to(self):
        page, card = self.play(DESKTOP, "chapters.mp4")
        chapters = card.get_by_role("list", name="Chapters").get_by_role("button")
        expect(chapters).to_have_count(2)
        expect(chapters.nth(1)).to_contain_text("Zwei")
        chapters.nth(1).click()
        self.until(page, f"{NOW} >= 2")

    def test_a_part_is_chosen_by_dragging_and_by_keys_and_converted_again(self):
        for size in (DESKTOP, PHONE):
            page, card = self.play(size)
            again = card.get_by_role("button", name="Convert this part")
            card.locator(".trim summary").click()
            expect(again).to_be_disabled()
            start = card.get_by_role("slider", name="Start of the part")
            width = card.locator(".wave").bounding_box()["width"]
            box = start.bounding_box()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] / 2 + width * 0.2, box["y"] + 20, steps=5)
            page.mouse.up()
            card.get_by_role("slider", name="End of the part").press("ArrowLeft")
            expect(card.locator(".trim")).to_contain_text(re.compile(r"0:02 to 0:05"))
            again.click()
            expect(page.locator("li.job")).to_have_count(2)
            # The newest stands first.
            first = page.locator("li.job").first
            expect(first).to_have_attribute("data-state", "done")
            expect(first.locator(".facts")).to_contain_text("0:03")
