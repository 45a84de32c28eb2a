// Every test/golden/config/NAME.yaml has beside it what becomes of it: NAME.json, the resolved configuration, and
// NAME.problems.txt, what `check` prints. UPDATE_GOLDEN=1 writes them anew; read the difference before you keep it.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { findRouteProblems } from '../../src/routing/route-problems.ts';

const folder = join(import.meta.dirname, '../golden/config');

for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
  const name = file.replace(/\.yaml$/, '');
  test(`golden: ${name.replaceAll('-', ' ')}`, () => {
    const result = parseConfig(readFileSync(join(folder, file), 'utf8'), file, findRouteProblems);
    const isRefused = 'problems' in result;
    const problems = isRefused ? result.problems : result.warnings;
    const config = isRefused ? undefined : `${JSON.stringify(result.config, mapsAsObjects, 2)}\n`;
    compare(join(folder, `${name}.json`), config);
    compare(
      join(folder, `${name}.problems.txt`),
      problems.map((problem) => `${formatProblem(problem)}\n`).join('') || undefined,
    );
  });
}

/** `actual` undefined: the file must not be there. */
function compare(file: string, actual: string | undefined): void {
  if (process.env['UPDATE_GOLDEN'] !== undefined) {
    if (actual === undefined) rmSync(file, { force: true });
    else writeFileSync(file, actual);
  }
  assert.equal(actual, existsSync(file) ? readFileSync(file, 'utf8') : undefined);
}

function mapsAsObjects(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
