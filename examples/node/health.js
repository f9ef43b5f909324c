'use strict';
const http = require('node:http');

const request = http.get('http://127.0.0.1:8080/health', { timeout: 2000 }, (response) => {
  process.exit(response.statusCode === 200 ? 0 : 1);
});
request.on('timeout', () => process.exit(1));
request.on('error', () => process.exit(1));
