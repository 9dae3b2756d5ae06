// sqs-consumer and sqs-producer, as applications use them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Consumer } from 'sqs-consumer';
import { Producer } from 'sqs-producer';

import { Queue, formiga, newPair, until } from './support.js';

const context = formiga();

function newConsumer(queue, options) {
  const consumer = Consumer.create({
    queueUrl: queue.url,
    sqs: context.sqs,
    waitTimeSeconds: 20,
    ...options,
  });
  consumer.failures = [];
  consumer.on('error', (error) => consumer.failures.push(error));
  return consumer;
}

/** Stops a consumer, and fails if anything but its end has interrupted it. */
async function stop(consumer) {
  const failures = [...consumer.failures];
  const stopped = once(consumer, 'stopped');
  consumer.stop({ abort: true });
  await stopped;
  assert.deepEqual(failures, []);
}

const numbered = (count) =>
  Array.from({ length: count }, (_, number) => ({ id: `m${number}`, body: `body ${number}` }));

test('what the producer sends, the consumer handles once and deletes', async () => {
  const queue = await Queue.create(context.sqs);
  const producer = Producer.create({ queueUrl: queue.url, sqs: context.sqs });
  const messages = numbered(25);
  const sent = await producer.send(messages);
  assert.equal(sent.length, 25);
  assert.equal(await producer.queueSize(), 25);

  const handled = [];
  const consumer = newConsumer(queue, {
    batchSize: 10,
    handleMessage: async (message) => {
      handled.push(message.Body);
      return message;
    },
  });
  consumer.start();
  await until(() => handled.length === 25);
  await until(async () => (await queue.counters()).every((count) => count === 0));
  await stop(consumer);
  assert.deepEqual(handled.sort(), messages.map((message) => message.body).sort());
});

test('the producer sends attributes, delays and plain texts', async () => {
  const queue = await Queue.create(context.sqs);
  const producer = Producer.create({ queueUrl: queue.url, sqs: context.sqs });
  await producer.send([
    'plain',
    {
      id: 'attributes',
      body: 'attributes',
      messageAttributes: { bytes: { DataType: 'Binary', BinaryValue: Uint8Array.of(0, 255) } },
    },
    { id: 'late', body: 'late', delaySeconds: 600 },
  ]);
  const messages = await queue.receive(10, { MessageAttributeNames: ['All'] });
  assert.deepEqual(messages.map((message) => message.Body), ['plain', 'attributes']);
  assert.deepEqual([...messages[1].MessageAttributes.bytes.BinaryValue], [0, 255]);
  await context.server.advanceClock(601);
  assert.ok((await queue.bodies()).includes('late'));
});

test('the producer names the messages that were refused', async () => {
  const queue = await Queue.create(context.sqs);
  const producer = Producer.create({ queueUrl: queue.url, sqs: context.sqs });
  const send = producer.send([
    { id: 'good', body: 'good' },
    { id: 'bad', body: 'a\u0001b' },
  ]);
  await assert.rejects(send, (error) => {
    assert.deepEqual(error.failedMessages, ['bad']);
    return true;
  });
  assert.deepEqual(await queue.bodies(), ['good']);
});

test('a handler that fails sees the message again and then loses it to the dead letters', async () => {
  const { queue, failed } = await newPair(context.sqs, 3);
  await queue.send('poison');
  await queue.send('good');
  const handled = [];
  const errors = [];
  const consumer = newConsumer(queue, {
    terminateVisibilityTimeout: true,
    handleMessage: async (message) => {
      handled.push(message.Body);
      if (message.Body === 'poison') throw new Error('not today');
      return message;
    },
  });
  consumer.on('processing_error', (error) => errors.push(error));
  consumer.start();
  await until(async () => (await failed.counters())[0] === 1);
  await until(async () => (await queue.counters()).every((count) => count === 0));
  await stop(consumer);
  assert.equal(handled.filter((body) => body === 'poison').length, 3);
  assert.equal(handled.filter((body) => body === 'good').length, 1);
  assert.equal(errors.length, 3);
  assert.deepEqual(await failed.bodies(), ['poison']);
});

test('a batch handler deletes what it returns and nothing else', async () => {
  const queue = await Queue.create(context.sqs);
  const producer = Producer.create({ queueUrl: queue.url, sqs: context.sqs });
  await producer.send(numbered(10));
  const seen = new Set();
  const consumer = newConsumer(queue, {
    batchSize: 10,
    visibilityTimeout: 600,
    handleMessageBatch: async (messages) => {
      for (const message of messages) seen.add(message.Body);
      return messages.filter((message) => Number(message.Body.split(' ')[1]) % 2 === 0);
    },
  });
  consumer.start();
  await until(() => seen.size === 10);
  await until(async () => (await queue.counters())[1] === 5);
  await stop(consumer);
  await context.server.advanceClock(601);
  const left = (await queue.bodies()).sort();
  assert.deepEqual(left, [1, 3, 5, 7, 9].map((number) => `body ${number}`));
});

test('a heartbeat keeps a message hidden while its handler works', async () => {
  const queue = await Queue.create(context.sqs);
  await queue.send('long work');
  let finish;
  const working = new Promise((resolve) => {
    finish = resolve;
  });
  const handled = [];
  const consumer = newConsumer(queue, {
    visibilityTimeout: 100,
    heartbeatInterval: 1,
    handleMessage: async (message) => {
      handled.push(message.Body);
      await working;
      return message;
    },
  });
  consumer.start();
  await until(() => handled.length === 1);
  await context.server.advanceClock(90);
  // Within the next heartbeats the message is hidden for 100 s from now, not from the receive.
  let beats = 0;
  context.sqs.middlewareStack.add(
    (next, { commandName }) => async (args) => {
      const answer = await next(args);
      if (commandName === 'ChangeMessageVisibilityCommand') beats += 1;
      return answer;
    },
    { step: 'initialize', name: 'beats' },
  );
  await until(() => beats >= 1);
  context.sqs.middlewareStack.remove('beats');
  await context.server.advanceClock(50);
  assert.deepEqual(await queue.counters(), [0, 1, 0]);
  finish();
  await until(async () => (await queue.counters())[1] === 0);
  await stop(consumer);
  assert.deepEqual(handled, ['long work']);
});

test('a consumer of a queue that is not there reports the error of the SDK', async () => {
  const queue = await Queue.create(context.sqs);
  await context.sqs.deleteQueue({ QueueUrl: queue.url });
  const consumer = newConsumer(queue, { handleMessage: async (message) => message });
  const failed = once(consumer, 'error');
  consumer.start();
  const [error] = await failed;
  consumer.stop({ abort: true });
  assert.match(`${error.name} ${error.code} ${error.message}`, /QueueDoesNotExist/);
});
