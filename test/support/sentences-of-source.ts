// The sentences that the source of the proxy gives to clients and to records: each with the token of its diagnosis, and with examples in place
// of what is put in when it runs.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceSentence {
  readonly token: string;
  readonly text: string;
  /** Where it is written. */
  readonly file: string;
}

const SOURCE = join(import.meta.dirname, '../../src');
/** A text in quotation marks of any kind, on one line. */
const LITERAL = String.raw`('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|\x60(?:[^\x60\\\n]|\\.)*\x60)`;
const PLACEHOLDER = /\$\{((?:[^{}]|\{[^}]*\})*)\}/g;
/** A literal with fewer words of its own only joins parts that are made elsewhere. */
const LEAST_WORDS = 4;
const FORMS = [
  new RegExp(String.raw`\bfailure\(\s*'(\w+)',\s*${LITERAL}`, 'g'),
  new RegExp(String.raw`\btoken: '(\w+)',\s*(?:limit,\s*)?sentence:\s*${LITERAL}`, 'g'),
];
/** What identities say of credentials that they do not accept. */
const OF_CREDENTIALS = new RegExp(String.raw`\bsentence: ${LITERAL}(?!,\s*\n?\s*token)`, 'g');

export function sentencesOfSource(): readonly SourceSentence[] {
  return globSync('**/*.ts', { cwd: SOURCE, exclude: ['doctor/**', 'admin/**', 'demo/**'] }).flatMap(
    (file) => {
      const source = readFileSync(join(SOURCE, file), 'utf8');
      const found = FORMS.flatMap((form) =>
        Array.from(source.matchAll(form), ([, token, literal]) => ({ token, literal })),
      );
      const ofCredentials = file.endsWith('identities/unverified-token.ts')
        ? Array.from(source.matchAll(OF_CREDENTIALS), ([, literal]) => ({
            token: 'credentials_invalid',
            literal,
          }))
        : [];
      return [...found, ...ofCredentials]
        .filter(({ literal }) => ownWordsIn(literal) >= LEAST_WORDS)
        .map(({ token, literal }) => ({ token, text: filledIn(literal), file }));
    },
  );
}

function ownWordsIn(literal: string): number {
  return literal.replaceAll(PLACEHOLDER, ' ').match(/\p{L}+/gu)?.length ?? 0;
}

function filledIn(literal: string): string {
  const text = literal
    .slice(1, -1)
    .replaceAll('${of}', ' of 7 ms')
    .replaceAll(/\\(['"`])/g, '$1');
  return text.replaceAll(PLACEHOLDER, (_, expression: string) => exampleOf(expression));
}

function exampleOf(expression: string): string {
  if (/endpoint/i.test(expression)) return '127.0.0.1:50051';
  return /ms\b|bytes|count|most|\d/i.test(expression) ? '7' : 'voice';
}
