// What the tests share: a server and a client per file, queues, and waiting for conditions.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before } from 'node:test';
import { SQS, SQSServiceException } from '@aws-sdk/client-sqs';

import { Server } from './formiga.js';

/** A long poll's wait, and how soon an event must have ended it. */
export const WAIT_SECONDS = 20;
export const WOKEN_WITHIN_MS = 15_000;

/** Every code point that XML 1.0 puts at an end of what a body may hold. */
export const LEGAL_EDGES = '\u0009\u000A\u000D\u0020\uD7FF\uE000\uFFFD\u{10000}\u{10FFFF}';

const LEGAL_RANGES = [
  [0x9, 0xa],
  [0xd, 0xd],
  [0x20, 0xd7ff],
  [0xe000, 0xfffd],
  [0x10000, 0x10ffff],
];
/** As many characters of four bytes as a mebibyte has room for. */
const CHARACTERS_IN_A_BODY = (1024 * 1024) / 4;

/** Bodies that together hold every character of XML 1.0, each once. */
export function everyLegalCharacter() {
  const bodies = [];
  let body = [];
  for (const [first, last] of LEGAL_RANGES) {
    for (let character = first; character <= last; character += 1) {
      body.push(String.fromCodePoint(character));
      if (body.length === CHARACTERS_IN_A_BODY) {
        bodies.push(body.join(''));
        body = [];
      }
    }
  }
  return [...bodies, body.join('')];
}

/**
 * One server, started with `args`, and one client for the tests of a file. The fields are there
 * once the tests run; `prepare` is called before. Without retries: the first answer counts.
 */
export function formiga(args = [], prepare = () => {}) {
  const context = {};
  before(async () => {
    context.server = await Server.start(args);
    context.sqs = new SQS({
      endpoint: context.server.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    });
    prepare(context);
  });
  after(async () => {
    context.sqs?.destroy();
    await context.server?.stop();
  });
  return context;
}

export const newName = (prefix = 'q') => `${prefix}-${randomUUID().slice(0, 13)}`;

/** A queue, with the calls that nearly every test makes. */
export class Queue {
  static async create(sqs, attributes = {}) {
    const fifo = attributes.FifoQueue === 'true';
    const created = await sqs.createQueue({
      QueueName: newName() + (fifo ? '.fifo' : ''),
      Attributes: attributes,
    });
    return new Queue(sqs, created.QueueUrl);
  }

  constructor(sqs, url) {
    this.sqs = sqs;
    this.url = url;
  }

  send(body, more = {}) {
    return this.sqs.sendMessage({ QueueUrl: this.url, MessageBody: body, ...more });
  }

  async receive(count = 10, more = {}) {
    const answer = await this.sqs.receiveMessage({
      QueueUrl: this.url,
      MaxNumberOfMessages: count,
      ...more,
    });
    return answer.Messages ?? [];
  }

  async receiveOne(more = {}) {
    const messages = await this.receive(1, more);
    assert.equal(messages.length, 1, 'a message is there');
    return messages[0];
  }

  async bodies(more = {}) {
    return (await this.receive(10, more)).map((message) => message.Body);
  }

  delete(message) {
    return this.sqs.deleteMessage({ QueueUrl: this.url, ReceiptHandle: message.ReceiptHandle });
  }

  async attributes(...names) {
    const answer = await this.sqs.getQueueAttributes({ QueueUrl: this.url, AttributeNames: names });
    return answer.Attributes ?? {};
  }

  async arn() {
    return (await this.attributes('QueueArn')).QueueArn;
  }

  /** How many messages are visible, in flight and delayed. */
  async counters() {
    const prefix = 'ApproximateNumberOfMessages';
    const names = [prefix, `${prefix}NotVisible`, `${prefix}Delayed`];
    const found = await this.attributes(...names);
    return names.map((name) => Number(found[name]));
  }
}

/** A queue whose messages, received `count` times, go to the other queue it returns. */
export async function newPair(sqs, count = 1, attributes = {}) {
  const failed = await Queue.create(sqs, attributes);
  const policy = { deadLetterTargetArn: await failed.arn(), maxReceiveCount: count };
  const queue = await Queue.create(sqs, { ...attributes, RedrivePolicy: JSON.stringify(policy) });
  return { queue, failed };
}

/** Waits until `look` finds something, and returns it. */
export async function until(look) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < deadline, 'it did not come true');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** `call` fails with this class of the SDK, this status and, if given, this sentence. */
export async function refused(call, shape, { status = 400, message } = {}) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof shape, `${error.name} (${error.message}) is a ${shape.name}`);
    assert.ok(error instanceof SQSServiceException);
    assert.equal(error.$metadata.httpStatusCode, status);
    assert.equal(error.$fault, 'client');
    assert.ok(error.$metadata.requestId);
    assert.ok(error.message, 'every error says what is wrong');
    if (message !== undefined) assert.equal(error.message, message);
    return true;
  });
}

/** As `refused`, for an error that the SDK has no class for. */
export async function refusedAs(call, name, { status = 400 } = {}) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof SQSServiceException);
    assert.equal(error.name, name);
    assert.equal(error.$metadata.httpStatusCode, status);
    assert.ok(error.message, 'every error says what is wrong');
    return true;
  });
}
