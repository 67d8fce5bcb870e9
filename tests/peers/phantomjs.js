// Uses poke's page as a person would. Usage: phantomjs phantomjs.js URL SCREENSHOT
var system = require('system');
var page = require('webpage').create();
var url = system.args[1], screenshot = system.args[2];

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

function render() {
  // Without a background the screenshot would be transparent.
  page.evaluate(function () { document.documentElement.style.background = 'white'; });
  return page.render(screenshot);
}

page.viewportSize = { width: 800, height: 600 };
page.onError = function (message) { fail('the page threw ' + message); };
page.open(url, function (status) {
  if (status !== 'success') return fail('cannot load ' + url);
  waitUntil('open state', isOpen, function () {
    waitUntil('Welcome', logContains('Welcome'), function () {
      click('poke');
      waitUntil('answer to POKE', logContains('Quit poking me!'), function () {
        click('text');
        page.sendEvent('keypress', 'typed by hand');
        click('send');
        waitUntil('line typed by hand', logContains('typed by hand'), function () {
          echo(short, function () {
            waitUntil('line with the echo', logContains(short), function () {
              // Taken now, since the long text scrolls everything else out of view.
              if (!render()) return fail('cannot write ' + screenshot);
              echo(long, function () { phantom.exit(); });
            });
          });
        });
      });
    });
  });
});
