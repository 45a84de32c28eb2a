// What nginx answers itself: `return`, and locations in which nobody is served. They become routes with `respond` and `redirect`.

import type { Branch } from './branches.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';
import { type YamlEntry, YamlMap } from './yaml-text.ts';

const MOVING = ['rewrite', 'break'];
/** These are what nginx and Framegate both pass on unchanged. */
const SAME_PATH = /(\$request_uri|\$uri\$is_args\$args)$/;
const REDIRECTS: ReadonlySet<string> = new Set(['301', '302', '303', '307', '308']);
/** nginx's own code: it closes the connection. */
const CLOSES = '444';

/**
 * @param scope the block that the directive stands in
 * @returns a branch for all calls of the place, or undefined if Framegate cannot answer like this
 */
export function answerBranch(directive: Directive, scope: Scope, ledger: Ledger): Branch | undefined {
  // These may send the call to another place before nginx comes to the answer.
  const isPlain = MOVING.every((name) => scope.own(name).length === 0);
  const destination = isPlain ? destinationOf(directive) : undefined;
  if (destination === undefined) return undefined;
  ledger.carry(directive, destination.key === 'redirect' ? 'redirect' : 'respond');
  return {
    header: undefined,
    destination,
    upstreams: [],
    pass: directive,
    stripPrefix: undefined,
    settings: [],
  };
}

function destinationOf(directive: Directive): YamlEntry | undefined {
  const { name, words } = directive;
  if (name === 'internal') return respond(directive, 404);
  if (name === 'deny') return respond(directive, 403);
  const [code = '', text] = words;
  if (words.length === 1 && /^https?:/.test(code)) return redirect(directive, code, '302');
  if (REDIRECTS.has(code)) return text === undefined ? undefined : redirect(directive, text, code);
  if (!/^[245]\d\d$/.test(code) || code === CLOSES || (text ?? '').includes('$')) return undefined;
  const isBare = text === undefined || text === '' || code === '204';
  return respond(directive, Number(code), isBare ? undefined : text);
}

function respond(from: Directive, status: number, body?: string): YamlEntry {
  const value = new YamlMap([
    { key: 'status', value: status, from },
    body === undefined ? undefined : { key: 'body', value: body },
  ]);
  return { key: 'respond', value };
}

function redirect(from: Directive, url: string, code: string): YamlEntry | undefined {
  const keepsPath = SAME_PATH.test(url);
  const target = url.replace(SAME_PATH, '');
  const to = /^https:\/\/\$(host|http_host)$/.test(target) && keepsPath ? 'https' : sameHostIn(target);
  if (to !== 'https' && !(keepsPath ? ORIGIN : WHOLE).test(to.replace(OWN_HOST, 'host'))) return undefined;
  const value = new YamlMap([
    { key: 'to', value: to, from },
    { key: 'status', value: Number(code) },
  ]);
  return { key: 'redirect', value };
}

/** `$host` in place of the host: both are without the port of the request. */
function sameHostIn(target: string): string {
  return target.replace(
    /^(https?:\/\/)\$(?:host|\{host\})(?=[:/]|$)/,
    (_, scheme: string) => `${scheme}${OWN_HOST}`,
  );
}

const OWN_HOST = '${host}';

/** Without a path, redirect.to keeps that of the request. A query may hold a secret, which is not repeated. */
const ORIGIN = /^https?:\/\/[^/?#@\s$]+$/i;
const WHOLE = /^(?:https?:\/\/[^/?#@\s$]+)?\/(?!\/)[^?#\s$]+$/i;
