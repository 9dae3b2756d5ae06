import type { SQSClient } from '@aws-sdk/client-sqs';
import { createContext, useContext } from 'react';
import type { ServerFacts } from '../api/server';
import type { Session } from '../api/session';

export interface Signed {
  facts: ServerFacts;
  session: Session;
  client: SQSClient;
  /** Goes on as somebody else, or elsewhere. */
  change: (session: Session) => void;
  signOut: () => void;
}

export const SessionContext = createContext<Signed | undefined>(undefined);

export function useSession(): Signed {
  const signed = useContext(SessionContext);
  if (signed === undefined) throw new Error('a page is shown only to who has signed in');
  return signed;
}
