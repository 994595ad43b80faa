"""
Records what matrix-nio and simplematrixbotlib send, into `../payloads.json`.

    python3 -m venv FOLDER && FOLDER/bin/pip install matrix-nio simplematrixbotlib
    FOLDER/bin/python worker/testing/clients/record/python.py
    npx biome check --write worker/testing/clients

`FOLDER` is outside of this repository. Neither client adds mentions by itself: the rows show how they format a text.
"""

import asyncio
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import nio
import simplematrixbotlib

FILE = Path(__file__).parent.parent / "payloads.json"
ROOM = "!room"
ECHO = "[Echo](https://matrix.to/#/@agent_echo:hs.test)"
GUIDE = "[Guide](https://matrix.to/#/@agent_guide:hs.test)"
bodies = []


class Capture(BaseHTTPRequestHandler):
    """A server that accepts every message and keeps its content."""

    def do_PUT(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        answer = b'{"event_id": "$sent"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def nio_cases(client):
    def send(**content):
        return client.room_send(ROOM, "m.room.message", {"msgtype": "m.text", **content})

    reply = {"m.relates_to": {"m.in_reply_to": {"event_id": "$of_agent"}}}
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": "$thread"}}
    return [
        ("plain text", send(body="hello"), {}),
        ("full user id", send(body="hello @agent_echo:hs.test"), {"addresses": ["echo"]}),
        ("reply to an agent", send(body="why?", **reply), {"repliesTo": "agent"}),
        ("thread relation without is_falling_back", send(body="hello", **thread), {"threadRootOf": "agent"}),
    ]


def bot_cases(api):
    text = lambda body, **how: api.send_text_message(ROOM, body, **how)
    markdown = lambda body, **how: api.send_markdown_message(ROOM, body, **how)
    return [
        ("text", text("hello"), {}),
        ("display name and a colon", text("Echo: hello"), {"addresses": ["echo"]}),
        ("full user id", text("@agent_guide:hs.test hello"), {"addresses": ["guide"]}),
        ("notice", text("@agent_guide:hs.test hello", msgtype="m.notice"), {}),
        ("reply to an agent", text("why?", reply_to="$of_agent"), {"repliesTo": "agent"}),
        ("Markdown without any", markdown("@agent_echo:hs.test hello"), {"addresses": ["echo"]}),
        ("Markdown with a pill", markdown(f"{ECHO}: **hello**"), {"addresses": ["echo"]}),
        ("Markdown with two pills", markdown(f"{GUIDE} and {ECHO}"), {"addresses": ["echo", "guide"]}),
        ("Markdown with a user id in inline code", markdown("write `@agent_echo:hs.test`"), {}),
        ("Markdown with a user id in a code block", markdown("look:\n\n```\n@agent_echo:hs.test\n```"), {}),
        ("Markdown with a pill in inline code", markdown(f"write `{ECHO}`"), {}),
        ("Markdown with a quoted user id", markdown("> @agent_echo:hs.test hello\n\nwhy?"), {"addresses": ["echo"]}),
        (
            "Markdown reply to a human, with a pill",
            markdown(f"why, {GUIDE}?", reply_to="$of_human"),
            {"repliesTo": "human", "addresses": ["guide"]},
        ),
        ("Markdown notice with a pill", markdown(f"{ECHO} hello", msgtype="m.notice"), {}),
    ]


async def recorded(client, cases):
    rows = []
    for name, sending, facts in cases:
        bodies.clear()
        await sending
        source = {"client": client, "source": "recorded", "name": name, "content": bodies[0]}
        rows.append({**source, "repliesTo": None, "threadRootOf": None, "addresses": [], **facts})
    return rows


async def main(url):
    client = nio.AsyncClient(url, "@alice:hs.test")
    client.restore_login("@alice:hs.test", "ALICE", "token")
    api = simplematrixbotlib.Api(None, simplematrixbotlib.Config())
    api.async_client = client
    try:
        return await recorded("matrix-nio", nio_cases(client)) + await recorded("simplematrixbotlib", bot_cases(api))
    finally:
        await client.close()


server = ThreadingHTTPServer(("127.0.0.1", 0), Capture)
Thread(target=server.serve_forever, daemon=True).start()
new = asyncio.run(main(f"http://127.0.0.1:{server.server_port}"))
server.shutdown()
clients = {row["client"] for row in new}
others = [row for row in json.loads(FILE.read_text()) if row["client"] not in clients]
FILE.write_text(json.dumps(new + others, ensure_ascii=False))
print(len(new), "rows")
