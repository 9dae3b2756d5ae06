// Dead letters, and the message move task that brings them back.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formiga, newPair, until } from './support.js';

const context = formiga();

test('a message that was received too often moves, and a task moves it back', async () => {
  const { sqs } = context;
  const { queue, failed } = await newPair(sqs, 2);
  const sent = await queue.send('poison', {
    MessageAttributes: { color: { DataType: 'String', StringValue: 'blue' } },
  });
  for (const count of ['1', '2']) {
    const message = await queue.receiveOne({
      VisibilityTimeout: 0,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
    assert.equal(message.Attributes.ApproximateReceiveCount, count);
  }
  assert.deepEqual(await queue.receive(), []);
  const dead = await until(
    async () =>
      (
        await failed.receive(1, {
          VisibilityTimeout: 0,
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        })
      )[0],
  );
  assert.equal(dead.Body, 'poison');
  assert.equal(dead.MessageId, sent.MessageId);
  assert.equal(dead.Attributes.DeadLetterQueueSourceArn, await queue.arn());
  assert.equal(dead.MessageAttributes.color.StringValue, 'blue');

  const SourceArn = await failed.arn();
  await sqs.startMessageMoveTask({ SourceArn });
  const task = await until(async () => {
    const [latest] = (await sqs.listMessageMoveTasks({ SourceArn })).Results;
    return latest.Status === 'RUNNING' ? undefined : latest;
  });
  assert.equal(task.Status, 'COMPLETED');
  assert.equal(task.ApproximateNumberOfMessagesMoved, 1);
  await until(async () => (await queue.counters())[0] === 1);
  const back = await queue.receiveOne({
    MessageSystemAttributeNames: ['All'],
    MessageAttributeNames: ['All'],
  });
  assert.equal(back.Body, 'poison');
  assert.equal(back.Attributes.ApproximateReceiveCount, '1');
  assert.equal(back.MessageAttributes.color.StringValue, 'blue');
  assert.deepEqual(await failed.counters(), [0, 0, 0]);
});

test('dead letters of a FIFO queue keep their order', async () => {
  const attributes = { FifoQueue: 'true', ContentBasedDeduplication: 'true' };
  const { queue, failed } = await newPair(context.sqs, 1, attributes);
  for (const body of ['one', 'two', 'three']) await queue.send(body, { MessageGroupId: 'g' });
  assert.equal((await queue.receive(10, { VisibilityTimeout: 0 })).length, 3);
  assert.deepEqual(await queue.receive(), []);
  await until(async () => (await failed.counters())[0] === 3);
  assert.deepEqual(await failed.bodies(), ['one', 'two', 'three']);
});
