// Long polling. Bounds from above are generous: they tell "woken" from "waited to the end".

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Queue, WAIT_SECONDS, WOKEN_WITHIN_MS, formiga } from './support.js';

const context = formiga();

test('a long poll on an empty queue ends with its wait', async () => {
  const queue = await Queue.create(context.sqs);
  const started = Date.now();
  assert.deepEqual(await queue.receive(1, { WaitTimeSeconds: 1 }), []);
  const took = Date.now() - started;
  assert.ok(took > 900 && took < 10_000, `it took ${took} ms`);
});

test('a send wakes a long poll', async () => {
  const queue = await Queue.create(context.sqs);
  const started = Date.now();
  const waiting = queue.bodies({ WaitTimeSeconds: WAIT_SECONDS });
  await queue.send('wake up');
  assert.deepEqual(await waiting, ['wake up']);
  assert.ok(Date.now() - started < WOKEN_WITHIN_MS);
});

test('the end of a visibility timeout wakes a long poll', async () => {
  const queue = await Queue.create(context.sqs, { ReceiveMessageWaitTimeSeconds: '20' });
  await queue.send('again');
  await queue.receiveOne({ VisibilityTimeout: 600 });
  const started = Date.now();
  const waiting = queue.bodies();
  await context.server.advanceClock(601);
  assert.deepEqual(await waiting, ['again']);
  assert.ok(Date.now() - started < WOKEN_WITHIN_MS);
});

test('an aborted long poll takes no message with it', async () => {
  const queue = await Queue.create(context.sqs);
  const controller = new AbortController();
  const waiting = context.sqs.receiveMessage(
    { QueueUrl: queue.url, WaitTimeSeconds: WAIT_SECONDS },
    { abortSignal: controller.signal },
  );
  const aborted = assert.rejects(waiting, { name: 'AbortError' });
  controller.abort();
  await aborted;
  await queue.send('still there');
  assert.deepEqual(await queue.bodies({ WaitTimeSeconds: WAIT_SECONDS }), ['still there']);
});
