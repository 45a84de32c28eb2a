// How long processes were ready to run while others had the processor. On a busy machine this is most of what a call takes, and says
// nothing about the proxy: a proxy that makes others wait is itself the one that runs.

import { readFileSync } from 'node:fs';

export class ProcessorWaits {
  readonly #pids: readonly number[];

  /** @param pids of the processes of the proxy */
  constructor(pids: readonly number[]) {
    this.#pids = pids;
  }

  /**
   * @returns says for how many milliseconds since now this process has waited, and the process of the proxy that has waited longest; 0 where
   * the system does not count it
   */
  begin(): () => number {
    const [own, ...proxy] = this.#waitedMs();
    return () => {
      const [ownNow, ...proxyNow] = this.#waitedMs();
      return ownNow - own + Math.max(...proxyNow.map((waitedMs, index) => waitedMs - proxy[index]));
    };
  }

  /** By their main threads, so far: of this process, and of each of the proxy. */
  #waitedMs(): readonly number[] {
    return [process.pid, ...this.#pids].map(waitedMsOf);
  }
}

function waitedMsOf(pid: number): number {
  try {
    // Nanoseconds on the processor, nanoseconds ready to run, and how often it ran.
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6;
  } catch {
    // The process has ended, which the stage finds out, or the system has no such file.
    return 0;
  }
}
