// config.example.yaml with every key that it has, also those in its comments.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function exampleText(): string {
  return readFileSync(join(import.meta.dirname, '../../config.example.yaml'), 'utf8');
}

/** The example with each commented key in place. It is accepted, perhaps with warnings. */
export function wholeExample(): string {
  // Commented keys begin at the column where they would stand; prose has no colon after its first word.
  return exampleText()
    .replaceAll(/^( *)# ( *(?:- )?(?:\{ )?[a-zA-Z]+:)(?= |$)/gm, '$1$2')
    .replaceAll(/^.*stripPrefix: \/grpc .*$/gm, '');
}
