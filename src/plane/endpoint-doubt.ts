// The text about an endpoint that has not answered the keepalive yet, for the log and the admin server.

import type { Doubt } from '../upstreams/endpoint.ts';

/** @param doubt undefined if the endpoint has answered meanwhile */
export function describeDoubt(address: string, doubt: Doubt | undefined): string {
  if (doubt === undefined) return `${address} has not answered the keepalive for a while`;
  const { silentMs, askedMs, endsInMs } = doubt;
  const silent = `${address} has sent nothing for ${seconds(silentMs)}, and has not answered the keepalive of ${seconds(askedMs)} ago`;
  return `${silent}: it gets no new calls until it does, and without an answer those that it has end in ${seconds(endsInMs)}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
