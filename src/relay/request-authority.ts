// Decides which host a request is for. Its header fields must name one host, and only one.

import { type Failure, failure } from '../calls/failure.ts';
import { explainAuthority } from '../diagnosis/explanation.ts';
import { isCheckedRequest } from '../h2/header-rules.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { isSameAuthority, normalAuthority } from '../routing/authority.ts';

export interface RequestAuthority {
  /** The normalized authority, for routing, forwarding and the log. If it is not valid: what the client sent, see withoutUser; '' if nothing. */
  readonly text: string;
  /** Why the request cannot be forwarded. */
  readonly failure: Failure | undefined;
}

/** How many characters of a value a message quotes at most. */
const MOST_CHARACTERS = 256;

/** @param isUnix the client connected by a Unix socket, see normalAuthority */
export function authorityOf(list: HeaderList, isUnix: boolean): RequestAuthority {
  const { names } = list;
  const authority = list.get(':authority');
  const hostAt = names.indexOf('host');
  const host = hostAt === -1 ? undefined : list.valueAt(hostAt);
  const named = authority ?? host ?? '';
  // A list that was not checked by the rules of HTTP/2 came from HTTP/1.x, and requests of HTTP/1.0 need no Host field.
  if (named === '' && !isCheckedRequest(list)) return { text: '', failure: undefined };
  const normal = normalAuthority(named, isUnix);
  if (normal === undefined) {
    const shown = withoutUser(named);
    return invalid(shown, named === '' ? NOTHING_NAMED : notAnAuthority(shown), list);
  }
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

/** Without a user's name and password, which the log and the admin server must not show: `@` and what follows the last one. */
function withoutUser(authority: string): string {
  const end = authority.lastIndexOf('@');
  return end === -1 ? authority : authority.slice(end);
}

const NOTHING_NAMED = 'The request names no host: :authority is missing or empty, and so is host.';

/** @param text without a user */
function notAnAuthority(text: string): string {
  if (text.startsWith('@'))
    return `The request's authority names a user in front of "${text.slice(0, MOST_CHARACTERS)}", which HTTP/2 does not allow.`;
  return `The request's authority "${text.slice(0, MOST_CHARACTERS)}" is not a host with or without a port.`;
}

/** If the proxy and the service disagreed on which name counts, the service would serve the wrong host (RFC 9113 section 8.3.1). */
function differs(host: string, authority: string): string {
  return `The request names two hosts: "${authority}", and in its host field "${withoutUser(host).slice(0, MOST_CHARACTERS)}".`;
}

function invalid(text: string, what: string, list: HeaderList): RequestAuthority {
  const message = `${what} ${explainAuthority(list.get('user-agent'))}`;
  return { text, failure: failure('authority_invalid', message) };
}
