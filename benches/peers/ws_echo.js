// An echo server of node's ws. Usage: ws_echo.js plain|BITS
const { WebSocketServer } = require('ws');

const bits = Number(process.argv[2]);
const perMessageDeflate = process.argv[2] !== 'plain' && {
  serverMaxWindowBits: bits,
  clientMaxWindowBits: bits,
  threshold: 32,
  zlibDeflateOptions: { level: 1 },
};
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate }, () =>
  console.log(server.address().port),
);
server.on('connection', (socket) => {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});
