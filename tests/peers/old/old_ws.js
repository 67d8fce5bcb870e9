// An old ws as an echo server that prints its port. Usage: old_ws.js MODULE
require('./node_of_2011');
const http = require('http');
const { Server } = require(process.argv[2]);

const server = http.createServer();
new Server({ server }).on('connection', (connection) => {
  connection.on('message', (text) => connection.send(text));
  connection.on('close', () => console.log('closed'));
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
