// Uses poke's page as a person would, with the mouse and with the keyboard alone.
// Usage: phantomjs phantomjs.js URL SCREENSHOT PHONE_SCREENSHOT
var system = require('system');
var page = require('webpage').create();
var url = system.args[1], screenshot = system.args[2], phoneScreenshot = system.args[3];

var short = 'h\u00e9llo \u2603 \ud83d\ude00';
var long = '';
for (var i = 0; long.length < 1 << 20; i++) long += i + ' ';
long = long.slice(0, 1 << 20);

function fail(message) {
  console.log(message.replace(/\s+/g, ' '));
  phantom.exit(1);
}

function waitUntil(what, condition, then) {
  var deadline = Date.now() + 20000;
  var poll = setInterval(function () {
    if (condition()) {
      clearInterval(poll);
      then();
    } else if (Date.now() > deadline) {
      clearInterval(poll);
      fail('no ' + what + ' within 20 s; text of the page: ' + page.plainText.slice(0, 300));
    }
  }, 20);
}

function isOpen() {
  return page.evaluate(function () {
    return document.getElementById('state').textContent === 'open';
  });
}

function logContains(text) {
  return function () {
    return page.evaluate(function (text) {
      return [].some.call(document.getElementById('log').children, function (line) {
        return line.textContent.indexOf(text) >= 0;
      });
    }, text);
  };
}

function textOf(id) {
  return page.evaluate(function (id) { return document.getElementById(id).textContent; }, id);
}

function statusIsShown() {
  return textOf('dialect') === 'Hixie-76' && textOf('compression') === 'off' &&
    /^(less than 1|\d+) ms$/.test(textOf('round-trip')) &&
    /^1 \(1 with Hixie-76\), you are client \d+$/.test(textOf('connected'));
}

function pressTab(expectedFocus) {
  page.sendEvent('keypress', page.event.key.Tab);
  var focus = page.evaluate(function () { return document.activeElement.id; });
  if (focus !== expectedFocus) fail('Tab led to ' + focus + ' instead of ' + expectedFocus);
}

// The page was not clicked yet.
function useKeyboard(then) {
  pressTab('text');
  page.sendEvent('keypress', 'typed without a mouse');
  page.sendEvent('keypress', page.event.key.Enter);
  waitUntil('line typed without a mouse', logContains('typed without a mouse'), function () {
    pressTab('send');
    pressTab('poke');
    page.sendEvent('keypress', page.event.key.Space);
    waitUntil('answer to POKE by Space', logContains('Quit poking me!'), then);
  });
}

function clearLog() {
  page.evaluate(function () { document.getElementById('log').innerHTML = ''; });
}

function click(id) {
  var center = page.evaluate(function (id) {
    var box = document.getElementById(id).getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  }, id);
  page.sendEvent('click', center.x, center.y);
}

function echo(text, then) {
  page.evaluate(function (text) {
    window.echoed = null;
    window.ws.addEventListener('message', function (event) {
      window.echoed = event.data === text ? 'equal' : event.data.slice(0, 80) + ' of ' + event.data.length;
    }, false);
    window.ws.send(text);
  }, text);
  var echoed = function () {
    return page.evaluate(function () { return window.echoed; });
  };
  waitUntil('echo of ' + text.length + ' characters', echoed, function () {
    if (echoed() === 'equal') then();
    else fail('sent ' + text.slice(0, 80) + ' of ' + text.length + ', got ' + echoed());
  });
}

function render(width, height, file) {
  page.viewportSize = { width: width, height: height };
  var overflow = page.evaluate(function () {
    // Without a background the screenshot would be transparent.
    document.documentElement.style.background = 'white';
    return document.documentElement.scrollWidth - window.innerWidth;
  });
  if (overflow > 0) fail(overflow + ' pixels more than the width ' + width);
  if (!page.render(file)) fail('cannot write ' + file);
}

page.viewportSize = { width: 800, height: 600 };
page.onError = function (message) { fail('the page threw ' + message); };
page.open(url, function (status) {
  if (status !== 'success') return fail('cannot load ' + url);
  waitUntil('open state', isOpen, function () {
    waitUntil('Welcome', logContains('Welcome'), function () {
      waitUntil('status', statusIsShown, function () {
        useKeyboard(function () {
          clearLog();
          useMouse();
        });
      });
    });
  });
});

function useMouse() {
  click('poke');
  waitUntil('answer to POKE', logContains('Quit poking me!'), function () {
    click('text');
    page.sendEvent('keypress', 'typed by hand');
    click('send');
    waitUntil('line typed by hand', logContains('typed by hand'), function () {
      echo(short, function () {
        waitUntil('line with the echo', logContains(short), function () {
          // Taken now, since the long text scrolls everything else out of view.
          render(375, 667, phoneScreenshot);
          render(800, 600, screenshot);
          echo(long, function () { phantom.exit(); });
        });
      });
    });
  });
}
