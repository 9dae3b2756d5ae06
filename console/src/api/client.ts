import { SQSClient } from '@aws-sdk/client-sqs';
import type { Session } from './session';

/** The one client, which asks the server that the page came from and nobody else. */
export function createClient(session: Session): SQSClient {
  const { region, ...credentials } = session;
  return new SQSClient({
    endpoint: location.origin,
    region,
    credentials,
    maxAttempts: 2,
    // Queues are named by their name alone; their URL may name a host that this page may not ask.
    useQueueUrlAsEndpoint: false,
  });
}

/** The sentence that the server gave as its reason. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

export function isMissingQueue(error: unknown): boolean {
  return error instanceof Error && error.name === 'QueueDoesNotExist';
}
