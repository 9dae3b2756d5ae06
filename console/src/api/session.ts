/** Who calls, and from which region. Kept for this tab only, and dropped on sign-out. */
export interface Session {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  region: string;
}

const KEY = 'formiga.session';

export function loadSession(): Session | undefined {
  const text = sessionStorage.getItem(KEY);
  return text === null ? undefined : (JSON.parse(text) as Session);
}

export function keepSession(session: Session): void {
  sessionStorage.setItem(KEY, JSON.stringify(session));
}

export function dropSession(): void {
  sessionStorage.removeItem(KEY);
}

/** With auth off, a twelve-digit access key id is the account. */
export function openSession(account: string, region: string): Session {
  return { accessKeyId: account, secretAccessKey: 'open', region };
}
