// A route of the stage on which all responses of an upstream share a limit of bytes that ends calls.

/** How much may come at once. It is there again at once, so that no attack depends on how fast the machine is. */
export const SHARED_BURST_BYTES = 100_000;

/** The path of its calls. */
export function boundedPath(upstream: string): string {
  return `/bounded.${upstream}.S/M`;
}

/** @returns the route, as the configuration has it */
export function boundedRoute(upstream: string): object {
  return {
    name: `bounded of ${upstream}`,
    match: { path: boundedPath(upstream) },
    upstream,
    limits: [
      { count: 'bytes', direction: 'response', rate: '1GiB/s', burst: SHARED_BURST_BYTES, exceed: 'end' },
    ],
  };
}
