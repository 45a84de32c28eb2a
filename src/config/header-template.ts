// The header fields that a configuration sets: which names it may use, and values with variables such as ${client.address}.

import { ownOfNginx } from './foreign-variables.ts';
import { parseHeaderName, parseHeaderValue } from './match-criteria.ts';
import { type Fault, isFault } from './problem.ts';
import type { HeaderTemplate, HeaderTemplatePart, HeaderVariable } from './route-config.ts';
import { suggest } from './suggestion.ts';

export const HEADER_VARIABLES: readonly HeaderVariable[] = [
  'client.address',
  'host',
  'listener',
  'method',
  'path',
  'route',
  'tls.version',
];

const HEADER_PREFIX = 'header.';

/** For whoever writes a variable that does not exist, in the value of a field of a request. */
export const ALL_VARIABLES: string = `there are ${HEADER_VARIABLES.map(inBraces).join(', ')}, and ${inBraces(`${HEADER_PREFIX}NAME`)}`;
const ONLY_ROUTE = 'only ${route} is known in responses; write the value itself';

/** Fields that each hop writes itself, and what to write in the configuration instead. */
const OF_THE_HOP: ReadonlyMap<string, string | undefined> = new Map([
  ['content-length', undefined],
  ['expect', undefined],
  ['host', 'write authority: NAME at the route'],
  ['te', undefined],
  ['trailer', undefined],
  ['x-request-id', 'Framegate gives each call an id, and keeps the one of clients in trustedClients'],
]);

/** @returns the name in lower case */
export function parseEditedName(text: string): string | Fault {
  if (text.startsWith(':')) {
    const hint = text.toLowerCase() === ':authority' ? 'write authority: NAME at the route' : 'remove it';
    return { message: `'${text}' is a pseudo-header, which decides where a request goes`, hint };
  }
  const name = parseHeaderName(text);
  if (isFault(name)) {
    const message = name.message.replace(' and is never matched', ', so it cannot be changed');
    // The hint of a match does not fit here.
    return message === name.message ? name : { message, hint: 'remove it' };
  }
  // An edit concerns all spellings of a name (calls/field-spelling.ts).
  const written = name.replaceAll(/[_.]/g, '-');
  if (isFault(parseHeaderName(written)))
    return { message: `'${text}' is another spelling of ${written}, which belongs to one connection` };
  if (written.startsWith('grpc-'))
    return {
      message: `'${text}' belongs to gRPC itself`,
      hint: written === 'grpc-timeout' ? 'write timeouts: { deadline: 30s } at the route' : 'remove it',
    };
  if (OF_THE_HOP.has(written))
    return {
      message: `'${text}' is written by each hop itself`,
      hint: OF_THE_HOP.get(written) ?? 'remove it',
    };
  if (written === 'content-type' && name !== written)
    return { message: `'${text}' is another spelling of content-type`, hint: 'write content-type' };
  return name;
}

const MOST_CHARACTERS = 4096;

/** The value of a field of a response or trailer section: of the call, only the route is known there. */
export function parseResponseTemplate(text: string): HeaderTemplate | Fault {
  const template = parseTemplate(text, 'response');
  if (isFault(template)) return template;
  const foreign = template.find((part) => part.kind !== 'text' && part.name !== 'route');
  if (foreign === undefined || foreign.kind === 'text') return template;
  const name = foreign.kind === 'header' ? `${HEADER_PREFIX}${foreign.name}` : foreign.name;
  return {
    message: `'${inBraces(name)}' is not known in responses`,
    hint: 'only ${route} is; write the value itself',
  };
}

/** A value that is sent as it is written. */
export function parsePlainValue(text: string): string | Fault {
  const fault = parseHeaderValue(text);
  if (isFault(fault)) return fault;
  if (text.length > MOST_CHARACTERS)
    return { message: `a header value has at most ${MOST_CHARACTERS} characters here` };
  if (/^[\t\x20-\x7e]*$/.test(text)) return text;
  return {
    message: 'a header value holds visible ASCII characters only',
    hint: 'percent-encode the others',
  };
}

/** `$${` stands for `${` itself. */
export function parseHeaderTemplate(text: string): HeaderTemplate | Fault {
  return parseTemplate(text, 'request');
}

function parseTemplate(text: string, section: 'request' | 'response'): HeaderTemplate | Fault {
  const plainText = parsePlainValue(text);
  if (isFault(plainText)) return plainText;
  const parts: HeaderTemplatePart[] = [];
  let plain = '';
  for (const piece of text.split(/(\$\$\{|\$\{[^}]*\})/)) {
    if (piece === '$${') plain += '${';
    else if (!piece.startsWith('${')) plain += piece;
    else if (!piece.endsWith('}')) return { message: 'holds a ${ without a closing }', hint: ESCAPE_HINT };
    else {
      const part = variableOf(piece.slice(2, -1), section);
      if (isFault(part)) return part;
      if (plain !== '') parts.push({ kind: 'text', text: plain });
      plain = '';
      parts.push(part);
    }
  }
  if (plain !== '') parts.push({ kind: 'text', text: plain });
  return parts;
}

const ESCAPE_HINT = 'write $${ where these two characters themselves are meant';

function variableOf(name: string, section: 'request' | 'response'): HeaderTemplatePart | Fault {
  const known = HEADER_VARIABLES.find((variable) => variable === name);
  if (known !== undefined) return { kind: 'variable', name: known };
  if (name.startsWith(HEADER_PREFIX)) {
    const header = parseHeaderName(name.slice(HEADER_PREFIX.length));
    return isFault(header) ? header : { kind: 'header', name: header };
  }
  return { message: `'${inBraces(name)}' is no variable`, hint: hintFor(name, section) };
}

function hintFor(name: string, section: 'request' | 'response'): string {
  const near = nearVariable(name);
  if (section === 'response' && near !== 'route') return ONLY_ROUTE;
  if (near !== undefined) return `did you mean ${inBraces(near)}?`;
  const isOfEnvironment = /^[A-Z][A-Z0-9_]*$/.test(name);
  return isOfEnvironment ? `those of the environment are not filled in; ${ALL_VARIABLES}` : ALL_VARIABLES;
}

function nearVariable(name: string): string | undefined {
  const header = /^headers?[.:_-](.+)$/i.exec(name)?.[1];
  if (header !== undefined && !isFault(parseHeaderName(header)))
    return `${HEADER_PREFIX}${header.toLowerCase()}`;
  if (/^headers?$/i.test(name)) return `${HEADER_PREFIX}NAME`;
  const whole = HEADER_VARIABLES.find((one) => one.startsWith(`${name}.`));
  return ownOfNginx(name) ?? suggest(name, HEADER_VARIABLES) ?? whole;
}

function inBraces(name: string): string {
  return `\${${name}}`;
}

/** @returns the value as it is written in a configuration */
export function templateText(template: HeaderTemplate): string {
  return template
    .map((part) => {
      if (part.kind === 'text') return part.text.replaceAll('${', () => '$${');
      return part.kind === 'header' ? `\${${HEADER_PREFIX}${part.name}}` : `\${${part.name}}`;
    })
    .join('');
}
