// The error classes of the SDK.

import { test } from 'node:test';
import {
  InvalidAttributeName,
  InvalidAttributeValue,
  InvalidMessageContents,
  PurgeQueueInProgress,
  QueueDeletedRecently,
  QueueDoesNotExist,
  QueueNameExists,
  ReceiptHandleIsInvalid,
  ResourceNotFoundException,
  UnsupportedOperation,
} from '@aws-sdk/client-sqs';

import { Queue, formiga, newName, refused, refusedAs } from './support.js';

// Without this setting a deleted queue's name is free at once.
const context = formiga(['--recent-delete-check']);

test('a queue that is not there', async () => {
  const { sqs, server } = context;
  const message = 'The specified queue does not exist.';
  const QueueUrl = `${server.endpoint}/000000000000/${newName()}`;
  await refused(sqs.sendMessage({ QueueUrl, MessageBody: 'hello' }), QueueDoesNotExist, { message });
  await refused(sqs.receiveMessage({ QueueUrl }), QueueDoesNotExist, { message });
  await refused(sqs.getQueueUrl({ QueueName: newName() }), QueueDoesNotExist, { message });
});

test('a name that is taken, and one that was deleted a moment ago', async () => {
  const { sqs, server } = context;
  const QueueName = newName();
  const { QueueUrl } = await sqs.createQueue({ QueueName });
  const other = { QueueName, Attributes: { DelaySeconds: '5' } };
  await refused(sqs.createQueue(other), QueueNameExists);
  await sqs.deleteQueue({ QueueUrl });
  await refused(sqs.createQueue({ QueueName }), QueueDeletedRecently);
  await server.advanceClock(61);
  await sqs.createQueue({ QueueName });
});

test('a receipt handle that is none', async () => {
  const { sqs } = context;
  const { url: QueueUrl } = await Queue.create(sqs);
  const handle = { QueueUrl, ReceiptHandle: 'nonsense' };
  await refused(sqs.deleteMessage(handle), ReceiptHandleIsInvalid, { status: 404 });
  const change = { ...handle, VisibilityTimeout: 10 };
  await refused(sqs.changeMessageVisibility(change), ReceiptHandleIsInvalid, { status: 404 });
});

test('a message that is no longer there', async () => {
  const { sqs } = context;
  const queue = await Queue.create(sqs);
  await queue.send('hello');
  const message = await queue.receiveOne();
  await queue.delete(message);
  await queue.delete(message);
  const { ReceiptHandle } = message;
  const change = { QueueUrl: queue.url, ReceiptHandle, VisibilityTimeout: 10 };
  await refusedAs(sqs.changeMessageVisibility(change), 'InvalidParameterValue');
});

test('attributes that do not exist or are out of range', async () => {
  const { sqs } = context;
  const queue = await Queue.create(sqs);
  const set = (Attributes) => sqs.setQueueAttributes({ QueueUrl: queue.url, Attributes });
  await refused(set({ Colour: 'red' }), InvalidAttributeName);
  await refused(set({ DelaySeconds: '901' }), InvalidAttributeValue);
  await refused(queue.attributes('Colour'), InvalidAttributeName);
});

test('a body with a character that XML does not have', async () => {
  const queue = await Queue.create(context.sqs);
  for (const body of ['\u0000', '\u000B', '\u001F', '\uFFFE', '\uFFFF']) {
    await refused(queue.send(`a${body}b`), InvalidMessageContents);
  }
});

test('a second purge within a minute', async () => {
  const { sqs, server } = context;
  const { url: QueueUrl } = await Queue.create(sqs);
  await sqs.purgeQueue({ QueueUrl });
  await refused(sqs.purgeQueue({ QueueUrl }), PurgeQueueInProgress, { status: 403 });
  await server.advanceClock(61);
  await sqs.purgeQueue({ QueueUrl });
});

test('a message move task from nowhere, and one that has ended', async () => {
  const { sqs } = context;
  const queue = await Queue.create(sqs);
  const SourceArn = `${await queue.arn()}-not`;
  await refused(sqs.startMessageMoveTask({ SourceArn }), ResourceNotFoundException, { status: 404 });
  const failed = await Queue.create(sqs);
  const policy = { deadLetterTargetArn: await failed.arn(), maxReceiveCount: 1 };
  await Queue.create(sqs, { RedrivePolicy: JSON.stringify(policy) });
  for (let number = 0; number < 3; number += 1) await failed.send(String(number));
  const { TaskHandle } = await sqs.startMessageMoveTask({
    SourceArn: await failed.arn(),
    DestinationArn: await queue.arn(),
    MaxNumberOfMessagesPerSecond: 1,
  });
  await sqs.cancelMessageMoveTask({ TaskHandle });
  await refused(sqs.cancelMessageMoveTask({ TaskHandle }), UnsupportedOperation);
});

test('an error without a class keeps its name', async () => {
  const { sqs } = context;
  const { url: QueueUrl } = await Queue.create(sqs);
  await refusedAs(sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 11 }), 'InvalidParameterValue');
  const group = { QueueUrl, MessageBody: 'hello', MessageDeduplicationId: 'd' };
  await refusedAs(sqs.sendMessage(group), 'InvalidParameterValue');
});
