// What nginx asks of one header field of a request, where `match.headers` asks exactly the same: whether its value is one of some.

import { parseHeaderName, parseHeaderValue } from '../config/match-criteria.ts';
import { isFault } from '../config/problem.ts';
import { isSecretName } from '../config/secret-name.ts';
import type { Directive } from './directive.ts';

/** That a header field has one of these values. */
export interface HeaderCondition {
  readonly header: string;
  readonly values: readonly string[];
}

/** Fields that Framegate changes, or that nginx puts together in another way. */
const OTHERWISE = /^(host|te|via|forwarded|x-forwarded-.*|x-real-ip|x-request-id)$/;

/**
 * @param variable as in `map $http_x_tenant`
 * @returns the name of the header field; undefined for other variables, and for a field whose value may be a secret
 */
export function headerOf(variable: string): string | undefined {
  const name = /^\$(?:\{(\w+)\}|(\w+))$/.exec(variable)?.slice(1).find(Boolean);
  const written = name === 'content_type' ? 'content-type' : /^http_(\w+)$/.exec(name ?? '')?.[1];
  if (written === undefined) return undefined;
  const header = parseHeaderName(written.replaceAll('_', '-'));
  if (isFault(header) || OTHERWISE.test(header) || isSecretName(header)) return undefined;
  return header;
}

/** Reads `if ($http_x = value)` and `if ($http_x ~ ^(one|other)$)`. */
export function headerConditionOf({ words }: Directive): HeaderCondition | undefined {
  const inner = [...words];
  inner[0] = (inner[0] ?? '').replace(/^\(/, '');
  inner.push((inner.pop() ?? '').replace(/\)$/, ''));
  const [variable = '', operator, ...rest] = inner.filter((word) => word !== '');
  const header = headerOf(variable);
  if (header === undefined || rest.length !== 1) return undefined;
  const values = operator === '=' ? plainValue(rest[0]) : operator === '~' ? valuesOf(rest[0]) : undefined;
  return values === undefined ? undefined : { header, values };
}

/** @returns undefined for what no value of a header field is, or what a variable decides */
export function plainValue(text: string): readonly string[] | undefined {
  // A field that is not sent is '' in nginx, and matches no value here.
  if (text === '' || text.includes('$') || isFault(parseHeaderValue(text))) return undefined;
  return /^[\x20-\x7e]+$/.test(text) ? [text] : undefined;
}

/** @returns the values that an expression stands for, if it is a choice of whole texts: `^a$`, `^(a|b)$` */
export function valuesOf(expression: string): readonly string[] | undefined {
  const found = /^\^(?:\((?:\?:)?([^()]*)\)|([^()|]*))\$$/.exec(expression);
  const literals = (found?.[1] ?? found?.[2])?.split('|').map(literalOf);
  if (literals === undefined || literals.some((literal) => literal === undefined)) return undefined;
  return [...new Set(literals)].flatMap((literal) => literal ?? []);
}

/** @returns the text that an expression without special characters stands for */
function literalOf(expression: string): string | undefined {
  if (!/^(?:[\w /:;=,@%&~"'<>!#-]|\\[^\w\s])+$/.test(expression)) return undefined;
  return plainValue(expression.replaceAll(/\\(.)/g, '$1'))?.[0];
}
