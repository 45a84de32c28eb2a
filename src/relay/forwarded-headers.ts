// The request's header fields on their way upstream: what a client may not claim is replaced, what describes the
// client is added, everything else stays byte for byte (names in docs/configuration.md, trustedClients).

import { isClaimAboutClient } from '../calls/client-claims.ts';
import { isNoTrailer } from '../calls/request-trailers.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';

/** What is known of the client, and whether what it says of others is believed. */
export interface ForwardedClient {
  readonly clientAddress: string;
  /** TLS version, '' in the clear. */
  readonly tls: string;
  readonly trusted: boolean;
}

/** Set by us, each from its own rule; never copied. */
const REPLACED = new Set([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'te',
  'host',
  // Of one connection, like those that the rules of HTTP/2 refuse (RFC 9113 section 3.1 has taken it away).
  'http2-settings',
]);

/** What becomes of a field on its way upstream. CLAIM: sent on for trusted clients; OF_THE_CALL: grpc-timeout. */
const Treatment = { COPIED: 0, DROPPED: 1, CLAIM: 2, OF_THE_CALL: 3 } as const;

/** Names met lately: one look instead of four for each field of each call. */
const treatments = new Map<string, number>();
const MOST_TREATMENTS = 512;
/** Clients choose names. */
const LONGEST_KEPT = 48;

/** Where a request goes, as its pseudo-header fields say it. */
export interface RequestTarget {
  /** The scheme of the connection it travels on: servers such as Kestrel refuse another. The client's is in x-forwarded-proto. */
  readonly scheme: 'http' | 'https';
  readonly path: string;
  /** The effective authority; '' when there is none. */
  readonly authority: string;
}

/**
 * The list to send upstream, without what differs from call to call: grpc-timeout, and x-request-id unless the client's
 * own is kept.
 */
export function forwardedRequest(
  list: HeaderList,
  client: ForwardedClient,
  target: RequestTarget,
  isGrpc: boolean,
): HeaderList {
  const { scheme, path, authority } = target;
  const outgoing = new HeaderList();
  outgoing.add(':method', list.get(':method') ?? '');
  outgoing.add(':scheme', scheme);
  outgoing.add(':path', path);
  if (authority !== '') outgoing.add(':authority', authority);
  const protocol = list.get(':protocol');
  if (protocol !== undefined) outgoing.add(':protocol', protocol);
  const { names } = list;
  let hasTe = isGrpc;
  for (let index = 0; index < names.length; index++) {
    const name = names[index];
    if (name.charCodeAt(0) === COLON) continue;
    if (name === 'te') hasTe = true;
    const treatment = treatmentOf(name);
    if (treatment !== Treatment.COPIED && isTakenOut(treatment, client.trusted, isGrpc)) continue;
    outgoing.addFrom(list, index);
  }
  // gRPC servers take a missing te for a proxy that drops trailers.
  if (hasTe) outgoing.add('te', 'trailers');
  addForwarded(outgoing, list, client, authority);
  return outgoing;
}

/** A trailer section of the client's: servers may merge it with the header fields, so that it must not claim more than they. */
export function forwardedTrailers(list: HeaderList): HeaderList {
  if (!list.names.some(isNoTrailer)) return list;
  const outgoing = new HeaderList();
  list.names.forEach((name, index) => {
    if (!isNoTrailer(name)) outgoing.addFrom(list, index);
  });
  return outgoing;
}

/** Whether a field of this name goes to the service as it is, wherever it stands. */
export function isSentAsItCame(name: string, trusted: boolean, isGrpc: boolean): boolean {
  const treatment = treatmentOf(name);
  if (name.charCodeAt(0) === COLON || treatment === Treatment.DROPPED) return false;
  return treatment === Treatment.COPIED || !isTakenOut(treatment, trusted, isGrpc);
}

/** Whether a field of this name is taken out without a trace; others that are taken out are made into something else. */
export function isLeftOut(name: string, trusted: boolean, isGrpc: boolean): boolean {
  const treatment = treatmentOf(name);
  return (
    (treatment === Treatment.CLAIM || treatment === Treatment.OF_THE_CALL) &&
    isTakenOut(treatment, trusted, isGrpc)
  );
}

function isTakenOut(treatment: number, trusted: boolean, isGrpc: boolean): boolean {
  if (treatment === Treatment.CLAIM) return !trusted;
  // Of a gRPC call it is sent for each call, with what is left of it.
  return treatment === Treatment.OF_THE_CALL ? isGrpc : true;
}

function treatmentOf(name: string): number {
  const known = treatments.get(name);
  if (known !== undefined) return known;
  const treatment = decideTreatment(name);
  if (treatments.size >= MOST_TREATMENTS) treatments.clear();
  if (name.length <= LONGEST_KEPT) treatments.set(name, treatment);
  return treatment;
}

function decideTreatment(name: string): number {
  if (REPLACED.has(name)) return Treatment.DROPPED;
  // Also spelled with underscores, which some servers read as the same name.
  if (isClaimAboutClient(name)) return name.includes('_') ? Treatment.DROPPED : Treatment.CLAIM;
  return name === 'grpc-timeout' ? Treatment.OF_THE_CALL : Treatment.COPIED;
}

function addForwarded(
  outgoing: HeaderList,
  list: HeaderList,
  client: ForwardedClient,
  authority: string,
): void {
  const before = client.trusted ? joined(list, 'x-forwarded-for') : '';
  outgoing.add(
    'x-forwarded-for',
    before === '' ? client.clientAddress : `${before}, ${client.clientAddress}`,
  );
  const proto = client.trusted ? list.get('x-forwarded-proto') : undefined;
  outgoing.add('x-forwarded-proto', proto ?? (client.tls === '' ? 'http' : 'https'));
  const host = client.trusted ? list.get('x-forwarded-host') : undefined;
  if (host !== undefined || authority !== '') outgoing.add('x-forwarded-host', host ?? authority);
}

function joined(list: HeaderList, name: string): string {
  return list.values.filter((_value, index) => list.names[index] === name).join(', ');
}

const COLON = 0x3a;
