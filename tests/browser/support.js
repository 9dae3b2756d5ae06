// A real Chromium, and a recorder between it and the server under test.

import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { Server } from './formiga.js';

/** Names that mean this machine, as a page's author can arrange with any name. */
const NAMES = ['evil.example', 'rebound.example', 'console.example'];

/** A browser that would not protect a server on this machine by itself. */
export function launch() {
  const executablePath = process.env.CHROMIUM_BIN;
  if (!executablePath) throw new Error('set CHROMIUM_BIN to the browser');
  return chromium.launch({
    executablePath,
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-popup-blocking',
      `--host-resolver-rules=${NAMES.map((name) => `MAP ${name} 127.0.0.1`).join(',')}`,
      '--disable-features=LocalNetworkAccessChecks,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable',
    ],
  });
}

async function listen(handler) {
  const server = http.createServer({ requireHostHeader: false }, handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** What only browsers say, and what tells the server that it is one that asks. */
const MARKS = /^(sec-|origin$|referer$|user-agent$|accept-language$)/i;

/**
 * Passes what the browser sends on to the server, unchanged, and notes the `attack` that each
 * request's target names and the status that answered it. A blind one leaves out the marks of the browser.
 */
export class Recorder {
  #server;

  static async before(endpoint, { blind = false } = {}) {
    const recorder = new Recorder();
    recorder.seen = new Map();
    recorder.#server = await listen((request, response) => {
      const headers = [];
      for (let index = 0; index < request.rawHeaders.length; index += 2) {
        const [name, value] = request.rawHeaders.slice(index, index + 2);
        if (!(blind && MARKS.test(name))) headers.push(name, value);
      }
      const url = new URL(request.url, endpoint);
      const onward = http.request(
        { host: url.hostname, port: new URL(endpoint).port, method: request.method,
          path: request.url, headers, agent: false },
        (answer) => {
          const chunks = [];
          answer.on('data', (chunk) => chunks.push(chunk));
          answer.on('end', () => {
            response.writeHead(answer.statusCode, answer.rawHeaders);
            response.end(Buffer.concat(chunks));
            const attack = url.searchParams.get('attack');
            const answers = recorder.seen.get(attack) ?? [];
            recorder.seen.set(attack, [...answers, `${request.method} ${answer.statusCode}`]);
          });
        },
      );
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
    recorder.port = recorder.#server.address().port;
    recorder.endpoint = `http://127.0.0.1:${recorder.port}`;
    return recorder;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A site with one page, which may be shown in any frame. */
export class Site {
  #server;

  static async serve(files = {}) {
    const site = new Site();
    site.#server = await listen((request, response) => {
      const file = files[new URL(request.url, 'http://site').pathname];
      const type = file === undefined ? 'text/html' : 'text/javascript';
      response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` });
      response.end(file ?? '<!doctype html><title>a page</title><body></body>');
    });
    site.port = site.#server.address().port;
    return site;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export const ROOT = { accessKeyId: 'AKIAROOTA00000000001', secretAccessKey: 'secret of A' };

/** A server that checks who calls; `ROOT` is the root of account 111111111111. */
export async function strictServer(args = []) {
  const folder = await mkdtemp(join(tmpdir(), 'formiga-users-'));
  const users = join(folder, 'users.toml');
  const keys = `access_key_id = "${ROOT.accessKeyId}", secret_access_key = "${ROOT.secretAccessKey}"`;
  await writeFile(users, `[[user]]\naccount = "111111111111"\nkeys = [{ ${keys} }]\n`, { mode: 0o600 });
  try {
    return await Server.start(['--auth', 'required', '--credentials-file', users, ...args]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The headers of a request in JSON that `ROOT` signs. */
export function rootSignature(endpoint, target, body) {
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    host: new URL(endpoint).host,
    'x-amz-date': time,
    'x-amz-target': target,
  };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join('');
  const canonical = `POST\n/\n\n${lines}\n${names}\n${sha256(body)}`;
  const scope = `${time.slice(0, 8)}/us-east-1/sqs/aws4_request`;
  const key = scope.split('/').reduce(hmac, `AWS4${ROOT.secretAccessKey}`);
  const signed = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`;
  const signature = hmac(key, signed).toString('hex');
  const credential = `Credential=${ROOT.accessKeyId}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${signature}`;
  const { host, ...rest } = headers;
  return { ...rest, authorization };
}

/** Waits until `look` finds something, and returns it. */
export async function until(look, what) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`it did not come true: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
