import { useCallback } from 'react';
import { listQueues } from '../../api/queues';
import { useLoad } from '../../hooks/use-load';
import { useSession } from '../../hooks/use-session';

/** The ARN that a queue of this name will have. Where callers are checked, a key does not tell
 * its account, but the URL of any queue does. */
export function useOwnArn(name: string): string {
  const { client, session, facts } = useSession();
  const load = useCallback((signal: AbortSignal) => listQueues(client, signal), [client]);
  const { state } = useLoad(load);
  const first = state.status === 'ready' ? state.value[0] : undefined;
  const account = facts.auth === 'off' ? session.accessKeyId : (first?.split('/').at(-2) ?? '*');
  return `arn:aws:sqs:${session.region}:${account}:${name}`;
}
