// The game server as a child process: started on a free port, stopped, started again on the same one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const START_MAX_MS = 15_000;
const STOP_MAX_MS = 15_000;

export class Server {
  /** With these flags and variables, too. */
  constructor(binary, { flags = [], env = {} } = {}) {
    Object.assign(this, { binary, flags, env });
    this.listen = '127.0.0.1:0';
    this.child = null;
  }

  /** Starts it and gives the address of its page, which it prints as its first line. */
  async start() {
    this.child = spawn(this.binary, ['--listen', this.listen, ...this.flags], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.env } });
    this.log = '';
    this.child.stderr.on('data', chunk => { this.log = (this.log + chunk).slice(-20_000); });
    const lines = createInterface({ input: this.child.stdout });
    const first = await withTimeout(Promise.race([
      once(lines, 'line').then(([line]) => line),
      once(this.child, 'error').then(([error]) => { throw error; }),
      once(this.child, 'exit').then(([code]) => { throw new Error(`the server ended with ${code} at its start:\n${this.log}`); }),
    ]), START_MAX_MS, 'the server printed no address');
    const address = /https?:\/\/[^\s/]+/.exec(first)?.[0];
    if (!address) throw new Error(`the server's first line has no address: ${first}`);
    this.listen = new URL(address).host;
    return address;
  }

  /** SIGTERM, and how it ended. */
  async stop() {
    if (!this.child || this.child.exitCode !== null) return this.child?.exitCode;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const [code, signal] = await withTimeout(gone, STOP_MAX_MS, 'the server did not stop').catch(error => {
      this.child.kill('SIGKILL');
      throw error;
    });
    return code ?? signal;
  }
}

function withTimeout(promise, ms, message) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${message} within ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
