// Which host a request is for, as its header fields say it, and what is wrong where they say none, or two.

import { type Failure, failure } from '../calls/failure.ts';
import { explainAuthority } from '../diagnosis/explanation.ts';
import { isCheckedRequest } from '../h2/header-rules.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { isSameAuthority, normalAuthority } from '../routing/authority.ts';

export interface RequestAuthority {
  /** To route by, to send on, and for the log. What the client sent, where it is no authority; '' where it sent none. */
  readonly text: string;
  /** Why the request cannot be sent on. */
  readonly failure: Failure | undefined;
}

/** What a message quotes. */
const MOST_CHARACTERS = 256;

/** @param isUnix the client came by a Unix socket: see normalAuthority */
export function authorityOf(list: HeaderList, isUnix: boolean): RequestAuthority {
  const { names } = list;
  const authority = list.get(':authority');
  const hostAt = names.indexOf('host');
  const host = hostAt === -1 ? undefined : list.valueAt(hostAt);
  const named = authority ?? host ?? '';
  // Of HTTP/1.0, whose requests need no Host field; the rules of HTTP/2 were not asked.
  if (named === '' && !isCheckedRequest(list)) return { text: '', failure: undefined };
  const normal = normalAuthority(named, isUnix);
  if (normal === undefined) return invalid(named, named === '' ? NOTHING_NAMED : notAnAuthority(named), list);
  if (host === undefined) return { text: normal, failure: undefined };
  const others = names.flatMap((name, index) => (name === 'host' ? [list.valueAt(index)] : []));
  const scheme = list.get(':scheme') ?? '';
  const other = others.find((value) => !isSame(value, named, normal, scheme, isUnix));
  if (other === undefined) return { text: normal, failure: undefined };
  return invalid(normal, differs(other, normal), list);
}

function isSame(host: string, named: string, normal: string, scheme: string, isUnix: boolean): boolean {
  if (host === named) return true;
  const normalHost = normalAuthority(host, isUnix);
  return normalHost !== undefined && isSameAuthority(normalHost, normal, scheme);
}

const NOTHING_NAMED = 'The request names no host: :authority is missing or empty, and so is host.';

function notAnAuthority(text: string): string {
  return `The request's authority "${text.slice(0, MOST_CHARACTERS)}" is not a host with or without a port.`;
}

/** A server and a proxy that do not agree which of them counts would serve another host (RFC 9113 section 8.3.1). */
function differs(host: string, authority: string): string {
  return `The request names two hosts: "${authority}", and in its host field "${host.slice(0, MOST_CHARACTERS)}".`;
}

function invalid(text: string, what: string, list: HeaderList): RequestAuthority {
  const message = `${what} ${explainAuthority(list.get('user-agent'))}`;
  return { text, failure: failure('authority_invalid', message) };
}
