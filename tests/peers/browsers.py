"""Opens a chat server's page in one of today's browsers and in PhantomJS, which exchange messages.

What the first one sends and receives is recorded, to check that messages are compressed.
Usage: browsers.py BROWSER HOST:PORT PROFILE SCREENSHOT PHANTOMJS_SCREENSHOT PHANTOMJS NO_OPENSSL
PROFILE is an empty directory.
"""

import contextlib
import sys

from drivers import BROWSERS, STATE, PhantomJs, check, wait_until
from recorder import Recorder

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
SEND_LONG = "window.ws.send(window.longTexts[arguments[0]])"
SEND_BYTES = "window.ws.send(new Uint8Array([0, 128, 255]).buffer)"


def chat(address, browser, phantomjs, screenshots):
    both = browser, phantomjs
    recorder = Recorder(address)
    for one, host in zip(both, (recorder.address, address)):
        one.visit(f"http://{host}/")
        one.run(PREPARE, *(each.name for each in both))
    (extension, *_) = browser.run("return window.ws.extensions").split(";")
    check(extension, "permessage-deflate", f"extension of {browser.name}")

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
    browser.run(SEND_BYTES)
    browser.expect("bytes 0 128 255")
    browser.type_and_send("still there?")
    for each in both:
        each.expect("still there?")

    phantomjs.run("window.ws.close()")
    wait_until(lambda: phantomjs.run(STATE) == "closed", "closed connection in PhantomJS")
    browser.type_and_send("alone")
    browser.expect("alone")
    browser.run("window.ws.close(4000, 'enough')")
    wait_until(lambda: browser.run(STATE) == "closed", f"closed connection in {browser.name}")
    check(
        browser.run("return window.closeEvent"),
        [4000, "enough", True],
        f"close event in {browser.name}",
    )
    check(phantomjs.run("return window.received"), phantomjs.expected, "messages in PhantomJS")
    sent, received = recorder.compressed()
    check((sent > 0, received > 0), (True, True), f"compressed frames, {sent} and {received}")
    print(f"{sent} and {received} compressed frames")


name, address, profile, *screenshots, phantomjs, no_openssl = sys.argv[1:]
with contextlib.ExitStack() as stack:
    browser = BROWSERS[name](stack, profile)
    chat(address, browser, PhantomJs(stack, phantomjs, no_openssl), screenshots)
