"""Opens a chat server's page in one of today's browsers and in PhantomJS, which exchange messages.

What the first one sends and receives is recorded, to check that messages are compressed. Then it
shows the page as wide as on phones and, with DARK, to a person who prefers dark pages.
Usage: browsers.py BROWSER HOST:PORT PROFILE PHANTOMJS NO_OPENSSL ONE OTHER PHONES [DARK]
PROFILE is an empty directory. ONE, OTHER, PHONES and DARK are the files of the screenshots: of the
browser, PhantomJS, and twice the browser again.
"""

import contextlib
import re
import sys
from pathlib import Path

from drivers import BROWSERS, STATE, Firefox, PhantomJs, check, wait_until
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
        // The page asks for it regularly.
        if (typeof data === 'string' && data.indexOf('STATUS {') === 0) return;
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

FOCUS = "return document.activeElement.id"
# Without a click, the browser has to show where the focus is.
OUTLINE = "return getComputedStyle(document.activeElement).outlineStyle"
TAB, ENTER = "\ue004", "\ue007"

STATUS = """
    return ['dialect', 'compression', 'round-trip', 'connected'].map(function (id) {
        return document.getElementById(id).textContent;
    });
"""
LOG = "return document.getElementById('log').textContent"
ROUND_TRIP = r"(less than 1|\d+) ms"

# A window cannot be as narrow as a phone in every browser, but frames can: the narrowest phones and
# usual ones.
PHONE_WIDTHS = 320, 375
OPEN_FRAMES = """
    window.ws.close();
    document.body.innerHTML = '';
    document.body.style.cssText = 'margin: 0; max-width: none; padding: 0';
    for (var i = 0; i < arguments.length; i++) {
        var frame = document.createElement('iframe');
        frame.src = '/';
        frame.style.cssText = 'border: 1px solid; float: left; height: 600px';
        frame.style.width = arguments[i] + 'px';
        document.body.appendChild(frame);
    }
"""
FRAME_STATUS = """
    return [].map.call(document.querySelectorAll('iframe'), function (frame) {
        var connected = frame.contentDocument.getElementById('connected');
        return connected && connected.textContent.split(' (')[0];
    });
"""
# How much of each page a person has to scroll to from the left.
FRAME_OVERFLOW = """
    return [].map.call(document.querySelectorAll('iframe'), function (frame) {
        return Math.max(0, frame.contentDocument.documentElement.scrollWidth - frame.clientWidth);
    });
"""
IS_DARK = """
    var color = getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g);
    return matchMedia('(prefers-color-scheme: dark)').matches && Math.max.apply(null, color) < 64;
"""
DARK_PREFERENCE = 'user_pref("layout.css.prefers-color-scheme.content-override", 0);\n'


def press(browser, keys):
    """Presses and releases keys one after the other, wherever the focus is."""
    steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
    actions = [{"type": "key", "id": "keyboard", "actions": steps}]
    if isinstance(browser, Firefox):
        browser.call("PerformActions", actions=actions)
    else:
        browser.call("POST", f"{browser.session}/actions", {"actions": actions})


def use_keyboard(browser, both):
    """Uses the page, which was not clicked yet, with the keyboard alone."""
    text = f"{browser.name}: typed"
    for keys, focus in ((TAB, "text"), (text + ENTER, "text"), (TAB, "send"), (TAB, "poke")):
        press(browser, keys)
        check(browser.run(FOCUS), focus, f"focus in {browser.name} after {keys!r}")
        check(browser.run(OUTLINE), "solid", f"outline of {focus} in {browser.name}")
        if ENTER in keys:
            for each in both:
                each.expect(text)
    press(browser, " ")
    browser.expect("Quit poking me!")
    press(browser, TAB)
    check(browser.run(FOCUS), "log", f"last focus in {browser.name}")


def expect_status(browser, *expected):
    """Waits until the page shows it: patterns of the dialect, the compression and the clients."""
    dialect, compression, connected = expected
    patterns = dialect, compression, ROUND_TRIP, connected + r", you are client \d+"

    def is_shown():
        return all(map(re.fullmatch, patterns, browser.run(STATUS)))

    wait_until(is_shown, f"{expected} in {browser.name}")
    check("STATUS" in browser.run(LOG), False, f"STATUS in the log of {browser.name}")


def chat(address, browser, phantomjs, screenshots):
    both = browser, phantomjs
    recorder = Recorder(address)
    for one, host in zip(both, (recorder.address, address)):
        one.visit(f"http://{host}/")
        one.run(PREPARE, *(each.name for each in both))
    (extension, *_) = browser.run("return window.ws.extensions").split(";")
    check(extension, "permessage-deflate", f"extension of {browser.name}")
    connected = r"2 \(1 with RFC 6455, 1 with Hixie-76\)"
    expect_status(browser, "RFC 6455", "permessage-deflate.*", connected)
    expect_status(phantomjs, "Hixie-76", "off", connected)

    use_keyboard(browser, both)
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
    expect_status(browser, "RFC 6455", "permessage-deflate.*", r"1 \(1 with RFC 6455\)")
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


def show_on_phones(browser, url, screenshot):
    browser.visit(url)
    browser.run(OPEN_FRAMES, *PHONE_WIDTHS)
    connected = [str(len(PHONE_WIDTHS))] * len(PHONE_WIDTHS)
    wait_until(lambda: browser.run(FRAME_STATUS) == connected, f"frames in {browser.name}")
    overflow = browser.run(FRAME_OVERFLOW)
    check(overflow, [0, 0], f"pixels more than {PHONE_WIDTHS} in {browser.name}")
    browser.save_screenshot(screenshot)


def show_dark(browser, url, screenshot):
    browser.visit(url)
    wait_until(lambda: "unknown" not in browser.run(STATUS), f"status in {browser.name}")
    check(browser.run(IS_DARK), True, f"dark page in {browser.name}")
    browser.save_screenshot(screenshot)


def prefer_dark(stack, browser, profile):
    """Returns a browser of the same kind that prefers dark pages."""
    if isinstance(browser, Firefox):
        profile = Path(profile, "dark")
        profile.mkdir()
        Path(profile, "prefs.js").write_text(DARK_PREFERENCE)
        return Firefox(stack, str(profile))
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    command = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}}
    browser.call("POST", f"{browser.session}/goog/cdp/execute", command)
    return browser


name, address, profile, phantomjs, no_openssl, *screenshots = sys.argv[1:]
url = f"http://{address}/"
with contextlib.ExitStack() as stack:
    browser = BROWSERS[name](stack, profile)
    chat(address, browser, PhantomJs(stack, phantomjs, no_openssl), screenshots[:2])
    show_on_phones(browser, url, screenshots[2])
    for dark in screenshots[3:]:
        show_dark(prefer_dark(stack, browser, profile), url, dark)
