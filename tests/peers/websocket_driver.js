// Echoes text, and prints its port, then one line of JSON for each thing it sees.
// A client of /silent gets no answer to its close frame. Usage: websocket_driver.js MODULE
const http = require('http');
const websocket = require(process.argv[2]);

const CLOSE_FRAMES = ['ff00', '880203e8'];

const saw = (fact) => console.log(JSON.stringify(fact));
const server = http.createServer();

server.on('upgrade', (request, socket, head) => {
  const { url, headers } = request;
  const driver = websocket.http(request, { protocols: ['chat'] });
  const { version } = driver;
  const draft = version.startsWith('hixie');
  const name = version === 'hixie-75' ? 'WebSocket-Protocol' : 'Sec-WebSocket-Protocol';
  const protocol = draft ? headers[name.toLowerCase()] : driver.protocol;
  const origin = headers[/^hybi-[78]$/.test(version) ? 'sec-websocket-origin' : 'origin'];
  const extensions = headers['sec-websocket-extensions'] || '';
  let tail = Buffer.alloc(0);
  let code;

  // The drivers of the drafts leave the choice of a protocol to their caller.
  if (draft && protocol === 'chat') driver.setHeader(name, protocol);

  driver.on('open', () => {
    saw({ version, url, origin, protocol, extensions });
    driver.ping('are you there?', () => saw({ pong: 'are you there?' }));
  });
  driver.on('message', ({ data }) => {
    saw({ message: data });
    driver.text(data);
  });
  driver.on('close', (event) => {
    code = event.code;
    socket.end();
  });
  driver.io.on('data', (bytes) => {
    if (url !== '/silent' || !CLOSE_FRAMES.includes(bytes.toString('hex'))) socket.write(bytes);
  });

  const receive = (bytes) => {
    tail = Buffer.concat([tail, bytes]).subarray(-2);
    driver.io.write(bytes);
  };
  socket.on('data', receive);
  socket.on('end', () => socket.end());
  socket.on('error', (error) => saw({ error: error.code }));
  socket.on('close', () => saw({ tail: tail.toString('hex'), code }));

  driver.start();
  receive(head);
});

server.listen(0, '127.0.0.1', () => saw({ port: server.address().port }));
