/** What the server tells a page before anyone has signed in. */
export interface ServerFacts {
  auth: 'off' | 'required';
  region: string;
}

export async function fetchServerFacts(): Promise<ServerFacts> {
  const answer = await fetch('/console/server.json');
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return (await answer.json()) as ServerFacts;
}
