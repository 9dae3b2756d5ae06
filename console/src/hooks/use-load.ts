import { useCallback, useEffect, useRef, useState } from 'react';
import { isAbort, isMissingQueue, reasonOf } from '../api/client';

export type Loadable<T> =
  | { status: 'loading' }
  | { status: 'ready'; value: T; at: Date; stale?: string }
  | { status: 'failed'; message: string; isMissing: boolean };

export interface Loaded<T> {
  state: Loadable<T>;
  isRefreshing: boolean;
  refresh: () => void;
}

/**
 * Loads, and loads again every `everyMs` for as long as the tab is seen. A refresh that fails
 * leaves what was there, and tells so. `load` has to be the same function until what it is about
 * changes.
 */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<Loadable<T>>({ status: 'loading' });
  const [isRefreshing, setRefreshing] = useState(false);
  const [turn, setTurn] = useState(0);
  const loadedBy = useRef<typeof load>(undefined);

  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (loadedBy.current !== load) {
      loadedBy.current = load;
      setState((now) => (now.status === 'failed' ? { status: 'loading' } : now));
    }

    const run = async () => {
      setRefreshing(true);
      try {
        const value = await load(abort.signal);
        if (!abort.signal.aborted) setState({ status: 'ready', value, at: new Date() });
      } catch (error) {
        if (abort.signal.aborted || isAbort(error)) return;
        const message = reasonOf(error);
        setState((now) =>
          now.status === 'ready' && !isMissingQueue(error)
            ? { ...now, stale: message }
            : { status: 'failed', message, isMissing: isMissingQueue(error) },
        );
      } finally {
        if (!abort.signal.aborted) {
          setRefreshing(false);
          if (everyMs !== undefined && !document.hidden) timer = setTimeout(start, everyMs);
        }
      }
    };
    const start = () => void run();
    const seen = () => {
      clearTimeout(timer);
      if (!document.hidden && everyMs !== undefined) start();
    };

    start();
    document.addEventListener('visibilitychange', seen);
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [load, everyMs, turn]);

  const refresh = useCallback(() => setTurn((now) => now + 1), []);
  return { state, isRefreshing, refresh };
}
