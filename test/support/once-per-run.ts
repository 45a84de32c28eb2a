// Shares a value that every process of a test run needs but only one must make. An environment variable of the runner names the
// folder for it; without that folder, each process makes its own.

import { createHash } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The environment variable that names the folder of a run. */
export const RUN_FOLDER = 'FRAMEGATE_TEST_RUN_FOLDER';

/** Resolves to the value of `make`, stored as JSON. All processes get the value that was stored first. */
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
    // A link is atomic and fails if the file exists, so no process sees half a file or replaces another's.
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
