// Cleans up however the benchmark ends: normally, by an exception, or by Ctrl-C.
// Every undo function is synchronous, because nothing asynchronous runs once a process exits.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const undos = new Set<() => void>();

/** Registers `undo` for the end of the process. @returns a function that removes it again */
export function undoAtExit(undo: () => void): () => void {
  undos.add(undo);
  return () => undos.delete(undo);
}

/** @returns a new folder that is removed when the benchmark ends */
export function makeTemporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-bench-'));
  undoAtExit(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Installs the handlers. Call it once, before anything else. */
export function cleanUpAtExit(): void {
  process.on('exit', () => {
    // Undo in reverse order, so that processes end before the folder that they write to is removed.
    for (const undo of [...undos].toReversed()) undo();
  });
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => process.exit(exitCode));
  }
}
