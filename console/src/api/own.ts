import type { SQSClient } from '@aws-sdk/client-sqs';
import { SignatureV4 } from '@smithy/signature-v4';

/** Asks for one of Formiga's own actions, signed like those of SQS. */
export async function callOwn<Output>(
  client: SQSClient,
  action: string,
  input: object,
  signal: AbortSignal,
): Promise<Output> {
  const { credentials, region, sha256 } = client.config;
  const { protocol, hostname, port, host } = location;
  const body = JSON.stringify(input);
  const signer = new SignatureV4({ credentials, region, sha256, service: 'sqs' });
  const signed = await signer.sign({
    method: 'POST',
    protocol,
    hostname,
    port: port === '' ? undefined : Number(port),
    path: '/',
    query: {},
    headers: {
      host,
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `Formiga.${action}`,
    },
    body,
  });
  // The browser says itself which host it asks.
  const headers = Object.fromEntries(
    Object.entries(signed.headers).filter(([name]) => name !== 'host'),
  );
  const answer = await fetch('/', { method: 'POST', headers, body, signal });
  const told: unknown = await answer.json();
  if (!answer.ok) throw refusalOf(told, answer.status);
  return told as Output;
}

function refusalOf(told: unknown, status: number): Error {
  const { __type: type = '', message } = told as { __type?: string; message?: string };
  const error = new Error(message ?? `HTTP ${status}`);
  error.name = type.split('#').pop() ?? type;
  return error;
}
