// Starts, stops and pokes a Formiga server; knows nothing about the SDK.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const STARTS_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 60_000;

/** `formiga serve` on a free port with a data directory of its own, until `stop`. */
export class Server {
  #process;
  #folder;

  static async start(args = []) {
    const binary = process.env.FORMIGA_BIN;
    if (!binary) throw new Error('set FORMIGA_BIN to the server under test');
    const server = new Server();
    server.#folder = await mkdtemp(join(tmpdir(), 'formiga-'));
    const logPath = join(server.#folder, 'log');
    const log = await open(logPath, 'a');
    const mine = Object.entries(process.env).filter(([name]) => !name.startsWith('FORMIGA_'));
    server.#process = spawn(
      binary,
      ['serve', '--listen', '127.0.0.1:0', '--data-dir', join(server.#folder, 'data'), ...args],
      { stdio: ['ignore', 'pipe', log.fd], env: Object.fromEntries(mine) },
    );
    await log.close();
    try {
      server.endpoint = await server.#readEndpoint();
    } catch (error) {
      const told = await readFile(logPath, 'utf8');
      await server.#end('SIGKILL');
      throw new Error(`${error.message}:\n${told}`);
    }
    return server;
  }

  /** Asks the server to end, and fails unless it ends well. */
  async stop() {
    const code = await this.#end('SIGTERM');
    if (code !== 0) throw new Error(`after SIGTERM the server ended with ${code}`);
  }

  /** Moves the server's clock ahead, so that no test waits for minutes or days. */
  async advanceClock(seconds) {
    const answer = await fetch(this.endpoint, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-amz-json-1.0',
        'X-Amz-Target': 'Formiga.AdvanceClock',
      },
      body: JSON.stringify({ Seconds: seconds }),
    });
    if (!answer.ok) throw new Error(`the clock stands: ${await answer.text()}`);
  }

  async #end(signal) {
    const child = this.#process;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      const late = setTimeout(() => child.kill('SIGKILL'), STOPS_WITHIN_MS);
      child.kill(signal);
      await ended;
      clearTimeout(late);
    }
    await rm(this.#folder, { recursive: true, force: true });
    return child.exitCode ?? child.signalCode;
  }

  /** The first address that the server prints; later lines are read and dropped. */
  #readEndpoint() {
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error('the server printed no address in time')),
        STARTS_WITHIN_MS,
      );
      const settle = (done, value) => {
        clearTimeout(late);
        done(value);
      };
      this.#process.on('error', (error) => settle(reject, error));
      const lines = createInterface({ input: this.#process.stdout });
      lines.on('line', (line) => {
        const found = line.match(/http:\/\/127\.0\.0\.1:\d+/);
        if (found) settle(resolve, found[0]);
      });
      lines.on('close', () => settle(reject, new Error('the server printed no address')));
    });
  }
}
