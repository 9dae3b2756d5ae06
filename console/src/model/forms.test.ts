import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Queue } from '../api/queues';
import { messageProblems, EMPTY_MESSAGE, toMessages } from './message-form';
import { basicPolicy, policyProblem } from './policy';
import { fromBase, TIME_UNITS, toBase } from './quantity';
import { changesOf, emptyForm, formOf, fullName, problemsOf, toNewAttributes } from './queue-form';
import { asCli, asTerraform } from './snippets';

const ARN = 'arn:aws:sqs:us-east-1:000000000000:orders';

function queueOf(attributes: Record<string, string>): Queue {
  return {
    name: 'orders',
    url: 'http://localhost:9324/000000000000/orders',
    arn: ARN,
    isFifo: false,
    created: new Date(0),
    modified: new Date(0),
    available: 0,
    inFlight: 0,
    delayed: 0,
    encryption: 'sse-sqs',
    attributes,
  };
}

const DEFAULTS = {
  VisibilityTimeout: '30',
  MessageRetentionPeriod: '345600',
  DelaySeconds: '0',
  MaximumMessageSize: '1048576',
  ReceiveMessageWaitTimeSeconds: '0',
  SqsManagedSseEnabled: 'true',
};

describe('the form of a queue', () => {
  it('begins with the defaults of SQS', () => {
    assert.deepEqual(toNewAttributes(emptyForm(), ARN), DEFAULTS);
  });

  it('of a queue that nobody touched changes nothing', () => {
    const queue = queueOf({ ...DEFAULTS, Policy: '{"Version":"2012-10-17","Statement":[]}' });
    assert.deepEqual(changesOf(queue, formOf(queue, {})), []);
    const longer = { ...formOf(queue, {}), visibilityTimeout: fromBase(90, TIME_UNITS) };
    assert.deepEqual(changesOf(queue, longer), [
      { name: 'VisibilityTimeout', before: '30', after: '90' },
    ]);
  });

  it('removes a dead-letter queue by an empty policy', () => {
    const RedrivePolicy = '{"maxReceiveCount":3,"deadLetterTargetArn":"arn:aws:sqs:r:1:d"}';
    const queue = {
      ...queueOf({ ...DEFAULTS, RedrivePolicy }),
      redrive: { deadLetterTargetArn: 'arn:aws:sqs:r:1:d', maxReceiveCount: 3 },
    };
    assert.deepEqual(changesOf(queue, formOf(queue, {})), []);
    const without = { ...formOf(queue, {}), hasDeadLetterQueue: false };
    assert.deepEqual(
      changesOf(queue, without).map(({ name, after }) => [name, after]),
      [['RedrivePolicy', '']],
    );
  });

  it('tells what the server would refuse', () => {
    const of = (change: object) => problemsOf({ ...emptyForm(), name: 'orders', ...change });
    assert.deepEqual(of({}), {});
    assert.equal(of({ name: 'a b' }).name, 'problem.nameCharacters');
    assert.equal(of({ name: 'x'.repeat(81) }).name, 'problem.nameLength');
    assert.equal(of({ name: 'orders.fifo' }).name, 'problem.fifoEnding');
    const late = { text: '13', unit: 'hours' } as const;
    assert.equal(of({ visibilityTimeout: late }).visibilityTimeout, 'range.visibilityTimeout');
    const hidden = { text: '1.5', unit: 'hours' } as const;
    assert.equal(of({ visibilityTimeout: hidden }).visibilityTimeout, 'problem.notWhole');
    const dead = { hasDeadLetterQueue: true, deadLetterArn: `${ARN}.fifo`, maxReceives: '1001' };
    assert.equal(of(dead).deadLetterArn, 'problem.sameType');
    assert.equal(of(dead).maxReceives, 'problem.maxReceives');
    assert.equal(of({ tags: [{ key: '', value: '' }] }).tags, 'problem.tags');
    assert.equal(fullName({ ...emptyForm(), isFifo: true, name: 'orders' }), 'orders.fifo');
  });

  it('tells times in their largest whole unit', () => {
    assert.deepEqual(fromBase(345_600, TIME_UNITS), { text: '4', unit: 'days' });
    assert.deepEqual(fromBase(90, TIME_UNITS), { text: '90', unit: 'seconds' });
    assert.equal(toBase({ text: '12', unit: 'hours' }), 43_200);
    assert.equal(toBase({ text: '-1', unit: 'hours' }), undefined);
  });
});

describe('an access policy', () => {
  it('is looked at before it is sent', () => {
    const statement = { Effect: 'Allow', Principal: '*', Action: 'sqs:*', Resource: ARN };
    const policy = (Statement: unknown) => JSON.stringify({ Version: '2012-10-17', Statement });
    assert.equal(policyProblem(''), undefined);
    assert.equal(policyProblem(policy([statement])), undefined);
    assert.equal(policyProblem('{'), 'policy.notJson');
    assert.equal(policyProblem('[]'), 'policy.notObject');
    assert.equal(policyProblem('{}'), 'policy.noStatement');
    assert.equal(policyProblem(policy({ ...statement, Effect: 'allow' })), 'policy.badEffect');
    assert.equal(policyProblem(policy(Array(21).fill(statement))), 'policy.tooManyStatements');
  });

  it('of named accounts is one that the server takes', () => {
    assert.equal(basicPolicy(ARN, [], []), '');
    const policy = basicPolicy(ARN, ['111122223333'], ['*']);
    assert.equal(policyProblem(policy), undefined);
    assert.match(policy, /arn:aws:iam::111122223333:root/);
  });
});

describe('the form of a message', () => {
  const form = { ...EMPTY_MESSAGE, body: 'a\n\nb', perLine: true };

  it('is one message a line', () => {
    assert.deepEqual(
      toMessages(form, false).map(({ body }) => body),
      ['a', 'b'],
    );
  });

  it('tells what the server would refuse', () => {
    const attribute = (type: string, value: string) =>
      messageProblems({ ...form, attributes: [{ name: 'n', type, value }] }, false, false);
    assert.equal(messageProblems(form, true, true).groupId, 'problem.required');
    assert.equal(attribute('Number', 'x').attributes, 'problem.attributeNumber');
    assert.equal(attribute('Binary', 'x').attributes, 'problem.attributeBinary');
    assert.deepEqual(attribute('Binary', 'AQI='), {});
    assert.equal(
      messageProblems({ ...form, mode: 'json', body: '{' }, false, false).body,
      'problem.notJson',
    );
  });
});

describe('a script that makes the same queue', () => {
  const wanted = {
    name: "it's",
    attributes: { Policy: '{"a":"${aws:x}"}', FifoQueue: 'true' },
    tags: {},
    endpoint: 'http://localhost:9324',
    region: 'us-east-1',
  };

  it('quotes what its language would read', () => {
    assert.match(asCli(wanted), /--queue-name 'it'\\''s'/);
    assert.match(asTerraform(wanted), /\$\$\{aws:x\}/);
    assert.match(asTerraform(wanted), /fifo_queue = true/);
  });
});
