// Echoes text, and prints its port, then one line of JSON for each thing it sees.
// A client of /close?CODE is closed with that code at once.
const { WebSocketServer } = require('ws');

const saw = (fact) => console.log(JSON.stringify(fact));
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: true,
  handleProtocols: (offered) => offered.has('chat') && 'chat',
});

server.on('listening', () => saw({ port: server.address().port }));
server.on('connection', (socket, { url, headers }) => {
  const version = `hybi-${headers['sec-websocket-version']}`;
  const { origin } = headers;
  const { protocol, extensions } = socket;

  socket.on('error', ({ message }) => saw({ error: message }));
  socket.on('close', (code, reason) => saw({ code, reason: reason.toString() }));
  saw({ version, url, origin, protocol: protocol || undefined, extensions });
  if (url.startsWith('/close?')) return socket.close(Number(url.slice(7)), 'done here');

  socket.on('pong', (payload) => saw({ pong: payload.toString() }));
  socket.on('message', (data, binary) => {
    saw({ [binary ? 'binary' : 'message']: data.toString() });
    socket.send(data, { binary });
  });
  socket.ping('are you there?');
});
