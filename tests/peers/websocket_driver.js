// Echoes text, and prints its port, then one line of JSON for each thing it sees.
// A client of /silent gets no answer to its close frame.
const http = require('http');
const websocket = require('websocket-driver');

const saw = (fact) => console.log(JSON.stringify(fact));
const server = http.createServer();

server.on('upgrade', (request, socket, head) => {
  const { url, headers } = request;
  const driver = websocket.http(request);
  const name = driver.version === 'hixie-75' ? 'WebSocket-Protocol' : 'Sec-WebSocket-Protocol';
  const protocol = headers[name.toLowerCase()];
  let tail = Buffer.alloc(0);

  // The drivers of the drafts leave the choice of a protocol to their caller.
  if (protocol === 'chat') driver.setHeader(name, protocol);

  driver.on('open', () => saw({ version: driver.version, url, origin: headers.origin, protocol }));
  driver.on('message', ({ data }) => {
    saw({ message: data });
    driver.text(data);
  });
  driver.on('close', () => socket.end());
  driver.io.on('data', (bytes) => {
    if (url !== '/silent' || bytes.toString('hex') !== 'ff00') socket.write(bytes);
  });

  const receive = (bytes) => {
    tail = Buffer.concat([tail, bytes]).subarray(-2);
    driver.io.write(bytes);
  };
  socket.on('data', receive);
  socket.on('end', () => socket.end());
  socket.on('error', (error) => saw({ error: error.code }));
  socket.on('close', () => saw({ tail: tail.toString('hex') }));

  driver.start();
  receive(head);
});

server.listen(0, '127.0.0.1', () => saw({ port: server.address().port }));
