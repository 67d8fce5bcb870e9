// Tests a chat server, or an echo server if ECHO is set, over two connections, one of them
// compressed. Usage: ws_client.js HOST:PORT
const { strict: assert } = require('assert');
const { on, once } = require('events');
const { WebSocket } = require('ws');

const IS_ECHO = Boolean(process.env.ECHO);
const TIMEOUT = 20_000;

const LONG = [...Array(200_000).keys()].join(' ').slice(0, 1 << 20);
const BYTES = Buffer.alloc(1 << 20, LONG);
// Longer messages are sent in fragments.
const SHORT = LONG.slice(0, 8000);
const MESSAGES = ['héllo ☃ 😀', '', SHORT, LONG, Buffer.from([0, 255]), BYTES];

async function open(url, options) {
  const socket = new WebSocket(url, options);
  const received = on(socket, 'message', { close: ['close'] });
  await once(socket, 'open');
  const expect = async (message) => {
    const { value, done } = await received.next();
    assert(!done, 'connection closed instead of a message');
    const [data, binary] = value;
    assert.equal(binary, typeof message !== 'string', 'type of the message');
    assert(data.equals(Buffer.from(message)), `wrong message of length ${data.length}`);
  };
  return { socket, expect };
}

async function main(address) {
  const url = `ws://${address}/`;
  const compressed = await open(url, { perMessageDeflate: { threshold: 0 } });
  const plain = await open(url, { perMessageDeflate: false });
  assert.equal(compressed.socket.extensions, 'permessage-deflate');
  assert.equal(plain.socket.extensions, '');
  const both = [compressed, plain];

  for (const one of both) {
    const { socket, expect } = one;
    socket.send('CONNECTED');
    await expect(IS_ECHO ? 'CONNECTED' : 'Welcome');
    socket.send('POKE');
    await expect(IS_ECHO ? 'POKE' : 'Quit poking me!');
    socket.ping('are you there?');
    const [payload] = await once(socket, 'pong');
    assert.equal(payload.toString(), 'are you there?');
    for (const message of MESSAGES) {
      socket.send(message);
      for (const other of IS_ECHO ? [one] : both) await other.expect(message);
    }
  }

  for (const { socket } of both) {
    socket.close(4000, 'enough');
    const [code, reason] = await once(socket, 'close');
    assert.deepEqual([code, reason.toString()], [4000, 'enough']);
  }
}

setTimeout(() => {
  console.log(`not done after ${TIMEOUT} ms`);
  process.exit(1);
}, TIMEOUT).unref();
main(process.argv[2]).catch(({ message }) => {
  console.log(message.split('\n')[0]);
  process.exit(1);
});
