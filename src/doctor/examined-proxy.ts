// The proxy through which calls are tried: the Framegate that runs with this configuration, or else one that is started only for the check,
// in this process, on free loopback ports. The latter has no admin server, writes no log, exports no spans, and
// checks no health.

import { closeSync, openSync } from 'node:fs';
import type { Address } from '../config/address.ts';
import type { Config, ListenerConfig } from '../config/config.ts';
import { adminTargetOf, reachableHost } from '../control/admin-target.ts';
import { Proxy } from '../control/proxy.ts';
import { LogDestination } from '../observability/log-destination.ts';
import { createLogger } from '../observability/logger.ts';
import { DataPlane } from '../plane/data-plane.ts';
import { askSeen, type RunningProxy, type SeenDiagnosis } from './running-proxy.ts';

export interface ExaminedProxy {
  readonly isRunning: boolean;
  /** Where a listener can be reached. Undefined if it cannot be told. */
  addressOf(listener: string): Address | undefined;
  /** The most recent diagnoses, newest first. */
  diagnoses(): Promise<readonly SeenDiagnosis[]>;
  close(): Promise<void>;
}

const FREE_PORT: Address = { kind: 'tcp', host: '127.0.0.1', port: 0, text: '127.0.0.1:0' };

export function useRunningProxy(config: Config, running: RunningProxy): ExaminedProxy {
  return {
    isRunning: true,
    addressOf: (listener) => runningAddress(config.listeners, listener, running),
    diagnoses: async () => (await askSeen(adminTargetOf(config))).diagnoses,
    close: () => Promise.resolve(),
  };
}

function runningAddress(
  listeners: readonly ListenerConfig[],
  name: string,
  { addresses }: RunningProxy,
): Address | undefined {
  const found = listeners.find((listener) => listener.name === name)?.address;
  if (found === undefined || found.kind === 'systemd' || !addresses.has(found.text)) return undefined;
  if (found.kind === 'unix') return found;
  return found.port === 0 ? undefined : { ...found, host: reachableHost(found.host) };
}

/** Rejects if the proxy cannot be started with this configuration. */
export async function startTemporaryProxy(config: Config): Promise<ExaminedProxy> {
  const temporary = temporaryConfig(config);
  const fd = openSync('/dev/null', 'w');
  const destination = new LogDestination({ fd });
  const logger = createLogger(temporary.log, destination);
  const plane = new DataPlane({ config: temporary, logger, destination });
  const proxy = await Proxy.start(plane, temporary, logger);
  const ports = new Map(proxy.listeners.map(({ name, port }) => [name, port]));
  return {
    isRunning: false,
    addressOf: (listener) => {
      const port = ports.get(listener);
      return port === undefined
        ? undefined
        : { kind: 'tcp', host: '127.0.0.1', port, text: `127.0.0.1:${port}` };
    },
    diagnoses: async () => {
      const { recent } = await plane.diagnoses();
      return recent.map(({ token, code, sentence, client = '', count, lastAtEpochMs }) => ({
        token,
        code,
        sentence,
        client,
        count,
        lastAtEpochMs,
      }));
    },
    close: async () => {
      await proxy.drain();
      await destination.close();
      closeSync(fd);
    },
  };
}

function temporaryConfig(config: Config): Config {
  return {
    ...config,
    workers: 1,
    listeners: config.listeners.map((listener) => ({
      ...listener,
      address: FREE_PORT,
      mode: undefined,
      proxyProtocol: undefined,
    })),
    upstreams: config.upstreams.map((upstream) => ({ ...upstream, health: undefined, outliers: undefined })),
    admin: undefined,
    trace: undefined,
    reload: { watchMs: undefined, certificatesMs: undefined },
    drain: { timeoutMs: 0, delayMs: 0 },
    log: { level: 'silent', access: false, syslogPrefix: false, file: undefined, format: 'json' },
  };
}
