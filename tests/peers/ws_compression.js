// Exchanges compressed messages with an echo over sets of parameters, read as JSON from stdin.
// Usage: ws_compression.js client|server COMPRESSING_ECHO
const { strict: assert } = require('assert');
const { spawn } = require('child_process');
const { createHash } = require('crypto');
const { on, once } = require('events');
const { readFileSync } = require('fs');
const { WebSocket, WebSocketServer } = require('ws');

const TIMEOUT = 60_000;

const range = (length) => [...Array(length).keys()];
const TEXT = range(40_000).map((n) => `{"id": ${n}, "name": "héllo ☃ 😀"}`).join(' ');
const hash = (n) => createHash('sha256').update(`${n}`).digest();
const NOISE = Buffer.concat(range(1 << 15).map(hash));
// Sent twice. The smallest window has it, and alone it becomes a little shorter at every level.
const REPEATED = NOISE.subarray(0, 80).toString('hex') + 'x'.repeat(40);
// 4096: what the echo inflates at a time.
const SIZES = [0, 1, 31, 125, 126, 255, 1000, 4095, 4096, 4097, 8192, 65_535, 65_536, 1 << 20];

const messages = SIZES.flatMap((size) => [
  'x'.repeat(size),
  // Not with half a character at its start.
  Buffer.from(TEXT.slice(0, size)).toString(),
  NOISE.subarray(0, size),
  Buffer.alloc(size),
]);

function checkEqual(data, binary, expected, what) {
  assert.equal(binary, typeof expected !== 'string', `type of ${what}`);
  assert(data.equals(Buffer.from(expected)), `${what}: wrong content of length ${data.length}`);
}

async function converse(socket, echoKeepsWindow) {
  const extension = socket._extensions['permessage-deflate'];
  assert(extension, 'no compression');
  const { decompress } = extension;
  let lengths = [];
  extension.decompress = function (data, ...rest) {
    lengths.push(data.length);
    return decompress.call(this, data, ...rest);
  };
  const received = on(socket, 'message', { close: ['close'] });
  const expectEcho = async (message, what) => {
    const { value, done } = await received.next();
    assert(!done, `connection closed instead of ${what}`);
    checkEqual(...value, message, what);
  };

  for (const message of messages) {
    socket.send(message);
    await expectEcho(message, `message of ${message.length}`);
  }
  assert(lengths.length, 'no message was compressed');

  for (const _ of range(2)) {
    lengths = [];
    socket.send(REPEATED);
    await expectEcho(REPEATED, 'repeated message');
  }
  const isServer = extension._isServer;
  const echoes = isServer ? 'client' : 'server';
  const takeover = echoKeepsWindow && !extension.params[`${echoes}_no_context_takeover`];
  assert.equal(lengths[0] < 40, takeover, `context takeover, lengths ${lengths}`);

  // Characters are divided between fragments.
  const text = Buffer.from(TEXT.slice(0, 1 << 17));
  const fragmented = [text, NOISE.subarray(0, 1 << 18), Buffer.alloc(0)];
  for (const message of fragmented) {
    const binary = message !== text;
    let start = 0;
    for (const size of [1, 2, 3, 0, 4096, 1 << 16, Infinity]) {
      const fin = size === Infinity;
      const fragment = message.subarray(start, start + size);
      socket.send(fragment, { binary, fin });
      start += size;
      if (fin) continue;
      const pong = once(socket, 'pong');
      socket.ping(fragment.subarray(0, 100));
      const [payload] = await pong;
      assert(payload.equals(fragment.subarray(0, 100)), 'pong');
    }
    await expectEcho(binary ? message : `${message}`, 'fragmented message');
  }
  socket.close(4000, 'enough');
  const [code] = await once(socket, 'close');
  assert.equal(code, 4000, 'echoed close code');
}

async function connection(socket, echoKeepsWindow) {
  const failed = once(socket, 'error').then(([error]) => Promise.reject(error));
  failed.catch(() => {});
  await Promise.race([converse(socket, echoKeepsWindow), failed]);
}

async function runClient(spawnEcho, perMessageDeflate, echoKeepsWindow) {
  const echo = spawnEcho('server');
  const [port] = await once(echo.stdout, 'data');
  const socket = new WebSocket(`ws://127.0.0.1:${Number(port)}/`, { perMessageDeflate });
  await once(socket, 'open');
  await connection(socket, echoKeepsWindow);
}

async function runServer(spawnEcho, perMessageDeflate, echoKeepsWindow) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate });
  try {
    await once(server, 'listening');
    const connected = once(server, 'connection');
    const echo = spawnEcho(`ws://127.0.0.1:${server.address().port}/`);
    const exited = once(echo, 'close').then(() => assert.fail('the echo exited early'));
    exited.catch(() => {});
    const [socket] = await Promise.race([connected, exited]);
    await connection(socket, echoKeepsWindow);
  } finally {
    server.close();
  }
}

async function main(role, program) {
  const sets = JSON.parse(readFileSync(0));
  const failures = [];
  for (const { peer, level, memory_level: memLevel, echo } of sets) {
    let child;
    const spawnEcho = (url) =>
      (child = spawn(program, [url, ...echo], { stdio: ['ignore', 'pipe', 'inherit'] }));
    const options = { ...peer, threshold: 0, zlibDeflateOptions: { level, memLevel } };
    let timer;
    const expired = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${TIMEOUT} ms`)), TIMEOUT);
    });
    const run = { client: runClient, server: runServer }[role];
    try {
      await Promise.race([run(spawnEcho, options, echo[0] !== 'none'), expired]);
    } catch ({ message }) {
      failures.push(`${JSON.stringify({ peer, level, memLevel, echo })}: ${message}`);
      console.log(failures.at(-1));
    }
    clearTimeout(timer);
    child?.kill();
  }
  if (failures.length) {
    console.log(`${failures.length} of ${sets.length} failed, the last: ${failures.at(-1)}`);
  }
  process.exit(failures.length ? 1 : 0);
}

main(...process.argv.slice(2));
