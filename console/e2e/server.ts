import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Server {
  url: string;
  call: (action: string, input: object) => Promise<Record<string, unknown>>;
  stop: () => Promise<void>;
}

/** The server that is to be tested: the program in `FORMIGA_BIN`, or one that runs already. */
export async function startServer(): Promise<Server> {
  const running = process.env['FORMIGA_URL'];
  if (running !== undefined) return { url: running, call: caller(running), stop: async () => {} };
  const program = process.env['FORMIGA_BIN'];
  if (program === undefined) throw new Error('FORMIGA_BIN names the server to be tested');

  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'formiga-console-'));
  const url = `http://127.0.0.1:${port}`;
  const options = ['serve', '--listen', `127.0.0.1:${port}`, '--data-dir', join(folder, 'data')];
  const server = spawn(program, options, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(server, 'exit');
  await listening(url, () => server.exitCode !== null);
  return {
    url,
    call: caller(url),
    stop: async () => {
      server.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

function caller(url: string): Server['call'] {
  return async (action, input) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
      },
      body: JSON.stringify(input),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${action}: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  };
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  if (address === null || typeof address === 'string') throw new Error('a listener has a port');
  return address.port;
}

/** Asks until it answers. */
async function listening(url: string, hasEnded: () => boolean): Promise<void> {
  for (;;) {
    try {
      if ((await fetch(`${url}/health`)).ok) return;
    } catch {
      if (hasEnded()) throw new Error('the server ended before it listened');
    }
  }
}
