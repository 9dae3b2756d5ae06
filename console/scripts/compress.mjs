// Compresses what was built, so that the server sends files as they lie there.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../dist', import.meta.url).pathname;
const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 10 } };

for (const name of readdirSync(dist, { recursive: true })) {
  if (!/\.(js|css|svg|html|json)$/.test(name)) continue;
  const path = join(dist, name);
  const bytes = readFileSync(path);
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, quality));
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}
