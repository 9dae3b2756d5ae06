import type { MessageAttribute, NewMessage, ReceivedMessage } from '../api/messages';
import type { MessageKey } from '../i18n';
import { parseJson } from './policy';
import { parseWhole } from './quantity';

/** What stands in the form that sends, as it was typed. */
export interface MessageForm {
  mode: 'text' | 'json';
  body: string;
  perLine: boolean;
  groupId: string;
  deduplicationId: string;
  delay: string;
  attributes: MessageAttribute[];
}

export const EMPTY_MESSAGE: MessageForm = {
  mode: 'text',
  body: '',
  perLine: false,
  groupId: '',
  deduplicationId: '',
  delay: '',
  attributes: [],
};

export const ATTRIBUTES_MAX = 10;
const DELAY_SECONDS_MAX = 900;

export type MessageField = 'body' | 'groupId' | 'deduplicationId' | 'delay' | 'attributes';
export type MessageProblems = Partial<Record<MessageField, MessageKey>>;

/** A received message, ready to be sent again: in a FIFO queue under a new deduplication id. */
export function formOfMessage(message: ReceivedMessage): MessageForm {
  const isJson = /^\s*[[{]/.test(message.body) && parseJson(message.body) !== undefined;
  return {
    ...EMPTY_MESSAGE,
    mode: isJson ? 'json' : 'text',
    body: message.body,
    groupId: message.groupId ?? '',
    attributes: message.attributes,
  };
}

/** One message, or one for each line that holds anything. */
export function toMessages(form: MessageForm, isFifo: boolean): NewMessage[] {
  const bodies = form.perLine ? form.body.split('\n').filter((line) => line !== '') : [form.body];
  return bodies.map((body, at) => ({
    body,
    groupId: form.groupId || undefined,
    deduplicationId:
      form.deduplicationId && form.perLine
        ? `${form.deduplicationId}-${at + 1}`
        : form.deduplicationId || undefined,
    delaySeconds: isFifo || form.delay === '' ? undefined : Number(form.delay),
    attributes: form.attributes,
  }));
}

/** What the server would refuse, by the field it is about. */
export function messageProblems(
  form: MessageForm,
  isFifo: boolean,
  deduplicatesByContent: boolean,
): MessageProblems {
  const problems: MessageProblems = {};
  const bodies = form.perLine ? form.body.split('\n').filter((line) => line !== '') : [form.body];
  if (form.body === '' || bodies.length === 0) problems.body = 'problem.required';
  else if (form.mode === 'json' && bodies.some((body) => parseJson(body) === undefined))
    problems.body = 'problem.notJson';
  if (isFifo && form.groupId === '') problems.groupId = 'problem.required';
  else if (!isId(form.groupId)) problems.groupId = 'problem.id';
  if (isFifo && !deduplicatesByContent && form.deduplicationId === '')
    problems.deduplicationId = 'problem.required';
  else if (!isId(form.deduplicationId)) problems.deduplicationId = 'problem.id';
  if (!isFifo && form.delay !== '') {
    const delay = parseWhole(form.delay);
    if (delay === undefined || delay > DELAY_SECONDS_MAX) problems.delay = 'problem.delay';
  }
  const problem = form.attributes.map(attributeProblem).find((it) => it !== undefined);
  const names = form.attributes.map((attribute) => attribute.name);
  if (problem) problems.attributes = problem;
  else if (new Set(names).size < names.length) problems.attributes = 'problem.sameName';
  return problems;
}

/** Letters, digits and punctuation, at most 128 of them. */
const isId = (text: string) => /^[\x21-\x7e]{0,128}$/.test(text);

function attributeProblem({ name, type, value }: MessageAttribute): MessageKey | undefined {
  if (!/^(?!\.)(?!.*\.\.)[\w.-]{1,256}(?<!\.)$/.test(name)) return 'problem.attributeName';
  if (/^(aws|amazon)\./i.test(name)) return 'problem.attributeName';
  if (value === '') return 'problem.attributeValue';
  if (type.startsWith('Number') && !/^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value))
    return 'problem.attributeNumber';
  const isBase64 = /^(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=)?$/.test(value) && !/_/.test(value);
  return type.startsWith('Binary') && !isBase64 ? 'problem.attributeBinary' : undefined;
}
