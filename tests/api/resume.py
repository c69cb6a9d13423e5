"""Resumable uploads by tuspy: over a line that is cut, and by a second client that goes on where the first one ended."""

import json
import pathlib
import socket
import sys
import tempfile
import threading
import types
import urllib.parse
import urllib.request

# Of its asynchronous half, which is not used: it and what it needs are not installed.
sys.modules.setdefault("aiohttp", types.ModuleType("aiohttp"))

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

CUTS = 5


class CutLine:
    """A line to the platform that is cut five times, each time behind so many bytes."""

    def __init__(self, home, behind):
        to = urllib.parse.urlsplit(home)
        self.to, self.behind, self.cuts = (to.hostname, to.port), behind, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.home = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.to)
            threading.Thread(target=self.send, args=(client, server), daemon=True).start()
            threading.Thread(target=self.answer, args=(server, client), daemon=True).start()

    def send(self, client, server):
        left = self.behind
        try:
            while data := client.recv(65536):
                server.sendall(data if self.cuts >= CUTS else data[:left])
                left -= len(data)
                if left <= 0 and self.cuts < CUTS:
                    self.cuts += 1
                    break
        except OSError:
            pass
        hang_up(server)
        hang_up(client)

    def answer(self, server, client):
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        hang_up(client)


def hang_up(side):
    try:
        side.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def source(home, bearer, job):
    """What the platform says of the video of a job."""
    request = urllib.request.Request(home + job.lstrip("/"), headers={"authorization": f"Bearer {bearer}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())["source"]


def arrives(home, bearer, video):
    line = CutLine(home, video.stat().st_size // 10)
    client = TusClient(line.home + "uploads", {"Authorization": f"Bearer {bearer}"})
    size = video.stat().st_size
    upload = client.uploader(
        str(video), metadata={"filename": "tuspy.mp4"}, chunk_size=size // 4 + 1, retries=20, retry_delay=0.1
    )
    upload.upload()
    said = source(home, bearer, upload.request.response_headers["job-location"])
    assert (said["name"], said["bytes"], line.cuts) == ("tuspy.mp4", size, CUTS), (said, line.cuts)
    print(f"tuspy: {line.cuts} cuts, and all has come")


def goes_on(home, bearer, video):
    """Each part with its checksum; the second client finds the upload by the file's fingerprint."""
    size = video.stat().st_size
    client = TusClient(home + "uploads", {"Authorization": f"Bearer {bearer}"})
    with tempfile.NamedTemporaryFile() as kept:
        def uploader():
            return client.uploader(
                str(video), metadata={"filename": "again.mp4"}, chunk_size=size // 3 + 1, upload_checksum=True,
                store_url=True, url_storage=FileStorage(kept.name),
            )

        uploader().upload_chunk()
        second = uploader()
        assert second.offset == size // 3 + 1, second.offset
        second.upload()
    said = source(home, bearer, second.request.response_headers["job-location"])
    assert (said["name"], said["bytes"]) == ("again.mp4", size), said
    print("tuspy: a second client has gone on where the first one ended")


def by_tuspy(home, bearer, video: pathlib.Path):
    arrives(home, bearer, video)
    goes_on(home, bearer, video)
