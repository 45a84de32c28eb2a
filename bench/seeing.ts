// What it costs to see: `node bench/seeing.ts [NAMES]` runs each file of bench/seeing, or those that are named, one after the other. Each
// measures one thing by turns with and without it, prints a line with its limit, and ends with 1 if the limit is missed. No CI gate: on a
// machine that does other things, run it again before you believe a miss.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'seeing');
const wanted = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .toSorted();
const unknown = wanted.filter((name) => !files.includes(`${name}.ts`));
if (unknown.length > 0) {
  console.error(
    `there is no ${unknown.join(', ')}; there are ${files.map((file) => file.replace('.ts', '')).join(', ')}`,
  );
  process.exit(2);
}
let missed = 0;
for (const file of files) {
  if (wanted.length > 0 && !wanted.includes(file.replace('.ts', ''))) continue;
  const child = spawn(process.execPath, [join(folder, file)], { stdio: 'inherit' });
  await once(child, 'close');
  if (child.exitCode !== 0) missed++;
}
process.exit(missed === 0 ? 0 : 1);
