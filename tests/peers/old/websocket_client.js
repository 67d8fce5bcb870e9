// websocket-client as a client of poke, or of an echo server if ECHO is set.
// Usage: websocket_client.js HOST:PORT
require('./node_of_2011');
const { WebSocket } = require('websocket-client');

const ANSWERS = [['CONNECTED', 'Welcome'], ['POKE', 'Quit poking me!'], ['héllo ☃', 'héllo ☃']];

const fail = (reason) => {
  console.log(reason);
  process.exit(1);
};
const address = process.argv[2];
const connection = new WebSocket(`ws://${address}/`, undefined, { origin: `http://${address}` });
let answers = 0;
let closing = false;

const sendNext = () => {
  if (answers < ANSWERS.length) return connection.send(ANSWERS[answers][0]);
  closing = true;
  connection.close();
};
connection.on('open', sendNext);
connection.on('message', (text) => {
  const [sent, answer] = ANSWERS[answers++];
  if (text !== (process.env.ECHO ? sent : answer)) fail(`received ${text}`);
  sendNext();
});
connection.on('wserror', (error) => fail(error.message));
connection.on('close', () => (closing ? process.exit() : fail('closed by the server')));
