// Tells the control process that connecting to endpoints of an upstream has failed, so that it looks up their name again. It does so only
// for upstreams whose endpoints come from DNS, and at most once in each minTtl, however many calls fail.

import type { Config } from '../config/config.ts';

/** The upstream whose endpoint could not be reached. */
export type ConnectFailed = (upstream: string) => void;

export class ConnectFailures {
  readonly #toldAtMs = new Map<string, number>();
  /** By upstream: how often at most. */
  #minTtlMs: ReadonlyMap<string, number> = new Map();
  #tell: ConnectFailed | undefined = undefined;

  set onTold(tell: ConnectFailed) {
    this.#tell = tell;
  }

  use({ upstreams }: Config): void {
    this.#minTtlMs = new Map(
      upstreams.flatMap(({ name, discovery }) =>
        discovery?.kind === 'dns' ? [[name, discovery.minTtlMs] as const] : [],
      ),
    );
    for (const name of this.#toldAtMs.keys()) if (!this.#minTtlMs.has(name)) this.#toldAtMs.delete(name);
  }

  note(upstream: string): void {
    const minTtlMs = this.#minTtlMs.get(upstream);
    if (minTtlMs === undefined || this.#tell === undefined) return;
    const nowMs = performance.now();
    if (nowMs - (this.#toldAtMs.get(upstream) ?? Number.NEGATIVE_INFINITY) < minTtlMs) return;
    this.#toldAtMs.set(upstream, nowMs);
    this.#tell(upstream);
  }
}
