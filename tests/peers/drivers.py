"""Browsers, each driven by its WebDriver or, Firefox, by what its WebDriver speaks to it."""

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

TIMEOUT = 60
WIDTH, HEIGHT = 800, 750

CHROMIUM_FLAGS = f"""--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --window-size={WIDTH},{HEIGHT}"""
FIREFOX_FLAGS = f"--headless --no-remote --marionette --width {WIDTH} --height {HEIGHT}"
# The port 0 is any free one. No proxy, since the pages are local.
FIREFOX_PREFERENCES = """
user_pref("marionette.port", 0);
user_pref("network.proxy.type", 0);
"""

STATE = "return document.getElementById('state').firstChild.nodeValue"
IS_WELCOMED = "return document.getElementById('log').textContent.indexOf('Welcome') >= 0"
# Until what the page has changed is drawn.
WAIT_FOR_FRAMES = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
SET_TEXT = "document.getElementById('text').value = arguments[0]"


def check(actual, expected, what):
    if actual != expected:
        sys.exit(f"{what}: expected {expected}, got {actual}")


def wait_until(condition, what):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"no {what} within {TIMEOUT} s")
        time.sleep(0.02)


class Browser:
    """Subclasses have `run`, which calls a script, `click`, `open_url` and `screenshot`."""

    def __init__(self, name):
        self.name, self.expected = name, []

    def visit(self, url):
        self.open_url(url)
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
        Path(file).write_bytes(base64.b64decode(self.screenshot()))

    def start(self, stack, command, **options):
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
        process = subprocess.Popen(command, **options)
        stack.callback(process.wait)
        stack.callback(process.kill)
        return process


class WebDriverBrowser(Browser):
    """A browser driven over HTTP: W3C WebDriver, or its predecessor, the JSON wire protocol."""

    def __init__(self, name, stack, command, capabilities, **options):
        super().__init__(name)
        # Another process may take the free port first; then the driver exits.
        for _ in range(3):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            command_line = [argument.format(port=self.port) for argument in command]
            driver = self.start(stack, command_line, **options)
            wait_until(lambda: driver.poll() is not None or self.is_ready(), f"WebDriver of {name}")
            if driver.poll() is None:
                break
        else:
            sys.exit(f"WebDriver of {name} exited at startup with code {driver.returncode}")
        always = {"capabilities": {"alwaysMatch": capabilities}, "desiredCapabilities": {}}
        response = self.call("POST", "/session", always)
        self.is_w3c = "sessionId" in response["value"]
        self.session = "/session/" + (response["value"] if self.is_w3c else response)["sessionId"]
        stack.callback(self.quit)
        # The size of a window includes what is around the page, except in PhantomJS.
        path = "/window/rect" if self.is_w3c else "/window/current/size"
        size = {"width": WIDTH, "height": HEIGHT if self.is_w3c else 600}
        self.call("POST", self.session + path, size)

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

    def open_url(self, url):
        self.call("POST", f"{self.session}/url", {"url": url})

    def screenshot(self):
        if self.is_w3c:
            body = {"script": WAIT_FOR_FRAMES, "args": []}
            self.call("POST", self.session + "/execute/async", body)
        return self.call("GET", f"{self.session}/screenshot")["value"]


class Chromium(WebDriverBrowser):
    def __init__(self, stack, profile):
        arguments = [*CHROMIUM_FLAGS.split(), f"--user-data-dir={profile}"]
        capabilities = {"goog:chromeOptions": {"args": arguments}}
        super().__init__("Chromium", stack, ["chromedriver", "--port={port}"], capabilities)


class PhantomJs(WebDriverBrowser):
    def __init__(self, stack, program, no_openssl):
        command = [program, "--webdriver=127.0.0.1:{port}", "--webdriver-loglevel=ERROR"]
        environment = os.environ | {"LD_PRELOAD": no_openssl}
        super().__init__("PhantomJS", stack, command, {}, env=environment)


class WebKitGtk(WebDriverBrowser):
    def __init__(self, stack, profile):
        # It has no mode without a display.
        display = self.start_display(stack)
        environment = os.environ | {
            "HOME": profile,
            "DISPLAY": f":{display}",
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
        }
        (program,) = Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser")
        options = {"binary": str(program), "args": ["--automation"]}
        capabilities = {"webkitgtk:browserOptions": options}
        command = ["WebKitWebDriver", "--port={port}"]
        super().__init__("WebKitGTK", stack, command, capabilities, env=environment)

    def start_display(self, stack):
        read_end, write_end = os.pipe()
        with open(read_end) as output:
            command = ["Xvfb", "-displayfd", str(write_end), "-nolisten", "tcp"]
            server = self.start(stack, command, pass_fds=[write_end])
            # So that it removes its files; it is killed only if it does not.
            stack.callback(lambda: (server.terminate(), server.wait(TIMEOUT)))
            os.close(write_end)
            display = output.readline().strip()
        if not display:
            sys.exit("Xvfb did not start")
        return display


class Firefox(Browser):
    """Driven with the Marionette protocol, since Debian has no geckodriver."""

    def __init__(self, stack, profile):
        super().__init__("Firefox")
        Path(profile, "user.js").write_text(FIREFOX_PREFERENCES)
        port_file = Path(profile, "MarionetteActivePort")
        command = ["firefox-esr", *FIREFOX_FLAGS.split(), "--profile", profile]
        process = self.start(stack, command, env=os.environ | {"HOME": profile})
        wait_until(
            lambda: process.poll() is not None or (port_file.exists() and port_file.read_text()),
            "port of Firefox",
        )
        check(process.poll(), None, "exit code of Firefox at startup")
        address = "127.0.0.1", int(port_file.read_text())
        self.connection = stack.enter_context(socket.create_connection(address, TIMEOUT))
        self.replies = stack.enter_context(self.connection.makefile("rb"))
        self.count = 0
        # It greets first.
        self.read()
        self.call("NewSession", acceptInsecureCerts=True)

    def read(self):
        length = b""
        while not length.endswith(b":"):
            byte = self.replies.read(1)
            length += byte or sys.exit("Firefox closed the connection")
        return json.loads(self.replies.read(int(length[:-1])))

    def call(self, name, **parameters):
        self.count += 1
        command = json.dumps([0, self.count, f"WebDriver:{name}", parameters]).encode()
        self.connection.sendall(b"%d:%s" % (len(command), command))
        _, _, error, result = self.read()
        if error:
            sys.exit(f"{self.name}: {name}: {error['message']}")
        return result

    def run(self, script, *arguments):
        return self.call("ExecuteScript", script=script, args=arguments)["value"]

    def click(self, name):
        locator = {"using": "css selector", "value": f"#{name}"}
        (element,) = self.call("FindElement", **locator)["value"].values()
        self.call("ElementClick", id=element)

    def open_url(self, url):
        self.call("Navigate", url=url)

    def screenshot(self):
        return self.call("TakeScreenshot", full=False)["value"]


# Today's, by the name of what `install` installs.
BROWSERS = {"chromium": Chromium, "firefox": Firefox, "webkitgtk": WebKitGtk}
