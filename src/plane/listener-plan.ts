// Decides which listener of a new configuration keeps which open socket. The process that owns the sockets and the workers that receive
// its connections share this rule, because both must get the same result.

import type { ListenAddress } from '../config/address.ts';
import type { ListenerConfig } from '../config/config.ts';
import type { ConfigPath } from '../config/config-path.ts';
import type { Finding } from '../config/problem.ts';
import { findingOf } from '../config/unusable-config.ts';

export interface PlannedListener<Open> {
  readonly config: ListenerConfig;
  readonly index: number;
  /** The open socket that already has the address. Undefined when the address has to be opened. */
  readonly known: Open | undefined;
}

/** Matches by address and name first, then by address alone: several listeners may have the same address, for example one with port 0. */
export function planListeners<Open>(
  open: readonly Open[],
  configOf: (open: Open) => ListenerConfig,
  configs: readonly ListenerConfig[],
): readonly PlannedListener<Open>[] {
  const free = new Set(open);
  const take = (config: ListenerConfig, isNameAsked: boolean): Open | undefined => {
    for (const entry of free) {
      const { address, name } = configOf(entry);
      if (addressKey(address) !== addressKey(config.address)) continue;
      if (isNameAsked && name !== config.name) continue;
      free.delete(entry);
      return entry;
    }
    return undefined;
  };
  const byName = configs.map((config) => take(config, true));
  return configs.map((config, index) => ({ config, index, known: byName[index] ?? take(config, false) }));
}

/** Sorts systemd sockets last: they can be taken only once, so everything else that can fail comes before. */
export function bySystemdLast(a: PlannedListener<unknown>, b: PlannedListener<unknown>): number {
  return Number(isSystemd(a)) - Number(isSystemd(b));
}

export function isSystemd({ config }: PlannedListener<unknown>): boolean {
  return config.address.kind === 'systemd';
}

/**
 * Describes what is wrong with the address of a listener.
 * @param open the open listeners, one of which may occupy the port
 */
export function addressFinding(
  error: unknown,
  { index, config }: PlannedListener<unknown>,
  open: readonly { readonly name: string; readonly port: number | undefined }[],
): Finding {
  const path: ConfigPath = ['listeners', index, 'address'];
  const { address } = config;
  const rival = open.find(
    ({ port }) => address.kind === 'tcp' && address.port !== 0 && port === address.port,
  );
  if (rival === undefined) return findingOf(path, error);
  const hint = `listener '${rival.name}' of the running configuration is there until this one is open: remove that in a reload of its own`;
  return { ...findingOf(path, error), hint };
}

function addressKey(address: ListenAddress): string {
  return address.kind === 'tcp' ? `${address.host}:${address.port}` : address.text;
}
