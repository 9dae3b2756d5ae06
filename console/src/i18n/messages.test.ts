import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import en from './en.json' with { type: 'json' };
import es from './es.json' with { type: 'json' };
import pt from './pt-BR.json' with { type: 'json' };

const sources = readdirSync(new URL('..', import.meta.url), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.test.ts'))
  .map((name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'))
  .join('\n');

/** What the sources say of messages: whole keys, and keys with one part that is filled in. */
const whole = new Set([...sources.matchAll(/'([a-zA-Z]+\.[\w-]+)'/g)].map((it) => it[1]));
const patterns = [...sources.matchAll(/`([\w-]*)\$\{[^}]+\}?\.?([\w-]*)`|`([\w-]+)\.\$\{[^}]+\}`/g)]
  .map((it) => (it[3] === undefined ? undefined : new RegExp(`^${it[3]}\\.[\\w-]+$`)))
  .filter((it) => it !== undefined);
const endings = [...sources.matchAll(/`\$\{does\}\.(\w+)`/g)].map((it) => it[1]);

const isUsed = (key: string) =>
  whole.has(key) ||
  patterns.some((pattern) => pattern.test(key)) ||
  endings.some((ending) => key === `delete.${ending}` || key === `purge.${ending}`);

const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map((it) => it[0]).sort();

describe('messages', () => {
  for (const [language, messages] of Object.entries({ 'pt-BR': pt, es })) {
    it(`are the same ones in ${language} as in English, with the same places`, () => {
      assert.deepEqual(Object.keys(messages), Object.keys(en));
      for (const [key, text] of Object.entries(messages)) {
        assert.notEqual(text.trim(), '', key);
        assert.deepEqual(places(text), places(en[key as keyof typeof en]), key);
      }
    });
  }

  it('are all used', () => {
    assert.deepEqual(
      Object.keys(en).filter((key) => !isUsed(key)),
      [],
    );
  });

  it('are there when a source asks for one', () => {
    const asked = [...sources.matchAll(/\bt\(\s*'([\w.-]+)'/g)].map((it) => it[1] ?? '');
    assert.ok(asked.length > 100, `${asked.length} are asked for`);
    assert.deepEqual(
      asked.filter((key) => !(key in en)),
      [],
    );
  });
});
