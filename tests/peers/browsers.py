"""Two people at one server's page at once, the one with Chromium, the other with PhantomJS, each
driven over WebDriver: browsers.py HOST:PORT PROFILE CHROMIUM.png PHANTOMJS.png PHANTOMJS NO_OPENSSL

PROFILE is an empty folder that Chromium may fill.
"""

import base64
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 60
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --window-size=800,750"""

# Also in PhantomJS, so in the language of 2009. A long text is built on the spot and compared
# there: it never passes through WebDriver.
PREPARE = """
    window.seen = [];
    window.longs = {};
    for (var i = 0; i < arguments.length; i++) {
        var text = arguments[i];
        for (var n = 0; text.length < 1 << 20; n++) text += ' ' + n;
        window.longs[arguments[i]] = text.slice(0, 1 << 20);
    }
    window.ws.binaryType = 'arraybuffer';
    window.ws.addEventListener('message', function (event) {
        var data = event.data;
        for (var name in window.longs) {
            if (data === window.longs[name]) data = 'the long text of ' + name;
        }
        if (typeof data !== 'string') data = 'bytes ' + [].join.call(new Uint8Array(data), ' ');
        window.seen.push(data.slice(0, 80));
    }, false);
    window.ws.addEventListener('close', function (event) {
        window.ended = [event.code, event.reason, event.wasClean];
    }, false);
"""
STATE = "return document.getElementById('state').firstChild.nodeValue"
WELCOMED = "return document.getElementById('log').textContent.indexOf('Welcome') >= 0"
TYPE = "document.getElementById('text').value = arguments[0]"
SEND_LONG = "window.ws.send(window.longs[arguments[0]])"
SEND_BYTES = "window.ws.send(new Uint8Array([0, 128, 255]).buffer)"


def check(got, wanted, what):
    if got != wanted:
        sys.exit(f"{what}: expected {wanted}, got {got}")


def until(fact, what):
    deadline = time.monotonic() + SECONDS
    while not fact():
        if time.monotonic() > deadline:
            sys.exit(f"no {what} within {SECONDS} s")
        time.sleep(0.02)


class Browser:
    def __init__(self, name, stack, command, **options):
        self.name, self.expected = name, []
        # Anybody may take a free port before the driver does, which then ends at once.
        for _ in range(3):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            driver = subprocess.Popen(
                [part.format(port=self.port) for part in command],
                stdout=subprocess.DEVNULL,
                **options,
            )
            stack.callback(driver.kill)
            until(lambda: driver.poll() is not None or self.ready(), f"WebDriver of {name}")
            if driver.poll() is None:
                break
        else:
            sys.exit(f"the driver of {name} ends at once, with {driver.returncode}")
        # Both generations of WebDriver: each browser knows one of them.
        flags = [*FLAGS.split(), f"--user-data-dir={sys.argv[2]}"]
        always = {"goog:chromeOptions": {"args": flags}}
        wanted = {"capabilities": {"alwaysMatch": always}, "desiredCapabilities": {}}
        reply = self.call("POST", "/session", wanted)
        self.modern = "sessionId" in reply["value"]
        self.session = "/session/" + (reply["value"] if self.modern else reply)["sessionId"]
        stack.callback(self.quit)

    def ready(self):
        with contextlib.suppress(OSError):
            return self.call("GET", "/status")

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body and json.dumps(body))
            reply = connection.getresponse()
            text = reply.read().decode()
        if reply.status >= 400:
            sys.exit(f"{self.name}: {method} {path}: " + " ".join(text.split())[:300])
        return json.loads(text) if text else {}

    def quit(self):
        # In the end they are killed in any case.
        with contextlib.suppress(Exception, SystemExit):
            self.call("DELETE", self.session)

    def run(self, script, *arguments):
        path = "/execute/sync" if self.modern else "/execute"
        body = {"script": script, "args": arguments}
        return self.call("POST", self.session + path, body)["value"]

    def click(self, name):
        where = {"using": "css selector", "value": f"#{name}"}
        (element,) = self.call("POST", f"{self.session}/element", where)["value"].values()
        self.call("POST", f"{self.session}/element/{element}/click", {"id": element})

    def visit(self, url):
        if not self.modern:
            size = {"width": 800, "height": 600}
            self.call("POST", f"{self.session}/window/current/size", size)
        self.call("POST", f"{self.session}/url", {"url": url})
        until(lambda: self.run(STATE) == "open", f"open connection in {self.name}")
        until(lambda: self.run(WELCOMED), f"Welcome in {self.name}")

    def say(self, text):
        self.run(TYPE, text)
        self.click("send")

    def hear(self, text):
        """Everything that came, in its order, and nothing else."""
        self.expected.append(text)
        wanted = len(self.expected)
        until(lambda: self.run("return window.seen.length") >= wanted, f"{text!r} in {self.name}")
        check(self.run("return window.seen"), self.expected, f"what {self.name} received")

    def photograph(self, file):
        picture = self.call("GET", f"{self.session}/screenshot")["value"]
        Path(file).write_bytes(base64.b64decode(picture))


def meet(url, chromium, phantomjs, pictures):
    both = chromium, phantomjs
    for one in both:
        one.visit(url)
        one.run(PREPARE, *(each.name for each in both))
    check(chromium.run("return window.ws.extensions"), "", "Chromium's extensions")

    for one in both:
        one.click("poke")
        one.hear("Quit poking me!")
    for one in both:
        text = f"{one.name}: héllo ☃ 😀"
        one.say(text)
        for each in both:
            each.hear(text)
    # Before the long texts, which would push all else out of sight.
    for one, picture in zip(both, pictures):
        one.photograph(picture)
    for one in both:
        one.run(SEND_LONG, one.name)
        for each in both:
            each.hear(f"the long text of {one.name}")

    # PhantomJS's dialect has no binary messages: it is passed over, and stays.
    chromium.run(SEND_BYTES)
    chromium.hear("bytes 0 128 255")
    chromium.say("still there?")
    for each in both:
        each.hear("still there?")

    phantomjs.run("window.ws.close()")
    until(lambda: phantomjs.run(STATE) == "closed", "end of the connection in PhantomJS")
    chromium.say("alone")
    chromium.hear("alone")
    chromium.run("window.ws.close(4000, 'enough')")
    until(lambda: chromium.run(STATE) == "closed", "end of the connection in Chromium")
    check(chromium.run("return window.ended"), [4000, "", True], "Chromium's close event")
    check(phantomjs.run("return window.seen"), phantomjs.expected, "what PhantomJS received")


address, _, *pictures, phantomjs, no_openssl = sys.argv[1:]
with contextlib.ExitStack() as stack:
    meet(
        f"http://{address}/",
        Browser("Chromium", stack, ["chromedriver", "--port={port}"]),
        Browser(
            "PhantomJS",
            stack,
            [phantomjs, "--webdriver=127.0.0.1:{port}", "--webdriver-loglevel=ERROR"],
            env=os.environ | {"LD_PRELOAD": no_openssl},
        ),
        pictures,
    )
