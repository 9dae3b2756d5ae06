// Every action of SQS, called once or more, with what its answer tells.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as sdk from '@aws-sdk/client-sqs';

import { Queue, formiga, newName, newPair, until } from './support.js';

const called = new Set();

const context = formiga([], ({ sqs }) => {
  sqs.middlewareStack.add(
    (next, { commandName }) => (args) => {
      called.add(commandName);
      return next(args);
    },
    { step: 'initialize' },
  );
});

test('a queue is created, found by its name, listed and deleted', async () => {
  const { sqs } = context;
  const name = newName('life');
  const { QueueUrl } = await sqs.createQueue({ QueueName: name });
  assert.ok(QueueUrl.startsWith(context.server.endpoint) && QueueUrl.endsWith(`/${name}`));
  assert.equal((await sqs.getQueueUrl({ QueueName: name })).QueueUrl, QueueUrl);
  assert.deepEqual((await sqs.listQueues({ QueueNamePrefix: 'life' })).QueueUrls, [QueueUrl]);
  await sqs.deleteQueue({ QueueUrl });
  await assert.rejects(sqs.getQueueUrl({ QueueName: name }), sdk.QueueDoesNotExist);
});

test('the paginator of the SDK finds every queue', async () => {
  const { sqs } = context;
  const prefix = newName('page');
  for (const number of [1, 2, 3, 4, 5]) {
    await sqs.createQueue({ QueueName: `${prefix}-${number}` });
  }
  const found = [];
  const pages = sdk.paginateListQueues({ client: sqs, pageSize: 2 }, { QueueNamePrefix: prefix });
  for await (const page of pages) {
    assert.ok((page.QueueUrls ?? []).length <= 2);
    found.push(...(page.QueueUrls ?? []));
  }
  assert.deepEqual(
    found.map((url) => url.split('/').at(-1)),
    [1, 2, 3, 4, 5].map((number) => `${prefix}-${number}`),
  );
});

test('attributes are set and read', async () => {
  const { sqs } = context;
  const queue = await Queue.create(sqs, { VisibilityTimeout: '7' });
  await sqs.setQueueAttributes({ QueueUrl: queue.url, Attributes: { DelaySeconds: '3' } });
  const attributes = await queue.attributes('All');
  assert.equal(attributes.VisibilityTimeout, '7');
  assert.equal(attributes.DelaySeconds, '3');
  assert.match(attributes.QueueArn, /^arn:aws:sqs:us-east-1:\d{12}:q-/);
});

test('tags are set, listed and removed', async () => {
  const { sqs } = context;
  const queue = await Queue.create(sqs);
  await sqs.tagQueue({ QueueUrl: queue.url, Tags: { team: 'ants', size: 'small' } });
  assert.deepEqual((await sqs.listQueueTags({ QueueUrl: queue.url })).Tags, {
    team: 'ants',
    size: 'small',
  });
  await sqs.untagQueue({ QueueUrl: queue.url, TagKeys: ['size'] });
  assert.deepEqual((await sqs.listQueueTags({ QueueUrl: queue.url })).Tags, { team: 'ants' });
});

test('a permission is added and removed', async () => {
  const { sqs } = context;
  const queue = await Queue.create(sqs);
  await sqs.addPermission({
    QueueUrl: queue.url,
    Label: 'readers',
    AWSAccountIds: ['111111111111'],
    Actions: ['ReceiveMessage'],
  });
  const [statement] = JSON.parse((await queue.attributes('Policy')).Policy).Statement;
  assert.equal(statement.Sid, 'readers');
  assert.equal(statement.Action, 'SQS:ReceiveMessage');
  await sqs.removePermission({ QueueUrl: queue.url, Label: 'readers' });
  assert.equal((await queue.attributes('All')).Policy, undefined);
});

test('a message is sent, received, hidden for longer and deleted', async () => {
  const { sqs, server } = context;
  const queue = await Queue.create(sqs, { VisibilityTimeout: '30' });
  const sent = await queue.send('hello');
  const message = await queue.receiveOne({ MessageSystemAttributeNames: ['All'] });
  assert.equal(message.MessageId, sent.MessageId);
  assert.equal(message.Body, 'hello');
  assert.equal(message.Attributes.ApproximateReceiveCount, '1');
  await sqs.changeMessageVisibility({
    QueueUrl: queue.url,
    ReceiptHandle: message.ReceiptHandle,
    VisibilityTimeout: 300,
  });
  await server.advanceClock(200);
  assert.deepEqual(await queue.receive(), []);
  await queue.delete(message);
  await server.advanceClock(200);
  assert.deepEqual(await queue.receive(), []);
  assert.deepEqual(await queue.counters(), [0, 0, 0]);
});

test('the batches do for ten messages what the actions do for one', async () => {
  const { sqs } = context;
  const queue = await Queue.create(sqs);
  const numbers = Array.from({ length: 10 }, (_, number) => String(number));
  const sent = await sqs.sendMessageBatch({
    QueueUrl: queue.url,
    Entries: numbers.map((number) => ({ Id: number, MessageBody: number })),
  });
  assert.equal(sent.Successful.length, 10);
  const messages = await queue.receive(10);
  assert.deepEqual(messages.map((message) => message.Body), numbers);
  const entries = messages.map(({ ReceiptHandle }, number) => ({ Id: `e${number}`, ReceiptHandle }));
  const changed = await sqs.changeMessageVisibilityBatch({
    QueueUrl: queue.url,
    Entries: entries.map((entry) => ({ ...entry, VisibilityTimeout: 600 })),
  });
  assert.equal(changed.Successful.length, 10);
  const deleted = await sqs.deleteMessageBatch({ QueueUrl: queue.url, Entries: entries });
  assert.equal(deleted.Successful.length, 10);
  assert.deepEqual(await queue.counters(), [0, 0, 0]);
});

test('a purge removes every message', async () => {
  const { sqs } = context;
  const queue = await Queue.create(sqs);
  await queue.send('visible');
  await queue.send('delayed', { DelaySeconds: 100 });
  await sqs.purgeQueue({ QueueUrl: queue.url });
  assert.deepEqual(await queue.counters(), [0, 0, 0]);
});

test('a dead-letter queue knows its sources', async () => {
  const { queue, failed } = await newPair(context.sqs);
  const answer = await context.sqs.listDeadLetterSourceQueues({ QueueUrl: failed.url });
  assert.deepEqual(answer.queueUrls, [queue.url]);
});

test('a message move task is started, listed and cancelled', async () => {
  const { sqs } = context;
  const { failed } = await newPair(sqs);
  const target = await Queue.create(sqs);
  for (let number = 0; number < 10; number += 1) await failed.send(String(number));
  const SourceArn = await failed.arn();
  const { TaskHandle } = await sqs.startMessageMoveTask({
    SourceArn,
    DestinationArn: await target.arn(),
    MaxNumberOfMessagesPerSecond: 1,
  });
  await until(async () => (await target.counters())[0] >= 1);
  const [running] = (await sqs.listMessageMoveTasks({ SourceArn })).Results;
  assert.equal(running.Status, 'RUNNING');
  assert.equal(running.TaskHandle, TaskHandle);
  const cancelled = await sqs.cancelMessageMoveTask({ TaskHandle });
  const moved = cancelled.ApproximateNumberOfMessagesMoved;
  assert.ok(moved >= 1 && moved < 10);
  const [task] = (await sqs.listMessageMoveTasks({ SourceArn })).Results;
  assert.equal(task.Status, 'CANCELLED');
  assert.equal((await failed.counters())[0], 10 - moved);
});

test('no action of the SDK was left out', () => {
  const actions = Object.keys(sdk).filter((name) => /^[A-Z]\w*Command$/.test(name));
  assert.equal(actions.length, 23);
  assert.deepEqual([...called].sort(), actions.sort());
});
