'use strict';
const http = require('node:http');

const server = http.createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    const known = request.url === '/health';
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify({ status: known ? 'ok' : 'not found' }) + '\n');
  });
});

server.listen(8080, '0.0.0.0');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
