// What packages of 2011 expect of Node, as far as they use it.
const { createHash } = require('crypto');
const { EventEmitter } = require('events');
const http = require('http');
const util = require('util');

// Strings were hashed as bytes.
const { update } = createHash('md5').constructor.prototype;
createHash('md5').constructor.prototype.update = function (data, encoding) {
  return update.call(this, data, encoding || 'latin1');
};

util.error ??= console.error;

http.createClient ??= (port, host) => {
  const client = new EventEmitter();
  client.end = () => {};
  client.request = (path, headers) => {
    const request = http.request({ port, host, path, headers });
    for (const event of ['upgrade', 'error']) {
      request.on(event, (...values) => client.emit(event, ...values));
    }
    return request;
  };
  return client;
};
