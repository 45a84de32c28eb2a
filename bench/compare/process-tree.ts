// Reads the CPU time and memory of a process and its children from /proc (nginx and nghttpx do their work in a child).
// It works on Linux only. Times are in clock ticks (proc(5)), which are 100 per second for user space on every architecture.

import { readdirSync, readFileSync } from 'node:fs';

const MICROSECONDS_PER_TICK = 10_000;

/** @returns the process and all its descendants; empty if the process has ended */
export function processTree(rootPid: number): readonly number[] {
  const pids: number[] = [];
  const pending = [rootPid];
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    const children = childrenOf(pid);
    if (children === undefined) continue;
    pids.push(pid);
    pending.push(...children);
  }
  return pids.toSorted((left, right) => left - right);
}

function childrenOf(pid: number): readonly number[] | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '))
      .filter((text) => text !== '')
      .map(Number);
  } catch {
    return undefined;
  }
}

/** @returns the user and system time of all threads of these processes so far, in microseconds, in steps of 10 ms */
export function cpuMicroseconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Fields are counted from after the program's name, which may contain spaces and brackets. utime is the 14th, stime the 15th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * MICROSECONDS_PER_TICK;
}

/** @returns the resident memory (VmRSS) of these processes, in KiB */
export function residentKib(pids: readonly number[]): number {
  let sumKib = 0;
  for (const pid of pids) {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (match === null) throw new Error(`/proc/${pid}/status has no VmRSS: has the process ended?`);
    sumKib += Number(match[1]);
  }
  return sumKib;
}
