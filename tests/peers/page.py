"""Opens the page of an example of hybi-tokio in a browser, which exchanges messages with it.

Usage: page.py BROWSER URL PROFILE PROTOCOL LENGTH [GREETING]
PROFILE is an empty directory, PROTOCOL the one that the browser has to use, as in ALPN, and LENGTH
that of a long text in bytes.
"""

import contextlib
import sys

from drivers import BROWSERS, STATE, check, wait_until

SHORT = "héllo ☃ 😀"
LOG = "return [].map.call(document.getElementById('log').childNodes, line => line.textContent)"
PREPARE = """
    window.long = arguments[0].repeat(arguments[1]);
    window.ws.addEventListener('close', ({ code, reason, wasClean }) => {
        window.closeEvent = [code, reason, wasClean];
    });
"""
SEND_LONG = "window.ws.send(window.long)"
IS_LONG_RECEIVED = "return document.getElementById('log').lastChild.textContent === window.long"
PROTOCOL = "return performance.getEntriesByType('navigation')[0].nextHopProtocol"

name, url, profile, protocol, length, *greeting = sys.argv[1:]
with contextlib.ExitStack() as stack:
    browser = BROWSERS[name](stack, profile)
    browser.open_url(url)
    check(browser.run(PROTOCOL), protocol, "protocol of the page")
    wait_until(lambda: browser.run(STATE) == "open", "open connection")
    wait_until(lambda: len(browser.run(LOG)) == len(greeting), "greeting")
    browser.run(PREPARE, SHORT, int(length) // len(SHORT.encode()))
    browser.type_and_send(SHORT)
    wait_until(lambda: len(browser.run(LOG)) > len(greeting), "message")
    check(browser.run(LOG), [*greeting, SHORT], "messages")
    browser.run(SEND_LONG)
    wait_until(lambda: browser.run(IS_LONG_RECEIVED), "long message")
    browser.run("window.ws.close(4000, 'enough')")
    wait_until(lambda: browser.run(STATE) == "closed", "closed connection")
    check(browser.run("return window.closeEvent"), [4000, "enough", True], "close event")
