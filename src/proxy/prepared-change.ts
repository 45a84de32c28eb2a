// All that can fail of a change to another configuration, done before anything changes: TLS files of upstreams read,
// listeners opened. Then it is one synchronous step, or nothing at all.

import type { Config } from '../config/config.ts';
import type { Finding } from '../config/problem.ts';
import type { Listener } from '../listeners/listener.ts';
import { type ProxySnapshot, prepareUpstreamTls } from './build-snapshot.ts';
import type { ListenerSet } from './listener-set.ts';
import { UnusableConfig } from './unusable-config.ts';

export interface PreparedChange {
  readonly opened: readonly Listener[];
  /**
   * @param last what clients stay on whose listener is no more
   * @returns the names of the listeners those came in by
   */
  apply(last: ProxySnapshot): ReadonlySet<string>;
  discard(): Promise<void>;
}

async function prepareTls(snapshot: ProxySnapshot) {
  return prepareUpstreamTls(snapshot);
}

/**
 * Collects what is wrong with the parts of a change.
 * @returns for `catch`: takes UnusableConfig, and passes on what is no fault of the configuration
 */
export function collectFindings(findings: Finding[]): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof UnusableConfig)) throw error;
    findings.push(...error.findings);
  };
}

/** Rejects with UnusableConfig and everything that is wrong; then nothing has changed and nothing is left open. */
export async function prepareChange(
  config: Config,
  snapshot: ProxySnapshot,
  listenerSet: ListenerSet,
): Promise<PreparedChange> {
  const findings: Finding[] = [];
  const note = collectFindings(findings);
  const tls = await prepareTls(snapshot).catch(note);
  const listeners = await listenerSet.prepare(config.listeners).catch(note);
  if (tls === undefined || listeners === undefined) {
    await listeners?.discard();
    throw new UnusableConfig(findings);
  }
  return {
    opened: listeners.opened,
    discard: () => listeners.discard(),
    apply: (last) => {
      for (const change of tls) change.apply();
      return listeners.apply(last);
    },
  };
}
