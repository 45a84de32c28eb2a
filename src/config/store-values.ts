// Parses the addresses of stores. No message shows a user or a password that stands in one.

import { type Fault, isFault } from './problem.ts';
import type { StoreServer } from './stores-config.ts';

export interface ParsedServer extends StoreServer {
  readonly isTls: boolean;
}

const EXAMPLE = 'write it as redis://127.0.0.1:6379, or rediss://redis.example.com:6379 for TLS';

/** The port of Redis, Valkey and nodes of their clusters. Sentinels have 26379. */
const DEFAULT_PORT = 6379;

export function parseStoreServer(text: string): ParsedServer | Fault {
  const url = URL.parse(text);
  const scheme = /^(rediss?|valkeys?):\/\//i.exec(text)?.[1].toLowerCase();
  if (url === null || scheme === undefined || url.hostname === '')
    return { message: 'is not the address of a Redis or Valkey server', hint: EXAMPLE };
  if (url.username !== '' || url.password !== '')
    return {
      message: 'holds a user or a password',
      hint: 'write user: NAME and password: { file: FILE } beside redis',
    };
  if (url.search !== '' || url.hash !== '')
    return { message: 'holds a query or a fragment, which nothing reads', hint: EXAMPLE };
  if (url.pathname !== '' && url.pathname !== '/') {
    const database = /^\/(\d{1,4})$/.exec(url.pathname)?.[1] ?? 'N';
    return { message: 'holds a path', hint: `write database: ${database} beside redis` };
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    isTls: scheme === 'rediss' || scheme === 'valkeys',
  };
}

/** @returns what is wrong with the servers of one store together */
export function whyNotTogether(servers: readonly ParsedServer[]): Fault | undefined {
  if (servers.every(({ isTls }) => isTls === servers[0].isTls)) return undefined;
  return { message: 'some servers have TLS and some do not', hint: 'write rediss:// for all, or for none' };
}

/** @returns those that can be read */
export function parseServers(texts: readonly string[]): readonly ParsedServer[] {
  return texts.flatMap((text) => {
    const server = parseStoreServer(text);
    return isFault(server) ? [] : [server];
  });
}
