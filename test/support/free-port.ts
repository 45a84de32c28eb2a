// Finds ports that must be known before a process listens on them, and ports on which nothing listens. They are below the range
// from which the system assigns ports for port 0 and for outgoing connections. A port in that range that was just free may now
// belong to another test, and the test would then talk to the wrong proxy.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const FIRST_PORT = 12_000;
const RANGE_FILE = '/proc/sys/net/ipv4/ip_local_port_range';
/** The usual beginning of the system's own range, for systems that do not tell. */
const USUAL_RANGE_BEGIN = 32_768;
const MOST_TRIES = 50;

function endOfRange(): number {
  try {
    return Number.parseInt(readFileSync(RANGE_FILE, 'utf8'), 10);
  } catch {
    return USUAL_RANGE_BEGIN;
  }
}

/** @returns a loopback port that is currently free */
export function freePort(): Promise<number> {
  return freePorts(1);
}

/** @returns the first of `count` consecutive loopback ports that are currently free */
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
