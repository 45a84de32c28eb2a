// Header fields that nginx sets, adds and hides, as `headers` and `authority` of a route. Most that nginx's configurations usually set,
// Framegate sends by itself.

import { parseEditedName, parseHeaderTemplate, parseResponseTemplate } from '../config/header-template.ts';
import { parseHostPattern } from '../config/match-criteria.ts';
import { isFault } from '../config/problem.ts';
import { isSecretName } from '../config/secret-name.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';
import { type YamlEntry, YamlMap, YamlWords } from './yaml-text.ts';

/** Fields that Framegate sends by itself, each with the values that nginx's files give them. */
const SENT: Readonly<Record<string, RegExp>> = {
  'x-forwarded-for': /^\$(proxy_add_x_forwarded_for|remote_addr|http_x_forwarded_for)$/,
  'x-forwarded-proto': /^(\$scheme|\$http_x_forwarded_proto)$/,
  'x-forwarded-host': /^\$(host|http_host)$/,
  'x-request-id': /^\$(request_id|http_x_request_id|req_id)$/,
  te: /^(trailers|\$http_te)$/,
};

/** How nginx's files have WebSockets, and connections to the service kept. */
const OF_CONNECTION: Readonly<Record<string, RegExp>> = {
  upgrade: /^\$http_upgrade$/,
  connection:
    /^(|upgrade|keep-alive|\$connection_upgrade|\$http_connection|\$connection_header|\$proxy_connection)$/i,
};

/** nginx's variables, as those of routes[].headers. */
const VARIABLES: Readonly<Record<string, string>> = {
  remote_addr: 'client.address',
  host: 'host',
  request_method: 'method',
  request_uri: 'path',
  ssl_protocol: 'tls.version',
};

/** A change of one field. */
interface Change {
  readonly name: string;
  /** Undefined means that the field is removed. */
  readonly value: string | undefined;
  readonly from: Directive;
}

/** A route with more would be no use to anybody, and a thousand locations may inherit what one block has. */
const MOST_FIELDS = 100;

interface RequestChanges {
  readonly changes: readonly Change[];
  readonly authority: YamlEntry | undefined;
}

/** What came of the directives of one block, which many locations may inherit. */
const requestChanges = new WeakMap<readonly Directive[], RequestChanges>();
/** The same where `set_real_ip_from` holds, which changes what $remote_addr is. */
const requestChangesBehindProxies = new WeakMap<readonly Directive[], RequestChanges>();
const responseChanges = new WeakMap<readonly Directive[], readonly Change[]>();

/** @param kind of the pass directive: `grpc` or `proxy` */
export function headerEntriesOf(scope: Scope, kind: string, ledger: Ledger): readonly YamlEntry[] {
  const directives = scope.inherited(`${kind}_set_header`);
  const isBehind = scope.setting('set_real_ip_from') !== undefined;
  const known = isBehind ? requestChangesBehindProxies : requestChanges;
  const { changes, authority } = known.get(directives) ?? requestChangesOf(directives, scope, ledger);
  known.set(directives, { changes, authority });
  const hidden = onceEach(scope.inherited(`${kind}_hide_header`), ledger, (one) => hiddenBy(one, ledger));
  const request = section('request', {
    set: changes.filter(({ value }) => value !== undefined),
    remove: changes.filter(({ value }) => value === undefined),
  });
  return [authority, headersEntry([request, ...responseSections(scope, hidden, ledger)])].filter(
    (entry) => entry !== undefined,
  );
}

function requestChangesOf(directives: readonly Directive[], scope: Scope, ledger: Ledger): RequestChanges {
  let authority: YamlEntry | undefined;
  const rest = directives.filter((directive) => {
    if (isSentAnyway(directive, ledger)) return false;
    const host = hostIn(directive);
    if (host === undefined) return true;
    ledger.carry(directive, 'authority');
    authority = { key: 'authority', value: host, from: directive };
    return false;
  });
  return { changes: changesOf(rest, ledger, (one) => changeOf(one, scope, ledger)), authority };
}

/** The fields of responses that Framegate makes itself. */
export function answerHeadersOf(scope: Scope, ledger: Ledger): readonly YamlEntry[] {
  const entry = headersEntry(responseSections(scope, [], ledger));
  return entry === undefined ? [] : [entry];
}

function responseSections(
  scope: Scope,
  hidden: readonly Change[],
  ledger: Ledger,
): readonly (YamlEntry | undefined)[] {
  const added = onceEach(scope.inherited('add_header'), ledger, (one) => additionOf(one, false, ledger));
  const trailers = onceEach(scope.inherited('add_trailer'), ledger, (one) => additionOf(one, true, ledger));
  const hiddenNames = new Set(hidden.map(({ name }) => name));
  const addedNames = new Set(added.map(({ name }) => name));
  return [
    // What hides the field of the service and adds its own replaces it.
    section('response', {
      set: added.filter(({ name }) => hiddenNames.has(name)),
      add: added.filter(({ name }) => !hiddenNames.has(name)),
      remove: hidden.filter(({ name }) => !addedNames.has(name)),
    }),
    section('trailers', { add: trailers }),
  ];
}

/** @returns one change for each name, made once for each block */
function onceEach(
  directives: readonly Directive[],
  ledger: Ledger,
  change: (directive: Directive) => Change | undefined,
): readonly Change[] {
  const made = responseChanges.get(directives) ?? changesOf(directives, ledger, change);
  responseChanges.set(directives, made);
  return made;
}

/** One change for each name, since a map has each name once. */
function changesOf(
  directives: readonly Directive[],
  ledger: Ledger,
  change: (directive: Directive) => Change | undefined,
): readonly Change[] {
  const made = new Map<string, Change>();
  for (const directive of directives) {
    if (made.size >= MOST_FIELDS) {
      ledger.refuse(directive, `a route changes ${MOST_FIELDS} fields at most`);
      continue;
    }
    const one = change(directive);
    if (one === undefined) continue;
    if (made.has(one.name)) ledger.refuse(directive, 'a field of this name is changed already');
    else made.set(one.name, one);
  }
  return [...made.values()];
}

function headersEntry(sections: readonly (YamlEntry | undefined)[]): YamlEntry | undefined {
  const given = sections.filter((entry) => entry !== undefined);
  return given.length === 0 ? undefined : { key: 'headers', value: new YamlMap(given) };
}

function section(
  key: string,
  changes: Readonly<Partial<Record<'set' | 'add' | 'remove', readonly Change[]>>>,
): YamlEntry | undefined {
  const { set = [], add = [], remove = [] } = changes;
  if (set.length + add.length + remove.length === 0) return undefined;
  const fields = (how: string, given: readonly Change[]): YamlEntry | undefined =>
    given.length === 0
      ? undefined
      : {
          key: how,
          value: new YamlMap(given.map(({ name, value = '', from }) => ({ key: name, value, from }))),
        };
  const removed: YamlEntry | undefined =
    remove.length === 0
      ? undefined
      : { key: 'remove', value: new YamlWords(remove.map(({ name }) => name)), from: remove[0].from };
  return { key, value: new YamlMap([fields('set', set), fields('add', add), removed]) };
}

function isSentAnyway(directive: Directive, ledger: Ledger): boolean {
  const [name = '', value = ''] = directive.words;
  const field = name.toLowerCase();
  if (Object.hasOwn(SENT, field) && SENT[field].test(value)) {
    ledger.carry(directive, 'sent by itself, and kept from clients in trustedClients only');
  } else if (Object.hasOwn(OF_CONNECTION, field) && OF_CONNECTION[field].test(value)) {
    ledger.carry(directive, 'nothing to set: WebSockets and kept connections work by themselves');
  } else if (field === 'host' && /^\$(host|http_host)(:\$server_port)?$/.test(value)) {
    ledger.carry(directive, 'the host that the client has named is passed on');
  } else if (/^\$http_\w+$/.test(value) && value.slice(6).replaceAll('_', '-') === field) {
    ledger.carry(directive, 'passed on as the client sent it');
  } else return false;
  return true;
}

/** @returns the name that services are sent as their host, if it is a text */
function hostIn({ words: [name = '', value = ''] }: Directive): string | undefined {
  if (name.toLowerCase() !== 'host') return undefined;
  const [, host, port = ''] = /^([^:$]+)(:[0-9]{1,5})?$/.exec(value) ?? [];
  if (host === undefined || value === 'keep' || value === 'endpoint') return undefined;
  const parsed = parseHostPattern(host);
  return isFault(parsed) || parsed.startsWith('*') || Number(port.slice(1)) > 65_535
    ? undefined
    : `${parsed}${port}`;
}

/** A field of requests. An empty value takes the client's away, as in nginx. */
function changeOf(directive: Directive, scope: Scope, ledger: Ledger): Change | undefined {
  const [written = '', value = ''] = directive.words;
  const name = nameOf(directive, written, ledger);
  if (name === undefined) return undefined;
  if (value.includes('$remote_addr') && scope.setting('set_real_ip_from') !== undefined) {
    ledger.refuse(
      directive,
      'with set_real_ip_from this is the address that a proxy in front has named, which is the first in x-forwarded-for here',
    );
    return undefined;
  }
  if (value === '') {
    ledger.carry(directive, 'headers.request.remove');
    return { name, value: undefined, from: directive };
  }
  const template = templateOf(value);
  if (template === undefined || isFault(parseHeaderTemplate(template))) {
    ledger.refuse(
      directive,
      /\$\{?ssl_client_/.test(directive.words.join(' ')) ? OF_CERTIFICATE : NO_SUCH_VALUE,
    );
    return undefined;
  }
  ledger.carry(directive, 'headers.request.set');
  return { name, value: template, from: directive };
}

const NO_SUCH_VALUE =
  'its value cannot be said here: docs/configuration.md#header-fields lists the variables that there are';

const OF_CERTIFICATE =
  'services are told of client certificates by listeners[].tls.clientAuth.forward (x-forwarded-client-cert), or of the name alone by identities.NAME.clientCertificate.subject (docs/access.md#client-certificates)';

function additionOf(directive: Directive, isTrailer: boolean, ledger: Ledger): Change | undefined {
  const [written = '', value = '', always] = directive.words;
  const name = nameOf(directive, written, ledger);
  if (name === undefined) return undefined;
  const template = templateOf(value);
  if (template === undefined || template === '' || isFault(parseResponseTemplate(template))) {
    ledger.refuse(directive, NO_SUCH_VALUE);
    return undefined;
  }
  const key = isTrailer ? 'headers.trailers.add' : 'headers.response.add';
  if (always === 'always') ledger.carry(directive, key);
  else ledger.change(directive, `${key}, to responses of every status, as with \`always\``);
  return { name, value: template, from: directive };
}

function hiddenBy(directive: Directive, ledger: Ledger): Change | undefined {
  const name = nameOf(directive, directive.words[0] ?? '', ledger, false);
  if (name === undefined) return undefined;
  ledger.carry(directive, 'headers.response.remove');
  return { name, value: undefined, from: directive };
}

/** @param hasValue whether a value would be shown. @returns undefined if the field cannot be changed */
function nameOf(directive: Directive, written: string, ledger: Ledger, hasValue = true): string | undefined {
  const name = parseEditedName(written);
  if (isFault(name)) {
    ledger.refuse(
      directive,
      `this field cannot be changed: ${name.hint ?? 'it belongs to the protocol itself'}`,
    );
    return undefined;
  }
  if (hasValue && isSecretName(name) && directive.words[1] !== '') {
    ledger.refuse(
      directive,
      'its value may be a secret, which is not repeated here: write it into routes[].headers yourself',
    );
    return undefined;
  }
  return name;
}

/** @returns the value with the variables of Framegate, or undefined if it has others */
function templateOf(value: string): string | undefined {
  let isKnown = true;
  const text = value.replaceAll(/\$\{?([a-z0-9_]*)\}?/gi, (_whole, name: string) => {
    if (name.startsWith('http_') && name.length > 5)
      return `\${header.${name.slice(5).replaceAll('_', '-')}}`;
    if (Object.hasOwn(VARIABLES, name)) return `\${${VARIABLES[name]}}`;
    isKnown = false;
    return '';
  });
  return isKnown ? text : undefined;
}

/** The idiom of WebSockets: a map that makes a Connection field of the client's Upgrade. */
export function isConnectionMap({ name, words }: Directive): boolean {
  return name === 'map' && words[0] === '$http_upgrade' && /^\$\w*connection\w*$/.test(words[1] ?? '');
}
