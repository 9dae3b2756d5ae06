import { useCallback, useEffect, useRef, useState } from 'react';
import { isAbort, reasonOf } from '../../api/client';
import { peekMessages, type PeekFilter, type PeekPage } from '../../api/peek';
import { useSession } from '../../hooks/use-session';

const NOTHING: PeekPage = { messages: [], scanned: 0 };
const EVERYTHING: PeekFilter = { states: [], text: '', group: '' };

/** Looks at a queue's messages, page by page. A new look ends the one under way. */
export function usePeek(queue: string) {
  const { client } = useSession();
  const [found, setFound] = useState<PeekPage>(NOTHING);
  const [isLooking, setLooking] = useState(true);
  const [failure, setFailure] = useState<string>();
  const underWay = useRef<AbortController>(undefined);
  const wanted = useRef<PeekFilter>(EVERYTHING);

  const run = useCallback(
    async (before: PeekPage) => {
      underWay.current?.abort();
      const abort = new AbortController();
      underWay.current = abort;
      setLooking(true);
      try {
        const page = await peekMessages(client, queue, wanted.current, before.next, abort.signal);
        if (abort.signal.aborted) return;
        setFound({
          messages: [...before.messages, ...page.messages],
          next: page.next,
          scanned: before.scanned + page.scanned,
        });
        setFailure(undefined);
      } catch (error) {
        if (abort.signal.aborted || isAbort(error)) return;
        setFailure(reasonOf(error));
      }
      setLooking(false);
    },
    [client, queue],
  );

  useEffect(() => {
    void run(NOTHING);
    return () => underWay.current?.abort();
  }, [run]);

  const look = (filter: PeekFilter) => {
    wanted.current = filter;
    void run(NOTHING);
  };
  const lookOn = () => void run(found);
  return { found, isLooking, failure, look, lookOn };
}
