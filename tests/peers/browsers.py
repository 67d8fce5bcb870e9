"""Opens a chat server's page in Chromium and PhantomJS and exchanges messages between them.

Both browsers are driven over WebDriver. What Chromium sends and receives is recorded, to check that
messages are compressed.
Usage: browsers.py HOST:PORT PROFILE CHROMIUM.png PHANTOMJS.png PHANTOMJS NO_OPENSSL
PROFILE is an empty directory for Chromium's profile.
"""

import base64
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

TIMEOUT = 60
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --window-size=800,750"""

# PhantomJS runs it too, so it is ECMAScript 5. Long texts are built and compared in the page,
# since they are too large for WebDriver.
PREPARE = """
    window.received = [];
    window.longTexts = {};
    for (var i = 0; i < arguments.length; i++) {
        var text = arguments[i];
        for (var n = 0; text.length < 1 << 20; n++) text += ' ' + n;
        window.longTexts[arguments[i]] = text.slice(0, 1 << 20);
    }
    window.ws.binaryType = 'arraybuffer';
    window.ws.addEventListener('message', function (event) {
        var data = event.data;
        for (var name in window.longTexts) {
            if (data === window.longTexts[name]) data = 'the long text of ' + name;
        }
        if (typeof data !== 'string') data = 'bytes ' + [].join.call(new Uint8Array(data), ' ');
        window.received.push(data.slice(0, 80));
    }, false);
    window.ws.addEventListener('close', function (event) {
        window.closeEvent = [event.code, event.reason, event.wasClean];
    }, false);
"""
STATE = "return document.getElementById('state').firstChild.nodeValue"
IS_WELCOMED = "return document.getElementById('log').textContent.indexOf('Welcome') >= 0"
SET_TEXT = "document.getElementById('text').value = arguments[0]"
SEND_LONG = "window.ws.send(window.longTexts[arguments[0]])"
SEND_BYTES = "window.ws.send(new Uint8Array([0, 128, 255]).buffer)"


def check(actual, expected, what):
    if actual != expected:
        sys.exit(f"{what}: expected {expected}, got {actual}")


def wait_until(condition, what):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"no {what} within {TIMEOUT} s")
        time.sleep(0.02)


class Recorder:
    """Forwards connections to `address` and records both directions of each."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.server, self.connections = (host, int(port)), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, server = self.listener.accept()[0], socket.create_connection(self.server)
            streams = bytearray(), bytearray()
            self.connections.append(streams)
            for ends, stream in zip([(client, server), (server, client)], streams):
                threading.Thread(target=self.forward, args=[*ends, stream], daemon=True).start()

    def forward(self, source, target, stream):
        with contextlib.suppress(OSError):
            while received := source.recv(1 << 16):
                stream += received
                target.sendall(received)
            target.shutdown(socket.SHUT_WR)

    def compressed(self):
        """Returns how many frames are compressed that clients sent, and that the server sent."""
        upgraded = [streams for streams in self.connections if b"101 " in streams[1][:20]]
        return [sum(map(is_compressed, frames(stream))) for stream in sum(upgraded, ())]


def frames(stream):
    """Yields the first byte of each frame that follows the handshake."""
    at = stream.index(b"\r\n\r\n") + 4
    while at + 2 <= len(stream):
        yield stream[at]
        is_masked, length = divmod(stream[at + 1], 128)
        size = {126: 2, 127: 8}.get(length, 0)
        if size:
            length = int.from_bytes(stream[at + 2 : at + 2 + size], "big")
        at += 2 + size + 4 * is_masked + length


def is_compressed(first_byte):
    return first_byte & 0x40 != 0


class Browser:
    def __init__(self, name, stack, command, **options):
        self.name, self.expected = name, []
        # Another process may take the free port first; then the driver exits.
        for _ in range(3):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            driver = subprocess.Popen(
                [argument.format(port=self.port) for argument in command],
                stdout=subprocess.DEVNULL,
                **options,
            )
            stack.callback(driver.kill)
            wait_until(lambda: driver.poll() is not None or self.is_ready(), f"WebDriver of {name}")
            if driver.poll() is None:
                break
        else:
            sys.exit(f"WebDriver of {name} exited at startup with code {driver.returncode}")
        # For W3C WebDriver (Chromium) and its predecessor, the JSON wire protocol (PhantomJS).
        flags = [*FLAGS.split(), f"--user-data-dir={sys.argv[2]}"]
        always = {"goog:chromeOptions": {"args": flags}}
        capabilities = {"capabilities": {"alwaysMatch": always}, "desiredCapabilities": {}}
        response = self.call("POST", "/session", capabilities)
        self.is_w3c = "sessionId" in response["value"]
        self.session = "/session/" + (response["value"] if self.is_w3c else response)["sessionId"]
        stack.callback(self.quit)

    def is_ready(self):
        with contextlib.suppress(OSError):
            return self.call("GET", "/status")

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            connection.request(method, path, body and json.dumps(body))
            response = connection.getresponse()
            text = response.read().decode()
        if response.status >= 400:
            sys.exit(f"{self.name}: {method} {path}: " + " ".join(text.split())[:300])
        return json.loads(text) if text else {}

    def quit(self):
        # Errors do not matter: the driver is killed anyway.
        with contextlib.suppress(Exception, SystemExit):
            self.call("DELETE", self.session)

    def run(self, script, *arguments):
        path = "/execute/sync" if self.is_w3c else "/execute"
        body = {"script": script, "args": arguments}
        return self.call("POST", self.session + path, body)["value"]

    def click(self, name):
        locator = {"using": "css selector", "value": f"#{name}"}
        (element,) = self.call("POST", f"{self.session}/element", locator)["value"].values()
        self.call("POST", f"{self.session}/element/{element}/click", {"id": element})

    def visit(self, url):
        if not self.is_w3c:
            size = {"width": 800, "height": 600}
            self.call("POST", f"{self.session}/window/current/size", size)
        self.call("POST", f"{self.session}/url", {"url": url})
        wait_until(lambda: self.run(STATE) == "open", f"open connection in {self.name}")
        wait_until(lambda: self.run(IS_WELCOMED), f"Welcome in {self.name}")

    def type_and_send(self, text):
        self.run(SET_TEXT, text)
        self.click("send")

    def expect(self, text):
        """Checks that `text` is received next, and nothing else."""
        self.expected.append(text)
        count = len(self.expected)
        wait_until(
            lambda: self.run("return window.received.length") >= count,
            f"{text!r} in {self.name}",
        )
        check(self.run("return window.received"), self.expected, f"messages in {self.name}")

    def save_screenshot(self, file):
        png = self.call("GET", f"{self.session}/screenshot")["value"]
        Path(file).write_bytes(base64.b64decode(png))


def chat(address, chromium, phantomjs, screenshots):
    both = chromium, phantomjs
    recorder = Recorder(address)
    for one, host in zip(both, (recorder.address, address)):
        one.visit(f"http://{host}/")
        one.run(PREPARE, *(each.name for each in both))
    (extension, *_) = chromium.run("return window.ws.extensions").split(";")
    check(extension, "permessage-deflate", "Chromium's extension")

    for one in both:
        one.click("poke")
        one.expect("Quit poking me!")
    for one in both:
        text = f"{one.name}: " + "héllo ☃ 😀 " * 3
        one.type_and_send(text)
        for each in both:
            each.expect(text)
    # Taken now, since the long texts scroll everything else out of view.
    for one, screenshot in zip(both, screenshots):
        one.save_screenshot(screenshot)
    for one in both:
        one.run(SEND_LONG, one.name)
        for each in both:
            each.expect(f"the long text of {one.name}")

    # PhantomJS's dialect has no binary messages: the server skips it and keeps it connected.
    chromium.run(SEND_BYTES)
    chromium.expect("bytes 0 128 255")
    chromium.type_and_send("still there?")
    for each in both:
        each.expect("still there?")

    phantomjs.run("window.ws.close()")
    wait_until(lambda: phantomjs.run(STATE) == "closed", "closed connection in PhantomJS")
    chromium.type_and_send("alone")
    chromium.expect("alone")
    chromium.run("window.ws.close(4000, 'enough')")
    wait_until(lambda: chromium.run(STATE) == "closed", "closed connection in Chromium")
    check(chromium.run("return window.closeEvent"), [4000, "enough", True], "Chromium's close event")
    check(phantomjs.run("return window.received"), phantomjs.expected, "messages in PhantomJS")
    sent, received = recorder.compressed()
    check((sent > 0, received > 0), (True, True), f"compressed frames, {sent} and {received}")


address, _, *screenshots, phantomjs, no_openssl = sys.argv[1:]
with contextlib.ExitStack() as stack:
    chat(
        address,
        Browser("Chromium", stack, ["chromedriver", "--port={port}"]),
        Browser(
            "PhantomJS",
            stack,
            [phantomjs, "--webdriver=127.0.0.1:{port}", "--webdriver-loglevel=ERROR"],
            env=os.environ | {"LD_PRELOAD": no_openssl},
        ),
        screenshots,
    )
