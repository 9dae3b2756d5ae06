import type { SQSClient } from '@aws-sdk/client-sqs';
import type { ReceivedMessage } from './messages';
import { callOwn } from './own';

export type MessageState = 'Visible' | 'InFlight' | 'Delayed';

/** A message as it is in the queue: nobody received it here, so it has no handle. */
export interface PeekedMessage extends Omit<ReceivedMessage, 'handle'> {
  state: MessageState;
  /** The end of its delay or visibility timeout. */
  until?: Date;
}

export interface PeekFilter {
  states: MessageState[];
  text: string;
  group: string;
}

export interface PeekPage {
  messages: PeekedMessage[];
  next?: string;
  scanned: number;
}

interface Output {
  Messages: {
    MessageId: string;
    State: MessageState;
    Until?: number;
    Body: string;
    Attributes: Record<string, string>;
    MessageAttributes?: Record<
      string,
      { DataType?: string; StringValue?: string; BinaryValue?: string }
    >;
  }[];
  NextToken?: string;
  Scanned: number;
}

const PAGE = 50;

/** Looks at messages without receiving them, from where an earlier page ended. */
export async function peekMessages(
  client: SQSClient,
  queue: string,
  filter: PeekFilter,
  from: string | undefined,
  signal: AbortSignal,
): Promise<PeekPage> {
  const input = {
    QueueUrl: queue,
    MaxResults: PAGE,
    NextToken: from,
    States: filter.states.length === 0 ? undefined : filter.states,
    Text: filter.text || undefined,
    MessageGroupId: filter.group || undefined,
  };
  const output = await callOwn<Output>(client, 'PeekMessages', input, signal);
  return {
    next: output.NextToken,
    scanned: output.Scanned,
    messages: output.Messages.map((message) => ({
      id: message.MessageId,
      state: message.State,
      until: message.Until === undefined ? undefined : new Date(message.Until),
      body: message.Body,
      bytes: new TextEncoder().encode(message.Body).length,
      sent: new Date(Number(message.Attributes['SentTimestamp'] ?? 0)),
      receiveCount: Number(message.Attributes['ApproximateReceiveCount'] ?? 0),
      groupId: message.Attributes['MessageGroupId'],
      deduplicationId: message.Attributes['MessageDeduplicationId'],
      system: message.Attributes,
      attributes: Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => ({
        name,
        type: value.DataType ?? 'String',
        value: value.BinaryValue ?? value.StringValue ?? '',
      })),
    })),
  };
}
