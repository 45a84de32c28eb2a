// Draws the upstream of a call on a route that splits its calls among several upstreams.

import type { RouteConfig, SplitConfig } from '../config/route-config.ts';

/** @returns the name of the upstream. @param part the index of the upstream in the split of the route */
export function upstreamOf({ upstream, split }: RouteConfig, part: number): string {
  return split?.[part]?.upstream ?? upstream ?? '';
}

/** Draws an upstream by weight. @returns its index. @param random from 0 to less than 1 */
export function drawPart(split: readonly SplitConfig[], random: number): number {
  let total = 0;
  for (let part = 0; part < split.length; part++) total += split[part].weight;
  let left = random * total;
  for (let part = 0; part < split.length; part++) {
    left -= split[part].weight;
    if (left < 0) return part;
  }
  return 0;
}
