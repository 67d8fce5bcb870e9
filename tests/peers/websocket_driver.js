// Echo server that prints its port, then each event as a line of JSON.
// On /silent it sends no close frame. Usage: websocket_driver.js MODULE
const http = require('http');
const websocket = require(process.argv[2]);

const CLOSE_FRAMES = ['ff00', '880203e8'];

const print = (event) => console.log(JSON.stringify(event));
const server = http.createServer();

server.on('upgrade', (request, socket, head) => {
  const { url, headers } = request;
  const driver = websocket.http(request, { protocols: ['chat'] });
  const { version } = driver;
  const isHixie = version.startsWith('hixie');
  const protocolHeader = version === 'hixie-75' ? 'WebSocket-Protocol' : 'Sec-WebSocket-Protocol';
  const protocol = isHixie ? headers[protocolHeader.toLowerCase()] : driver.protocol;
  const origin = headers[/^hybi-[78]$/.test(version) ? 'sec-websocket-origin' : 'origin'];
  // Of those that are offered, since it has none. Without parameters and other offers.
  const [extensions] = (headers['sec-websocket-extensions'] || '').split(/[;,]/);
  let tail = Buffer.alloc(0);
  let code;

  // For the Hixie drafts, websocket-driver leaves the subprotocol to its caller.
  if (isHixie && protocol === 'chat') driver.setHeader(protocolHeader, protocol);

  driver.on('open', () => {
    print({ version, url, origin, protocol, extensions });
    driver.ping('are you there?', () => print({ pong: 'are you there?' }));
  });
  driver.on('message', ({ data }) => {
    print({ message: data });
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
  socket.on('error', (error) => print({ error: error.code }));
  socket.on('close', () => print({ tail: tail.toString('hex'), code }));

  driver.start();
  receive(head);
});

server.listen(0, '127.0.0.1', () => print({ port: server.address().port }));
