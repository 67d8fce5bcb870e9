// node-websocket-server as an echo server that prints its port.
require('./node_of_2011');
const { createServer } = require('node-websocket-server');

const server = createServer();
server.on('listening', () => console.log(JSON.stringify({ port: server.server.address().port })));
server.on('connection', (connection) => {
  connection.on('message', (text) => connection.send(text));
  connection.on('close', () => console.log('closed'));
});
server.listen(0, '127.0.0.1');
