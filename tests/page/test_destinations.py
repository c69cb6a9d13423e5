"""Where somebody is told of their jobs: a webhook that is made, tried, renewed, told of a job, switched off and removed."""

import base64
import hashlib
import hmac
import http.server
import json
import ssl
import subprocess
import threading

from playwright.sync_api import expect

from server import Server
from world import ENDINGS, PHONE, PageTest, folder, video


class Receiver(http.server.ThreadingHTTPServer):
    """Hears webhooks over TLS."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Hearing)
        self.heard, self.status = [], 204
        key, self.certificate = folder() / "hook.key", folder() / "hook.pem"
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        named = ["-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        files = ["-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run([*made, *named, *files], check=True, stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path):
        return f"https://127.0.0.1:{self.server_port}/{path}"


class Hearing(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.heard.append((self.path, self.headers, body))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()


def is_signed(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    own = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return f"v1,{own}" in headers["webhook-signature"].split(" ")


class Destinations(PageTest):
    def account(self, receiver, **how):
        server = Server(WEBHOOK_UNSAFE_TARGETS_FOR_TESTS="true", WEBHOOK_CA_FILE=str(receiver.certificate))
        ENDINGS.append(server.stop)
        page = self.open(server.home, **how)
        self.sign_up(page)
        return server, page

    def add(self, page, kind, address, **fields):
        page.get_by_role("link", name="Account").click()
        page.get_by_text("New destination").click()
        page.locator("#destination-kind").select_option(kind)
        page.fill("#destination-address", address)
        for name, value in fields.items():
            page.fill(f"#destination-{name}", value)
        page.get_by_role("button", name="Add", exact=True).click()

    def said(self, page, text):
        expect(page.locator(".toast").last).to_contain_text(text)

    def test_a_webhook_is_made_tried_renewed_told_of_a_job_switched_off_and_removed(self):
        receiver = Receiver()
        server, page = self.account(receiver)
        hook = receiver.url("hook")
        self.add(page, "webhook", hook)
        expect(page.locator("#destination-token")).to_be_hidden()
        secrets = [page.locator("dialog input").input_value()]
        page.keyboard.press("Escape")
        item = page.locator("li", has_text=hook)
        item.get_by_role("button", name="Test").click()
        self.said(page, "It has arrived.")
        _, headers, body = receiver.heard[-1]
        self.assertTrue(is_signed(secrets[0], headers, body))
        self.assertEqual(json.loads(body)["type"], "dev.tapedeck.destination.test.v1")
        item.get_by_role("button", name="New secret").click()
        secrets.append(page.locator("dialog input").input_value())
        page.keyboard.press("Escape")
        page.get_by_label("Mails about my jobs").uncheck()
        self.said(page, "Saved")
        self.check_access(page, "destinations")
        self.picture(page, "destinations")
        page.get_by_role("link", name="Conversions").click()
        self.upload(page, video("told.mp4"))
        self.state(page, "told.mp4", "done")
        for _ in range(600):
            if len(receiver.heard) > 1:
                break
            page.wait_for_timeout(100)
        _, headers, body = receiver.heard[-1]
        self.assertEqual(json.loads(body)["type"], "dev.tapedeck.audio.ready.v1")
        self.assertEqual([is_signed(secret, headers, body) for secret in secrets], [True, True])
        self.assertFalse([mail for mail in server.mails() if "is ready" in mail])
        receiver.status = 500
        page.get_by_role("link", name="Account").click()
        item.get_by_role("button", name="Test").click()
        self.said(page, "It has not arrived: the receiver answered 500")
        receiver.status = 204
        item.get_by_role("button", name="Last messages").click()
        messages = page.locator("dialog li")
        expect(messages).to_have_count(3)
        self.check_access(page, "messages of a destination")
        messages.first.get_by_role("button", name="Send again").click()
        self.said(page, "It is sent again.")
        page.keyboard.press("Escape")
        item.get_by_role("button", name="Switch off").click()
        expect(item).to_contain_text("switched off")
        item.get_by_role("button", name="Switch on").click()
        expect(item).not_to_contain_text("switched off")
        item.get_by_role("button", name="Delete").click()
        expect(item).to_have_count(0)

    def test_ntfy_is_told_with_its_token_from_a_phone_in_german(self):
        receiver = Receiver()
        _, page = self.account(receiver, size=PHONE, locale="de-DE")
        page.get_by_role("link", name="Konto").click()
        page.get_by_text("Neues Ziel").click()
        page.locator("#destination-kind").select_option("ntfy")
        page.fill("#destination-address", receiver.url("talks"))
        page.fill("#destination-token", "tk_1")
        page.get_by_role("button", name="Hinzufügen").click()
        item = page.locator("li", has_text="talks")
        expect(item.get_by_role("button", name="Neues Geheimnis")).to_have_count(0)
        item.get_by_role("button", name="Testen").click()
        self.said(page, "Es ist angekommen.")
        path, headers, body = receiver.heard[-1]
        self.assertEqual((path, headers["authorization"], json.loads(body)["topic"]), ("/", "Bearer tk_1", "talks"))
        self.check_access(page, "destinations on a phone")
