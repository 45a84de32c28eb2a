// Translates the servers of an upstream block into endpoints: addresses, weights, and which of them are backups.

import { parseAddress } from '../config/address.ts';
import { isFault } from '../config/problem.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { clamp, parseCount, parseTime } from './nginx-values.ts';

export interface UpstreamServer {
  readonly directive: Directive;
  readonly address: string;
  readonly weight: number;
  readonly isBackup: boolean;
  /** Undefined where nothing is written. */
  readonly maxFails: number | undefined;
  readonly failTimeoutMs: number | undefined;
  readonly maxConnections: number | undefined;
  readonly slowStartMs: number | undefined;
  /** Whether all addresses of its name are wanted, and followed. */
  readonly isResolved: boolean;
  /** Of SRV records. */
  readonly service: string | undefined;
}

const MOST_WEIGHT = 1000;

/** @param usualPort of an address without one */
export function upstreamServersOf(
  block: Directive,
  usualPort: number,
  ledger: Ledger,
): readonly UpstreamServer[] {
  return (block.block ?? [])
    .filter(({ name }) => name === 'server')
    .flatMap((directive) => serverOf(directive, usualPort, ledger) ?? []);
}

function serverOf(directive: Directive, usualPort: number, ledger: Ledger): UpstreamServer | undefined {
  const [text = '', ...parameters] = directive.words;
  const address = endpointAddress(text, usualPort);
  if (address === undefined) {
    ledger.refuse(directive, 'this address cannot be read: host:port, [ipv6]:port or unix:/path');
    return undefined;
  }
  if (parameters.includes('down')) {
    ledger.change(directive, 'left out, as it is down: add it when it is back, which needs no restart');
    return undefined;
  }
  const valueOf = (name: string) =>
    parameters.findLast((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
  const weight = parseCount(valueOf('weight')) ?? 1;
  const unknown = parameters.filter((one) => !KNOWN.test(one));
  if (unknown.length > 0) {
    ledger.refuse(
      directive,
      `without ${unknown.map((one) => one.replace(/=.*/s, '')).join(', ')}: there is nothing like it`,
    );
  } else ledger.carry(directive);
  if (weight > MOST_WEIGHT) ledger.change(directive, `weights go up to ${MOST_WEIGHT}`);
  return {
    directive,
    address,
    weight: clamp(weight, 1, MOST_WEIGHT),
    isBackup: parameters.includes('backup'),
    maxFails: parseCount(valueOf('max_fails')),
    failTimeoutMs: parseTime(valueOf('fail_timeout') ?? ''),
    maxConnections: parseCount(valueOf('max_conns')) || undefined,
    slowStartMs: parseTime(valueOf('slow_start') ?? '') || undefined,
    isResolved: parameters.includes('resolve'),
    service: valueOf('service'),
  };
}

const KNOWN = /^(weight|max_fails|fail_timeout|max_conns|slow_start|service)=|^(backup|resolve)$/;

/** @returns undefined if the text is no address */
export function endpointAddress(text: string, usualPort: number): string | undefined {
  const withPort = text.startsWith('unix:') || /:\d{1,5}$/.test(text) ? text : `${text}:${usualPort}`;
  return isFault(parseAddress(withPort, 'connect')) ? undefined : withPort;
}
