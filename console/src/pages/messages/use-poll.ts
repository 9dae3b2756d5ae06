import { useCallback, useEffect, useRef, useState } from 'react';
import { isAbort, reasonOf } from '../../api/client';
import { receiveMessages, type ReceivedMessage } from '../../api/messages';
import { useSession } from '../../hooks/use-session';

export interface PollSettings {
  seconds: number;
  count: number;
  visibilityTimeout?: number;
}

export type PollState =
  { status: 'idle' } | { status: 'polling'; share: number } | { status: 'failed'; message: string };

const WAIT_SECONDS_MAX = 20;

/** Receives until the time is over, the count is reached, or somebody stops it. */
export function usePoll(queue: string) {
  const { client } = useSession();
  const [state, setState] = useState<PollState>({ status: 'idle' });
  const [messages, setMessages] = useState<ReceivedMessage[]>([]);
  const running = useRef<AbortController>(undefined);

  useEffect(() => () => running.current?.abort(), []);

  const start = useCallback(
    async ({ seconds, count, visibilityTimeout }: PollSettings) => {
      const abort = new AbortController();
      running.current = abort;
      const began = Date.now();
      const left = () => seconds - (Date.now() - began) / 1000;
      const show = () => setState({ status: 'polling', share: 1 - Math.max(0, left()) / seconds });
      show();
      const ticking = setInterval(show, 500);
      let received = 0;
      try {
        while (left() > 0 && received < count && !abort.signal.aborted) {
          const wait = Math.min(WAIT_SECONDS_MAX, Math.max(0, Math.ceil(left())));
          const part = await receiveMessages(
            client,
            queue,
            count - received,
            wait,
            visibilityTimeout,
            abort.signal,
          );
          received += part.length;
          setMessages((now) => merge(now, part));
        }
        setState({ status: 'idle' });
      } catch (error) {
        if (isAbort(error)) setState({ status: 'idle' });
        else setState({ status: 'failed', message: reasonOf(error) });
      } finally {
        clearInterval(ticking);
      }
    },
    [client, queue],
  );
  const stop = useCallback(() => running.current?.abort(), []);
  const forget = useCallback((ids: Set<string>) => {
    setMessages((now) => now.filter((message) => !ids.has(message.id)));
  }, []);
  return { state, messages, start, stop, forget };
}

/** A message that came again has a new handle; only the latest deletes it. */
function merge(before: ReceivedMessage[], part: ReceivedMessage[]): ReceivedMessage[] {
  const latest = new Map(before.map((message) => [message.id, message]));
  for (const message of part) latest.set(message.id, message);
  return [...latest.values()];
}
