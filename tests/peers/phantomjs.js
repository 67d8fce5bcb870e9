// A person at poke's page: phantomjs phantomjs.js URL PICTURE
var system = require('system');
var page = require('webpage').create();
var url = system.args[1], picture = system.args[2];

var short = 'h\u00e9llo \u2603 \ud83d\ude00';
var long = '';
for (var i = 0; long.length < 1 << 20; i++) long += i + ' ';
long = long.slice(0, 1 << 20);

function fail(why) {
  console.log(why.replace(/\s+/g, ' '));
  phantom.exit(1);
}

function until(what, fact, then) {
  var deadline = Date.now() + 20000;
  var poll = setInterval(function () {
    if (fact()) {
      clearInterval(poll);
      then();
    } else if (Date.now() > deadline) {
      clearInterval(poll);
      fail('no ' + what + ' within 20 s; the page says: ' + page.plainText.slice(0, 300));
    }
  }, 20);
}

function open() {
  return page.evaluate(function () {
    return document.getElementById('state').textContent === 'open';
  });
}

function logged(text) {
  return function () {
    return page.evaluate(function (text) {
      return [].some.call(document.getElementById('log').children, function (line) {
        return line.textContent.indexOf(text) >= 0;
      });
    }, text);
  };
}

function click(id) {
  var at = page.evaluate(function (id) {
    var box = document.getElementById(id).getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  }, id);
  page.sendEvent('click', at.x, at.y);
}

function echo(text, then) {
  page.evaluate(function (text) {
    window.echoed = null;
    window.ws.addEventListener('message', function (event) {
      window.echoed = event.data === text ? 'the same' : event.data.slice(0, 80) + ' of ' + event.data.length;
    }, false);
    window.ws.send(text);
  }, text);
  var echoed = function () {
    return page.evaluate(function () { return window.echoed; });
  };
  until('echo of ' + text.length + ' characters', echoed, function () {
    if (echoed() === 'the same') then();
    else fail('sent ' + text.slice(0, 80) + ' of ' + text.length + ', got ' + echoed());
  });
}

function render() {
  // A page that sets no background is transparent in the picture.
  page.evaluate(function () { document.documentElement.style.background = 'white'; });
  return page.render(picture);
}

page.viewportSize = { width: 800, height: 600 };
page.onError = function (message) { fail('the page threw ' + message); };
page.open(url, function (status) {
  if (status !== 'success') return fail('cannot load ' + url);
  until('open state', open, function () {
    until('Welcome', logged('Welcome'), function () {
      click('poke');
      until('answer to POKE', logged('Quit poking me!'), function () {
        click('text');
        page.sendEvent('keypress', 'typed by hand');
        click('send');
        until('line typed by hand', logged('typed by hand'), function () {
          echo(short, function () {
            until('line with the echo', logged(short), function () {
              // Before the long text, which would push all else out of sight.
              if (!render()) return fail('cannot write ' + picture);
              echo(long, function () { phantom.exit(); });
            });
          });
        });
      });
    });
  });
});
