// Echo server that prints its port, then each event as a line of JSON.
// On /close?CODE it closes the connection with that code; on /quiet it does not print messages.
const { WebSocketServer } = require('ws');

const print = (event) => console.log(JSON.stringify(event));
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: true,
  handleProtocols: (offered) => offered.has('chat') && 'chat',
});

server.on('listening', () => print({ port: server.address().port }));
server.on('connection', (socket, { url, headers }) => {
  const version = `hybi-${headers['sec-websocket-version']}`;
  const { origin } = headers;
  const { protocol, extensions } = socket;

  socket.on('error', ({ message }) => print({ error: message }));
  socket.on('close', (code, reason) => print({ code, reason: reason.toString() }));
  print({ version, url, origin, protocol: protocol || undefined, extensions });
  if (url.startsWith('/close?')) return socket.close(Number(url.slice(7)), 'done here');

  socket.on('pong', (payload) => print({ pong: payload.toString() }));
  socket.on('message', (data, binary) => {
    if (url !== '/quiet') print({ [binary ? 'binary' : 'message']: data.toString() });
    socket.send(data, { binary });
  });
  socket.ping('are you there?');
});
