// CPU time and memory of a process together with its children (nginx and nghttpx work in one), read from /proc.
// Linux only. See proc(5): times are in clock ticks, of which user space sees 100 per second on every architecture.

import { readdirSync, readFileSync } from 'node:fs';

const MICROSECONDS_PER_TICK = 10_000;

/** The process and all its descendants; empty when it is gone. */
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

/** User and system time used so far by these processes, all threads, in microseconds; steps of 10 ms. */
export function cpuMicroseconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Fields are counted from behind the program's name, which may hold spaces and brackets: utime is the 14th, stime the 15th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * MICROSECONDS_PER_TICK;
}

/** Resident memory (VmRSS) of these processes, in KiB. */
export function residentKib(pids: readonly number[]): number {
  let sumKib = 0;
  for (const pid of pids) {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (match === null) throw new Error(`/proc/${pid}/status has no VmRSS: has the process ended?`);
    sumKib += Number(match[1]);
  }
  return sumKib;
}
