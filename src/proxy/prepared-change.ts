// All that can fail of a change to another configuration, done before anything changes: TLS files of upstreams read,
// listeners and the admin server opened. Then it is one synchronous step, or nothing at all.

import type { Config } from '../config/config.ts';
import type { Finding } from '../config/problem.ts';
import type { Listener } from '../listeners/listener.ts';
import type { AdminPort } from './admin-port.ts';
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

/** Rejects with UnusableConfig and everything that is wrong; then nothing has changed and nothing is left open. */
export async function prepareChange(
  config: Config,
  snapshot: ProxySnapshot,
  listenerSet: ListenerSet,
  adminPort: AdminPort,
): Promise<PreparedChange> {
  const findings: Finding[] = [];
  const note = (error: unknown): undefined => {
    if (!(error instanceof UnusableConfig)) throw error;
    findings.push(...error.findings);
  };
  const tls = await prepareTls(snapshot).catch(note);
  const admin = await adminPort.prepare(config.admin).catch(note);
  const listeners = await listenerSet.prepare(config.listeners).catch(note);
  const discard = async (): Promise<void> => {
    await Promise.all([admin?.discard(), listeners?.discard()]);
  };
  if (tls === undefined || admin === undefined || listeners === undefined) {
    await discard();
    throw new UnusableConfig(findings);
  }
  return {
    opened: listeners.opened,
    discard,
    apply: (last) => {
      for (const change of tls) change.apply();
      admin.apply();
      return listeners.apply(last);
    },
  };
}
