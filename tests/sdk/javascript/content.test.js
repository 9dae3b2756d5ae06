// What a message holds comes back as it was. The SDK compares the MD5 digests of bodies itself.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { LEGAL_EDGES, Queue, everyLegalCharacter, formiga } from './support.js';

const context = formiga();

test('a body of every legal kind of character', async () => {
  const queue = await Queue.create(context.sqs);
  const sent = await queue.send(LEGAL_EDGES);
  const digest = createHash('md5').update(LEGAL_EDGES, 'utf8').digest('hex');
  assert.equal(sent.MD5OfMessageBody, digest);
  const message = await queue.receiveOne();
  assert.equal(message.Body, LEGAL_EDGES);
  assert.equal(message.MD5OfBody, digest);
});

test('every character that XML has, in bodies as large as they may be', async () => {
  const queue = await Queue.create(context.sqs);
  for (const body of everyLegalCharacter()) {
    await queue.send(body);
    const message = await queue.receiveOne();
    assert.ok(message.Body === body, 'the same body comes back');
    await queue.delete(message);
  }
});

test('a body of a mebibyte', async () => {
  const queue = await Queue.create(context.sqs);
  const body = 'x'.repeat(1024 * 1024);
  await queue.send(body);
  assert.equal((await queue.receiveOne()).Body, body);
});

test('attributes of each type, binary ones byte for byte', async () => {
  const queue = await Queue.create(context.sqs);
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const attributes = {
    picture: { DataType: 'Binary.png', BinaryValue: bytes },
    count: { DataType: 'Number', StringValue: '-12.5' },
    edges: { DataType: 'String', StringValue: LEGAL_EDGES },
  };
  const sent = await queue.send('hello', { MessageAttributes: attributes });
  const message = await queue.receiveOne({ MessageAttributeNames: ['All'] });
  assert.equal(message.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  assert.deepEqual(Object.keys(message.MessageAttributes).sort(), ['count', 'edges', 'picture']);
  const { picture, count, edges } = message.MessageAttributes;
  assert.equal(picture.DataType, 'Binary.png');
  assert.deepEqual([...picture.BinaryValue], [...bytes]);
  assert.equal(count.StringValue, '-12.5');
  assert.equal(edges.StringValue, LEGAL_EDGES);
});

test('attributes are chosen by name and by prefix', async () => {
  const queue = await Queue.create(context.sqs, { VisibilityTimeout: '0' });
  const text = { DataType: 'String', StringValue: 'x' };
  await queue.send('hello', { MessageAttributes: { 'a.one': text, 'a.two': text, b: text } });
  const names = async (...MessageAttributeNames) => {
    const message = await queue.receiveOne({ MessageAttributeNames });
    return Object.keys(message.MessageAttributes ?? {}).sort();
  };
  assert.deepEqual(await names('a.*'), ['a.one', 'a.two']);
  assert.deepEqual(await names('b'), ['b']);
  assert.deepEqual(await names(), []);
});
