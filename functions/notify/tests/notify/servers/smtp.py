"""A real mail server for the tests: aiosmtpd with STARTTLS and AUTH. Usage: smtp.py PORT FOLDER starttls|tls|plain

Keeps each mail as a file. Some recipients are refused: unknown@ for good, busy@ for now.
"""

import asyncio, os, ssl, sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult

port, folder, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Handler(Mailbox):
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("unknown@"):
            return f"550 5.1.1 <{address}> no such user"
        if address.startswith("busy@"):
            return f"451 4.7.1 <{address}> greylisted"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"


def authenticate(server, session, envelope, mechanism, data):
    right = data.login == b"tape@deck" and data.password == b"p:ss/w%rd"
    return AuthResult(success=right, handled=right)


def context():
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))
    return made


def server():
    handler = Handler(os.path.join(folder, "mails"))
    if mode == "starttls":
        return SMTP(handler, tls_context=context(), require_starttls=True, auth_required=True, authenticator=authenticate)
    if mode == "tls":
        return SMTP(handler, auth_required=True, auth_require_tls=False, authenticator=authenticate)
    return SMTP(handler)


async def main():
    implicit = context() if mode == "tls" else None
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", port, ssl=implicit)
    await listener.serve_forever()


asyncio.run(main())
