// The request's header fields as they are forwarded upstream. Fields that the client may not set are removed or replaced, fields that
// describe the client are added, and all other fields stay as they are (names in SECURITY.md, claims about the client).

import { isClaimAboutClient } from '../calls/client-claims.ts';
import { hyphenated } from '../calls/field-spelling.ts';
import { isNoTrailer } from '../calls/request-trailers.ts';
import { GRPC_TRACE_BIN, TRACEPARENT, TRACESTATE, type TraceFormats } from '../calls/trace-parent.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';

/** What is known about the client of a connection. */
export interface ForwardedClient {
  readonly clientAddress: string;
  /** The TLS version. '' means plaintext. */
  readonly tls: string;
  /** Whether the fields by which this client describes other clients are believed (`trustedClients`). */
  readonly trusted: boolean;
  /** What the service is told of the client's certificate. Undefined if nothing. */
  readonly forwardedCertificate?: { readonly element: string; readonly isOnlyInPlace: boolean } | undefined;
}

/** Never copied. The proxy sets most of them itself, each by its own rule. */
const REPLACED = new Set([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'te',
  'host',
  // Connection-specific like the fields that HTTP/2 forbids, and obsolete since RFC 9113 section 3.1.
  'http2-settings',
]);

/**
 * How a field is treated. CLAIM: copied for trusted clients only. CERTIFICATE: a claim that the proxy may add to. OF_THE_CALL: grpc-timeout, never copied. W3C_TRACE and
 * GRPC_TRACE: copied unless the proxy writes that format itself, for each attempt.
 */
const Treatment = {
  COPIED: 0,
  DROPPED: 1,
  CLAIM: 2,
  OF_THE_CALL: 3,
  W3C_TRACE: 4,
  GRPC_TRACE: 5,
  CERTIFICATE: 6,
} as const;

/** Envoy's name and form (x-forwarded-client-cert, XFCC). */
const CERTIFICATE_FIELD = 'x-forwarded-client-cert';

/** The treatment of names seen lately: one lookup instead of several for each field of each call. */
const treatments = new Map<string, number>();
const MOST_TREATMENTS = 512;
/** Longer names are not kept: clients choose names, and could fill the memory with them. */
const LONGEST_KEPT = 48;

/** The pseudo-header fields that describe where a forwarded request goes. */
export interface RequestTarget {
  /** The scheme of the upstream connection: servers such as Kestrel refuse any other. The client's scheme is in x-forwarded-proto. */
  readonly scheme: 'http' | 'https';
  readonly path: string;
  /** The authority that the service is sent. '' if there is none. */
  readonly authority: string;
  /** The authority that the client has named, for x-forwarded-host. '' if it named none. */
  readonly forwardedHost: string;
}

/** What decides which fields of the client's the service gets. */
export interface CopyTerms {
  readonly peer: Pick<ForwardedClient, 'trusted' | 'forwardedCertificate'>;
  readonly isGrpc: boolean;
  /** The formats of traces that the proxy writes itself. Undefined if it does not trace. */
  readonly traceFormats?: TraceFormats | undefined;
}

export interface RewriteTerms extends CopyTerms {
  readonly peer: ForwardedClient;
  readonly requestTarget: RequestTarget;
}

/**
 * @returns the header list to send upstream, without the fields that the proxy makes for each call: grpc-timeout, the
 * fields of traces if it traces, and x-request-id unless the client's own is kept
 */
export function forwardedRequest(list: HeaderList, terms: RewriteTerms): HeaderList {
  const { peer: client, isGrpc } = terms;
  const { scheme, path, authority, forwardedHost } = terms.requestTarget;
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
    if (treatment !== Treatment.COPIED && isTakenOut(treatment, terms)) continue;
    outgoing.addFrom(list, index);
  }
  // gRPC servers take a missing te as a sign of a proxy that drops trailers.
  if (hasTe) outgoing.add('te', 'trailers');
  addForwarded(outgoing, list, client, forwardedHost);
  return outgoing;
}

/** @returns the client's trailer section without fields that are not allowed in header fields: servers may merge the two sections */
export function forwardedTrailers(list: HeaderList): HeaderList {
  if (!list.names.some(isNoTrailer)) return list;
  const outgoing = new HeaderList();
  list.names.forEach((name, index) => {
    if (!isNoTrailer(name)) outgoing.addFrom(list, index);
  });
  return outgoing;
}

/** Whether a field of this name is forwarded unchanged, at any position of the list. */
export function isSentAsItCame(name: string, terms: CopyTerms): boolean {
  const treatment = treatmentOf(name);
  if (name.charCodeAt(0) === COLON || treatment === Treatment.DROPPED) return false;
  return treatment === Treatment.COPIED || !isTakenOut(treatment, terms);
}

/** Whether a field of this name is known to be removed without affecting other fields. Always false for the names in REPLACED. */
export function isLeftOut(name: string, terms: CopyTerms): boolean {
  const treatment = treatmentOf(name);
  // That of a trusted client is taken out to be written anew, with what it says.
  if (treatment === Treatment.CERTIFICATE) return !terms.peer.trusted;
  return treatment >= Treatment.CLAIM && isTakenOut(treatment, terms);
}

function isTakenOut(treatment: number, { peer, traceFormats }: CopyTerms): boolean {
  if (treatment === Treatment.CLAIM) return !peer.trusted;
  if (treatment === Treatment.CERTIFICATE) return !peer.trusted || peer.forwardedCertificate !== undefined;
  // Each attempt has one with the time that is left, also if it is no gRPC call: a service may take it for one.
  if (treatment === Treatment.OF_THE_CALL) return true;
  if (treatment === Treatment.W3C_TRACE) return traceFormats?.w3c === true;
  return treatment === Treatment.GRPC_TRACE ? traceFormats?.grpcTraceBin === true : true;
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
  if (name === CERTIFICATE_FIELD) return Treatment.CERTIFICATE;
  // Some servers read a name in another spelling as the same name, so that one is never copied.
  if (isClaimAboutClient(name)) return name === hyphenated(name) ? Treatment.CLAIM : Treatment.DROPPED;
  if (name === TRACEPARENT || name === TRACESTATE) return Treatment.W3C_TRACE;
  if (name === GRPC_TRACE_BIN) return Treatment.GRPC_TRACE;
  return name === 'grpc-timeout' ? Treatment.OF_THE_CALL : Treatment.COPIED;
}

function addForwarded(
  outgoing: HeaderList,
  list: HeaderList,
  client: ForwardedClient,
  forwardedHost: string,
): void {
  const before = client.trusted ? joined(list, 'x-forwarded-for') : '';
  outgoing.add(
    'x-forwarded-for',
    before === '' ? client.clientAddress : `${before}, ${client.clientAddress}`,
  );
  const proto = client.trusted ? list.get('x-forwarded-proto') : undefined;
  outgoing.add('x-forwarded-proto', proto ?? (client.tls === '' ? 'http' : 'https'));
  const host = client.trusted ? list.get('x-forwarded-host') : undefined;
  if (host !== undefined || forwardedHost !== '') outgoing.add('x-forwarded-host', host ?? forwardedHost);
  if (client.forwardedCertificate !== undefined)
    outgoing.add(CERTIFICATE_FIELD, certificateOf(list, client.trusted, client.forwardedCertificate));
}

function certificateOf(
  list: HeaderList,
  trusted: boolean,
  { element, isOnlyInPlace }: NonNullable<ForwardedClient['forwardedCertificate']>,
): string {
  const before = trusted ? joined(list, CERTIFICATE_FIELD) : '';
  // Behind an open quote, readers would take the new element for a part of the old one.
  if (before === '' || hasOpenQuote(before)) return element;
  return isOnlyInPlace ? before : `${before},${element}`;
}

function hasOpenQuote(value: string): boolean {
  let isQuoted = false;
  for (let at = 0; at < value.length; at++) {
    if (value[at] === '"') isQuoted = !isQuoted;
    else if (isQuoted && value[at] === '\\') at++;
  }
  return isQuoted;
}

function joined(list: HeaderList, name: string): string {
  return list.values.filter((_value, index) => list.names[index] === name).join(', ');
}

const COLON = 0x3a;
