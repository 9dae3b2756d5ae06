const BYTES_MAX = 8192;
const STATEMENTS_MAX = 20;

/** Why a text is no access policy; the key of a message. */
export type PolicyProblem =
  | 'policy.notJson'
  | 'policy.notObject'
  | 'policy.tooLong'
  | 'policy.noStatement'
  | 'policy.tooManyStatements'
  | 'policy.badEffect'
  | 'policy.noPrincipal'
  | 'policy.noAction';

/** What the server would say of this policy before it looks at what is in it. */
export function policyProblem(text: string): PolicyProblem | undefined {
  if (text.trim() === '') return undefined;
  const policy = parseJson(text);
  if (policy === undefined) return 'policy.notJson';
  if (!isObject(policy)) return 'policy.notObject';
  if (new TextEncoder().encode(text).length > BYTES_MAX) return 'policy.tooLong';
  const statement = policy['Statement'];
  const statements: unknown[] = Array.isArray(statement) ? statement : [statement];
  if (statement === undefined || statements.length === 0) return 'policy.noStatement';
  if (statements.length > STATEMENTS_MAX) return 'policy.tooManyStatements';
  for (const one of statements) {
    if (!isObject(one) || !['Allow', 'Deny'].includes(String(one['Effect'])))
      return 'policy.badEffect';
    if (!('Principal' in one || 'NotPrincipal' in one)) return 'policy.noPrincipal';
    if (!('Action' in one || 'NotAction' in one)) return 'policy.noAction';
  }
  return undefined;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export function prettyJson(text: string): string {
  const value = parseJson(text);
  return value === undefined ? text : JSON.stringify(value, undefined, 2);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const SENDER = ['SQS:SendMessage'];
const RECEIVER = ['SQS:ChangeMessageVisibility', 'SQS:DeleteMessage', 'SQS:ReceiveMessage'];

/** The policy that lets these principals send and receive; empty if there are none of them. */
export function basicPolicy(arn: string, senders: string[], receivers: string[]): string {
  const statement = (Sid: string, principals: string[], Action: string[]) => {
    const everyone = principals.includes('*');
    const Principal = { AWS: everyone ? '*' : principals.map(toPrincipal) };
    return { Sid, Effect: 'Allow', Principal, Action, Resource: arn };
  };
  const Statement = [
    ...(senders.length > 0 ? [statement('__sender_statement', senders, SENDER)] : []),
    ...(receivers.length > 0 ? [statement('__receiver_statement', receivers, RECEIVER)] : []),
  ];
  if (Statement.length === 0) return '';
  return JSON.stringify({ Version: '2012-10-17', Id: '__default_policy_ID', Statement });
}

/** An account's number names its root. */
const toPrincipal = (name: string) => (/^\d{12}$/.test(name) ? `arn:aws:iam::${name}:root` : name);

/** One principal a line: an account, an ARN of a user or role, or everyone. */
export function parsePrincipals(text: string): string[] {
  return text.split(/[\s,]+/).filter((line) => line !== '');
}

export const isPrincipal = (name: string): boolean =>
  name === '*' || /^\d{12}$/.test(name) || /^arn:aws[\w-]*:(iam|sts)::\d{12}:\S+$/.test(name);
