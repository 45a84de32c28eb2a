// What every process of a test run needs and only one has to make. The runner names a folder for it in the environment;
// without one, each process makes its own.

import { createHash } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the environment: the folder of a run. */
export const RUN_FOLDER = 'FRAMEGATE_TEST_RUN_FOLDER';

/** What `make` resolves to, kept as JSON; all processes get what the first one has kept. */
export async function oncePerRun<Value>(
  name: string,
  isValue: (value: unknown) => value is Value,
  make: () => Promise<Value>,
): Promise<Value> {
  const folder = process.env[RUN_FOLDER];
  if (folder === undefined) return make();
  const file = join(folder, createHash('sha256').update(name).digest('hex'));
  const kept = read(file);
  if (isValue(kept)) return kept;
  const made = await make();
  const draft = `${file}-${process.pid}`;
  writeFileSync(draft, JSON.stringify(made), { mode: 0o600 });
  try {
    // Whole or not at all, and never in the place of another.
    linkSync(draft, file);
    return made;
  } catch (error) {
    const first = read(file);
    if (isValue(first)) return first;
    throw error;
  } finally {
    rmSync(draft);
  }
}

function read(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  return JSON.parse(text);
}
