// A person's way through the console, in a real browser against the real server.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { startServer, type Server } from './server';

const SHOTS = new URL('./screenshots/', import.meta.url).pathname;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FIRST_LOAD_BYTES_MAX = 1024 * 1024;

let server: Server;
let browser: Browser;

before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  server = await startServer();
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM_BIN'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
});

after(async () => {
  await browser.close();
  await server.stop();
});

interface Look {
  width: number;
  language: string;
  isDark: boolean;
}

/** A browser of its own, and what went wrong in it. */
async function visit(
  look: Look,
): Promise<{ context: BrowserContext; page: Page; wrong: string[] }> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.width < 600 ? 844 : 900 },
    colorScheme: look.isDark ? 'dark' : 'light',
    locale: look.language,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const wrong: string[] = [];
  page.on('console', (line) => {
    if (line.type() === 'error') wrong.push(line.text());
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('request', (request) => {
    const { origin } = new URL(request.url());
    if (!/^(data|blob):/.test(request.url()) && origin !== server.url)
      wrong.push(`asked another host: ${request.url()}`);
  });
  return { context, page, wrong };
}

/** Looks at a page as axe does, and keeps a picture of it. */
async function look(page: Page, name: string) {
  await page.screenshot({ path: `${SHOTS}${name}.png`, fullPage: true });
  const found: string[] = await page.evaluate(`(() => { ${AXE}
    return axe.run(document, { resultTypes: ['violations'] })
      .then(({ violations }) => violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => id + ': ' + nodes.map((it) => it.html.slice(0, 160)).join(' | ')));
  })()`);
  assert.deepEqual(found, [], `axe on ${name}`);
}

async function wide(page: Page, name: string) {
  const isWider = await page.evaluate(
    () => document.documentElement.scrollWidth > document.documentElement.clientWidth + 1,
  );
  assert.equal(isWider, false, `${name} is wider than its window`);
}

describe('the console', () => {
  it('takes a queue from its making to its end', async () => {
    const { context, page, wrong } = await visit({ width: 1440, language: 'en', isDark: false });
    const button = (name: string) => page.getByRole('button', { name, exact: true });
    await page.goto(`${server.url}/`);
    await page.getByText('No queues yet').waitFor();
    assert.match(page.url(), /\/console\/$/);
    await look(page, 'empty');

    // A dead-letter queue first.
    await button('Create queue').first().click();
    await page.getByRole('radio', { name: /^FIFO/ }).check();
    await page.getByLabel('Name', { exact: true }).fill('failed');
    await look(page, 'create');
    await button('Create queue').click();
    await page.getByRole('heading', { name: 'failed.fifo' }).waitFor();

    // What the server would refuse is told before it is asked.
    await page.goto(`${server.url}/console/create-queue`);
    await page.getByLabel('Name', { exact: true }).fill('no spaces');
    await page.getByText('Only letters, digits, hyphens and underscores.').waitFor();
    await page.getByRole('spinbutton', { name: 'Visibility timeout' }).fill('50000');
    await button('Create queue').click();
    await page.getByText('Please look at the fields marked above.').waitFor();

    await page.getByRole('radio', { name: /^FIFO/ }).check();
    await page.getByLabel('Name', { exact: true }).fill('orders');
    await page.getByRole('spinbutton', { name: 'Visibility timeout' }).fill('45');
    await page.getByRole('checkbox', { name: /digest of the body/ }).check();
    await page.getByLabel('Set a dead-letter queue').check();
    await page.getByRole('button', { name: /^Queue/ }).click();
    await page.getByRole('option', { name: 'failed.fifo' }).click();
    await page.getByLabel('Maximum receives').fill('3');
    await button('Add tag').click();
    await page.getByRole('textbox', { name: 'Key' }).fill('team');
    await page.getByRole('textbox', { name: 'Value' }).fill('billing');
    await button('This queue in a script').click();
    await page.getByText('aws sqs create-queue').waitFor();
    await button('Create queue').click();
    await page.getByRole('heading', { name: 'orders.fifo' }).waitFor();
    await page.getByText('No messages.').waitFor();
    await look(page, 'queue');
    await page.getByRole('tab', { name: 'Dead-letter queue', exact: true }).click();
    await page.getByRole('link', { name: 'failed.fifo' }).waitFor();
    for (const tab of ['Access policy', 'Encryption', 'Tags', 'Details']) {
      await page.getByRole('tab', { name: tab, exact: true }).click();
    }
    await page.getByText('45 Seconds').waitFor();

    // Edit.
    await button('Edit').first().click();
    await page.getByText('Nothing yet.').waitFor();
    await page.getByRole('spinbutton', { name: 'Visibility timeout' }).fill('60');
    await page.getByRole('cell', { name: '60', exact: true }).waitFor();
    await look(page, 'edit');
    await button('Save').click();
    await page.getByText('Queue orders.fifo was changed.').waitFor();

    // Send ten, receive them, delete two.
    await button('Send and receive messages').click();
    await page.getByLabel('One message per line').check();
    await page
      .getByRole('textbox', { name: 'Message body' })
      .fill(Array.from({ length: 10 }, (_, at) => `order ${at}`).join('\n'));
    await page.getByRole('textbox', { name: 'Message group ID' }).fill('g');
    await page.getByRole('button', { name: /^Message attributes/ }).click();
    await button('Add attribute').click();
    await page.locator('.attribute').getByRole('textbox', { name: 'Name' }).fill('kind');
    await page.locator('.attribute').getByRole('textbox', { name: 'Value' }).fill('test');
    await button('Send message').click();
    await page.getByText('Messages sent: 10').waitFor();

    // See them without receiving them.
    const sendAndReceive = page.url();
    await page.goto(`${server.url}/console/queues/orders.fifo`);
    const ids = page.getByRole('button', { name: /^[0-9a-f-]{36}$/ });
    await ids.nth(9).waitFor();
    await look(page, 'browse');
    await page.getByRole('searchbox', { name: 'Text in body or attributes' }).fill('order 7');
    await page.keyboard.press('Enter');
    await ids.nth(1).waitFor({ state: 'detached' });
    await ids.first().click();
    await page.getByRole('dialog').getByText('order 7').waitFor();
    await button('Done').click();
    const seen = await server.call('GetQueueAttributes', {
      QueueUrl: 'orders.fifo',
      AttributeNames: ['All'],
    });
    const counters = seen['Attributes'] as Record<string, string>;
    assert.equal(counters['ApproximateNumberOfMessages'], '10');
    assert.equal(counters['ApproximateNumberOfMessagesNotVisible'], '0');
    await page.goto(sendAndReceive);
    await button('Poll for messages').click();
    await page
      .getByRole('button', { name: /^[0-9a-f-]{36}$/ })
      .nth(9)
      .waitFor();
    await look(page, 'messages');
    await page
      .getByRole('button', { name: /^[0-9a-f-]{36}$/ })
      .first()
      .click();
    await page.getByRole('dialog').getByText('order 0').waitFor();
    await look(page, 'message');
    await button('Done').click();
    await page
      .getByRole('checkbox', { name: /^Select [0-9a-f]{8}-/ })
      .nth(0)
      .check();
    await page
      .getByRole('checkbox', { name: /^Select [0-9a-f]{8}-/ })
      .nth(1)
      .check();
    await button('Delete').click();
    await page.getByText('Messages deleted: 2').waitFor();
    const left = await server.call('GetQueueAttributes', {
      QueueUrl: 'orders.fifo',
      AttributeNames: ['All'],
    });
    const attributes = left['Attributes'] as Record<string, string>;
    assert.equal(attributes['ApproximateNumberOfMessagesNotVisible'], '8');
    assert.equal(attributes['VisibilityTimeout'], '60');
    assert.match(attributes['RedrivePolicy'] ?? '', /failed\.fifo.*3/);

    // The list, purge and delete.
    await page.goto(`${server.url}/console/`);
    await page.getByRole('link', { name: 'orders.fifo' }).waitFor();
    await look(page, 'queues');
    await page.getByRole('checkbox', { name: 'Select orders.fifo' }).check();
    await button('Actions').click();
    await page.getByRole('menuitem', { name: 'Purge' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill('purge');
    await look(page, 'purge');
    await page.getByRole('dialog').getByRole('button', { name: 'Purge', exact: true }).click();
    await page.getByText('Queues purged: 1').waitFor();
    await page.getByRole('checkbox', { name: 'Select failed.fifo' }).check();
    await page.getByRole('checkbox', { name: 'Select orders.fifo' }).check();
    await button('Delete').click();
    await page.getByRole('dialog').getByRole('textbox').fill('delete');
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText('No queues yet').waitFor();
    assert.deepEqual((await server.call('ListQueues', {}))['QueueUrls'] ?? [], []);
    assert.deepEqual(wrong, []);
    await context.close();
  });

  for (const { name, ...how } of [
    { name: 'mobile-pt-dark', width: 390, language: 'pt-BR', isDark: true, title: 'Filas' },
    { name: 'wide-pt-dark', width: 1440, language: 'pt-BR', isDark: true, title: 'Filas' },
    { name: 'mobile-es', width: 390, language: 'es', isDark: false, title: 'Colas' },
  ]) {
    it(`is whole and readable: ${name}`, async () => {
      await server.call('CreateQueue', { QueueName: 'failed', tags: { team: 'billing' } });
      await server.call('CreateQueue', { QueueName: 'orders' });
      for (const MessageBody of ['{"order":1}', 'two'])
        await server.call('SendMessage', { QueueUrl: 'orders', MessageBody });
      const { context, page, wrong } = await visit(how);
      for (const [place, path] of [
        ['queues', ''],
        ['create', 'create-queue'],
        ['queue', 'queues/orders'],
        ['edit', 'queues/orders/edit'],
        ['messages', 'queues/orders/messages'],
      ] as const) {
        await page.goto(`${server.url}/console/${path}`);
        await page.getByRole('heading', { level: 1 }).first().waitFor();
        if (place === 'queues')
          await page.getByRole('link', { name: 'orders', exact: true }).waitFor();
        await page.getByText(how.title, { exact: true }).first().waitFor({ state: 'attached' });
        await look(page, `${name}-${place}`);
        await wide(page, `${name}-${place}`);
      }
      assert.deepEqual(wrong, []);
      await context.close();
    });
  }

  it('is sent as it was built, once', async () => {
    const index = await fetch(`${server.url}/console/`);
    assert.equal(index.headers.get('cache-control'), 'no-cache');
    assert.match(index.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    const asset = /\/console\/assets\/[^"]+\.js/.exec(await index.text())?.[0];
    assert.ok(asset);
    for (const [accepted, encoding] of [
      ['gzip, br', 'br'],
      ['gzip', 'gzip'],
      ['identity', null],
    ] as const) {
      const answer: Response = await fetch(server.url + asset, {
        headers: { 'accept-encoding': accepted },
      });
      assert.equal(answer.headers.get('content-encoding'), encoding);
      assert.match(answer.headers.get('cache-control') ?? '', /max-age=31536000, immutable/);
      assert.match(await answer.text(), /Formiga/);
    }
  });

  it('loads in less than 1 MiB, and only what its page needs', async () => {
    const { context, page } = await visit({ width: 1440, language: 'en', isDark: false });
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    let bytes = 0;
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await page.goto(`${server.url}/console/`, { waitUntil: 'networkidle' });
    assert.ok(bytes > 100_000, `${bytes} bytes: something was loaded`);
    assert.ok(bytes < FIRST_LOAD_BYTES_MAX, `${bytes} bytes`);
    const loaded: string[] = await page.evaluate(() =>
      performance.getEntriesByType('resource').map((entry) => entry.name),
    );
    assert.ok(
      !loaded.some((name) => name.includes('queue-form')),
      'forms wait until they are opened',
    );
    await context.close();
  });
});
