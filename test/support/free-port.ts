// Ports that have to be known before somebody listens on them, and ports where nobody listens. They lie below the range from
// which the system gives ports to whoever asks for port 0 or connects: a port of that range that was free a moment ago may
// belong to any other test now, and a test then talks to that one's proxy.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const FIRST_PORT = 12_000;
const RANGE_FILE = '/proc/sys/net/ipv4/ip_local_port_range';
/** Where the system does not say where its own range begins. */
const USUAL_RANGE_BEGIN = 32_768;
const MOST_TRIES = 50;

function endOfRange(): number {
  try {
    return Number.parseInt(readFileSync(RANGE_FILE, 'utf8'), 10);
  } catch {
    return USUAL_RANGE_BEGIN;
  }
}

/** A port of the loopback that is free now. */
export function freePort(): Promise<number> {
  return freePorts(1);
}

/** The first of `count` consecutive ports of the loopback that are free now. */
export async function freePorts(count: number): Promise<number> {
  const most = endOfRange() - FIRST_PORT - count;
  if (most <= 0) throw new Error(`${RANGE_FILE} leaves no ports below it that could be chosen`);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const first = FIRST_PORT + Math.floor(Math.random() * most);
    const servers = Array.from({ length: count }, (_, index) =>
      createServer().listen(first + index, '127.0.0.1'),
    );
    const opened = await Promise.allSettled(servers.map((server) => once(server, 'listening')));
    const open = servers.filter((_, index) => opened[index].status === 'fulfilled');
    await Promise.all(
      open.map((server) => {
        server.close();
        return once(server, 'close');
      }),
    );
    if (open.length === count) return first;
  }
  throw new Error(`no ${count} free ports in a row were found`);
}
