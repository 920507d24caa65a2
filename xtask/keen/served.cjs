// A server that ends TLS on port 443 of its own network namespace.
'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const readline = require('readline');

/**
 * Starts it in the folder that holds its data, its certificate and its log;
 * resolves when it listens, with a function that ends it and resolves with its code.
 */
exports.serve = (binary, folder) => new Promise((resolve, reject) => {
  const options = ['serve', '--data-dir', 'data', '--listen', '127.0.0.1:443', '--admin-listen', '127.0.0.1:0',
    '--tls-cert', 'server.pem', '--tls-key', 'server.key'];
  const server = spawn(binary, options, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const log = fs.createWriteStream(path.join(folder, 'log', 'served.log'));
  const ended = new Promise((told) => server.once('exit', told));
  process.once('exit', () => server.kill('SIGKILL'));
  ended.then((code) => reject(new Error(`the server ended with ${code}`)));
  const stop = () => {
    server.kill('SIGTERM');
    return ended;
  };
  readline.createInterface({ input: server.stderr }).on('line', (line) => {
    log.write(`${line}\n`);
    if (line.includes('listens on https://')) resolve(stop);
  });
});
