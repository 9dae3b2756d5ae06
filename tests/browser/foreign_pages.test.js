// A page of another origin can neither read, send, purge nor delete anything, in either mode.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { WAYS, send } from './attacks.js';
import { Server } from './formiga.js';
import { Recorder, Site, launch, rootSignature, strictServer, until } from './support.js';

const SECRET = 'a body that nobody may see';
let browser;
let site;

before(async () => {
  browser = await launch();
  site = await Site.serve();
});

after(async () => {
  site?.close();
  await browser?.close();
});

/** Calls an action as the root of account A, and as a client that is no browser. */
async function call(endpoint, action, input) {
  const body = JSON.stringify(input);
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: rootSignature(endpoint, `AmazonSQS.${action}`, body),
    body,
  });
  assert.equal(answer.status, 200, `${action}: ${await answer.clone().text()}`);
  return answer.text();
}

/** Each action that a page tries, as a form and as JSON. */
function actions(url) {
  return {
    SendMessage: { QueueUrl: url, MessageBody: 'from a page' },
    ReceiveMessage: { QueueUrl: url, VisibilityTimeout: '600' },
    PurgeQueue: { QueueUrl: url },
    DeleteQueue: { QueueUrl: url },
    CreateQueue: { QueueName: 'made-by-a-page' },
  };
}

/** Where a page is from, and how it is opened for the server behind `recorder`. */
const ORIGINS = {
  'another site': async (page) => {
    await page.goto(`http://evil.example:${site.port}/`);
    return page.mainFrame();
  },
  'another port of this machine': async (page) => {
    await page.goto(`http://127.0.0.1:${site.port}/`);
    return page.mainFrame();
  },
  'a name that came to mean this machine': async (page, recorder) => {
    // The page itself came from elsewhere, before its name was made to mean the server.
    const own = `http://rebound.example:${recorder.port}/page`;
    await page.route(own, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><body></body>' }));
    await page.goto(own);
    return page.mainFrame();
  },
  'a sandboxed frame': async (page) => {
    await page.goto(`http://evil.example:${site.port}/`);
    return inFrame(page, (frame) => {
      frame.sandbox = 'allow-scripts allow-forms allow-popups';
      frame.srcdoc = '<!doctype html><body></body>';
    });
  },
  'a data: URL': async (page) => {
    await page.goto(`http://evil.example:${site.port}/`);
    return inFrame(page, (frame) => {
      frame.src = 'data:text/html,<!doctype html><body></body>';
    });
  },
};

async function inFrame(page, fill) {
  const source = `(${fill})(document.body.appendChild(Object.assign(document.createElement('iframe'), { name: 'inner' })))`;
  await page.evaluate(source);
  const frame = await until(() => page.frame({ name: 'inner' }), () => 'there is no frame');
  await frame.waitForSelector('body', { state: 'attached' });
  return frame;
}

/**
 * Tries every way with every action from a page of this origin. All that was sent has been answered
 * when this returns what the page could read.
 */
async function attack(origin, recorder, url, only = () => true) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const frame = await ORIGINS[origin](page, recorder);
    const host = origin === 'a name that came to mean this machine' ? 'rebound.example' : '127.0.0.1';
    const path = new URL(url).pathname;
    const attacks = [];
    for (const [way, carries] of Object.entries(WAYS)) {
      for (const [action, input] of Object.entries(actions(url))) {
        if (!only(way, action)) continue;
        const name = `${way}: ${action}`;
        const onQueue = carries !== 'json' && input.QueueUrl ? path : '/';
        const target = `http://${host}:${recorder.port}${onQueue}?attack=${encodeURIComponent(name)}`;
        const { ...parameters } = { Action: action, Version: '2012-11-05', ...input };
        attacks.push({ name, way, target, parameters, action, input });
      }
    }
    const reads = [];
    // One after the other: a page opens one window for each gesture of its user.
    for (const one of attacks) {
      reads.push(`${one.name} read: ${await frame.evaluate(send, one)}`);
    }
    const unsent = () => attacks.filter(({ name }) => !recorder.seen.has(name)).map(({ name }) => name);
    await until(() => unsent().length === 0, () => `not sent from ${origin}: ${unsent().join(', ')}`);
    return reads;
  } finally {
    await context.close();
  }
}

/** All that could be changed, as the owner sees it. */
async function dump(endpoint, url) {
  const queues = await call(endpoint, 'ListQueues', {});
  const attributes = await call(endpoint, 'GetQueueAttributes', { QueueUrl: url, AttributeNames: ['All'] });
  return `${queues}${attributes}`;
}

async function createQueue({ endpoint }, attributes) {
  const input = { QueueName: 'q', Attributes: attributes };
  return JSON.parse(await call(endpoint, 'CreateQueue', input)).QueueUrl;
}

const EVERYBODY = JSON.stringify({
  Statement: [{ Effect: 'Allow', Principal: '*', Action: 'sqs:*', Resource: '*' }],
});

/** A queue that is open to everybody tells the rules about browsers from those about signatures. */
const MODES = {
  'where nobody is checked': { start: () => Server.start(), attributes: {} },
  'where callers are checked': { start: () => strictServer(), attributes: {} },
  'where a policy lets everybody in': { start: () => strictServer(), attributes: { Policy: EVERYBODY } },
};

for (const [mode, { start, attributes }] of Object.entries(MODES)) {
  for (const origin of Object.keys(ORIGINS)) {
    test(`${mode}, a page of ${origin} reads and changes nothing`, async () => {
      const server = await start();
      const recorder = await Recorder.before(server.endpoint);
      try {
        const url = await createQueue(server, attributes);
        await call(server.endpoint, 'SendMessage', { QueueUrl: url, MessageBody: SECRET });
        const before = await dump(server.endpoint, url);
        const reads = await attack(origin, recorder, url);
        assert.equal(await dump(server.endpoint, url), before, 'nothing was changed');
        for (const read of reads) {
          assert.ok(!read.includes(SECRET) && !read.includes('QueueUrl'), read);
        }
        for (const [name, answers] of recorder.seen) {
          if (name === null) continue;
          for (const answer of answers) assert.match(answer, / (403|404)$/, name);
        }
      } finally {
        recorder.close();
        await server.stop();
      }
    });
  }
}

/** What a browser does not send without asking first, and what the Query protocol does not read. */
const HARMLESS = [
  'fetch, JSON with a target', 'fetch, JSON', 'fetch, a PUT', 'fetch, text/plain, no-cors',
  'a form element, text/plain', 'a form element, multipart',
];

test('the same requests without the marks of a browser do what they ask for', async () => {
  const server = await Server.start();
  const recorder = await Recorder.before(server.endpoint, { blind: true });
  try {
    const url = await createQueue(server, {});
    await attack('another site', recorder, url, (way, action) => action === 'SendMessage');
    const done = Object.keys(WAYS).filter((way) =>
      recorder.seen.get(`${way}: SendMessage`).some((answer) => answer.endsWith(' 200')));
    const dangerous = Object.keys(WAYS).filter((way) => !HARMLESS.includes(way));
    assert.deepEqual(done, dangerous);
    const asked = { QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages'] };
    const { Attributes } = JSON.parse(await call(server.endpoint, 'GetQueueAttributes', asked));
    assert.ok(Number(Attributes.ApproximateNumberOfMessages) >= dangerous.length);
  } finally {
    recorder.close();
    await server.stop();
  }
});

/** Sends a signed request from a page, and tells what the page could read of the answer. */
async function callFrom(origin, endpoint, action, input) {
  const body = JSON.stringify(input);
  const headers = rootSignature(endpoint, `AmazonSQS.${action}`, body);
  const more = { 'amz-sdk-invocation-id': '1', 'amz-sdk-request': 'attempt=1', 'x-amz-user-agent': 'a page' };
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${origin}/`);
    return await page.evaluate(async ({ endpoint, headers, body }) => {
      try {
        const answer = await fetch(endpoint, { method: 'POST', headers, body });
        const id = answer.headers.get('x-amzn-requestid');
        return { status: answer.status, id, text: await answer.text() };
      } catch (error) {
        return { error: error.name };
      }
    }, { endpoint, headers: { ...headers, ...more }, body });
  } finally {
    await context.close();
  }
}

test('a page of an allowed origin reads signed answers, and a page of another one does not', async () => {
  const allowed = `http://console.example:${site.port}`;
  const server = await strictServer(['--allowed-origin', allowed]);
  try {
    const url = await createQueue(server, {});
    await call(server.endpoint, 'SendMessage', { QueueUrl: url, MessageBody: SECRET });
    const receive = { QueueUrl: url, VisibilityTimeout: 0 };

    const read = await callFrom(allowed, server.endpoint, 'ReceiveMessage', receive);
    assert.equal(read.status, 200, JSON.stringify(read));
    assert.equal(JSON.parse(read.text).Messages[0].Body, SECRET);
    assert.match(read.id, /^[0-9a-f-]{36}$/);
    const missing = { QueueUrl: `${url}x` };
    const refused = await callFrom(allowed, server.endpoint, 'PurgeQueue', missing);
    assert.equal(refused.status, 400, 'a page learns what is wrong');
    assert.match(refused.text, /QueueDoesNotExist/);

    for (const other of [`http://evil.example:${site.port}`, `http://127.0.0.1:${site.port}`]) {
      const before = await dump(server.endpoint, url);
      for (const [action, input] of [['ReceiveMessage', receive], ['PurgeQueue', { QueueUrl: url }]]) {
        const tried = await callFrom(other, server.endpoint, action, input);
        assert.deepEqual(tried, { error: 'TypeError' }, `${action} from ${other}`);
      }
      assert.equal(await dump(server.endpoint, url), before, 'nothing was changed');
    }
  } finally {
    await server.stop();
  }
});
