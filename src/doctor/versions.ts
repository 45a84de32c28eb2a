// Versions of proxies that matter to gRPC, each with its source. Only what is documented by the project itself is here. The functions are
// pure.

import { counted } from '../config/counted.ts';
import { type Finding, note, warning } from './finding.ts';
import type { SeenClient } from './running-proxy.ts';

/** @param server a Server field, harmless to print @param where it was seen */
export function judgeServer(server: string, where: string): Finding {
  const nginx = /^nginx\/(\d+)\.(\d+)\.(\d+)/.exec(server);
  if (nginx === null) return note(`${where} names itself ${server}`);
  const version = nginx.slice(1).map(Number);
  if (isBefore(version, [1, 13, 10])) {
    return warning(
      `${where} is ${server}, which cannot relay gRPC: grpc_pass came with 1.13.10 (CHANGES of nginx)`,
      'install a newer nginx',
    );
  }
  const http2 = isBefore(version, [1, 25, 1])
    ? 'it takes HTTP/2 by “listen … http2” (the directive http2 came with 1.25.1)'
    : 'it takes HTTP/2 by “http2 on” (from 1.25.1 on)';
  const age = isBefore(version, [1, 19, 10]) ? 100 : 1000;
  return note(
    `${where} is ${server}: ${http2}; it ends a connection after ${age} calls (keepalive_requests), a stream after 60 s of silence (grpc_read_timeout, client_body_timeout), and a request of 1 MiB (client_max_body_size), where it is not told otherwise`,
    'try how long a silent stream lasts: --hold 65',
  );
}

/** How many versions are named; a proxy may have seen more than a person reads. */
const MOST_CLIENTS = 8;

/** @param clients the last seen first */
export function judgeClients(clients: readonly SeenClient[]): readonly Finding[] {
  const named = clients.filter(({ library }) => library !== 'other').slice(0, MOST_CLIENTS);
  return named.map((client) => {
    const { library, version, connections, lastAtEpochMs } = client;
    const name =
      version === ''
        ? library
        : version === 'others'
          ? `${library} (other versions)`
          : `${library} ${version}`;
    const times = `${counted(connections, 'connection')}, the last at ${new Date(lastAtEpochMs).toISOString()}`;
    return note(`clients of the running proxy: ${name} (${times})${rangeOf(client)}`);
  });
}

/** What is known of a version, and where from. */
function rangeOf({ library, version }: SeenClient): string {
  const numbers = version.split(/[.-]/).slice(0, 2).map(Number);
  if (library !== 'grpc-go' || numbers.length < 2 || numbers.some(Number.isNaN)) return '';
  return isBefore(numbers, [1, 67])
    ? ': it accepts TLS servers that do not choose “h2” by ALPN, which it refuses from 1.67 on (release notes of grpc-go 1.67.0)'
    : ': it refuses TLS servers that do not choose “h2” by ALPN (release notes of grpc-go 1.67.0)';
}

function isBefore(version: readonly number[], other: readonly number[]): boolean {
  const at = other.findIndex((part, index) => version[index] !== part);
  return at !== -1 && version[at] < other[at];
}
