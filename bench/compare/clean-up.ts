// What must be undone however the benchmark ends: normally, by an exception, or by Ctrl-C.
// Every undo is synchronous, because nothing asynchronous runs once a process exits.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const undos = new Set<() => void>();

/** Registers `undo` for the end of the process; the result takes it back. */
export function undoAtExit(undo: () => void): () => void {
  undos.add(undo);
  return () => undos.delete(undo);
}

/** A folder that is gone when the benchmark ends. */
export function makeTemporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-bench-'));
  undoAtExit(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Called once, first of all. */
export function cleanUpAtExit(): void {
  process.on('exit', () => {
    // Last started, first ended: processes go before the folder they write to.
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
