import { nameOfArn, type Attributes, type Queue, type Tags } from '../api/queues';
import type { MessageKey } from '../i18n';
import { basicPolicy, isPrincipal, parsePrincipals, policyProblem, prettyJson } from './policy';
import { fromBase, parseWhole, SIZE_UNITS, TIME_UNITS, toBase, type Quantity } from './quantity';

export type WhoMay = 'owner' | 'named';
export type AllowMode = 'allowAll' | 'byQueue' | 'denyAll';

/** What stands in the form, as it was typed. */
export interface QueueForm {
  isFifo: boolean;
  name: string;
  visibilityTimeout: Quantity;
  retentionPeriod: Quantity;
  delay: Quantity;
  messageSize: Quantity;
  waitTime: Quantity;
  contentBasedDeduplication: boolean;
  highThroughput: boolean;
  encryption: 'sse-sqs' | 'sse-kms' | 'none';
  kmsKey: string;
  kmsReuse: Quantity;
  policyMode: 'basic' | 'advanced';
  whoSends: WhoMay;
  senders: string;
  whoReceives: WhoMay;
  receivers: string;
  policy: string;
  restrictRedrive: boolean;
  allowMode: AllowMode;
  allowedSources: string[];
  hasDeadLetterQueue: boolean;
  deadLetterArn: string;
  maxReceives: string;
  tags: { key: string; value: string }[];
}

export type Field =
  | 'name'
  | QuantityField
  | 'kmsKey'
  | 'senders'
  | 'receivers'
  | 'policy'
  | 'allowedSources'
  | 'deadLetterArn'
  | 'maxReceives'
  | 'tags';

export type QuantityField =
  'visibilityTimeout' | 'retentionPeriod' | 'delay' | 'messageSize' | 'waitTime' | 'kmsReuse';

/** What SQS takes for each, in seconds or bytes. */
export const RANGES: Record<QuantityField, { min: number; max: number; initial: number }> = {
  visibilityTimeout: { min: 0, max: 43_200, initial: 30 },
  retentionPeriod: { min: 60, max: 1_209_600, initial: 345_600 },
  delay: { min: 0, max: 900, initial: 0 },
  messageSize: { min: 1024, max: 1_048_576, initial: 1_048_576 },
  waitTime: { min: 0, max: 20, initial: 0 },
  kmsReuse: { min: 60, max: 86_400, initial: 300 },
};

const ATTRIBUTES: Record<QuantityField, string> = {
  visibilityTimeout: 'VisibilityTimeout',
  retentionPeriod: 'MessageRetentionPeriod',
  delay: 'DelaySeconds',
  messageSize: 'MaximumMessageSize',
  waitTime: 'ReceiveMessageWaitTimeSeconds',
  kmsReuse: 'KmsDataKeyReusePeriodSeconds',
};

const NAME_CHARACTERS_MAX = 80;
const SOURCES_MAX = 10;
const TAGS_MAX = 50;

export function emptyForm(): QueueForm {
  const initial = (field: QuantityField) => quantity(field, RANGES[field].initial);
  return {
    isFifo: false,
    name: '',
    visibilityTimeout: initial('visibilityTimeout'),
    retentionPeriod: initial('retentionPeriod'),
    delay: { text: '0', unit: 'seconds' },
    messageSize: initial('messageSize'),
    waitTime: { text: '0', unit: 'seconds' },
    contentBasedDeduplication: false,
    highThroughput: false,
    encryption: 'sse-sqs',
    kmsKey: 'alias/aws/sqs',
    kmsReuse: initial('kmsReuse'),
    policyMode: 'basic',
    whoSends: 'owner',
    senders: '',
    whoReceives: 'owner',
    receivers: '',
    policy: '',
    restrictRedrive: false,
    allowMode: 'allowAll',
    allowedSources: [],
    hasDeadLetterQueue: false,
    deadLetterArn: '',
    maxReceives: '10',
    tags: [],
  };
}

function quantity(field: QuantityField, base: number): Quantity {
  return fromBase(base, field === 'messageSize' ? SIZE_UNITS : TIME_UNITS);
}

/** The form that changes this queue. */
export function formOf(queue: Queue, tags: Tags): QueueForm {
  const form = emptyForm();
  const { attributes } = queue;
  for (const field of Object.keys(ATTRIBUTES) as QuantityField[]) {
    const value = attributes[ATTRIBUTES[field]];
    if (value !== undefined) form[field] = quantity(field, Number(value));
  }
  const allow = JSON.parse(attributes['RedriveAllowPolicy'] ?? '{}') as {
    redrivePermission?: AllowMode;
    sourceQueueArns?: string[];
  };
  const policy = attributes['Policy'] ?? '';
  return {
    ...form,
    isFifo: queue.isFifo,
    name: queue.name,
    contentBasedDeduplication: attributes['ContentBasedDeduplication'] === 'true',
    highThroughput: attributes['FifoThroughputLimit'] === 'perMessageGroupId',
    encryption: queue.encryption,
    kmsKey: attributes['KmsMasterKeyId'] ?? form.kmsKey,
    policyMode: policy === '' ? 'basic' : 'advanced',
    policy: prettyJson(policy),
    restrictRedrive: allow.redrivePermission !== undefined,
    allowMode: allow.redrivePermission ?? 'allowAll',
    allowedSources: allow.sourceQueueArns ?? [],
    hasDeadLetterQueue: queue.redrive !== undefined,
    deadLetterArn: queue.redrive?.deadLetterTargetArn ?? '',
    maxReceives: String(queue.redrive?.maxReceiveCount ?? 10),
    tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
  };
}

/** Everything about the queue, as SQS names it. What is not set is an empty string. */
export function toAttributes(form: QueueForm, arn: string): Attributes {
  const attributes: Attributes = {};
  for (const field of Object.keys(ATTRIBUTES) as QuantityField[]) {
    if (field === 'kmsReuse') continue;
    attributes[ATTRIBUTES[field]] = String(toBase(form[field]) ?? '');
  }
  if (form.isFifo) {
    attributes['FifoQueue'] = 'true';
    attributes['ContentBasedDeduplication'] = String(form.contentBasedDeduplication);
    attributes['DeduplicationScope'] = form.highThroughput ? 'messageGroup' : 'queue';
    attributes['FifoThroughputLimit'] = form.highThroughput ? 'perMessageGroupId' : 'perQueue';
  }
  if (form.encryption === 'sse-kms') {
    attributes['KmsMasterKeyId'] = form.kmsKey.trim();
    attributes['KmsDataKeyReusePeriodSeconds'] = String(toBase(form.kmsReuse) ?? '');
  } else {
    attributes['KmsMasterKeyId'] = '';
    attributes['SqsManagedSseEnabled'] = String(form.encryption === 'sse-sqs');
  }
  attributes['Policy'] = compactJson(policyOf(form, arn));
  attributes['RedriveAllowPolicy'] = form.restrictRedrive ? allowPolicyOf(form) : '';
  attributes['RedrivePolicy'] = form.hasDeadLetterQueue
    ? JSON.stringify({
        deadLetterTargetArn: form.deadLetterArn,
        maxReceiveCount: Number(form.maxReceives),
      })
    : '';
  return attributes;
}

/** What CreateQueue is asked for: what is not set is not named. */
export function toNewAttributes(form: QueueForm, arn: string): Attributes {
  const set = Object.entries(toAttributes(form, arn)).filter(([, value]) => value !== '');
  return Object.fromEntries(set);
}

export interface Change {
  name: string;
  before: string;
  after: string;
}

/** What SetQueueAttributes is asked for: only what differs from what the queue has. */
export function changesOf(queue: Queue, form: QueueForm): Change[] {
  const now = queue.attributes;
  return Object.entries(toAttributes(form, queue.arn)).flatMap(([name, after = '']) => {
    const before = compactJson(now[name] ?? '');
    return sameValue(before, after) || name === 'FifoQueue' ? [] : [{ name, before, after }];
  });
}

function sameValue(before: string, after: string): boolean {
  return before === after || (before.startsWith('{') && sorted(before) === sorted(after));
}

/** A JSON text whose members stand in the order of their names. */
function sorted(text: string): string {
  const order = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(order);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
    return Object.fromEntries(entries.map(([key, inner]) => [key, order(inner)]));
  };
  return text.startsWith('{') ? JSON.stringify(order(JSON.parse(text))) : text;
}

function compactJson(text: string): string {
  try {
    return text.trim().startsWith('{') ? JSON.stringify(JSON.parse(text)) : text.trim();
  } catch {
    return text;
  }
}

export function policyOf(form: QueueForm, arn: string): string {
  if (form.policyMode === 'advanced') return form.policy;
  return basicPolicy(
    arn,
    form.whoSends === 'named' ? parsePrincipals(form.senders) : [],
    form.whoReceives === 'named' ? parsePrincipals(form.receivers) : [],
  );
}

function allowPolicyOf(form: QueueForm): string {
  const redrivePermission = form.allowMode;
  return form.allowMode === 'byQueue'
    ? JSON.stringify({ redrivePermission, sourceQueueArns: form.allowedSources })
    : JSON.stringify({ redrivePermission });
}

export function tagsOf(form: QueueForm): Tags {
  return Object.fromEntries(form.tags.map(({ key, value }) => [key.trim(), value]));
}

/** The name that the queue will have: a FIFO queue's ends with `.fifo`. */
export function fullName(form: QueueForm): string {
  const name = form.name.trim();
  return form.isFifo && name !== '' && !name.endsWith('.fifo') ? `${name}.fifo` : name;
}

export type Problems = Partial<Record<Field, MessageKey>>;

/** What the server would refuse, by the field it is about. */
export function problemsOf(form: QueueForm): Problems {
  const problems: Problems = {};
  const name = nameProblem(form);
  if (name) problems.name = name;
  for (const field of Object.keys(RANGES) as QuantityField[]) {
    if (field === 'kmsReuse' && form.encryption !== 'sse-kms') continue;
    const base = toBase(form[field]);
    const { min, max } = RANGES[field];
    if (base === undefined) problems[field] = 'problem.notWhole';
    else if (base < min || base > max) problems[field] = `range.${field}`;
  }
  if (form.encryption === 'sse-kms' && form.kmsKey.trim() === '') {
    problems.kmsKey = 'problem.required';
  }
  if (form.policyMode === 'advanced') {
    const problem = policyProblem(form.policy);
    if (problem) problems.policy = problem;
  } else {
    for (const [who, field] of [
      [form.whoSends, 'senders'],
      [form.whoReceives, 'receivers'],
    ] as const) {
      if (who === 'owner') continue;
      const principals = parsePrincipals(form[field]);
      if (principals.length === 0) problems[field] = 'problem.required';
      else if (!principals.every(isPrincipal)) problems[field] = 'problem.principal';
    }
  }
  if (form.restrictRedrive && form.allowMode === 'byQueue') {
    const count = form.allowedSources.length;
    if (count === 0 || count > SOURCES_MAX) problems.allowedSources = 'problem.sources';
  }
  if (form.hasDeadLetterQueue) {
    if (form.deadLetterArn === '') problems.deadLetterArn = 'problem.required';
    else if (nameOfArn(form.deadLetterArn).endsWith('.fifo') !== form.isFifo)
      problems.deadLetterArn = 'problem.sameType';
    const receives = parseWhole(form.maxReceives);
    if (receives === undefined || receives < 1 || receives > 1000)
      problems.maxReceives = 'problem.maxReceives';
  }
  const keys = form.tags.map((tag) => tag.key.trim());
  if (keys.includes('') || new Set(keys).size < keys.length || keys.length > TAGS_MAX)
    problems.tags = 'problem.tags';
  return problems;
}

function nameProblem(form: QueueForm): MessageKey | undefined {
  const name = fullName(form);
  if (name === '') return 'problem.required';
  if (!form.isFifo && name.endsWith('.fifo')) return 'problem.fifoEnding';
  const stem = form.isFifo ? name.slice(0, -'.fifo'.length) : name;
  if (!/^[A-Za-z0-9_-]+$/.test(stem)) return 'problem.nameCharacters';
  return name.length > NAME_CHARACTERS_MAX ? 'problem.nameLength' : undefined;
}
