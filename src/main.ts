#!/usr/bin/env node
// The entry point of the process. All other code is loaded only after the check that Node is new enough to run it.

import { setFlagsFromString } from 'node:v8';

const [requiredMajor, requiredMinor] = [24, 17];
/** Supported since Node 23.7. Every way of starting Framegate sets this flag, except for a bare `node dist/main.js`. */
const debuggerFlag = '--disable-sigusr1';
/** The same holds for this flag (docs/decisions/0074). Underscores are allowed in it. */
const youngSpaceFlag = /--max[-_]semi[-_]space[-_]size/;

// This comes first: without a listener, Node answers SIGUSR1 by opening its debugger to every user of this machine.
process.on('SIGUSR1', () => undefined);
closeDebugger();

if (Number.parseInt(process.versions.node, 10) < requiredMajor) {
  process.stderr.write(
    `framegate needs Node.js ${requiredMajor}.${requiredMinor} or newer, and this is ${process.version}; get one from https://nodejs.org\n`,
  );
  process.exitCode = 1;
} else {
  tuneGarbageCollection();
  void main();
}

/** The call above does not await this function, since the single executable is CommonJS and has no top-level await. */
async function main(): Promise<void> {
  const { runCommandLine } = await import('./cli/command-line.ts');
  closeDebugger();
  // A command that waits for what never comes must not end as if it had succeeded.
  process.exitCode = 1;
  process.exitCode = await runCommandLine(process.argv.slice(2));
}

function flagsOfNode(): readonly string[] {
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
}

/** Closes a debugger that a signal has opened while Node itself was starting. A debugger requested by a flag stays open. */
function closeDebugger(): void {
  const flags = flagsOfNode();
  if (flags.some((flag) => flag.includes(debuggerFlag) || flag.includes('--inspect'))) return;
  const inspector = process.getBuiltinModule('node:inspector');
  if (inspector.url() === undefined) return;
  inspector.close();
  // Node opens the debugger twice for one signal, the second time in a later turn of the event loop.
  setImmediate(closeDebugger);
}

/**
 * The buffers that sockets allocate for each read lie outside the heap, but count towards the limit at which V8 collects the whole heap.
 * The heap is small, and so is that limit: half the cost of relaying 64 KiB messages was marking the same 14 MB again and again.
 * Therefore the limit may grow further, and the space for young objects stays small: 4 MiB where a flag of Node says so, otherwise its first
 * size, since without the flag it would grow to 32. Its many cheap collections free the buffers in time, and are too small to be worth
 * sharing with other threads. Most bytes are now read into one buffer, so this matters less, but HTTP/1.1 still allocates such buffers,
 * and memory use stays low (docs/decisions/0014, 0031, 0074).
 */
function tuneGarbageCollection(): void {
  setFlagsFromString('--heap-growing-percent=100');
  if (!flagsOfNode().some((flag) => youngSpaceFlag.test(flag)))
    setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
  // The C library of most Linux systems returns freed memory to the kernel and requests it again a moment later, until a large block
  // was freed. From then on it keeps up to twice the size of that block. On other systems this has no effect.
  new ArrayBuffer(8 * 1024 * 1024).transfer(0);
}
