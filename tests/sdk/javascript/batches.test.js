// Batches that succeed in part, and batches that are refused as a whole.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BatchEntryIdsNotDistinct,
  BatchRequestTooLong,
  EmptyBatchRequest,
  InvalidBatchEntryId,
  TooManyEntriesInBatchRequest,
} from '@aws-sdk/client-sqs';

import { Queue, formiga, refused } from './support.js';

const context = formiga();
const ids = (entries) => (entries ?? []).map((entry) => entry.Id);

test('an illegal body fails alone in its batch', async () => {
  const queue = await Queue.create(context.sqs);
  const answer = await context.sqs.sendMessageBatch({
    QueueUrl: queue.url,
    Entries: [
      { Id: 'good', MessageBody: 'good' },
      { Id: 'bad', MessageBody: 'a\u0001b' },
      { Id: 'late', MessageBody: 'late', DelaySeconds: 901 },
      { Id: 'fine', MessageBody: 'fine' },
    ],
  });
  assert.deepEqual(ids(answer.Successful), ['good', 'fine']);
  assert.deepEqual(ids(answer.Failed), ['bad', 'late']);
  assert.deepEqual(
    answer.Failed.map((entry) => entry.Code),
    ['InvalidMessageContents', 'InvalidParameterValue'],
  );
  for (const entry of answer.Failed) assert.ok(entry.SenderFault && entry.Message);
  assert.deepEqual(await queue.bodies(), ['good', 'fine']);
});

test('a handle that is none fails alone among deletes and changes', async () => {
  const queue = await Queue.create(context.sqs);
  await queue.send('hello');
  const { ReceiptHandle } = await queue.receiveOne();
  const entries = [
    { Id: 'good', ReceiptHandle },
    { Id: 'bad', ReceiptHandle: 'nonsense' },
  ];
  const changed = await context.sqs.changeMessageVisibilityBatch({
    QueueUrl: queue.url,
    Entries: entries.map((entry) => ({ ...entry, VisibilityTimeout: 60 })),
  });
  const deleted = await context.sqs.deleteMessageBatch({ QueueUrl: queue.url, Entries: entries });
  for (const answer of [changed, deleted]) {
    assert.deepEqual(ids(answer.Successful), ['good']);
    assert.deepEqual(ids(answer.Failed), ['bad']);
    assert.equal(answer.Failed[0].Code, 'ReceiptHandleIsInvalid');
    assert.equal(answer.Failed[0].SenderFault, true);
  }
});

test('what is wrong with the batch itself refuses all of it', async () => {
  const queue = await Queue.create(context.sqs);
  const send = (...entries) =>
    context.sqs.sendMessageBatch({
      QueueUrl: queue.url,
      Entries: entries.map(([Id, MessageBody = 'hello']) => ({ Id, MessageBody })),
    });
  await refused(send(), EmptyBatchRequest);
  await refused(send(['a'], ['a']), BatchEntryIdsNotDistinct);
  await refused(send(['a b']), InvalidBatchEntryId);
  const eleven = Array.from({ length: 11 }, (_, number) => [`e${number}`]);
  await refused(send(...eleven), TooManyEntriesInBatchRequest);
  const half = 'x'.repeat(600 * 1024);
  await refused(send(['a', half], ['b', half]), BatchRequestTooLong);
  assert.deepEqual(await queue.counters(), [0, 0, 0]);
});
