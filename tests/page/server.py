"""A `tapedeck serve` in a folder of its own, and a reverse proxy that puts it below a path."""

import http.client
import http.server
import os
import pathlib
import re
import shutil
import socketserver
import subprocess
import tempfile
import threading

# Every test comes from the same address, with accounts of its own.
UNLIMITED = {
    f"AUTH_{name}": "0"
    for name in ["LOGINS_PER_MINUTE", "REGISTRATIONS_PER_HOUR", "RESETS_PER_HOUR", "KEYS_PER_HOUR", "DESTINATIONS_PER_HOUR"]
}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Server:
    """A running platform; `home` is its address, with a slash at the end."""

    def __init__(self, **variables):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-page-"))
        self.log = open(self.folder / "log", "wb")
        command = [os.environ["TAPEDECK"], "serve", "--port", "0", "--data", str(self.folder / "data")]
        environment = {**os.environ, **UNLIMITED, **variables}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL, env=environment, text=True
        )
        self.home = None
        for line in self.process.stdout:
            if ready := re.match(r"Tapedeck is ready at (\S+)", line):
                self.home = ready[1].rstrip("/") + "/"
                break
        if not self.home:
            raise AssertionError((self.folder / "log").read_text())
        # What it prints later must go somewhere, or the pipe fills up.
        threading.Thread(target=lambda: [None for _ in self.process.stdout], daemon=True).start()

    def mails(self):
        """The mails so far, as they were sent."""
        return [mail.read_text() for mail in sorted((self.folder / "data" / "mails").glob("*.eml"))]

    def stop(self):
        # Nothing of it is needed any more, so it need not finish what it does.
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder)


class Below(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Takes requests below `prefix` and passes them on without it, as a proxy in front of Tapedeck does."""

    daemon_threads = True

    def __init__(self, prefix):
        super().__init__(("127.0.0.1", 0), Handler)
        self.prefix = prefix
        self.backend = None
        self.home = f"http://127.0.0.1:{self.server_port}{prefix}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    """One request, passed on."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else None
        if not self.path.startswith(self.server.prefix + "/"):
            self.send_error(404)
            return
        backend = http.client.HTTPConnection(self.server.backend)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        backend.request(self.command, self.path[len(self.server.prefix):], body, headers)
        answer = backend.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        # Whatever its length, it ends with the connection.
        self.send_header("connection", "close")
        self.close_connection = True
        self.end_headers()
        try:
            while part := answer.read1(65536):
                self.wfile.write(part)
                self.wfile.flush()
        except (ConnectionError, http.client.HTTPException):
            # The browser or the platform has left: so does the call.
            pass
        backend.close()

    do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = do_PUT = do_OPTIONS = handle_any
