#!/usr/bin/env node
// Process entry, nothing else. The rest is loaded only once Node is known to be new enough to read it.

import { setFlagsFromString } from 'node:v8';

const requiredMajor = 24;
/** Node has it from 23.7 on; every way of starting Framegate but a bare `node dist/main.js` gives it. */
const debuggerFlag = '--disable-sigusr1';

// Before anything else: where nobody listens, Node answers SIGUSR1 by opening its debugger, to every user of this machine.
process.on('SIGUSR1', () => undefined);
closeDebugger();

if (Number.parseInt(process.versions.node, 10) < requiredMajor) {
  process.stderr.write(
    `framegate needs Node.js ${requiredMajor} or newer, and this is ${process.version}; get one from https://nodejs.org\n`,
  );
  process.exitCode = 1;
} else {
  tuneGarbageCollection();
  void main();
}

/** Not awaited above: the single executable is CommonJS, which cannot. */
async function main(): Promise<void> {
  const { runCommandLine } = await import('./cli/command-line.ts');
  closeDebugger();
  process.exitCode = await runCommandLine(process.argv.slice(2));
}

/** A signal that came while Node itself was starting has opened the debugger. One that was asked for by a flag stays open. */
function closeDebugger(): void {
  const flags = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
  if (flags.some((flag) => flag.includes(debuggerFlag) || flag.includes('--inspect'))) return;
  const inspector = process.getBuiltinModule('node:inspector');
  if (inspector.url() === undefined) return;
  inspector.close();
  // For one signal Node opens it twice: the second time when the event loop next looks around.
  setImmediate(closeDebugger);
}

/**
 * Buffers that sockets make for each read lie outside the heap, but count towards V8's limit for collecting all of it. The heap
 * is small, and so is the limit: half the cost of relaying 64 KiB messages was marking the same 14 MB over and over. So the limit
 * may grow further, and the space for young objects stays at its first size instead of growing while modules are
 * loaded: its many cheap collections free those buffers in time, and are too small to be worth sharing with other threads. Since
 * most octets are read into one buffer this matters less; HTTP/1.1 still goes by such buffers, and memory stays small
 * (docs/decisions/0014, 0031).
 */
function tuneGarbageCollection(): void {
  setFlagsFromString('--heap-growing-percent=100');
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
  // The C library of most Linux systems gives freed memory back to the kernel and asks for it again a moment later,
  // until it has seen a large block freed: then it keeps up to twice that block's size. Elsewhere this does nothing.
  new ArrayBuffer(8 * 1024 * 1024).transfer(0);
}
