import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type MessageAttributeValue,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** Binary values are written in Base64. */
export interface MessageAttribute {
  name: string;
  type: string;
  value: string;
}

export interface NewMessage {
  body: string;
  groupId?: string;
  deduplicationId?: string;
  delaySeconds?: number;
  attributes: MessageAttribute[];
}

export interface ReceivedMessage {
  id: string;
  handle: string;
  body: string;
  bytes: number;
  sent: Date;
  receiveCount: number;
  groupId?: string;
  deduplicationId?: string;
  system: Record<string, string>;
  attributes: MessageAttribute[];
}

export interface Failure {
  id: string;
  reason: string;
}

const BATCH_ENTRIES_MAX = 10;

export async function sendMessage(
  client: SQSClient,
  queue: string,
  message: NewMessage,
): Promise<string> {
  const sent = await client.send(new SendMessageCommand({ QueueUrl: queue, ...toEntry(message) }));
  return sent.MessageId ?? '';
}

/** Sends messages in batches of ten, in order; answers which were refused, and why. */
export async function sendMessages(
  client: SQSClient,
  queue: string,
  messages: NewMessage[],
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (let start = 0; start < messages.length; start += BATCH_ENTRIES_MAX) {
    const batch = messages.slice(start, start + BATCH_ENTRIES_MAX);
    const Entries = batch.map((message, at) => ({ Id: String(start + at), ...toEntry(message) }));
    const answer = await client.send(new SendMessageBatchCommand({ QueueUrl: queue, Entries }));
    for (const failed of answer.Failed ?? []) {
      failures.push({ id: failed.Id ?? '', reason: failed.Message ?? failed.Code ?? '' });
    }
  }
  return failures;
}

function toEntry(message: NewMessage) {
  return {
    MessageBody: message.body,
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
    DelaySeconds: message.delaySeconds,
    MessageAttributes:
      message.attributes.length === 0
        ? undefined
        : Object.fromEntries(message.attributes.map((it) => [it.name, toValue(it)])),
  };
}

function toValue({ type, value }: MessageAttribute): MessageAttributeValue {
  return type.startsWith('Binary')
    ? { DataType: type, BinaryValue: fromBase64(value) }
    : { DataType: type, StringValue: value };
}

export async function receiveMessages(
  client: SQSClient,
  queue: string,
  count: number,
  waitSeconds: number,
  visibilityTimeout: number | undefined,
  signal: AbortSignal,
): Promise<ReceivedMessage[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: queue,
    MaxNumberOfMessages: Math.min(count, BATCH_ENTRIES_MAX),
    WaitTimeSeconds: waitSeconds,
    VisibilityTimeout: visibilityTimeout,
    MessageSystemAttributeNames: ['All'],
    MessageAttributeNames: ['All'],
  });
  const answer = await client.send(command, { abortSignal: signal });
  return (answer.Messages ?? []).map((message) => {
    const system: Record<string, string> = message.Attributes ?? {};
    const body = message.Body ?? '';
    return {
      id: message.MessageId ?? '',
      handle: message.ReceiptHandle ?? '',
      body,
      bytes: new TextEncoder().encode(body).length,
      sent: new Date(Number(system['SentTimestamp'] ?? 0)),
      receiveCount: Number(system['ApproximateReceiveCount'] ?? 0),
      groupId: system['MessageGroupId'],
      deduplicationId: system['MessageDeduplicationId'],
      system,
      attributes: Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => ({
        name,
        type: value.DataType ?? 'String',
        value: value.BinaryValue ? toBase64(value.BinaryValue) : (value.StringValue ?? ''),
      })),
    };
  });
}

/** Deletes messages in batches of ten; answers which stayed, by message id. */
export async function deleteMessages(
  client: SQSClient,
  queue: string,
  messages: ReceivedMessage[],
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (let start = 0; start < messages.length; start += BATCH_ENTRIES_MAX) {
    const batch = messages.slice(start, start + BATCH_ENTRIES_MAX);
    const Entries = batch.map((message, at) => ({ Id: String(at), ReceiptHandle: message.handle }));
    const answer = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queue, Entries }));
    for (const failed of answer.Failed ?? []) {
      const id = batch[Number(failed.Id)]?.id ?? '';
      failures.push({ id, reason: failed.Message ?? failed.Code ?? '' });
    }
  }
  return failures;
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
