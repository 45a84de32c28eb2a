// The sizes of messages and bodies that a route only tries (`dryRun`). They are of each call by itself, whose record they are noted in.

import { type DirectionLimits, type FlowLimits, type TriedSize, UNLIMITED } from '../../calls/flow-limits.ts';
import type { AdmittedCall } from '../../calls/policy.ts';
import type { LimitDirection } from '../../config/limits-config.ts';
import type { RouteConfig } from '../../config/route-config.ts';
import type { QuotaSource } from '../../limits/quotas.ts';
import { dryRunOf, once, type TellDryRun } from './dry-run.ts';

interface TriedSizeLimit extends Pick<TriedSize, 'of' | 'mostBytes'> {
  readonly direction: LimitDirection;
  readonly tellDryRun: TellDryRun;
}

/** @returns undefined if the route tries none */
export function triedSizesOf(
  { name, limits = [] }: RouteConfig,
  quotas: Pick<QuotaSource, 'tried'>,
): TriedSizes | undefined {
  const tried = limits.flatMap((limit, index): readonly TriedSizeLimit[] => {
    const tellDryRun = dryRunOf(limit, index, name, quotas);
    if (tellDryRun === undefined || limit.kind === 'rate' || limit.kind === 'service') return [];
    const common = { mostBytes: limit.bytes, tellDryRun };
    if (limit.kind === 'bodySize') return [{ ...common, of: 'body', direction: 'request' }];
    return [{ ...common, of: 'message', direction: limit.direction }];
  });
  return tried.length === 0 ? undefined : new TriedSizes(tried);
}

export class TriedSizes {
  readonly #tried: readonly TriedSizeLimit[];

  constructor(tried: readonly TriedSizeLimit[]) {
    this.#tried = tried;
  }

  /** @param limits that hold. @returns these, and the sizes that are tried for this call */
  besides(limits: FlowLimits | undefined, call: AdmittedCall): FlowLimits | undefined {
    const tried = this.#tried
      .filter(({ of }) => (of === 'message') === call.isGrpc)
      .map(({ direction, of, mostBytes, tellDryRun }) => {
        return { direction, size: { of, mostBytes, tell: once(() => tellDryRun(call)) } };
      });
    const along = (way: 'request' | 'response'): DirectionLimits => {
      const those = limits?.[way] ?? UNLIMITED;
      const triedSizes = tried
        .filter(({ direction }) => direction === 'both' || direction === way)
        .map(({ size }) => size);
      return triedSizes.length === 0 ? those : { ...those, triedSizes };
    };
    return tried.length === 0 ? limits : { request: along('request'), response: along('response') };
  }
}
