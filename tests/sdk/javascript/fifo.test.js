// FIFO queues: order within a group, and deduplication.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Queue, formiga } from './support.js';

const context = formiga();
const newFifo = (more = {}) => Queue.create(context.sqs, { FifoQueue: 'true', ...more });

test('a group is received in order, and one message in flight holds it back', async () => {
  const queue = await newFifo();
  for (const [group, body] of [['a', 'a1'], ['a', 'a2'], ['b', 'b1'], ['a', 'a3']]) {
    await queue.send(body, { MessageGroupId: group, MessageDeduplicationId: body });
  }
  const first = await queue.receiveOne();
  assert.equal(first.Body, 'a1');
  assert.deepEqual(await queue.bodies(), ['b1'], 'group a waits');
  await queue.delete(first);
  const rest = await queue.receive(10, { MessageSystemAttributeNames: ['All'] });
  assert.deepEqual(rest.map((message) => message.Body), ['a2', 'a3']);
  const [second, third] = rest.map((message) => message.Attributes);
  assert.equal(second.MessageGroupId, 'a');
  assert.equal(second.MessageDeduplicationId, 'a2');
  assert.ok(BigInt(second.SequenceNumber) < BigInt(third.SequenceNumber));
});

test('a deduplication id is remembered for five minutes', async () => {
  const queue = await newFifo();
  const send = (body) => queue.send(body, { MessageGroupId: 'g', MessageDeduplicationId: 'd' });
  const first = await send('first');
  const again = await send('again');
  assert.equal(again.MessageId, first.MessageId);
  assert.equal(again.SequenceNumber, first.SequenceNumber);
  await context.server.advanceClock(301);
  const late = await send('late');
  assert.notEqual(late.MessageId, first.MessageId);
  assert.deepEqual(await queue.bodies(), ['first', 'late']);
});

test('with content-based deduplication the body is the id', async () => {
  const queue = await newFifo({ ContentBasedDeduplication: 'true' });
  for (const body of ['same', 'same', 'other']) await queue.send(body, { MessageGroupId: 'g' });
  assert.deepEqual(await queue.bodies(), ['same', 'other']);
});

test('a receive that is repeated with its attempt id has the same messages', async () => {
  const queue = await newFifo({ ContentBasedDeduplication: 'true' });
  for (const body of ['one', 'two']) await queue.send(body, { MessageGroupId: 'g' });
  const attempt = { ReceiveRequestAttemptId: 'attempt' };
  const bodies = await queue.bodies(attempt);
  assert.deepEqual(bodies, ['one', 'two']);
  assert.deepEqual(await queue.bodies(attempt), bodies);
});

test('a batch keeps its order', async () => {
  const queue = await newFifo({ ContentBasedDeduplication: 'true' });
  const bodies = Array.from({ length: 10 }, (_, number) => `m${number}`);
  await context.sqs.sendMessageBatch({
    QueueUrl: queue.url,
    Entries: bodies.map((body) => ({ Id: body, MessageBody: body, MessageGroupId: 'g' })),
  });
  assert.deepEqual(await queue.bodies(), bodies);
});
