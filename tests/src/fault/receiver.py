# A receiver of webhooks over TLS: receiver.py CERTIFICATE KEY FILE. Prints its port, and notes each call in FILE as
# "TIME WEBHOOK-ID JOB", before it answers.
import http.server
import json
import ssl
import sys
import threading
import time

certificate, key, path = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
lock = threading.Lock()


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        stream, address = self.socket.accept()
        # The handshake is made by the thread of the call: a client that is silent holds up no other.
        return context.wrap_socket(stream, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, address):
        pass


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with lock, open(path, "a") as file:
            file.write(f"{time.time()} {self.headers['webhook-id']} {body['subject']}\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass


server = Server(("127.0.0.1", 0), Hook)
print(server.server_address[1], flush=True)
server.serve_forever()
