import {
  CancelMessageMoveTaskCommand,
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  ListMessageMoveTasksCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  PurgeQueueCommand,
  SetQueueAttributesCommand,
  StartMessageMoveTaskCommand,
  TagQueueCommand,
  UntagQueueCommand,
  type QueueAttributeName,
  type SQSClient,
} from '@aws-sdk/client-sqs';

export type Attributes = Partial<Record<string, string>>;
export type Tags = Record<string, string>;

export interface RedrivePolicy {
  deadLetterTargetArn: string;
  maxReceiveCount: number;
}

/** A queue as its attributes tell it. */
export interface Queue {
  name: string;
  url: string;
  arn: string;
  isFifo: boolean;
  created: Date;
  modified: Date;
  available: number;
  inFlight: number;
  delayed: number;
  encryption: 'sse-sqs' | 'sse-kms' | 'none';
  redrive?: RedrivePolicy;
  attributes: Attributes;
}

export interface MoveTask {
  handle?: string;
  status: string;
  destinationArn?: string;
  moved: number;
  toMove?: number;
  perSecond?: number;
  failure?: string;
  started?: Date;
}

export const nameOfUrl = (url: string): string => url.slice(url.lastIndexOf('/') + 1);
export const nameOfArn = (arn: string): string => arn.slice(arn.lastIndexOf(':') + 1);

/** The URLs of all queues, in the order of their names. */
export async function listQueues(client: SQSClient, signal?: AbortSignal): Promise<string[]> {
  const urls: string[] = [];
  let token: string | undefined;
  do {
    const command = new ListQueuesCommand({ MaxResults: 1000, NextToken: token });
    const page = await client.send(command, { abortSignal: signal });
    urls.push(...(page.QueueUrls ?? []));
    token = page.NextToken;
  } while (token !== undefined);
  return urls;
}

export async function getQueue(
  client: SQSClient,
  name: string,
  signal?: AbortSignal,
): Promise<Queue> {
  const options = { abortSignal: signal };
  const asked: QueueAttributeName[] = ['All'];
  const [found, url] = await Promise.all([
    client.send(new GetQueueAttributesCommand({ QueueUrl: name, AttributeNames: asked }), options),
    client.send(new GetQueueUrlCommand({ QueueName: name }), options),
  ]);
  return toQueue(url.QueueUrl ?? name, found.Attributes ?? {});
}

/** The same for a queue whose URL is known. */
export async function getQueueAt(
  client: SQSClient,
  url: string,
  signal?: AbortSignal,
): Promise<Queue> {
  const command = new GetQueueAttributesCommand({
    QueueUrl: nameOfUrl(url),
    AttributeNames: ['All'],
  });
  const found = await client.send(command, { abortSignal: signal });
  return toQueue(url, found.Attributes ?? {});
}

function toQueue(url: string, attributes: Attributes): Queue {
  const count = (name: string) => Number(attributes[name] ?? 0);
  const redrive = attributes['RedrivePolicy'];
  return {
    name: nameOfUrl(url),
    url,
    arn: attributes['QueueArn'] ?? '',
    isFifo: attributes['FifoQueue'] === 'true',
    created: new Date(count('CreatedTimestamp') * 1000),
    modified: new Date(count('LastModifiedTimestamp') * 1000),
    available: count('ApproximateNumberOfMessages'),
    inFlight: count('ApproximateNumberOfMessagesNotVisible'),
    delayed: count('ApproximateNumberOfMessagesDelayed'),
    encryption: attributes['KmsMasterKeyId']
      ? 'sse-kms'
      : attributes['SqsManagedSseEnabled'] === 'true'
        ? 'sse-sqs'
        : 'none',
    redrive: redrive ? toRedrivePolicy(redrive) : undefined,
    attributes,
  };
}

function toRedrivePolicy(text: string): RedrivePolicy {
  const policy = JSON.parse(text) as { deadLetterTargetArn: string; maxReceiveCount: unknown };
  return {
    deadLetterTargetArn: policy.deadLetterTargetArn,
    maxReceiveCount: Number(policy.maxReceiveCount),
  };
}

export async function createQueue(
  client: SQSClient,
  name: string,
  attributes: Attributes,
  tags: Tags,
): Promise<void> {
  const Attributes = attributes as Record<string, string>;
  await client.send(new CreateQueueCommand({ QueueName: name, Attributes, tags }));
}

export async function setAttributes(
  client: SQSClient,
  name: string,
  attributes: Attributes,
): Promise<void> {
  const Attributes = attributes as Record<string, string>;
  await client.send(new SetQueueAttributesCommand({ QueueUrl: name, Attributes }));
}

export async function deleteQueue(client: SQSClient, name: string): Promise<void> {
  await client.send(new DeleteQueueCommand({ QueueUrl: name }));
}

export async function purgeQueue(client: SQSClient, name: string): Promise<void> {
  await client.send(new PurgeQueueCommand({ QueueUrl: name }));
}

export async function listTags(
  client: SQSClient,
  name: string,
  signal?: AbortSignal,
): Promise<Tags> {
  const command = new ListQueueTagsCommand({ QueueUrl: name });
  return (await client.send(command, { abortSignal: signal })).Tags ?? {};
}

/** Makes the tags `after` of the tags `before`. */
export async function changeTags(
  client: SQSClient,
  name: string,
  before: Tags,
  after: Tags,
): Promise<void> {
  const gone = Object.keys(before).filter((key) => !(key in after));
  const set = Object.fromEntries(
    Object.entries(after).filter(([key, value]) => before[key] !== value),
  );
  if (gone.length > 0) {
    await client.send(new UntagQueueCommand({ QueueUrl: name, TagKeys: gone }));
  }
  if (Object.keys(set).length > 0) {
    await client.send(new TagQueueCommand({ QueueUrl: name, Tags: set }));
  }
}

/** The names of the queues whose dead-letter queue this is. */
export async function listSources(
  client: SQSClient,
  name: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const names: string[] = [];
  let token: string | undefined;
  do {
    const command = new ListDeadLetterSourceQueuesCommand({
      QueueUrl: name,
      MaxResults: 1000,
      NextToken: token,
    });
    const page = await client.send(command, { abortSignal: signal });
    names.push(...(page.queueUrls ?? []).map(nameOfUrl));
    token = page.NextToken;
  } while (token !== undefined);
  return names;
}

/** The redrive that runs, if one does, and the latest before it. */
export async function listMoveTasks(
  client: SQSClient,
  arn: string,
  signal?: AbortSignal,
): Promise<MoveTask[]> {
  const command = new ListMessageMoveTasksCommand({ SourceArn: arn, MaxResults: 10 });
  const page = await client.send(command, { abortSignal: signal });
  return (page.Results ?? []).map((task) => ({
    handle: task.TaskHandle,
    status: task.Status ?? '',
    destinationArn: task.DestinationArn,
    moved: task.ApproximateNumberOfMessagesMoved ?? 0,
    toMove: task.ApproximateNumberOfMessagesToMove,
    perSecond: task.MaxNumberOfMessagesPerSecond,
    failure: task.FailureReason,
    started: task.StartedTimestamp === undefined ? undefined : new Date(task.StartedTimestamp),
  }));
}

export async function startMoveTask(
  client: SQSClient,
  sourceArn: string,
  destinationArn?: string,
  perSecond?: number,
): Promise<void> {
  await client.send(
    new StartMessageMoveTaskCommand({
      SourceArn: sourceArn,
      DestinationArn: destinationArn,
      MaxNumberOfMessagesPerSecond: perSecond,
    }),
  );
}

export async function cancelMoveTask(client: SQSClient, handle: string): Promise<void> {
  await client.send(new CancelMessageMoveTaskCommand({ TaskHandle: handle }));
}

/** Whether the server knows this key. Being refused an action is an answer to somebody known. */
export async function proveSession(client: SQSClient): Promise<void> {
  try {
    await client.send(new ListQueuesCommand({ MaxResults: 1 }));
  } catch (error) {
    if (!(error instanceof Error && /AccessDenied/.test(error.name))) throw error;
  }
}
