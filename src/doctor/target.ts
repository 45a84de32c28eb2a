// What `framegate doctor TARGET` takes: host:port, a name alone, unix:/path, or a URL whose scheme says whether clients use TLS.

import { type Address, parseAddress } from '../config/address.ts';
import { isFault } from '../config/problem.ts';

export interface Target {
  readonly address: Address;
  /** Whether clients call it over TLS. Undefined if nobody has said. */
  readonly isTls: boolean | undefined;
  readonly authority: string;
  /** As it was typed. */
  readonly text: string;
}

const TLS_SCHEMES: Readonly<Record<string, boolean>> = {
  http: false,
  https: true,
  grpc: false,
  grpcs: true,
  h2c: false,
  h2: true,
  dns: false,
};

/** @returns a sentence about what is wrong, if it is no target */
export function parseTarget(text: string): Target | string {
  const found = /^([a-z][a-z0-9+.-]*):\/\/\/?([^/?#]*)/i.exec(text);
  const scheme = found?.[1].toLowerCase();
  if (scheme !== undefined && !Object.hasOwn(TLS_SCHEMES, scheme)) {
    return `there is no scheme "${scheme}": write host:port, or a URL with https, http, grpcs or grpc`;
  }
  const place = (found?.[2] ?? text).replace(/^[^@]*@/, '');
  const isTls = scheme === undefined || scheme === 'dns' ? undefined : TLS_SCHEMES[scheme];
  const hasPort = /:\d+$/.test(place) || place.startsWith('unix:');
  const withPort = hasPort ? place : `${place}:${isTls === false ? 80 : 443}`;
  const address = parseAddress(withPort, 'connect');
  if (isFault(address)) return `${address.message}${address.hint === undefined ? '' : ` (${address.hint})`}`;
  const authority = address.kind === 'unix' ? 'localhost' : hasPort ? address.text : place;
  return { address, isTls, authority, text };
}
