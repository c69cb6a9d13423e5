"""The pipeline of the tutorials, rebuilt small, for `make bench`: what it does, and how, is theirs.

Flask's own server, one pika connection per service, pymongo's GridFS, moviepy, smtplib:
`tutorial.py auth|gateway|converter|notification`, told by AUTH_PORT, GATEWAY_PORT, MYSQL_URL, MONGODB_URL, AMQP_URL and SMTP_PORT.
"""

import datetime
import json
import os
import smtplib
import sys
import tempfile
from email.message import EmailMessage
from urllib.parse import urlsplit

SECRET = "sarcasm"


def auth():
    import flask
    import jwt
    import pymysql

    server = flask.Flask("auth")
    url = urlsplit(os.environ["MYSQL_URL"])
    place = {"host": url.hostname, "port": url.port, "user": url.username, "password": url.password or "",
             "database": url.path[1:]}
    with pymysql.connect(**place) as database, database.cursor() as cursor:
        cursor.execute("CREATE TABLE user (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255) UNIQUE, password VARCHAR(255))")
        cursor.execute("INSERT INTO user (email, password) VALUES ('ann@example.org', 'Admin123')")
        database.commit()

    @server.post("/login")
    def login():
        given = flask.request.authorization
        with pymysql.connect(**place) as database, database.cursor() as cursor:
            cursor.execute("SELECT email, password FROM user WHERE email=%s", (given.username,))
            row = cursor.fetchone()
        if row != (given.username, given.password):
            return "invalid credentials", 401
        now = datetime.datetime.now(tz=datetime.timezone.utc)
        claims = {"username": row[0], "exp": now + datetime.timedelta(days=1), "iat": now, "admin": True}
        return jwt.encode(claims, SECRET, algorithm="HS256")

    @server.post("/validate")
    def validate():
        token = flask.request.headers["Authorization"].split(" ")[1]
        try:
            return jwt.decode(token, SECRET, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return "not authorized", 403

    server.run(host="127.0.0.1", port=int(os.environ["AUTH_PORT"]))


def stores():
    import gridfs
    import pymongo

    client = pymongo.MongoClient(os.environ["MONGODB_URL"])
    return gridfs.GridFS(client.videos), gridfs.GridFS(client.mp3s)


def channel():
    import pika

    opened = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"])).channel()
    for queue in ("video", "mp3"):
        opened.queue_declare(queue=queue, durable=True)
    return opened


def say(opened, queue, message):
    import pika

    persistent = pika.BasicProperties(delivery_mode=2)
    opened.basic_publish(exchange="", routing_key=queue, body=json.dumps(message), properties=persistent)


def gateway():
    import flask
    import requests
    from bson.objectid import ObjectId

    server = flask.Flask("gateway")
    (videos, mp3s), opened = stores(), channel()
    home = f"http://127.0.0.1:{os.environ['AUTH_PORT']}"

    def who():
        answer = requests.post(f"{home}/validate", headers={"Authorization": flask.request.headers["Authorization"]})
        return answer.json() if answer.status_code == 200 else flask.abort(401)

    @server.post("/login")
    def login():
        given = flask.request.authorization
        answer = requests.post(f"{home}/login", auth=(given.username, given.password))
        return answer.text, answer.status_code

    @server.post("/upload")
    def upload():
        user = who()
        (file,) = flask.request.files.values()
        message = {"video_fid": str(videos.put(file)), "mp3_fid": None, "username": user["username"]}
        say(opened, "video", message)
        return "success!", 200

    @server.get("/download")
    def download():
        who()
        out = mp3s.get(ObjectId(flask.request.args["fid"]))
        return flask.send_file(out, download_name="audio.mp3")

    server.run(host="127.0.0.1", port=int(os.environ["GATEWAY_PORT"]))


def converter():
    from bson.objectid import ObjectId
    from moviepy import VideoFileClip

    (videos, mp3s), opened = stores(), channel()

    def convert(opened, method, _properties, body):
        message = json.loads(body)
        with tempfile.NamedTemporaryFile() as file:
            file.write(videos.get(ObjectId(message["video_fid"])).read())
            audio = VideoFileClip(file.name).audio
        path = f"{tempfile.gettempdir()}/{message['video_fid']}.mp3"
        audio.write_audiofile(path, logger=None)
        with open(path, "rb") as file:
            message["mp3_fid"] = str(mp3s.put(file.read()))
        os.remove(path)
        say(opened, "mp3", message)
        opened.basic_ack(delivery_tag=method.delivery_tag)

    opened.basic_consume(queue="video", on_message_callback=convert)
    opened.start_consuming()


def notification():
    opened = channel()

    def notify(opened, method, _properties, body):
        message = json.loads(body)
        mail = EmailMessage()
        mail.set_content(f"mp3 file_id: {message['mp3_fid']} is now ready!")
        mail["Subject"], mail["From"], mail["To"] = "MP3 Download", "tutorial@example.org", message["username"]
        with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"])) as session:
            session.send_message(mail)
        opened.basic_ack(delivery_tag=method.delivery_tag)

    opened.basic_consume(queue="mp3", on_message_callback=notify)
    opened.start_consuming()


if __name__ == "__main__":
    {"auth": auth, "gateway": gateway, "converter": converter, "notification": notification}[sys.argv[1]]()
