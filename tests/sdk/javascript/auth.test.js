// A server that checks who calls: users, sessions, roles, other accounts and presigned URLs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { IAM } from '@aws-sdk/client-iam';
import { SQS } from '@aws-sdk/client-sqs';
import { STS } from '@aws-sdk/client-sts';
import { SignatureV4 } from '@smithy/signature-v4';

import { Server } from './formiga.js';
import { newName, refusedAs } from './support.js';

const A = '111111111111';
const B = '222222222222';
const ROOT_A = { accessKeyId: 'AKIAROOTA00000000001', secretAccessKey: 'secret of A' };
const ROOT_B = { accessKeyId: 'AKIAROOTB00000000001', secretAccessKey: 'secret of B' };

const policy = (...statements) => JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = (action, more = {}) => ({ Effect: 'Allow', Action: action, Resource: '*', ...more });

let server;
const clients = [];

before(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'formiga-users-'));
  const users = join(folder, 'users.toml');
  const root = (account, { accessKeyId, secretAccessKey }) =>
    `[[user]]\naccount = "${account}"\nkeys = [{ access_key_id = "${accessKeyId}", secret_access_key = "${secretAccessKey}" }]\n`;
  await writeFile(users, root(A, ROOT_A) + root(B, ROOT_B), { mode: 0o600 });
  try {
    server = await Server.start(['--auth', 'required', '--credentials-file', users]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

after(async () => {
  for (const client of clients) client.destroy();
  await server?.stop();
});

function client(Service, credentials) {
  const made = new Service({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials,
    maxAttempts: 1,
  });
  clients.push(made);
  return made;
}

const sqs = (credentials = ROOT_A) => client(SQS, credentials);

/** A new user of the account whose root this is, and the user's key. */
async function newUser(policyDocument, root = ROOT_A) {
  const iam = client(IAM, root);
  const UserName = newName('user');
  const { User } = await iam.createUser({ UserName });
  if (policyDocument) {
    await iam.putUserPolicy({ UserName, PolicyName: 'p', PolicyDocument: policyDocument });
  }
  const { AccessKey } = await iam.createAccessKey({ UserName });
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = AccessKey;
  return { arn: User.Arn, name: UserName, keys: { accessKeyId, secretAccessKey } };
}

const sessionOf = ({ Credentials }) => ({
  accessKeyId: Credentials.AccessKeyId,
  secretAccessKey: Credentials.SecretAccessKey,
  sessionToken: Credentials.SessionToken,
});

async function newQueue(root = ROOT_A) {
  return (await sqs(root).createQueue({ QueueName: newName() })).QueueUrl;
}

const send = (credentials, QueueUrl) => sqs(credentials).sendMessage({ QueueUrl, MessageBody: 'x' });

test('a user does what its policy allows and nothing else', async () => {
  const QueueUrl = await newQueue();
  const { keys, name, arn } = await newUser(policy(allow('sqs:SendMessage')));
  await send(keys, QueueUrl);
  await refusedAs(sqs(keys).receiveMessage({ QueueUrl }), 'AccessDenied', { status: 403 });
  await refusedAs(send({ ...keys, secretAccessKey: 'wrong' }, QueueUrl), 'SignatureDoesNotMatch', { status: 403 });
  await refusedAs(send({ ...keys, accessKeyId: 'AKIANOBODY0000000001' }, QueueUrl), 'InvalidClientTokenId', { status: 403 });
  assert.equal((await client(STS, keys).getCallerIdentity({})).Arn, arn);
  await client(IAM, ROOT_A).deleteUserPolicy({ UserName: name, PolicyName: 'p' });
  await refusedAs(send(keys, QueueUrl), 'AccessDenied', { status: 403 });
});

test('a session is its user while its token is there', async () => {
  const QueueUrl = await newQueue();
  const { keys, arn } = await newUser(policy(allow('sqs:*')));
  const session = sessionOf(await client(STS, keys).getSessionToken({ DurationSeconds: 900 }));
  await send(session, QueueUrl);
  assert.equal((await client(STS, session).getCallerIdentity({})).Arn, arn);
  const { sessionToken, ...bare } = session;
  for (const wrong of [bare, { ...bare, sessionToken: `${sessionToken}AAAA` }, { ...keys, sessionToken }]) {
    await refusedAs(send(wrong, QueueUrl), 'InvalidClientTokenId', { status: 403 });
  }
});

test('a role is assumed, and a session policy narrows it down', async () => {
  const QueueUrl = await newQueue();
  const user = await newUser();
  const iam = client(IAM, ROOT_A);
  const RoleName = newName('role');
  const trust = { Effect: 'Allow', Principal: { AWS: user.arn }, Action: 'sts:AssumeRole' };
  const { Role } = await iam.createRole({ RoleName, AssumeRolePolicyDocument: policy(trust) });
  await iam.putRolePolicy({ RoleName, PolicyName: 'p', PolicyDocument: policy(allow('sqs:*')) });
  await refusedAs(send(user.keys, QueueUrl), 'AccessDenied', { status: 403 });

  const asked = { RoleArn: Role.Arn, RoleSessionName: 'works' };
  const assumed = await client(STS, user.keys).assumeRole(asked);
  assert.equal(assumed.AssumedRoleUser.Arn, `arn:aws:sts::${A}:assumed-role/${RoleName}/works`);
  await send(sessionOf(assumed), QueueUrl);

  const Policy = policy(allow('sqs:ReceiveMessage'));
  const narrow = sessionOf(await client(STS, user.keys).assumeRole({ ...asked, Policy }));
  await refusedAs(send(narrow, QueueUrl), 'AccessDenied', { status: 403 });
  const { Messages } = await sqs(narrow).receiveMessage({ QueueUrl });
  assert.equal(Messages[0].Body, 'x');

  const stranger = await newUser();
  await assert.rejects(client(STS, stranger.keys).assumeRole(asked), (error) => {
    assert.equal(error.name, 'AccessDenied');
    assert.match(error.message, /is not authorized to perform: sts:AssumeRole on resource: /);
    return true;
  });
});

test('a policy of the queue and one of the user let another account in', async () => {
  const QueueUrl = await newQueue();
  const bob = await newUser(policy(allow('sqs:*')), ROOT_B);
  const idle = await newUser(undefined, ROOT_B);
  await refusedAs(send(bob.keys, QueueUrl), 'AccessDenied', { status: 403 });
  const Policy = policy(allow('sqs:SendMessage', { Principal: { AWS: B } }));
  await sqs().setQueueAttributes({ QueueUrl, Attributes: { Policy } });
  await send(bob.keys, QueueUrl);
  await refusedAs(send(idle.keys, QueueUrl), 'AccessDenied', { status: 403 });
  await refusedAs(sqs(bob.keys).receiveMessage({ QueueUrl }), 'AccessDenied', { status: 403 });
  const deny = { ...allow('sqs:SendMessage', { Principal: { AWS: bob.arn } }), Effect: 'Deny' };
  const both = policy(JSON.parse(Policy).Statement[0], deny);
  await sqs().setQueueAttributes({ QueueUrl, Attributes: { Policy: both } });
  await refusedAs(send(bob.keys, QueueUrl), 'AccessDenied', { status: 403 });
});

test('AddPermission opens a queue to another account until RemovePermission shuts it', async () => {
  const QueueUrl = await newQueue();
  const bob = await newUser(policy(allow('sqs:*')), ROOT_B);
  await sqs().addPermission({ QueueUrl, Label: 'b', AWSAccountIds: [B], Actions: ['SendMessage'] });
  await send(bob.keys, QueueUrl);
  await sqs().removePermission({ QueueUrl, Label: 'b' });
  await refusedAs(send(bob.keys, QueueUrl), 'AccessDenied', { status: 403 });
});

test('a policy that denies everybody is removed by the root of the account', async () => {
  const QueueUrl = await newQueue();
  const deny = { ...allow('sqs:*', { Principal: '*' }), Effect: 'Deny' };
  await sqs().setQueueAttributes({ QueueUrl, Attributes: { Policy: policy(deny) } });
  await refusedAs(send(ROOT_A, QueueUrl), 'AccessDenied', { status: 403 });
  await sqs().setQueueAttributes({ QueueUrl, Attributes: { Policy: '' } });
  await send(ROOT_A, QueueUrl);
});

/** Status and body. Node's `fetch` names languages as a browser does, whose GETs are refused. */
async function get(url) {
  const [answer] = await once(http.get(url), 'response');
  return { status: answer.statusCode, body: await text(answer) };
}

test('a presigned URL is good for what it says', async () => {
  const QueueUrl = await newQueue();
  const { keys } = await newUser(policy(allow('sqs:*')));
  const session = sessionOf(await client(STS, keys).getSessionToken({}));
  for (const credentials of [keys, session]) {
    const { hostname, port, host, pathname } = new URL(QueueUrl);
    const signer = new SignatureV4({ credentials, region: 'us-east-1', service: 'sqs', sha256: Sha256 });
    const request = {
      method: 'GET',
      protocol: 'http:',
      hostname,
      port: Number(port),
      path: pathname,
      headers: { host },
      query: { Action: 'SendMessage', Version: '2012-11-05', MessageBody: 'by URL' },
    };
    const { query } = await signer.presign(request, { expiresIn: 300 });
    const url = `${QueueUrl}?${new URLSearchParams(query)}`;
    const { status, body } = await get(url);
    assert.equal(status, 200, body);
    const [message] = (await sqs(keys).receiveMessage({ QueueUrl })).Messages;
    assert.equal(message.Body, 'by URL');
    const changed = await get(url.replace('SendMessage', 'PurgeQueue'));
    assert.equal(changed.status, 403);
    assert.match(changed.body, /<Code>SignatureDoesNotMatch<\/Code>/);
  }
});
