"""The account and the administration."""

from playwright.sync_api import expect

from server import Server
from world import ENDINGS, PASSWORD, PHONE, PageTest, video


class Account(PageTest):
    def test_a_key_is_made_shown_once_and_deleted(self):
        page = self.open(size=PHONE)
        self.sign_up(page)
        page.get_by_role("link", name="Account").click()
        page.get_by_text("New key").click()
        page.fill("#key-name", "backup script")
        page.get_by_role("button", name="Make the key").click()
        secret = page.locator("dialog input").input_value()
        self.assertTrue(secret.startswith("td_"))
        answer = page.request.get(page.home + "jobs", headers={"Authorization": f"Bearer {secret}"})
        self.assertEqual(answer.status, 200)
        page.locator("dialog").get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Delete: backup script").click()
        expect(page.get_by_text("backup script")).to_have_count(0)
        answer = page.request.get(page.home + "jobs", headers={"Authorization": f"Bearer {secret}"})
        self.assertEqual(answer.status, 401)

    def test_a_feed_is_made_heard_and_ended(self):
        page = self.open(size=PHONE)
        self.sign_up(page)
        self.upload(page, video("episode.mp4"))
        self.state(page, "episode.mp4", "done")
        page.get_by_role("link", name="Account").click()
        page.get_by_role("button", name="Make a feed").click()
        address = page.get_by_role("textbox", name="All conversions", exact=True).input_value()
        self.assertIn("episode", page.request.get(address).text())
        page.get_by_role("button", name="End it").click()
        expect(page.get_by_role("textbox", name="All conversions", exact=True)).to_have_count(0)
        self.assertEqual(page.request.get(address).status, 404)

    def test_log_ins_are_listed_and_one_is_ended_from_another(self):
        self.allow("401")
        page, phone = self.open(), self.open(size=PHONE)
        email = self.sign_up(page)
        self.log_in(phone, email)
        page.get_by_role("link", name="Account").click()
        sessions = page.locator("section", has_text="Where you are logged in").locator("li")
        expect(sessions).to_have_count(2)
        expect(sessions.filter(has_text="this one")).to_have_count(1)
        sessions.get_by_role("button", name="Log out").click()
        expect(sessions).to_have_count(1)
        self.visit(phone)
        expect(phone.locator("#entry")).to_be_visible()

    def test_the_webhook_secret_is_shown_and_replaced(self):
        page = self.open()
        self.sign_up(page)
        page.get_by_role("link", name="Account").click()
        secrets = []
        for name in ["Show the secret", "Show the secret", "Replace it"]:
            page.get_by_role("button", name=name).click()
            secrets.append(page.locator("dialog input").input_value())
            page.keyboard.press("Escape")
            expect(page.locator("dialog")).to_have_count(0)
        self.assertTrue(secrets[0].startswith("whsec_"))
        self.assertEqual(secrets[0], secrets[1])
        self.assertNotEqual(secrets[1], secrets[2])

    def test_the_password_is_changed_and_then_the_account_deleted(self):
        self.allow("401", "403", "422")
        page = self.open()
        email = self.sign_up(page)
        page.get_by_role("link", name="Account").click()
        page.get_by_text("Change the password").click()
        page.fill("#pw-old_password", "wrong as it can be")
        page.fill("#pw-new_password", PASSWORD + " staple")
        page.get_by_role("button", name="Set password").click()
        expect(page.locator(".toast.bad")).to_be_visible()
        page.fill("#pw-old_password", PASSWORD)
        page.get_by_role("button", name="Set password").click()
        expect(page.locator("#entry")).to_be_visible()
        page.fill("#email-field", email)
        page.fill("#password-field", PASSWORD + " staple")
        page.click("button[value=login]")
        page.get_by_role("link", name="Account").click()
        page.get_by_role("button", name="Delete the account").click()
        page.locator("dialog").get_by_role("button", name="Delete the account").click()
        expect(page.locator("#entry")).to_be_visible()

    def test_an_administrator_sees_accounts_locks_them_and_changes_their_role(self):
        server = Server()
        ENDINGS.append(server.stop)
        self.allow("403", "401")
        page = self.open(server.home)
        boss = self.sign_up(page, "boss")
        other = self.open(server.home)
        email = self.sign_up(other, "worker")
        expect(other.locator("#to-admin")).to_be_hidden()
        page.get_by_role("link", name="Administration").click()
        row = page.locator("li.user", has_text=email)
        expect(page.locator("li.user")).to_have_count(2)
        row.get_by_role("button", name="Lock").click()
        expect(row).to_contain_text("locked")
        # The session has ended with it, and the page hears of that by itself.
        expect(other.locator("#entry")).to_be_visible()
        other.fill("#email-field", email)
        other.fill("#password-field", PASSWORD)
        other.click("button[value=login]")
        expect(other.locator("#entry-error")).not_to_be_empty()
        row.get_by_role("button", name="Unlock").click()
        expect(row).not_to_contain_text("locked")
        row.get_by_role("combobox", name="Role").select_option("admin")
        expect(page.locator(".toast").last).to_contain_text("Saved")
        self.log_in(other, email)
        expect(other.locator("#to-admin")).to_be_visible()
        expect(page.get_by_text("Messages that were given up")).to_be_visible()
        page.fill("#failed-since", "2026-01-01T00:00")
        page.get_by_role("button", name="Try all again").click()
        expect(page.locator(".toast").last).to_contain_text("0")
        self.assertIn(boss, page.locator("#admin").inner_text())
