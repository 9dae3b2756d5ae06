import { useCallback, useRef } from 'react';
import { isMissingQueue } from '../../api/client';
import { getQueueAt, listQueues, nameOfUrl, type Queue } from '../../api/queues';
import { useLoad, type Loaded } from '../../hooks/use-load';
import { useSession } from '../../hooks/use-session';

/** A row of the list: what is known of a queue so far. */
export interface Row {
  name: string;
  url: string;
  queue?: Queue;
}

/** So many queues are asked about themselves; of more, only those that are seen. */
export const ASKED_MAX = 200;
const EVERY_MS = 5000;
const AT_ONCE = 6;

/** All queues. Their attributes are asked of all, or of those in `seen` if there are many. */
export function useQueues(seen: string[]): Loaded<Row[]> {
  const { client } = useSession();
  const known = useRef(new Map<string, Queue>());
  const wanted = seen.join('\n');

  const load = useCallback(
    async (signal: AbortSignal): Promise<Row[]> => {
      const urls = await listQueues(client, signal);
      const names = new Set(wanted.split('\n'));
      const asked =
        urls.length <= ASKED_MAX ? urls : urls.filter((url) => names.has(nameOfUrl(url)));
      const rest = [...asked];
      const gone = new Set<string>();
      const ask = async () => {
        for (let url = rest.shift(); url !== undefined; url = rest.shift()) {
          try {
            known.current.set(url, await getQueueAt(client, url, signal));
          } catch (error) {
            if (!isMissingQueue(error)) throw error;
            gone.add(url);
          }
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, ask));
      const there = urls.filter((url) => !gone.has(url));
      return there.map((url) => ({ name: nameOfUrl(url), url, queue: known.current.get(url) }));
    },
    [client, wanted],
  );
  return useLoad(load, EVERY_MS);
}
